"""Tertile bands of a score: cuts learned once on construction patients, applied unchanged to everyone.

source  statistics.md, Bands: quantile type 7; Low: score <= q1; Medium: <= q2; High: above. Cuts are never rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from her2ladder.analytics.statistics.inputs import checked_score
from her2ladder.errors import InputError

LOW, MEDIUM, HIGH = BANDS = ("Low", "Medium", "High")


@dataclass(frozen=True, slots=True)
class Tertiles:
    """The two cuts, in units of the score; `n` patients they were learned from."""

    q1: float
    q2: float
    n: int


def tertile_cuts(scores: ArrayLike) -> Tertiles:
    """Return the 1/3 and 2/3 quantiles of the scores (type 7, numpy's `linear`; R: quantile(score, c(1, 2) / 3)).

    scores   (n,), of construction patients, none missing
    raises   InputError where there is no score, one is missing, or the two cuts coincide (a band would be empty)
    """
    values = checked_score(scores)
    if not len(values):
        raise InputError("tertiles: wanted scores of construction patients, found none")
    q1, q2 = (float(q) for q in np.quantile(values, (1 / 3, 2 / 3)))
    if q1 == q2:
        raise InputError(
            f"tertiles: wanted two different cuts, found both at {q1} over {len(values)} patients "
            f"with {len(np.unique(values))} different scores; a score with so many ties cannot be cut in three"
        )
    return Tertiles(q1, q2, len(values))


def band_of(scores: Sequence[float | None] | ArrayLike, cuts: Tertiles) -> list[str | None]:
    """Return Low, Medium or High for each score, None where the score is None or NaN.

    scores   (n,); a score equal to a cut belongs to the lower band
    """
    values = np.asarray(scores, dtype=np.float64)
    level = np.searchsorted([cuts.q1, cuts.q2], values, side="left")
    return [None if missing else BANDS[at] for at, missing in zip(level, np.isnan(values), strict=True)]
