"""Cox's partial likelihood with its score, information and third moments, from running sums over patients in order of time.

Risk sets are nested, so a sum over everyone still at risk is a running sum over patients from the longest time down. One row stands
for each event: under Efron's rule the l-th of d tied events sees its tied ones as 1 - l/d of a patient each, under Breslow's as whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from her2ladder.analytics.statistics.covariates import FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class Moments:
    """At one set of coefficients: the log likelihood, and per event (e) the mean and covariance of the covariates at risk.

    mean (e, p), covariance (e, p, p), third (p, p, p) sum over events of the third central moments (zeros unless asked for)
    score (p,), information (p, p)
    """

    value: float
    score: FloatArray
    information: FloatArray
    mean: FloatArray
    covariance: FloatArray
    third: FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class PartialLikelihood:
    """Patients in order of falling time, ready to be summed.

    columns  (n, p), standardised; died (n,); time_of (e,) time of each event in the order of its row
    last     (e,), how many patients are at risk at that event; tie (e,) number of its event time; share (e,), Efron's l/d
    """

    columns: FloatArray
    time: FloatArray
    died: NDArray[np.bool_]
    last: NDArray[np.int64]
    tie: NDArray[np.int64]
    share: FloatArray

    @property
    def time_of(self) -> FloatArray:
        """Time of each event, in the order of the rows of `Moments`."""
        return self.time[self.died]

    def moments(self, beta: FloatArray, *, third: bool = False) -> Moments:
        """Return likelihood and moments at `beta` (p,)."""
        columns, died = self.columns, self.died
        size = columns.shape[1]
        predictor = columns @ beta
        shift = float(predictor.max())
        risk = np.exp(predictor - shift)
        total = self._at_risk(risk)
        if not total.min() > 0:
            empty = np.zeros((0, size))
            nothing = np.zeros((size, size))
            return Moments(-np.inf, np.zeros(size), nothing, empty, np.zeros((0, size, size)), np.zeros((size, size, size)))
        mean = self._at_risk(risk[:, None] * columns) / total[:, None]
        second = self._at_risk(np.einsum("i,ia,ib->iab", risk, columns, columns)) / total[:, None, None]
        covariance = second - mean[:, :, None] * mean[:, None, :]
        value = float(predictor[died].sum() - (np.log(total) + shift).sum())
        score = columns[died].sum(axis=0) - mean.sum(axis=0)
        cubes = self._third(risk, total, mean, second) if third else np.zeros((size, size, size))
        return Moments(value, score, covariance.sum(axis=0), mean, covariance, cubes)

    def _at_risk(self, values: FloatArray) -> FloatArray:
        """Return for each event the sum of `values` over those at risk, its ties counted by Efron's share."""
        running = np.cumsum(values, axis=0)[self.last - 1]
        tied = np.zeros((int(self.tie[-1]) + 1, *values.shape[1:]))
        np.add.at(tied, self.tie, values[self.died])
        share = self.share.reshape(-1, *([1] * (values.ndim - 1)))
        return np.asarray(running - share * tied[self.tie])

    def _third(self, risk: FloatArray, total: FloatArray, mean: FloatArray, second: FloatArray) -> FloatArray:
        """Return the third central moments, summed over events: the derivative of the information."""
        columns, size = self.columns, self.columns.shape[1]
        answer = np.empty((size, size, size))
        for at in range(size):  # one covariate at a time keeps the running sums small
            raw = self._at_risk(np.einsum("i,ia,ib->iab", risk * columns[:, at], columns, columns)) / total[:, None, None]
            along, m = mean[:, at, None, None], mean
            mixed = second[:, :, at, None] * m[:, None, :] + second[:, None, at, :] * m[:, :, None]
            cube = raw - mixed - second * along + 2 * along * m[:, :, None] * m[:, None, :]
            answer[:, :, at] = cube.sum(axis=0)
        return answer


def partial_likelihood(columns: FloatArray, time: FloatArray, event: NDArray[np.bool_], *, ties: str = "efron") -> PartialLikelihood:
    """Return the partial likelihood of some patients.

    columns  (n, p), of the order of 1
    time     (n,), event (n,), at least one event
    ties     `efron` or `breslow`
    """
    order = np.argsort(-time, kind="stable")
    times, died = time[order], event[order]
    of_events = times[died]
    last = np.searchsorted(-times, -of_events, side="right").astype(np.int64)
    tie = np.concatenate([[0], np.cumsum(of_events[1:] != of_events[:-1])]).astype(np.int64)
    first = np.searchsorted(tie, tie, side="left")
    share = (np.arange(len(tie)) - first) / np.bincount(tie)[tie]
    return PartialLikelihood(np.ascontiguousarray(columns[order]), times, died, last, tie, share if ties == "efron" else np.zeros(len(tie)))
