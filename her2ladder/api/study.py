"""A study: one store, asked from Python by the functions that the commands call, with their options as keywords."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from her2ladder.api.results import Answer, Result
from her2ladder.api.words import in_python
from her2ladder.schema.store import Store

if TYPE_CHECKING:
    from her2ladder.analytics.cohort.selection import Selection

ADJUST = ("age_years", "clinical_stage")
Names = str | Sequence[str] | None


def open(path: str | Path, *, as_of: str | None = None) -> Study:
    """Open a store.

    path    its folder
    as_of   a run: read the store as it was after this run
    raises  MissingError where there is no store; InputError where it was made by another version
    """
    return Study(Store(Path(path), as_of=as_of))


def create(path: str | Path) -> Study:
    """Make an empty store in a new or empty folder and open it, as `ladder init` does.

    raises  InputError where the folder holds something
    """
    from her2ladder.queries.init import init

    return Study(init(Path(path)))


class Study:
    """One store. Questions return an `Answer` (a table) or a `Result` (an analysis).

    Every analysis takes `record`: True writes a run and its rows into the store, as the command does; False computes the same and writes
    nothing, for looking around.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    def __repr__(self) -> str:
        return f"her2ladder.open({str(self.store.root)!r})"

    def _repr_html_(self) -> str:
        return self.sql("SELECT cohort, cohort_role, count(*) AS patients FROM patient GROUP BY ALL ORDER BY 1")._repr_html_()

    # ---- tables ------------------------------------------------------------------------------------------------------

    @in_python
    def sql(self, text: str, *, timeout_seconds: float = 300.0, **params: object) -> Answer:
        """Ask in SQL, read-only and sandboxed, as `ladder sql`.

        params  values of `$name` in the query
        raises  SandboxError in one line: refused, failed, or stopped
        """
        return self._ask(text, params, timeout_seconds)

    @in_python
    def query(self, name: str, **params: object) -> Answer:
        """Run a named query (`ladder query list`).

        raises  MissingError where there is none of this name; SandboxError where a parameter is missing or too many
        """
        from her2ladder.queries.catalog import query

        return self._ask(query(name).sql, params)

    def patients(self) -> Answer:
        """Return the view `patient`: one row a patient, covariates as columns."""
        return self.sql("SELECT * FROM patient ORDER BY patient_id")

    def slides(self) -> Answer:
        """Return the view `slide`: one row a slide."""
        return self.sql("SELECT * FROM slide ORDER BY slide_id, stain")

    def cells(self, slide: str, *, stain: str | None = None) -> Answer:
        """Return the cells of one slide, as in the view `cell`.

        raises  MissingError where there is no such slide
        """
        from her2ladder.errors import MissingError

        where = "slide_id = $slide" if stain is None else "slide_id = $slide AND stain = $stain"
        given = {"slide": slide} if stain is None else {"slide": slide, "stain": stain}
        found = self._ask(f"SELECT * FROM cell WHERE {where} ORDER BY stain, cell_id", given)
        if not len(found) and not len(self._ask(f"SELECT 1 FROM slide WHERE {where}", given)):
            raise MissingError(f"slide: no slide called {slide!r}{f' of stain {stain}' if stain else ''} in the store; see slides()")
        return found

    def features(self) -> Answer:
        """Return the view `patient_feature`: sc-MTOP, one row a patient, one column a feature."""
        return self.sql("SELECT * FROM patient_feature ORDER BY patient_id")

    def scores(self) -> Answer:
        """Return the view `score_current`: score and band of every patient."""
        return self.sql("SELECT * FROM score_current ORDER BY score_name, patient_id")

    # ---- analyses ----------------------------------------------------------------------------------------------------

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

    # ---- what writes the store ---------------------------------------------------------------------------------------

    @in_python
    def ingest_cells(self, *paths: str | Path, workers: int = 1, max_bad_share: float = 0.01, **how: Any) -> list[dict[str, Any]]:
        """Read segmented cells, as `ladder ingest cells`; return a row a slide.

        how  stain, slide_id, patient_id, mpp, slide_mpp, label_map, format, columns ({ours: theirs}), width_px, height_px
        """
        from her2ladder.ingest.cells import ingest_cells
        from her2ladder.ingest.source import Defaults

        if how.get("mpp") is not None:
            how["mpp"] = str(how["mpp"])
        done = ingest_cells(self.store, [Path(path) for path in paths], Defaults(**how), workers=workers, max_bad_share=max_bad_share)
        return [one.row() for one in done]

    @in_python
    def ingest_clinical(self, file: str | Path, *, map: str | Path | None = None, supersede: bool = False) -> dict[str, Any]:
        """Read a clinical table, as `ladder ingest clinical`; return what was read, in numbers."""
        from dataclasses import asdict

        from her2ladder.ingest.clinical import ingest_clinical

        return asdict(ingest_clinical(self.store, Path(file), None if map is None else Path(map), supersede=supersede))

    @in_python
    def ingest_scores(self, file: str | Path, *, name: str, predicts: str = "residual") -> Any:
        """Read scores that were made elsewhere, as `ladder ingest scores`."""
        from her2ladder.ingest.made_elsewhere import ingest_scores

        return ingest_scores(self.store, Path(file), name, predicts)

    @in_python
    def compute_features(
        self,
        *,
        slides: Sequence[str] = (),
        radius_um: float = 25.0,
        k: int = 5,
        engine: str = "kernel",
        force: bool = False,
        workers: int = 1,
    ) -> list[dict[str, Any]]:
        """Compute sc-MTOP of every slide that lacks it, as `ladder features`; return a row a slide."""
        from her2ladder.analytics.features.settings import Settings
        from her2ladder.analytics.features.stage import compute_features, summary

        return list(summary(compute_features(self.store, Settings(radius_um, k, engine), slides=slides, force=force, workers=workers)))

    @in_python
    def report(self, output: str | Path, *, score: str | None = None, title: str | None = None) -> Path:
        """Write the page of everything, as `ladder report`; return its path."""
        from her2ladder.analytics.report.build import build_report

        build_report(self.store, Path(output), score_name=score, title=title)
        return Path(output)

    def _ask(self, text: str, params: Mapping[str, object], timeout_seconds: float = 300.0) -> Answer:
        from her2ladder.queries.sandbox.ask import ask

        with ask(self.store, text, parameters=params, timeout_seconds=timeout_seconds) as reader:
            return Answer(reader.read_all())

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
