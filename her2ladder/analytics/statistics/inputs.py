"""What every kernel asks of its outcome and score before it counts anything.

A missing or infinite number is refused here, never dropped in silence: whoever calls chooses the patients and prints how many.
An empty set and a single class are no errors: the kernels answer them with None and the reason that `gap` words.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from her2ladder.errors import InputError

LEVEL = 0.95
Z95 = 1.959963984540054  # the 97.5 % point of the normal distribution, as qnorm(.975)


def checked_outcome(y: ArrayLike) -> NDArray[np.int64]:
    """Return the outcome as 0/1 integers (1 = residual disease).

    y        (n,), each 0 or 1 (bool and float are taken where they are whole)
    raises   InputError where it is not one-dimensional, or an entry is missing or neither 0 nor 1
    """
    values = _one_dimension(y, "outcome")
    wrong = ~np.isin(values, (0.0, 1.0))
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"outcome: each entry must be 0 or 1, got {values[at]} at position {at}; leave out patients without an outcome first"
        )
    return values.astype(np.int64)


def checked_score(score: ArrayLike, name: str = "score") -> NDArray[np.float64]:
    """Return the score as floats.

    score    (n,), finite
    raises   InputError where it is not one-dimensional or an entry is missing or infinite
    """
    values = _one_dimension(score, name)
    wrong = ~np.isfinite(values)
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"{name}: each entry must be a finite number, got {values[at]} at position {at}; leave out patients without it first"
        )
    return values


def checked_pair(y: ArrayLike, score: ArrayLike, name: str = "score") -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return outcome and score checked and of one length; raises InputError otherwise."""
    outcome, values = checked_outcome(y), checked_score(score, name)
    if len(outcome) != len(values):
        raise InputError(f"{name}: wanted one entry a patient ({len(outcome)} outcomes), found {len(values)}")
    return outcome, values


def gap(y: NDArray[np.int64]) -> str:
    """Return why discrimination is not defined for this outcome, or '' where both classes are there."""
    if not len(y):
        return "no patients"
    if y.all():
        return f"one class: all {len(y)} patients have residual disease"
    if not y.any():
        return f"one class: none of {len(y)} patients has residual disease"
    return ""


def _one_dimension(values: ArrayLike, name: str) -> NDArray[np.float64]:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: each entry must be a number, got something else ({error})") from error
    if array.ndim != 1:
        raise InputError(f"{name}: must be one-dimensional, got shape {array.shape}")
    return array
