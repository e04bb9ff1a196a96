"""What the figures of an evaluation draw: curves, bands, counts and summaries as frames with the column `label`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from her2ladder.analytics.evaluate.groups import Group
from her2ladder.analytics.evaluate.performance import COUNTS, RATES, TREAT_ALL, TREAT_NONE
from her2ladder.analytics.statistics.calibration import calibration_bins, calibration_smooth
from her2ladder.analytics.statistics.decision import decision_curve, net_benefit_band, net_benefit_difference
from her2ladder.analytics.statistics.discrimination import pr_curve, roc_band, roc_curve
from her2ladder.analytics.statistics.inputs import gap

SMALL, HIGH_AUC = 200, 0.85
"""Below so many patients, or above this AUC, the interval on figures is the logit one: the Wald interval falls short there."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """One score of one set of patients, as a figure names it."""

    label: str
    outcome: NDArray[np.int64]
    score: Floats

    @property
    def is_drawn(self) -> bool:
        """Both classes are there."""
        return not gap(self.outcome)

    @property
    def is_probability(self) -> bool:
        """All scores lie in 0..1."""
        return len(self.score) > 0 and float(self.score.min()) >= 0 and float(self.score.max()) <= 1


class Numbers:
    """The rows of an evaluation, found by group, term and metric."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._found = {(row["cohort"], row["subgroup"], row["term"], row["metric"]): row for row in rows}

    def row(self, group: Group, term: str, metric: str) -> Mapping[str, Any] | None:
        """Return one row, None where the evaluation has none."""
        return self._found.get((group.chosen.label, group.subgroup, term, metric))

    def auc(self, group: Group, term: str) -> Mapping[str, Any] | None:
        """Return the AUC with the interval that covers at its size."""
        wald, logit = self.row(group, term, "auc"), self.row(group, term, "auc_logit")
        if wald is None or logit is None or wald["value"] is None:
            return wald
        return logit if wald["n"] < SMALL or wald["value"] > HIGH_AUC else wald

    def summary(self, label: str, row: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return a row as a figure's summary wants it; the note speaks only where the value is missing."""
        row = row or {"value": None, "lo": None, "hi": None, "n": None, "events": None, "note": "not computed", "test": ""}
        columns = {name: row[name] for name in ("value", "lo", "hi", "n", "events")}
        return {"label": label, **columns, "interval": row["test"], "note": row["note"] if row["value"] is None else None}


def roc_frames(curves: Sequence[Curve], seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the points of ROC curves and their bootstrap bands."""
    points, bands = [], []
    for one in (curve for curve in curves if curve.is_drawn):
        roc, band = roc_curve(one.outcome, one.score), roc_band(one.outcome, one.score, seed=seed)
        points.append(_labelled(one.label, cut=roc.cut, false_positive_rate=roc.false_positive_rate, sensitivity=roc.sensitivity))
        bands.append(_labelled(one.label, false_positive_rate=band.false_positive_rate, lo=band.lo, hi=band.hi))
    return _joined(points, ("cut", "false_positive_rate", "sensitivity")), _joined(bands, ("false_positive_rate", "lo", "hi"))


def pr_frame(curves: Sequence[Curve]) -> pd.DataFrame:
    """Return the points of precision-recall curves."""
    found = [(curve.label, pr_curve(curve.outcome, curve.score)) for curve in curves if curve.is_drawn]
    parts = [_labelled(label, cut=pr.cut, recall=pr.recall, precision=pr.precision) for label, pr in found]
    return _joined(parts, ("cut", "recall", "precision"))


def calibration_frames(curves: Sequence[Curve]) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return bins, smooth curves and the scores themselves of the curves that are probabilities."""
    bins, smooth, scores = [], [], []
    for one in (curve for curve in curves if curve.is_probability):
        for part in calibration_bins(one.outcome, one.score):
            rate = part.observed
            bounds = {"lower": part.lower, "upper": part.upper, "mean_score": part.mean_score}
            bins.append({"label": one.label, **bounds, "observed": rate.value, "lo": rate.lo, "hi": rate.hi, "n": rate.n})
        line = calibration_smooth(one.outcome, one.score)
        if line is not None:
            smooth.append(_labelled(one.label, score=line.score, observed=line.observed))
        scores.append(_labelled(one.label, score=one.score, is_residual=one.outcome))
    columns = ("label", "lower", "upper", "mean_score", "observed", "lo", "hi", "n")
    return pd.DataFrame(bins, columns=list(columns)), _joined(smooth, ("score", "observed")), _joined(scores, ("score", "is_residual"))


def decision_frames(curves: Sequence[Curve], seed: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return net benefit of each curve (the first is the ensemble), the band of the first, and the first minus each other with its band.

    A curve is set beside the first on the patients of both, which are the same wherever the members scored everyone.
    """
    drawn = [curve for curve in curves if curve.is_drawn and curve.is_probability]
    if not drawn or drawn[0] is not curves[0]:
        return _joined([], ("threshold", "net_benefit")), _joined([], ("threshold", "lo", "hi")), _joined([], ("threshold", "difference"))
    main, others = drawn[0], drawn[1:]
    own, band = decision_curve(main.outcome, main.score), net_benefit_band(main.outcome, main.score, seed=seed)
    parts = [_labelled(main.label, threshold=own.threshold, net_benefit=own.model)]
    differences = []
    for one in others:
        parts.append(_labelled(one.label, threshold=own.threshold, net_benefit=decision_curve(one.outcome, one.score).model))
        if len(one.outcome) == len(main.outcome):
            gained = net_benefit_difference(main.outcome, main.score, one.score, seed=seed)
            ends = {"difference": gained.difference, "lo": gained.band.lo, "hi": gained.band.hi}
            differences.append(_labelled(f"{main.label} - {one.label}", threshold=gained.threshold, **ends))
    for name, values in ((TREAT_ALL, own.treat_all), (TREAT_NONE, own.treat_none)):
        parts.append(_labelled(name.replace("_", " "), threshold=own.threshold, net_benefit=values))
    bands = _labelled(main.label, threshold=own.threshold, lo=band.lo, hi=band.hi)
    return pd.concat(parts), bands, _joined(differences, ("threshold", "difference", "lo", "hi"))


def confusion_frames(numbers: Numbers, labelled: Iterable[tuple[str, Group]], term: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return counts and rates at the frozen threshold, and the cross-fitted sensitivity and specificity in the notes."""
    counts, metrics = [], []
    for label, group in labelled:
        found = {name: numbers.row(group, term, name) for name in (*COUNTS, "threshold")}
        if any(row is None or row["value"] is None for row in found.values()):
            continue
        counts.append({"label": label, **{name: row["value"] for name, row in found.items() if row}})
        for name in RATES:
            row = numbers.row(group, term, name)
            if row is None:
                continue
            honest = numbers.row(group, term, f"{name}_crossfitted")
            note = (
                row["note"]
                if row["value"] is None
                else f"cross-fitted {honest['value']:.2f}"
                if honest and honest["value"] is not None
                else None
            )
            metrics.append({"label": label, "metric": name, **{end: row[end] for end in ("value", "lo", "hi", "n")}, "note": note})
    return pd.DataFrame(counts, columns=["label", *COUNTS, "threshold"]), pd.DataFrame(
        metrics, columns=["label", "metric", "value", "lo", "hi", "n", "note"]
    )


def comparison_frame(numbers: Numbers, labelled: Iterable[tuple[str, Group]], score: str, rivals: Sequence[str]) -> pd.DataFrame:
    """Return the AUC of the score and of every rival in every cohort, with DeLong's P of the difference."""
    rows = []
    for label, group in labelled:
        for name in (score, *rivals):
            difference = None if name == score else numbers.row(group, f"{score} - {name}", "auc_difference")
            told = numbers.summary(name, numbers.auc(group, name))
            rows.append({"cohort": label, **told, "p": difference["p"] if difference else None})
    return pd.DataFrame(rows)


def _labelled(label: str, **columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"label": label, **columns})


def _joined(parts: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["label", *columns])
