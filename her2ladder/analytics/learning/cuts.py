"""Bands and the decision threshold: learned on one set of scores, then applied unchanged to any other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from her2ladder.errors import InputError

BANDS = ("Low", "Medium", "High")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Cuts:
    """Low: score <= q1; Medium: <= q2; High above. Predicted residual disease where score >= threshold."""

    q1: float
    q2: float
    threshold: float


def tertiles(scores: Floats) -> tuple[float, float]:
    """Return the lower and upper tertile cut, unrounded.

    raises   InputError where the two are equal
    source   statistics.md, Bands: quantile type 7 (numpy `linear`)
    """
    q1, q2 = (float(q) for q in np.quantile(scores, (1 / 3, 2 / 3), method="linear"))
    if q1 == q2:
        raise InputError(f"bands: the tertile cuts of {len(scores)} scores must differ, both are {q1:g}: too many equal scores")
    return q1, q2


def youden(scores: Floats, y: NDArray[np.int64]) -> float:
    """Return the observed score at which sensitivity + specificity is largest, positive meaning score >= cut.

    source   statistics.md, Direction: ties by the highest sensitivity, then by the lowest cut
    """
    values = np.unique(scores)
    ones, zeros = np.sort(scores[y == 1]), np.sort(scores[y == 0])
    hit = len(ones) - np.searchsorted(ones, values, side="left")
    passed = np.searchsorted(zeros, values, side="left")
    # whole numbers, so that two cuts with the same index tie exactly
    index = hit * len(zeros) + passed * len(ones)
    best = np.lexsort((values, -hit, -index))[0]
    return float(values[best])


def learn_cuts(scores: Floats, y: NDArray[np.int64]) -> Cuts:
    """Return tertile cuts and Youden threshold of the scores; raises InputError where the tertiles are equal."""
    return Cuts(*tertiles(scores), youden(scores, y))


def band(scores: Floats, q1: float | Floats, q2: float | Floats) -> list[str]:
    """Return the band of each score; the cuts are numbers or one pair a patient."""
    return [BANDS[int(b)] for b in (scores > q1).astype(int) + (scores > q2)]
