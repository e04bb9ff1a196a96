"""Firth's penalised likelihood: finite estimates, profile intervals and likelihood-ratio tests where maximum likelihood runs away.

The likelihood is multiplied by the root of the determinant of the information (Jeffreys' prior; Firth 1993). The profile and
the test here serve any model that gives its penalised value, score and information; the logistic model stands below, the Cox
model in `firth_cox`. Restricted fits keep the penalty of the whole design, as R's logistf and coxphf do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import chi2

from her2ladder.analytics.statistics.climb import Model, Peak, climb
from her2ladder.analytics.statistics.covariates import FloatArray
from her2ladder.analytics.statistics.inputs import LEVEL

STRIDES = 100  # 1.4 to that power is beyond any number: a profile that has not fallen by then does not fall


@dataclass(frozen=True, eq=False, slots=True)
class FirthFit:
    """Model estimates: coef, se, lo, hi, p (p,) on the log scale (NaN: an end that lies beyond any number); converged."""

    coef: FloatArray
    se: FloatArray
    lo: FloatArray
    hi: FloatArray
    p: FloatArray
    converged: bool


def firth_fit(model: Model, size: int) -> FirthFit:
    """Return estimates with profile penalised-likelihood intervals and likelihood-ratio P values, one degree of freedom each.

    model    penalised value, score and information at (size,) parameters whose natural unit is of the order of 1
    source   Firth 1993; Heinze & Schemper 2001, 2002 (R logistf, coxphf)
    """
    everything = np.ones(size, dtype=bool)
    top = climb(model, np.zeros(size), everything)
    if not top.converged:
        nothing = np.full(size, np.nan)
        return FirthFit(nothing, nothing, nothing, nothing, nothing, False)
    se = np.sqrt(np.diag(np.linalg.inv(top.information)))
    lo, hi, p = np.empty(size), np.empty(size), np.empty(size)
    for at in range(size):
        lo[at], hi[at] = (_limit(model, top, at, side * float(se[at])) for side in (-1.0, 1.0))
        p[at] = restricted_p(model, top, np.arange(size) == at)
    return FirthFit(top.beta, se, lo, hi, p, True)


def restricted_p(model: Model, top: Peak, zero: NDArray[np.bool_]) -> float:
    """Return the P value of the penalised likelihood ratio of the parameters marked `zero` being zero; NaN where that climb fails."""
    below = climb(model, np.where(zero, 0.0, top.beta), ~zero)
    if not below.converged:
        below = climb(model, np.zeros(len(zero)), ~zero)
    return float(chi2.sf(max(0.0, 2 * (top.value - below.value)), int(zero.sum()))) if below.converged else float("nan")


def _limit(model: Model, top: Peak, at: int, step: float) -> float:
    """Return where the profile of one parameter has fallen by half the chi-square quantile; NaN where it cannot be followed so far.

    The profile is followed outward from the peak in growing strides, each climb starting where the ones before point to: a start far
    off the ridge may never come back to it.
    """
    profile = _Profile(model, top, at)
    near, stride = 0.0, step / 2
    for _ in range(STRIDES):
        height = profile.height(near + stride)
        if np.isnan(height):
            stride /= 4
            continue
        if height < 0:
            try:
                found = brentq(profile.height, near, near + stride, xtol=1e-10 * abs(step), rtol=1e-12, full_output=True, disp=False)[0]
            except ValueError:  # between the two a climb did not come to rest
                return float("nan")
            return float(top.beta[at] + found)
        near, stride = near + stride, 1.4 * stride
    return float("nan")


class _Profile:
    """Height of the profile of one parameter above its 95 % line, by distance from the peak; remembers every point of the ridge."""

    def __init__(self, model: Model, top: Peak, at: int) -> None:
        self.model, self.top, self.at = model, top, at
        self.free = np.arange(len(top.beta)) != at
        self.ridge: dict[float, tuple[float, FloatArray]] = {0.0: (float(chi2.ppf(LEVEL, 1)) / 2, top.beta)}

    def height(self, distance: float) -> float:
        """Return the height there, NaN where the climb does not come to rest."""
        if distance not in self.ridge:
            found = climb(self.model, self._start(distance), self.free)
            if not found.converged:
                return float("nan")
            self.ridge[distance] = (self.ridge[0.0][0] + found.value - self.top.value, found.beta)
        return self.ridge[distance][0]

    def _start(self, distance: float) -> FloatArray:
        """Return the point on the line through the two known points of the ridge that are nearest."""
        first, *rest = sorted(self.ridge, key=lambda known: abs(known - distance))
        start = self.ridge[first][1].copy()
        if rest:
            start = start + (distance - first) / (rest[0] - first) * (self.ridge[rest[0]][1] - start)
        start[self.at] = self.top.beta[self.at] + distance
        return start


def penalised(
    value: float, score: FloatArray, information: FloatArray, pull: Callable[[FloatArray], FloatArray]
) -> tuple[float, FloatArray, FloatArray]:
    """Return value and score with Firth's penalty added.

    pull     from the inverse information (p, p) to tr(inverse x derivative of the information), one entry a parameter
    returns  -inf as the value where the information has no positive determinant: no step is taken there
    """
    sign, log_determinant = np.linalg.slogdet(information)
    if sign <= 0 or not np.isfinite(log_determinant):
        return -np.inf, score, information
    inverse = np.asarray(np.linalg.inv(information), dtype=np.float64)
    return value + 0.5 * float(log_determinant), np.asarray(score + 0.5 * pull(inverse)), information


def logistic_model(columns: FloatArray, outcome: NDArray[np.int64]) -> Model:
    """Return the penalised logistic likelihood.

    columns  (n, p), intercept included
    outcome  (n,), 0 or 1
    """
    sign = np.where(outcome == 1, 1.0, -1.0)

    def model(beta: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        predictor = columns @ beta
        chance = expit(predictor)
        weight = chance * expit(-predictor)
        value = -float(np.logaddexp(0.0, -sign * predictor).sum())
        score = columns.T @ (outcome - chance)
        information = columns.T @ (weight[:, None] * columns)

        def pull(inverse: FloatArray) -> FloatArray:
            leverage = ((columns @ inverse) * columns).sum(axis=1)
            return np.asarray(columns.T @ (leverage * weight * (expit(-predictor) - chance)))

        return penalised(value, score, information, pull)

    return model


def firth_logistic(matrix: FloatArray, outcome: NDArray[np.int64]) -> FirthFit:
    """Return Firth's logistic fit, the intercept first.

    matrix   (n, p) without intercept, any scale
    outcome  (n,), 0 or 1, both present
    source   Heinze & Schemper 2002; equal to R's brglm2 (AS_mean) and logistf
    """
    scale = np.concatenate([[1.0], matrix.std(axis=0)])
    columns = np.column_stack([np.ones(len(matrix)), matrix]) / scale
    fit = firth_fit(logistic_model(columns, outcome), columns.shape[1])
    return FirthFit(fit.coef / scale, fit.se / scale, fit.lo / scale, fit.hi / scale, fit.p, fit.converged)
