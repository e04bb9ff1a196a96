"""Odds ratios: residual disease (or pCR) by the score and by what clinicians have, alone, adjusted, and regimen by regimen.

source   statistics.md, Association; the paper's Fig. 2j and 3a
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from her2ladder.analytics.cohort.covariates import ADJUST, CLINICAL, adjusters, covariate_of
from her2ladder.analytics.cohort.groups import labels_of, levels_of
from her2ladder.analytics.cohort.selection import Selection, own_scale, patients, unscored
from her2ladder.analytics.results.rows import result_row, with_run
from her2ladder.analytics.statistics import covariates as cov
from her2ladder.analytics.statistics.association import LogisticFit, interaction, logistic
from her2ladder.analytics.statistics.covariates import Covariate
from her2ladder.analytics.statistics.estimate import Estimate
from her2ladder.errors import InputError
from her2ladder.queries.run import run
from her2ladder.schema.store import Store
from her2ladder.schema.tables import ANALYSIS_RESULT

OUTCOMES = ("residual", "pcr")
SCORE_TERM = "score (per 0.1)"


@dataclass(frozen=True)
class Odds:
    """What an analysis of odds gave: rows as they stand in the store, the patients behind them, and what must be said of the score."""

    run: str
    rows: list[dict[str, Any]]
    patients: pd.DataFrame
    outcome: str
    forest: pd.DataFrame = field(repr=False)
    remarks: tuple[str, ...] = ()


def odds(
    store: Store,
    chosen: Selection,
    *,
    score_name: str | None = None,
    by: str | None = None,
    within: str | None = None,
    outcome: str = "residual",
    adjust: Sequence[str] = ADJUST,
) -> Odds:
    """Compute and write odds ratios.

    score_name, by  the score (per 0.1), or a covariate (a factor by its levels, a number per unit); one of them
    within          also in each level of this column, and the test whether the score's odds ratio differs between the levels
    adjust          covariates of the multivariable model
    raises          InputError where neither or both of score and by are given, or a column is not there
    """
    if (score_name is None) == (by is None):
        raise InputError("odds: wanted --score NAME or --by COVARIATE, one of them")
    if outcome not in OUTCOMES:
        raise InputError(f"--outcome: wanted {' or '.join(OUTCOMES)}, found {outcome!r}")
    arguments = {
        "score": score_name,
        "by": by,
        "within": within,
        "outcome": outcome,
        "adjust": list(adjust),
        "cohort": chosen.label,
        "setting": chosen.setting,
    }
    with run(store, "odds", arguments) as this:
        frame = patients(this, chosen, score_name)
        everyone = frame = frame[frame["residual"].notna()].reset_index(drop=True)
        if score_name is not None:
            frame = frame[frame["score"].notna()].reset_index(drop=True)
        if frame.empty:
            raise InputError(f"--cohort {chosen.label}: no patient has an outcome (is_pcr){' and the score' if score_name else ''}")
        parts = _parts(frame, score_name, by, within, outcome, adjust)
        plain = [_row(chosen, part, score_name) for part in parts]
        notes = _Notes.of(everyone, score_name, within)
        rows = [_row(chosen, part, score_name, notes.on(part)) for part in parts]
        this.append(ANALYSIS_RESULT, rows)
    return Odds(this.id, with_run(rows, this.id), frame, outcome, forest_frame(plain), notes.remarks)


@dataclass(frozen=True)
class _Part:
    subgroup: str
    term: str
    metric: str
    estimate: Estimate


def _row(chosen: Selection, part: _Part, score_name: str | None, note: str = "") -> dict[str, Any]:
    return result_row("odds", chosen, part.metric, part.estimate, subgroup=part.subgroup, term=part.term, score_name=score_name, note=note)


@dataclass(frozen=True)
class _Notes:
    """What the rows must say of the score: how many patients of a subgroup have none, and whether it leaves 0..1."""

    lacking: dict[str, str]
    scale: str

    @classmethod
    def of(cls, everyone: pd.DataFrame, score_name: str | None, within: str | None) -> _Notes:
        """Return the notes for patients with an outcome, those without a score among them."""
        if score_name is None:
            return cls({}, "")
        labels = labels_of(everyone, within, "--within") if within is not None else [None] * len(everyone)
        groups = {str(label): everyone[np.array([one == label for one in labels])] for label in set(labels) - {None}}
        lacking = {name: unscored(part, score_name, "with an outcome") for name, part in {**groups, "all": everyone}.items()}
        return cls(lacking, own_scale(everyone, score_name))

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is said once, beside the rows."""
        return tuple(text for text in (self.lacking.get("all", ""), self.scale) if text)

    def on(self, part: _Part) -> str:
        scale = self.scale if part.term.removesuffix(", adjusted") == SCORE_TERM else ""
        return "; ".join(text for text in (self.lacking.get(part.subgroup, ""), scale) if text)


