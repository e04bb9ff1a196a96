"""Whether a predicted probability of residual disease means what it says: intercept, slope, binned and smooth curves.

Scores are clipped to [1e-6, 1 - 1e-6] before the logit and the result says how many were; a score outside 0..1 is no probability
and has no calibration. Sparse cohorts get wider bins: 10, or 5 below 100 patients.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from scipy.stats import norm
from statsmodels.nonparametric.smoothers_lowess import lowess

from her2ladder.analytics.statistics.estimate import Estimate
from her2ladder.analytics.statistics.inputs import Z95, checked_pair, gap
from her2ladder.analytics.statistics.rates import wilson
from her2ladder.errors import InputError

Floats = NDArray[np.float64]
CLIP = 1e-6


@dataclass(frozen=True, slots=True)
class Calibration:
    """Calibration of a probability.

    intercept     joint intercept of logit(P(y)) = intercept + slope x logit(score); ideal 0 (rms::val.prob)
    slope         its slope; ideal 1, below 1 the scores are too extreme
    in_the_large  intercept with the slope fixed at 1; ideal 0, above 0 the scores are too low
    n_clipped     scores outside [1e-6, 1 - 1e-6] that were moved to its ends
    """

    intercept: Estimate
    slope: Estimate
    in_the_large: Estimate
    n_clipped: int


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Patients whose score lies in (lower, upper]: mean score against the observed rate with its Wilson interval."""

    lower: float
    upper: float
    mean_score: float
    observed: Estimate


@dataclass(frozen=True, slots=True)
class CalibrationCurve:
    """Smoothed observed rate at a grid of scores."""

    score: Floats
    observed: Floats


def calibration(y: ArrayLike, score: ArrayLike) -> Calibration:
    """Return intercept, slope and calibration-in-the-large with Wald intervals; P tests against the ideal (0, 1, 0).

    y        (n,), 1 = residual disease
    score    (n,), probabilities
    returns  Estimates with value None and the reason where a class is empty, the score is no probability, does not vary, or
             separates the classes (the slope runs to infinity)
    raises   InputError for a missing or infinite entry
    """
    outcome, values = checked_pair(y, score)
    n, events = len(outcome), int(outcome.sum())
    reason = gap(outcome) or _no_probability(values)
    if reason:
        nothing = Estimate(None, None, None, n=n, events=events, note=reason)
        return Calibration(nothing, nothing, nothing, 0)
    clipped = np.clip(values, CLIP, 1 - CLIP)
    moved = int((clipped != values).sum())
    logit = np.log(clipped / (1 - clipped))
    note = f"{moved} of {n} scores clipped to [1e-6, 1 - 1e-6]" if moved else ""

    large = _logistic(np.ones((n, 1)), outcome, offset=logit)
    in_the_large = _wald(large, 0, 0.0, n, events, "logistic, slope fixed at 1", note)
    flat = _no_slope(outcome, logit)
    if flat:
        nothing = Estimate(None, None, None, n=n, events=events, test="logistic on the logit", note=flat)
        return Calibration(nothing, nothing, in_the_large, moved)
    joint = _logistic(np.column_stack([np.ones(n), logit]), outcome, offset=np.zeros(n))
    intercept, slope = (_wald(joint, at, ideal, n, events, "logistic on the logit", note) for at, ideal in enumerate((0.0, 1.0)))
    return Calibration(intercept, slope, in_the_large, moved)


def calibration_bins(y: ArrayLike, score: ArrayLike, bins: int | None = None) -> list[CalibrationBin]:
    """Return the binned calibration curve, lowest scores first; empty bins do not arise.

    bins     default 10, or 5 below n = 100
    returns  bins of about equal size, cut at quantiles of the score (type 7), equal scores never apart; fewer bins where ties make
             cuts coincide. *Chosen*: equal widths leave bins of one or two patients, whose bars cover everything
    """
    outcome, values = checked_pair(y, score)
    if not len(outcome):
        return []
    wanted = bins if bins is not None else (10 if len(outcome) >= 100 else 5)
    if wanted < 1:
        raise InputError(f"calibration bins: must be at least 1, got {wanted}")
    edges = np.unique(np.quantile(values, np.linspace(0, 1, wanted + 1)))
    inner = edges[1:-1]
    number = np.searchsorted(inner, values, side="left")  # a score at an edge belongs to the lower bin, as in the bands
    found = []
    for at in np.unique(number):
        inside = number == at
        lower, upper = float(edges[at]), float(edges[min(at + 1, len(edges) - 1)])
        observed = wilson(int(outcome[inside].sum()), int(inside.sum()))
        found.append(CalibrationBin(lower, upper, float(values[inside].mean()), observed))
    return found


