"""Test of proportional hazards: the exact score test for covariate x g(time) of R's cox.zph (survival >= 3).

Not the older approximation by scaled Schoenfeld residuals (lifelines, survival < 3), which takes the covariance to be constant in time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from her2ladder.analytics.statistics.covariates import FloatArray
from her2ladder.analytics.statistics.cox import CoxFit
from her2ladder.analytics.statistics.estimate import Estimate
from her2ladder.analytics.statistics.partial_likelihood import PartialLikelihood
from her2ladder.errors import InputError

TRANSFORMS = ("km", "identity")
GLOBAL = "GLOBAL"


@dataclass(frozen=True, slots=True)
class ZphTest:
    """The test of one covariate (all of a factor's columns together) or of all (`GLOBAL`); chi_square and p None where `note` says why."""

    covariate: str
    chi_square: float | None
    df: int
    p: float | None
    transform: str
    n: int
    events: int
    note: str = ""

    def estimate(self) -> Estimate:
        """Return the test as a row's estimate; value: chi-square."""
        test = f"score test of proportional hazards (cox.zph, {self.transform}), df {self.df}"
        return Estimate(self.chi_square, None, None, self.p, self.n, self.events, test, self.note)


def zph(fit: CoxFit, *, transform: str = "km") -> tuple[ZphTest, ...]:
    """Return the test of proportional hazards of each covariate and of all together.

    transform  `km` (1 - Kaplan-Meier just before the event, R's default) or `identity` (time itself)
    raises     InputError for another transform
    source     R cox.zph, survival 3: the score of the added terms at zero, under the full information of both sets of coefficients
    """
    if transform not in TRANSFORMS:
        raise InputError(f"transform: wanted one of {', '.join(TRANSFORMS)}, found {transform!r}")
    if fit.fitted is None:
        reason = "no maximum-likelihood fit to test" + (f": {fit.note}" if fit.note else "")
        return (ZphTest(GLOBAL, None, 0, None, transform, fit.n, fit.events, reason),)
    likelihood, beta, covariates = fit.fitted.likelihood, fit.fitted.beta, np.array(fit.fitted.covariates)
    score, information = _augmented(likelihood, beta, _clock(likelihood, transform))
    groups = [(name, covariates == name) for name in dict.fromkeys(fit.fitted.covariates)]
    groups.append((GLOBAL, np.ones(len(covariates), dtype=bool)))
    answers = []
    for name, chosen in groups:
        keep = np.concatenate([np.ones(len(chosen), dtype=bool), chosen])
        inner, u = information[np.ix_(keep, keep)], score[keep]
        df = int(chosen.sum())
        scale = np.sqrt(np.maximum(np.diag(inner), 1e-300))
        if np.linalg.matrix_rank(inner / np.outer(scale, scale), tol=1e-9, hermitian=True) < len(u):
            reason = "too few events at different times to test"
            answers.append(ZphTest(name, None, df, None, transform, fit.n, fit.events, reason))
            continue
        statistic = float(u @ np.linalg.solve(inner, u))
        answers.append(ZphTest(name, statistic, df, float(chi2.sf(statistic, df)), transform, fit.n, fit.events))
    return tuple(answers)


def _clock(likelihood: PartialLikelihood, transform: str) -> FloatArray:
    """Return g(time) of each event, centred (which changes nothing but the rounding)."""
    times = likelihood.time_of
    if transform == "km":
        distinct, deaths = np.unique(times, return_counts=True)
        at_risk = len(likelihood.time) - np.searchsorted(likelihood.time[::-1], distinct, side="left")
        before = np.concatenate([[1.0], np.cumprod(1.0 - deaths / at_risk)[:-1]])
        times = 1.0 - before[np.searchsorted(distinct, times)]
    centred = times - times.mean()
    spread = float(np.abs(centred).max())
    return np.asarray(centred / spread if spread > 0 else centred)


def _augmented(likelihood: PartialLikelihood, beta: FloatArray, clock: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return score (2p,) and information (2p, 2p) of the model with x and x * g(time), at the fitted beta and zero."""
    found = likelihood.moments(beta)
    residual = likelihood.columns[likelihood.died] - found.mean
    score = np.concatenate([np.zeros(len(beta)), clock @ residual])
    plain, once, twice = (np.einsum("e,eab->ab", weight, found.covariance) for weight in (np.ones(len(clock)), clock, clock**2))
    return score, np.block([[plain, once], [once, twice]])
