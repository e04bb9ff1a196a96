"""DeLong's variance of an AUC, its intervals, and the paired test of two scores on the same patients.

source  DeLong, DeLong & Clarke-Pearson 1988; the midrank form in O(n log n) of Sun & Xu 2014; equal to R's pROC (ties included).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm, rankdata

from her2ladder.analytics.statistics.discrimination import auc_value, separated
from her2ladder.analytics.statistics.estimate import Estimate
from her2ladder.analytics.statistics.inputs import Z95, checked_outcome, checked_pair, checked_score, gap
from her2ladder.errors import InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PairedAuc:
    """DeLong's paired comparison of two scores, on the patients who have both.

    difference   AUC of A minus AUC of B, with CI, p and n
    z            its standard normal statistic; None where the difference has no variance
    auc_a, auc_b the two areas on these same patients, Wald interval
    n_dropped    patients left out because one of the values is missing
    """

    difference: Estimate
    z: float | None
    auc_a: Estimate
    auc_b: Estimate
    n_dropped: int


def auc_delong(y: ArrayLike, score: ArrayLike) -> Estimate:
    """Return the AUC with DeLong's Wald interval, clipped to [0, 1] (pROC's `ci.auc`).

    y        (n,), 1 = residual disease
    score    (n,), finite, high = residual disease
    returns  value None where a class is empty; interval None where AUC is 0 or 1 or the variance is not defined (the note says which)
    raises   InputError for a missing or infinite entry
    """
    return _interval(y, score, on_logit=False)


def auc_logit(y: ArrayLike, score: ArrayLike) -> Estimate:
    """Return the AUC with DeLong's interval built on logit(AUC): it covers where the Wald interval falls short.

    Same arguments, gaps and errors as `auc_delong`. Measured coverage: benchmarks/statistics/RESULTS.md.
    """
    return _interval(y, score, on_logit=True)


def delong_paired(y: ArrayLike, a: ArrayLike, b: ArrayLike, names: tuple[str, str] = ("A", "B")) -> PairedAuc:
    """Return the paired test of two scores: AUC(a) - AUC(b), its Wald interval, z and two-sided p (pROC's `roc.test`, paired).

    y        (n,), 1 = residual disease, none missing
    a, b     (n,), high = residual disease; NaN = the patient lacks it and is left out of both
    raises   InputError for unequal lengths, an infinite entry or a missing outcome
    """
    outcome = checked_outcome(y)
    left, right = (np.asarray(side, dtype=np.float64) for side in (a, b))
    if not left.shape == right.shape == outcome.shape:
        raise InputError(f"DeLong: wanted one value a patient ({len(outcome)} outcomes), found shapes {left.shape} and {right.shape}")
    both = ~(np.isnan(left) | np.isnan(right))
    outcome, left, right = outcome[both], checked_score(left[both], names[0]), checked_score(right[both], names[1])
    dropped = int((~both).sum())
    areas = (auc_delong(outcome, left), auc_delong(outcome, right))
    if areas[0].value is None or areas[1].value is None:
        return PairedAuc(_difference(None, None, outcome, gap(outcome)), None, *areas, dropped)
    value = areas[0].value - areas[1].value
    variance = _paired_variance(outcome, left, right)
    if variance is None:
        return PairedAuc(_difference(value, None, outcome, "fewer than two patients in a class"), None, *areas, dropped)
    if variance <= 0.0:
        note = "the difference has no variance (both scores order the classes alike, or both separate them)"
        return PairedAuc(_difference(value, None, outcome, note), None, *areas, dropped)
    return PairedAuc(_difference(value, variance, outcome, ""), value / float(np.sqrt(variance)), *areas, dropped)


def _paired_variance(outcome: NDArray[np.int64], a: Floats, b: Floats | None) -> float | None:
    """Return the variance of AUC(a), or of AUC(a) - AUC(b).

    It is taken over counts (halves, exact in floats) and scaled last, so that no variance is exactly 0 and never rounding dust.
    """
    n1 = int(outcome.sum())
    n0 = len(outcome) - n1
    if min(n1, n0) < 2:
        return None
    of_positive, of_negative = _placements(outcome, a)
    if b is not None:
        other_positive, other_negative = _placements(outcome, b)
        of_positive, of_negative = of_positive - other_positive, of_negative - other_negative
    return float(of_positive.var(ddof=1) / n0**2 / n1 + of_negative.var(ddof=1) / n1**2 / n0)


def _placements(outcome: NDArray[np.int64], values: Floats) -> tuple[Floats, Floats]:
    """Return how many negatives each positive is above, and how many positives each negative is above (a tie counts a half)."""
    positive, negative = values[outcome == 1], values[outcome == 0]
    ranks = rankdata(values)
    return ranks[outcome == 1] - rankdata(positive), ranks[outcome == 0] - rankdata(negative)


def _interval(y: ArrayLike, score: ArrayLike, *, on_logit: bool) -> Estimate:
    outcome, values = checked_pair(y, score)
    n, events = len(outcome), int(outcome.sum())
    test = "DeLong, logit" if on_logit else "DeLong, Wald"
    value = auc_value(outcome, values)
    if value is None:
        return Estimate(None, None, None, n=n, events=events, test=test, note=gap(outcome))
    variance = _paired_variance(outcome, values, None)
    reason = _no_interval(value, variance)
    if reason or variance is None:
        return Estimate(value, None, None, n=n, events=events, test=test, note=reason)
    half = Z95 * float(np.sqrt(variance))
    if on_logit:
        centre, half = float(np.log(value / (1 - value))), half / (value * (1 - value))
        lo, hi = (float(1 / (1 + np.exp(-edge))) for edge in (centre - half, centre + half))
    else:
        lo, hi = max(0.0, value - half), min(1.0, value + half)
    return Estimate(value, lo, hi, n=n, events=events, test=test)


def _no_interval(value: float, variance: float | None) -> str:
    if value in (0.0, 1.0):
        return separated(value)
    if variance is None:
        return "fewer than two patients in a class: no variance, no interval"
    if variance <= 0.0:
        return "the AUC has no variance (the score does not order patients within a class): no interval"
    return ""


def _difference(value: float | None, variance: float | None, outcome: NDArray[np.int64], note: str) -> Estimate:
    n, events, test = len(outcome), int(outcome.sum()), "DeLong, paired"
    if value is None or variance is None:
        return Estimate(value, None, None, n=n, events=events, test=test, note=note)
    se = float(np.sqrt(variance))
    p = float(2 * norm.sf(abs(value) / se))
    return Estimate(value, value - Z95 * se, value + Z95 * se, p=p, n=n, events=events, test=test)