def calibration_smooth(y: ArrayLike, score: ArrayLike, points: int = 101) -> CalibrationCurve | None:
    """Return the lowess of outcome on score between the smallest and largest score, clipped to 0..1.

    returns  None below 10 different scores or where a class is empty: a smooth line through so few is invented
    source   rms::val.prob draws lowess(score, y, iter = 0) with R's span of 2/3; the same here
    """
    outcome, values = checked_pair(y, score)
    if gap(outcome) or len(np.unique(values)) < 10:
        return None
    order = np.lexsort((outcome, values))
    x, target = values[order], outcome[order].astype(np.float64)
    delta = 0.01 * float(x[-1] - x[0])  # R's default: exact every hundredth of the range, linear between
    smooth = lowess(target, x, frac=2 / 3, it=0, delta=delta, return_sorted=False)
    grid = np.linspace(x[0], x[-1], points)
    at, first = np.unique(x, return_index=True)
    return CalibrationCurve(grid, np.clip(np.interp(grid, at, smooth[first]), 0.0, 1.0))


def _no_probability(values: Floats) -> str:
    return "the score leaves 0..1: it is no probability and has no calibration" if values.min() < 0 or values.max() > 1 else ""


def _no_slope(outcome: NDArray[np.int64], logit: Floats) -> str:
    """Return why the slope has no finite maximum-likelihood estimate, or ''."""
    positive, negative = logit[outcome == 1], logit[outcome == 0]
    if logit.min() == logit.max():
        return "the score does not vary: no slope"
    if positive.min() >= negative.max() or negative.min() >= positive.max():
        return "the score separates the classes: the slope runs to infinity"
    return ""


def _logistic(design: Floats, outcome: NDArray[np.int64], offset: Floats) -> tuple[Floats, Floats] | None:
    """Return maximum-likelihood coefficients and standard errors, None where 100 Newton steps do not settle.

    A step is halved while the likelihood falls: from 0, scores at 1e-6 would otherwise throw it out by half a million.
    """

    def log_likelihood(coefficient: Floats) -> float:
        eta = design @ coefficient + offset
        return float((outcome * eta - np.logaddexp(0.0, eta)).sum())

    coefficient, current = np.zeros(design.shape[1]), log_likelihood(np.zeros(design.shape[1]))
    for _ in range(100):
        expected = expit(design @ coefficient + offset)
        information = design.T @ (design * (expected * (1 - expected))[:, None])
        step = np.linalg.solve(information, design.T @ (outcome - expected))
        while (reached := log_likelihood(coefficient + step)) < current - 1e-12 * abs(current):
            step /= 2
        coefficient, current = coefficient + step, reached
        if np.abs(step).max() < 1e-9 * max(1.0, float(np.abs(coefficient).max())):
            return coefficient, np.sqrt(np.diag(np.linalg.inv(information)))
    return None


def _wald(fit: tuple[Floats, Floats] | None, at: int, ideal: float, n: int, events: int, test: str, note: str) -> Estimate:
    named = f"{test}, Wald, P against {ideal:.0f}"
    if fit is None:
        return Estimate(None, None, None, n=n, events=events, test=named, note="the fit did not settle in 100 steps")
    value, se = float(fit[0][at]), float(fit[1][at])
    p = float(2 * norm.sf(abs(value - ideal) / se))
    return Estimate(value, value - Z95 * se, value + Z95 * se, p=p, n=n, events=events, test=named, note=note)
