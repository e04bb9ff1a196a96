"""Whether maximum likelihood exists at all: separation of a logistic model and monotone likelihood of a Cox model, by linear programmes.

A direction b is one of recession where no patient's likelihood falls along it; where there is one, the estimate runs to infinity.
For a logistic model that is a plane that divides the outcomes (Albert & Anderson 1984; the programme is Konis 2007); for a Cox model
one whose linear predictor is, at every event, highest in the patient who has it (Jacobsen 1989; Heinze & Schemper 2001).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import coo_array, csr_array

from her2ladder.analytics.statistics.covariates import FloatArray

SLACK = 1e-7  # HiGHS holds its constraints to this; a direction must rise well above it to count
RISE = 1e-5


@dataclass(frozen=True, slots=True)
class Separation:
    """What the programme found.

    kind      `none`, `quasi-complete` or `complete` (logistic); `none` or `monotone` (Cox)
    infinite  places of the columns whose maximum-likelihood estimate is infinite
    """

    kind: str
    infinite: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return self.kind != "none"


def separation(matrix: FloatArray, outcome: NDArray[np.int64]) -> Separation:
    """Return whether the outcomes are separated by the columns and an intercept.

    matrix   (n, p) without the intercept, of full rank beside it
    outcome  (n,), 0 or 1, both present
    """
    scaled = np.column_stack([np.ones(len(matrix)), _scaled(matrix)])
    signed = csr_array(np.where(outcome[:, None] == 1, scaled, -scaled))
    width = scaled.shape[1]
    direction = _steepest(signed, width)
    if direction is None:
        return Separation("none")
    infinite = tuple(at - 1 for at in _moving(signed, width) if at > 0)
    return Separation("complete" if _divides_strictly(signed) else "quasi-complete", infinite)


def monotone_likelihood(matrix: FloatArray, time: FloatArray, event: NDArray[np.bool_]) -> Separation:
    """Return whether the partial likelihood rises for ever along some direction.

    matrix   (n, p), every direction of which varies within the risk set of some event
    time     (n,); event (n,), at least one
    """
    rises = _cox_constraints(_scaled(matrix), time, event)
    width = matrix.shape[1]
    if _steepest(rises, width) is None:
        return Separation("none")
    return Separation("monotone", tuple(_moving(rises, width)))


def _scaled(matrix: FloatArray) -> FloatArray:
    centred = matrix - matrix.mean(axis=0)
    return np.asarray(centred / np.abs(centred).max(axis=0))


def _steepest(rises: csr_array, width: int) -> FloatArray | None:
    """Return the direction (first `width` variables within -1..1) with the largest total rise, None where nothing can rise."""
    found = _maximise(np.asarray(rises.sum(axis=0)).ravel(), rises, width)
    gain = rises @ found
    return found[:width] if gain.max() > RISE and gain.min() > -10 * SLACK else None


def _moving(rises: csr_array, width: int) -> list[int]:
    """Return the variables that some direction of recession moves."""
    moving = []
    for at in range(width):
        for sign in (1.0, -1.0):
            goal = np.zeros(rises.shape[1])
            goal[at] = sign
            if abs(_maximise(goal, rises, width)[at]) > RISE:
                moving.append(at)
                break
    return moving


def _maximise(goal: FloatArray, rises: csr_array, width: int) -> FloatArray:
    """Return the variables that maximise `goal` where no row of `rises` is negative."""
    free = rises.shape[1] - width
    bounds = [(-1.0, 1.0)] * width + [(None, None)] * free
    found = linprog(-goal, A_ub=-rises, b_ub=np.zeros(rises.shape[0]), bounds=bounds, method="highs")
    if found.status != 0:
        raise ArithmeticError(f"the linear programme for separation ended with: {found.message}")
    return np.asarray(found.x, dtype=np.float64)


def _divides_strictly(signed: csr_array) -> bool:
    """Return whether some plane leaves every patient strictly on the side of the outcome."""
    rows, width = signed.shape
    margin = csr_array(np.column_stack([signed.toarray(), -np.ones(rows)]))
    goal = np.zeros(width + 1)
    goal[-1] = 1.0
    return float(_maximise(goal, margin, width + 1)[-1]) > RISE


def _cox_constraints(matrix: FloatArray, time: FloatArray, event: NDArray[np.bool_]) -> csr_array:
    """Return rows that must not be negative: at each event time a bar m no lower than anyone at risk, and the events no lower than the bar.

    Variables: the p coefficients, then one bar per event time (a bar is also no lower than the next one's, since risk sets are nested).
    """
    times = np.unique(time[event])
    width, bars = matrix.shape[1], len(times)
    at_risk = time >= times[0]
    under = np.searchsorted(times, time[at_risk], side="right") - 1
    on = np.searchsorted(times, time[event])
    n_under, n_on = len(under), len(on)
    rows, cols, values = [], [], []

    def put(row: NDArray[np.int64], col: NDArray[np.int64], value: FloatArray) -> None:
        rows.append(row)
        cols.append(col)
        values.append(value)

    for block, sign, start, bar in ((matrix[at_risk], -1.0, 0, under), (matrix[event], 1.0, n_under, on)):
        row = start + np.arange(len(block))
        put(np.repeat(row, width), np.tile(np.arange(width), len(block)), sign * block.ravel())
        put(row, width + bar, np.full(len(block), -sign))
    row = n_under + n_on + np.arange(bars - 1)
    put(row, width + np.arange(bars - 1), np.ones(bars - 1))
    put(row, width + 1 + np.arange(bars - 1), -np.ones(bars - 1))
    shape = (n_under + n_on + max(bars - 1, 0), width + bars)
    return csr_array(coo_array((np.concatenate(values), (np.concatenate(rows), np.concatenate(cols))), shape=shape))
