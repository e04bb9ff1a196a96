"""The cuts of one set of scores, learned together: tertiles for the bands and Youden's threshold, by the rules of analytics.statistics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from her2ladder.analytics.statistics.bands import BANDS, tertile_cuts
from her2ladder.analytics.statistics.threshold import youden_cut

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Cuts:
    """Low: score <= q1; Medium: <= q2; High above. Predicted residual disease where score >= threshold."""

    q1: float
    q2: float
    threshold: float


def learn_cuts(scores: Floats, y: NDArray[np.int64]) -> Cuts:
    """Return tertile cuts and Youden threshold of the scores; raises InputError where the tertiles are equal."""
    tertiles = tertile_cuts(scores)
    return Cuts(tertiles.q1, tertiles.q2, youden_cut(y, scores).cut)


def band(scores: Floats, q1: float | Floats, q2: float | Floats) -> list[str]:
    """Return the band of each score; the cuts are numbers, or one pair a patient (cross-fitted)."""
    return [BANDS[level] for level in ((scores > q1).astype(int) + (scores > q2)).tolist()]
