"""How well a score tells residual disease (1) from pCR (0): AUC, average precision, Brier score, ROC and PR curves.

The bootstrap sorts the patients of a class by their score first, so an answer never depends on the order of the rows.
An AUC below 0.5 is reported as it is: the direction is fixed elsewhere (`directions`), never learned from the data judged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from her2ladder.analytics.statistics.estimate import Estimate
from her2ladder.analytics.statistics.inputs import checked_pair, gap
from her2ladder.analytics.statistics.resample import REPLICATES, percentile_interval, stratified_draws
from her2ladder.errors import InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RocCurve:
    """Points of the empirical ROC curve, from (0, 0) to (1, 1); positive means score >= cut, the first cut is infinite."""

    cut: Floats
    false_positive_rate: Floats
    sensitivity: Floats


@dataclass(frozen=True, slots=True)
class RocBand:
    """Pointwise bootstrap band of the ROC curve: sensitivity between `lo` and `hi` at each false positive rate."""

    false_positive_rate: Floats
    lo: Floats
    hi: Floats
    replicates: int


@dataclass(frozen=True, slots=True)
class PrCurve:
    """Points of the precision-recall curve, highest cut first; positive means score >= cut."""

    cut: Floats
    recall: Floats
    precision: Floats
    prevalence: float


def auc_value(y: ArrayLike, score: ArrayLike) -> float | None:
    """Return the area under the ROC curve by midranks (a tie counts a half), None where a class is empty.

    y        (n,), 1 = residual disease
    score    (n,), finite, high = residual disease
    raises   InputError for a missing or infinite entry
    """
    outcome, values = checked_pair(y, score)
    if gap(outcome):
        return None
    n1 = int(outcome.sum())
    n0 = len(outcome) - n1
    ranks = rankdata(values)
    return float((ranks[outcome == 1].sum() - n1 * (n1 + 1) / 2) / (n1 * n0))


def auc_bootstrap(y: ArrayLike, score: ArrayLike, replicates: int = REPLICATES, seed: int = 1) -> Estimate:
    """Return the AUC with its stratified percentile bootstrap interval; an AUC of 0 or 1 has none."""
    outcome, values = checked_pair(y, score)
    value = auc_value(outcome, values)
    if value is None:
        return _undefined(outcome, "stratified bootstrap")
    if value in (0.0, 1.0):
        return Estimate(value, None, None, n=len(outcome), events=int(outcome.sum()), test="stratified bootstrap", note=separated(value))
    positive, negative = _sorted_classes(outcome, values)
    below, upto = np.searchsorted(negative, positive, "left"), np.searchsorted(negative, positive, "right")
    drawn = [
        (w1 * (_running(w0)[:, below] + _running(w0)[:, upto])).sum(axis=1) / (2 * len(positive) * len(negative))
        for w1, w0 in stratified_draws(len(positive), len(negative), replicates, seed)
    ]
    return _bootstrapped(value, np.concatenate(drawn), outcome)


def average_precision(y: ArrayLike, score: ArrayLike) -> float | None:
    """Return the average precision: sum over cuts of (recall gained) x precision, as scikit-learn; None where a class is empty."""
    outcome, values = checked_pair(y, score)
    if gap(outcome):
        return None
    curve = _pr_points(outcome, values)
    return float((np.diff(curve.recall, prepend=0.0) * curve.precision).sum())


def ap_bootstrap(y: ArrayLike, score: ArrayLike, replicates: int = REPLICATES, seed: int = 1) -> Estimate:
    """Return the average precision with its percentile interval, resampled within outcome classes (the prevalence stays)."""
    outcome, values = checked_pair(y, score)
    value = average_precision(outcome, values)
    if value is None:
        return _undefined(outcome, "stratified bootstrap")
    positive, negative = _sorted_classes(outcome, values)
    n1, n0 = len(positive), len(negative)
    own, other = np.searchsorted(positive, positive, "left"), np.searchsorted(negative, positive, "left")
    drawn = []
    for w1, w0 in stratified_draws(n1, n0, replicates, seed):
        true_positive = n1 - _running(w1)[:, own]
        false_positive = n0 - _running(w0)[:, other]
        # where nobody is called positive the patient has weight 0, and the quotient does not count
        precision = true_positive / np.maximum(true_positive + false_positive, 1.0)
        drawn.append((w1 * precision).sum(axis=1) / n1)
    return _bootstrapped(value, np.concatenate(drawn), outcome)


def brier(y: ArrayLike, score: ArrayLike, replicates: int = REPLICATES, seed: int = 1) -> Estimate:
    """Return the mean squared distance of score and outcome, with a stratified bootstrap interval (*chosen*: the paper gives none).

    A score outside 0..1 is no probability: the value is None and the note says so. One class is allowed (interval None).
    """
    outcome, values = checked_pair(y, score)
    n, events = len(outcome), int(outcome.sum())
    if not n:
        return _undefined(outcome, "Brier")
    if values.min() < 0 or values.max() > 1:
        return Estimate(None, None, None, n=n, events=events, test="Brier", note="the score leaves 0..1: it is no probability")
    errors = (values - outcome) ** 2
    value = float(errors.mean())
    if reason := gap(outcome):
        return Estimate(value, None, None, n=n, events=events, test="Brier", note=f"{reason}: no bootstrap interval")
    e1, e0 = np.sort(errors[outcome == 1]), np.sort(errors[outcome == 0])
    drawn = [(w1 @ e1 + w0 @ e0) / n for w1, w0 in stratified_draws(len(e1), len(e0), replicates, seed)]
    return _bootstrapped(value, np.concatenate(drawn), outcome)


def roc_curve(y: ArrayLike, score: ArrayLike) -> RocCurve:
    """Return every point of the empirical ROC curve.

    raises   InputError where a class is empty
    """
    outcome, values = _two_classes(y, score, "ROC curve")
    cut, true_positive, false_positive = _counts_at_cuts(outcome, values)
    return RocCurve(
        cut=np.concatenate([[np.inf], cut]),
        false_positive_rate=np.concatenate([[0.0], false_positive / false_positive[-1]]),
        sensitivity=np.concatenate([[0.0], true_positive / true_positive[-1]]),
    )


def roc_band(y: ArrayLike, score: ArrayLike, points: int = 101, replicates: int = REPLICATES, seed: int = 1) -> RocBand:
    """Return the pointwise 95 % band of sensitivity on an even grid of false positive rates (stratified bootstrap, percentile).

    raises   InputError where a class is empty
    """
    outcome, values = _two_classes(y, score, "ROC band")
    positive, negative = _sorted_classes(outcome, values)
    cuts = np.unique(values)[::-1]
    own, other = np.searchsorted(positive, cuts, "left"), np.searchsorted(negative, cuts, "left")
    grid = np.linspace(0.0, 1.0, points)
    drawn = []
    for w1, w0 in stratified_draws(len(positive), len(negative), replicates, seed):
        sensitivity = 1 - _running(w1)[:, own] / len(positive)
        false_positive = 1 - _running(w0)[:, other] / len(negative)
        drawn += [
            np.interp(grid, np.concatenate([[0.0], x]), np.concatenate([[0.0], s]))
            for x, s in zip(false_positive, sensitivity, strict=True)
        ]
    lo, hi = np.quantile(np.array(drawn), (0.025, 0.975), axis=0)
    return RocBand(grid, lo, hi, replicates)


def pr_curve(y: ArrayLike, score: ArrayLike) -> PrCurve:
    """Return precision and recall at every observed cut.

    raises   InputError where a class is empty
    """
    outcome, values = _two_classes(y, score, "PR curve")
    return _pr_points(outcome, values)


def separated(value: float) -> str:
    """Return the note of an AUC of 0 or 1, which has no interval."""
    return f"AUC is {value:.0f}: the classes do not overlap, no interval can be computed"


def _pr_points(outcome: NDArray[np.int64], values: Floats) -> PrCurve:
    cut, true_positive, false_positive = _counts_at_cuts(outcome, values)
    called = true_positive + false_positive
    return PrCurve(cut, true_positive / true_positive[-1], true_positive / called, float(true_positive[-1] / called[-1]))


def _counts_at_cuts(outcome: NDArray[np.int64], values: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the observed cuts, highest first, and how many of each class score at or above each."""
    positive, negative = _sorted_classes(outcome, values)
    cut = np.unique(values)[::-1]
    at_or_above = [len(side) - np.searchsorted(side, cut, "left").astype(np.float64) for side in (positive, negative)]
    return cut, at_or_above[0], at_or_above[1]


def _sorted_classes(outcome: NDArray[np.int64], values: Floats) -> tuple[Floats, Floats]:
    return np.sort(values[outcome == 1]), np.sort(values[outcome == 0])


def _running(weights: Floats) -> Floats:
    """Return for each replicate the weight of the first k patients of the class, k = 0..n."""
    total = np.zeros((weights.shape[0], weights.shape[1] + 1))
    np.cumsum(weights, axis=1, out=total[:, 1:])
    return total


def _two_classes(y: ArrayLike, score: ArrayLike, what: str) -> tuple[NDArray[np.int64], Floats]:
    outcome, values = checked_pair(y, score)
    if reason := gap(outcome):
        raise InputError(f"{what}: wanted patients with residual disease and with pCR, found {reason}")
    return outcome, values


def _undefined(outcome: NDArray[np.int64], test: str) -> Estimate:
    return Estimate(None, None, None, n=len(outcome), events=int(outcome.sum()), test=test, note=gap(outcome))


def _bootstrapped(value: float, drawn: Floats, outcome: NDArray[np.int64]) -> Estimate:
    events = int(outcome.sum())
    return percentile_interval(value, drawn, smaller_class=min(events, len(outcome) - events), n=len(outcome), events=events)
