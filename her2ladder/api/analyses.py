"""What a study can be asked: the analyses, each by the function that its command calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from her2ladder.api.results import Result
from her2ladder.api.tables import Tables
from her2ladder.api.words import in_python

if TYPE_CHECKING:
    from her2ladder.analytics.cohort.selection import Selection

ADJUST = ("age_years", "clinical_stage")
Names = str | Sequence[str] | None


class Analyses(Tables):
    """The analyses of one store.

    Every one takes `record`: True writes a run and its rows into the store, as the command does; False computes the same and writes nothing,
    for looking around.
    """

    @in_python
    def odds(
        self,
        *,
        score: str | None = None,
        by: str | None = None,
        within: str | None = None,
        outcome: str = "residual",
        cohort: Names = None,
        setting: str | None = None,
        adjust: Names = ADJUST,
        record: bool = True,
    ) -> Result:
        """Odds ratios of residual disease (or pCR), as `ladder odds`."""
        from her2ladder.analytics.odds.files import export_odds
        from her2ladder.analytics.odds.stage import odds
        from her2ladder.queries.run import recording

        with recording(record):
            chosen = self._selection(cohort, setting)
            done = odds(self.store, chosen, score_name=score, by=by, within=within, outcome=outcome, adjust=_names(adjust))
        return Result(done, export_odds, done.remarks)

    @in_python
    def survival(
        self,
        *,
        endpoint: str = "dfs",
        score: str | None = None,
        by: str | None = None,
        within: str | None = None,
        cohort: Names = None,
        setting: str | None = None,
        times: Sequence[float] = (0, 12, 24, 36, 48, 60),
        interval: str = "log-log",
        adjust: Names = (*ADJUST, "hr_status"),
        method: str = "auto",
        restricted_to: float | None = None,
        record: bool = True,
    ) -> Result:
        """Kaplan-Meier, log-rank and Cox by band or covariate, as `ladder survival`; `restricted_to` is its `--rmst`."""
        from her2ladder.analytics.survival.asked import Asked
        from her2ladder.analytics.survival.files import export_survival
        from her2ladder.analytics.survival.stage import default_by, survival
        from her2ladder.errors import InputError
        from her2ladder.queries.run import recording

        if score is None and by is None:
            raise InputError("survival: wanted --score (its bands) or --by, found neither")
        with recording(record):
            chosen = self._selection(cohort, setting)
            shown = by or default_by(self.store, str(score))
            months = tuple(float(time) for time in times)
            asked = Asked(endpoint, shown, score, within, months, interval, _names(adjust), method, restricted_to)
            done = survival(self.store, chosen, asked)
        return Result(done, export_survival, (done.no_bands, *done.remarks))

    @in_python
    def compare(
        self,
        *,
        score: str | None = None,
        by: Names = None,
        as_paper: bool = False,
        cohort: Names = None,
        setting: str | None = None,
        correction: Literal["bonferroni", "holm", "fdr", "none"] = "bonferroni",
        test: Literal["pearson", "fisher"] = "pearson",
        interval: Literal["wilson", "clopper-pearson"] = "wilson",
        record: bool = True,
    ) -> Result:
        """PCR rates by band and regimen (or any groups), every pair compared, as `ladder compare`."""
        from her2ladder.analytics.compare.files import export_comparison
        from her2ladder.analytics.compare.stage import CompareOptions, compare
        from her2ladder.errors import InputError
        from her2ladder.queries.run import recording

        if by is None and score is None:
            raise InputError("compare: wanted --score (its bands by regimen) or --by, found neither")
        columns = _names(by) or ("band", "regimen")
        options = CompareOptions(columns, score, as_paper=as_paper, correction=correction, test=test, interval=interval)
        with recording(record):
            done = compare(self.store, self._selection(cohort, setting), options)
        return Result(done, export_comparison, tuple(f"not compared: {n} patients: {why}" for why, n in done.left_out.items()))

    @in_python
    def evaluate(
        self,
        *,
        score: str,
        by: Names = None,
        against: Names = None,
        cohort: Names = None,
        setting: str | None = None,
        seed: int = 1,
        record: bool = True,
    ) -> Result:
        """How good a score is, in every cohort and subgroup, beside its rivals, as `ladder evaluate`."""
        from her2ladder.analytics.evaluate.files import write_pictures
        from her2ladder.analytics.evaluate.stage import evaluate
        from her2ladder.queries.run import recording

        rivals = list(_names(against)) or None
        with recording(record):
            done = evaluate(self.store, score, by=_names(by), against=rivals, cohort=_joined(cohort), setting=setting, seed=seed)
        return Result(done, write_pictures, (done.no_threshold,))

    @in_python
    def contrast(
        self,
        *,
        between: str = "band",
        score: str | None = None,
        features: str | None = None,
        pairs: str | None = None,
        cohort: Names = None,
        setting: str | None = None,
        record: bool = True,
    ) -> Result:
        """Features between bands or any two groups, as `ladder contrast`."""
        from her2ladder.analytics.contrast.files import export_contrast
        from her2ladder.analytics.contrast.stage import contrast, default_population
        from her2ladder.queries.run import recording

        with recording(record):
            chosen = self._selection(cohort if cohort is not None else default_population(self.store), setting)
            done = contrast(self.store, chosen, between, score_name=score, features=features, pairs=pairs)
        return Result(done, export_contrast, tuple(f"not contrasted: {n} patients: {why}" for why, n in done.left_out.items()))

    @in_python
    def table1(
        self,
        *,
        by: str = "cohort",
        score: str | None = None,
        cohort: Names = None,
        setting: str | None = None,
        variables: Names = None,
        record: bool = True,
    ) -> Result:
        """The baseline of every cohort, as `ladder table1`."""
        from her2ladder.analytics.table1.stage import table_one
        from her2ladder.analytics.table1.text import export_table
        from her2ladder.queries.run import recording

        with recording(record):
            done = table_one(self.store, self._selection(cohort, setting), by, score_name=score, variables=_names(variables))
        return Result(done, export_table, tuple(f"not printed: {variable}: {why}" for variable, why in done.left_out.items()))

    @in_python
    def explain(self, *, model: str, cohort: Names = None, walks: int = 50, seed: int = 1, record: bool = True) -> Result:
        """SHAP values of each sub-model and of the vote, as `ladder explain`."""
        from her2ladder.analytics.explain.stage import explain_model, write_explanation
        from her2ladder.queries.run import recording

        with recording(record):
            chosen = self._selection(cohort, None) if cohort else None
            done = explain_model(self.store, model, chosen, seed=seed, walks=walks)
        return Result(done, write_explanation)

    def _selection(self, cohort: Names, setting: str | None) -> Selection:
        from her2ladder.analytics.cohort.selection import selection

        return selection(_joined(cohort), setting, self.store)


def _names(given: Names) -> tuple[str, ...]:
    """One or several names, as a command takes them: a text is split at its commas."""
    if given is None:
        return ()
    if isinstance(given, str):
        return tuple(part.strip() for part in given.split(",") if part.strip())
    return tuple(given)


def _joined(given: Names) -> str | None:
    return given if given is None or isinstance(given, str) else ",".join(given)
