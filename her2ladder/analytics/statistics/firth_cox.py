"""Firth's penalised partial likelihood: Cox models of few events or monotone likelihood, as R's coxphf.

Ties by Breslow's rule, which is the only one that coxphf has; the penalty is that of the whole design in every restricted fit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from her2ladder.analytics.statistics.climb import Model
from her2ladder.analytics.statistics.covariates import FloatArray
from her2ladder.analytics.statistics.firth import FirthFit, firth_fit, penalised
from her2ladder.analytics.statistics.partial_likelihood import partial_likelihood


def firth_cox(matrix: FloatArray, time: FloatArray, event: NDArray[np.bool_]) -> FirthFit:
    """Return Firth's estimates with profile penalised-likelihood intervals and likelihood-ratio P values.

    matrix   (n, p), any scale, each direction varying within the risk set of some event
    time     (n,); event (n,), at least one
    source   Heinze & Schemper 2001, A solution to the problem of monotone likelihood in Cox regression; R coxphf
    """
    spread = matrix.std(axis=0)
    fit = firth_fit(penalised_partial((matrix - matrix.mean(axis=0)) / spread, time, event), matrix.shape[1])
    return FirthFit(fit.coef / spread, fit.se / spread, fit.lo / spread, fit.hi / spread, fit.p, fit.converged)


def penalised_partial(columns: FloatArray, time: FloatArray, event: NDArray[np.bool_]) -> Model:
    """Return the penalised partial likelihood of standardised columns."""
    likelihood = partial_likelihood(columns, time, event, ties="breslow")

    def model(beta: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        found = likelihood.moments(beta, third=True)
        if not np.isfinite(found.value):
            return -np.inf, found.score, found.information
        return penalised(found.value, found.score, found.information, lambda inverse: np.einsum("ab,abc->c", inverse, found.third))

    return model
