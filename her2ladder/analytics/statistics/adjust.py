"""P values of a family, adjusted: Bonferroni, Holm, Benjamini-Hochberg, or left alone; equal to R's `p.adjust(p, method, n)`.

The family is what was **planned**, not what could be computed: a comparison with an empty cell keeps its place in the factor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from her2ladder.errors import InputError

Correction = Literal["bonferroni", "holm", "fdr", "none"]


def adjust(p: Sequence[float | None], correction: Correction, family: int | None = None) -> list[float | None]:
    """Return the adjusted P values in the order given; None stays None.

    p           each in 0..1, or None where the test is undefined
    correction  `bonferroni`, `holm`, `fdr` (Benjamini-Hochberg) or `none`
    family      comparisons planned, at least len(p); default len(p). The absent ones count as P = 1 (the cautious side)
    raises      InputError for an unknown correction, a P outside 0..1 or a family smaller than the list
    """
    if correction not in get_args(Correction):
        raise InputError(f"correction: must be one of {', '.join(get_args(Correction))}, got {correction!r}")
    m = len(p) if family is None else family
    if m < len(p):
        raise InputError(f"family: must be at least the {len(p)} comparisons made, got {m}")
    defined = [(value, at) for at, value in enumerate(p) if value is not None]
    if any(not 0 <= value <= 1 for value, _ in defined):
        raise InputError(f"p: each must lie in 0..1, got {next(v for v, _ in defined if not 0 <= v <= 1)}")
    adjusted: list[float | None] = [None] * len(p)
    ordered = sorted(defined)
    ascending = np.array([value for value, _ in ordered], dtype=np.float64)
    for (_, at), value in zip(ordered, _ascending(ascending, correction, m), strict=True):
        adjusted[at] = float(value)
    return adjusted


def _ascending(p: NDArray[np.float64], correction: Correction, m: int) -> NDArray[np.float64]:
    """Return the adjusted values of P values that stand in ascending order."""
    rank = np.arange(1, len(p) + 1)
    scaled: NDArray[np.float64] = p
    if correction == "bonferroni":
        scaled = p * m
    elif correction == "holm":
        scaled = np.maximum.accumulate(p * (m - rank + 1))
    elif correction == "fdr":
        # undefined ones stand at rank m with P = 1, which bounds the largest defined value by 1
        scaled = np.minimum.accumulate((p * m / rank)[::-1])[::-1]
    capped: NDArray[np.float64] = np.minimum(scaled, 1.0)
    return capped
