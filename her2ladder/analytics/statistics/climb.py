"""The way to the top of a likelihood, for every model here that gives its value, score and information."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from her2ladder.analytics.statistics.covariates import FloatArray

Model = Callable[[FloatArray], tuple[float, FloatArray, FloatArray]]
CLIMBS, HALVINGS, LONGEST = 500, 40, 5.0
STILL = 1e-10  # a step of this many standard errors counts as none
NOISE = 1e-11  # of the likelihood: a rise no higher than this drowns in rounding
FLOOR = 1e-5  # where rounding stops the climb, a step below this still counts


@dataclass(frozen=True, eq=False, slots=True)
class Peak:
    """The top of a likelihood: where, how high, the information there, and whether the climb came to rest."""

    beta: FloatArray
    value: float
    information: FloatArray
    converged: bool


def climb(model: Model, start: FloatArray, free: NDArray[np.bool_]) -> Peak:
    """Return the peak over the free parameters, the others held where they start (scoring, steps halved until they help)."""
    beta = start.copy()
    value, score, information = model(beta)
    for _ in range(CLIMBS):
        if not np.isfinite(value):
            break
        step, gain = _step(score, information, free)
        if not 0.0 <= gain < np.inf:
            break  # the information has no inverse here, or rounding has eaten it
        if gain < STILL**2:
            return Peak(beta, value, information, True)
        step *= min(1.0, LONGEST / float(np.abs(step).max()))
        for _ in range(HALVINGS):
            there = beta + step
            risen, new_score, new_information = model(there)
            promise = float(score @ step)
            if promise > NOISE * (1.0 + abs(value)):
                helps = risen - value >= 0.1 * promise
            else:
                helps = bool(np.isfinite(risen)) and _step(new_score, new_information, free)[1] < 0.9 * gain
            if helps:
                break
            step = step / 2
        else:
            return Peak(beta, value, information, gain < FLOOR**2)
        beta, value, score, information = there, risen, new_score, new_information
    return Peak(beta, value, information, False)


def _step(score: FloatArray, information: FloatArray, free: NDArray[np.bool_]) -> tuple[FloatArray, float]:
    """Return the scoring step of the free parameters and its squared length in standard errors.

    Scoring may overshoot by a factor of two and then swing for ever (one patient alone in a group does it), which is why a step must
    either raise the likelihood by a fair part of what its slope promises or, where rounding hides the rise, shorten the next step.
    """
    step = np.zeros_like(score)
    try:
        step[free] = np.linalg.solve(information[np.ix_(free, free)], score[free])
    except np.linalg.LinAlgError:
        return step, np.inf
    return step, float(score @ step)
