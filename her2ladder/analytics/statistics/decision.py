"""Decision curves: is acting on the score better than treating everyone or no one, at each threshold probability?

net benefit = TP/n - FP/n x pt/(1 - pt) (Vickers & Elkin 2006); acted on where score >= pt. Equal to the package `dcurves`.
The band resamples patients within outcome classes like every other bootstrap here, so the prevalence, and with it treat-all, stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from her2ladder.analytics.statistics.inputs import checked_pair, checked_score
from her2ladder.analytics.statistics.resample import REPLICATES, stratified_draws
from her2ladder.errors import InputError

Floats = NDArray[np.float64]
THRESHOLDS: Floats = np.arange(1, 100) / 100


@dataclass(frozen=True, slots=True)
class DecisionCurve:
    """Net benefit per patient at each threshold probability, for the score and the two strategies that need none."""

    threshold: Floats
    model: Floats
    treat_all: Floats
    treat_none: Floats
    n: int
    events: int


@dataclass(frozen=True, slots=True)
class Band:
    """Pointwise bootstrap band of a curve at each threshold; a NaN where the class sizes allow none."""

    lo: Floats
    hi: Floats
    replicates: int


@dataclass(frozen=True, slots=True)
class BenefitDifference:
    """Net benefit of A minus that of B at each threshold, with a band from the same resampled patients."""

    threshold: Floats
    difference: Floats
    band: Band
    n: int
    events: int


def decision_curve(y: ArrayLike, score: ArrayLike, thresholds: ArrayLike = THRESHOLDS) -> DecisionCurve:
    """Return the decision curve.

    y           (n,), 1 = residual disease
    score       (n,), probabilities in 0..1
    thresholds  each inside (0, 1); default 0.01..0.99
    raises      InputError without patients, for a score outside 0..1, a threshold outside (0, 1), a missing entry
    """
    outcome, values = _probabilities(y, score)
    at = _thresholds(thresholds)
    n, events = len(outcome), int(outcome.sum())
    odds = at / (1 - at)
    return DecisionCurve(
        threshold=at,
        model=_acted_on(values, at).T @ outcome / n - _acted_on(values, at).T @ (1 - outcome) / n * odds,
        treat_all=events / n - (n - events) / n * odds,
        treat_none=np.zeros(len(at)),
        n=n,
        events=events,
    )


def net_benefit_band(
    y: ArrayLike, score: ArrayLike, thresholds: ArrayLike = THRESHOLDS, replicates: int = REPLICATES, seed: int = 1
) -> Band:
    """Return the pointwise 95 % percentile band of the score's net benefit; same errors as `decision_curve`."""
    outcome, values = _probabilities(y, score)
    at = _thresholds(thresholds)
    order = np.lexsort((values, outcome))
    return _band(outcome[order], _weight_of_action(outcome[order], values[order], at), replicates, seed)


def net_benefit_difference(
    y: ArrayLike, a: ArrayLike, b: ArrayLike, thresholds: ArrayLike = THRESHOLDS, replicates: int = REPLICATES, seed: int = 1
) -> BenefitDifference:
    """Return net benefit of score a minus that of score b (ensemble against a sub-model), on the same patients, with its band.

    raises   InputError as `decision_curve`, and for unequal lengths
    """
    outcome, left = _probabilities(y, a)
    _, right = _probabilities(y, b)
    at = _thresholds(thresholds)
    order = np.lexsort((right, left, outcome))
    outcome, left, right = outcome[order], left[order], right[order]
    weight = _weight_of_action(outcome, left, at) - _weight_of_action(outcome, right, at)
    difference = weight.sum(axis=0) / len(outcome)
    return BenefitDifference(at, difference, _band(outcome, weight, replicates, seed), len(outcome), int(outcome.sum()))


def _acted_on(values: Floats, at: Floats) -> NDArray[np.int64]:
    """Return (n, thresholds): 1 where the patient's score reaches the threshold."""
    return (values[:, None] >= at[None, :]).astype(np.int64)


def _weight_of_action(outcome: NDArray[np.int64], values: Floats, at: Floats) -> Floats:
    """Return (n, thresholds): what acting on this patient adds to n x net benefit: 1 for an event, minus the odds otherwise."""
    gain = np.where(outcome[:, None] == 1, 1.0, -(at / (1 - at))[None, :])
    weight: Floats = np.where(_acted_on(values, at) == 1, gain, 0.0)
    return weight


def _band(outcome: NDArray[np.int64], weight: Floats, replicates: int, seed: int) -> Band:
    """Resample the rows within classes; the outcome is sorted, class 0 first."""
    n, n1 = len(outcome), int(outcome.sum())
    if min(n1, n - n1) < 2:
        nothing = np.full(weight.shape[1], np.nan)
        return Band(nothing, nothing, 0)
    negative, positive = weight[: n - n1], weight[n - n1 :]
    drawn = np.concatenate([(w1 @ positive + w0 @ negative) / n for w1, w0 in stratified_draws(n1, n - n1, replicates, seed)])
    lo, hi = np.quantile(drawn, (0.025, 0.975), axis=0)
    return Band(lo, hi, replicates)


def _probabilities(y: ArrayLike, score: ArrayLike) -> tuple[NDArray[np.int64], Floats]:
    outcome, values = checked_pair(y, score)
    if not len(outcome):
        raise InputError("decision curve: wanted patients with outcome and score, found none")
    if values.min() < 0 or values.max() > 1:
        raise InputError(f"decision curve: wanted probabilities in 0..1, found scores from {values.min():g} to {values.max():g}")
    return outcome, values


def _thresholds(thresholds: ArrayLike) -> Floats:
    at = checked_score(thresholds, "thresholds")
    if not len(at) or at.min() <= 0 or at.max() >= 1:
        raise InputError("thresholds: wanted probabilities strictly between 0 and 1, found one at or beyond an end, or none")
    return at