def _parts(
    frame: pd.DataFrame, score_name: str | None, by: str | None, within: str | None, outcome: str, adjust: Sequence[str]
) -> list[_Part]:
    parts = _in_group(frame, "all", score_name, by, outcome, adjust, with_clinical=by is None)
    if within is None:
        return parts
    labels = labels_of(frame, within, "--within")
    for level in levels_of(labels, within, "--within"):
        inside = frame[np.array([label == level for label in labels])]
        if len(inside):
            parts += _in_group(inside, level, score_name, by, outcome, adjust, with_clinical=False)
        else:
            term = SCORE_TERM if score_name else str(by)
            parts.append(_Part(level, term, "odds_ratio", Estimate(None, None, None, n=0, events=0, note="no patients")))
    if score_name is not None:
        found = interaction(_outcome(frame, outcome), cov.score_per_tenth(frame["score"]), cov.factor(within, labels))
        parts.append(_Part("all", f"score x {within}", "interaction", found))
    return parts


def _in_group(
    frame: pd.DataFrame, subgroup: str, score_name: str | None, by: str | None, outcome: str, adjust: Sequence[str], *, with_clinical: bool
) -> list[_Part]:
    """The univariable models of one group, then the multivariable one."""
    y = _outcome(frame, outcome)
    asked = cov.score_per_tenth(frame["score"]) if score_name is not None else covariate_of(frame, str(by))
    parts = _univariable(subgroup, y, asked)
    if with_clinical:
        for column, make in CLINICAL:
            if column in frame and frame[column].notna().any():
                parts += _univariable(subgroup, y, make(frame[column]))
    others, words = adjusters(frame, [name for name in adjust if name != by])
    if others:
        parts += _multivariable(subgroup, y, [asked, *others], words)
    return parts


def _univariable(subgroup: str, y: pd.Series, covariate: Covariate) -> list[_Part]:
    fit = _fitted(y, [covariate])
    return [_Part(subgroup, name, "odds_ratio", found) for name, found in fit.items()]


def _multivariable(subgroup: str, y: pd.Series, chosen: Sequence[Covariate], words: str) -> list[_Part]:
    fit = _fitted(y, chosen)
    return [_Part(subgroup, f"{name}, adjusted", "odds_ratio", _noted(found, f"multivariable with {words}")) for name, found in fit.items()]


def _fitted(y: pd.Series, chosen: Sequence[Covariate]) -> dict[str, Estimate]:
    """Estimates by term; a column that every patient shares or that repeats another has a reason instead of a number."""
    try:
        fit: LogisticFit = logistic(y, chosen)
    except InputError as error:
        nothing = Estimate(None, None, None, n=len(y), events=int(y.sum()), note=str(error))
        return {name: nothing for covariate in chosen for name in _names(covariate)}
    return fit.estimates()


def _names(covariate: Covariate) -> list[str]:
    if not covariate.levels:
        return [covariate.name]
    return [f"{covariate.name} {level} vs {covariate.levels[0]}" for level in covariate.levels[1:]]


def _outcome(frame: pd.DataFrame, outcome: str) -> pd.Series:
    return frame["residual"] if outcome == "residual" else 1 - frame["residual"]


def _noted(estimate: Estimate, note: str) -> Estimate:
    return replace(estimate, note="; ".join(part for part in (estimate.note, note) if part))


def forest_frame(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return the odds ratios as the forest figure reads them: one block a subgroup, univariable above multivariable."""
    shown = [row for row in rows if row["metric"] == "odds_ratio"]
    frame = pd.DataFrame(shown, columns=["subgroup", "term", "value", "lo", "hi", "p", "n", "events", "note", "test"])
    adjusted = frame["term"].str.endswith(", adjusted")
    model = pd.Series(np.where(adjusted, "multivariable", "univariable"))
    group = (frame["subgroup"] + ": " + model).where(frame["subgroup"] != "all", model.str.capitalize())
    reason = frame["note"].fillna("").str.split(";").str[0]  # where a row has no number, its first reason stands in its place
    note = frame["note"].where(frame["value"].notna(), reason)
    return frame.assign(label=frame["term"].str.removesuffix(", adjusted"), group=group, note=note)
