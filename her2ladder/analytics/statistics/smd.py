"""Standardised mean difference: how far apart groups are in a baseline variable, whatever their size.

Two groups: |difference| / pooled spread. More than two: the largest of all pairs (*chosen*: the mean of pairs hides one group that is
off). Categories: the Mahalanobis distance of the level shares (Yang & Dalton 2012), which for two levels is the usual formula.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import sqrt

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def smd_continuous(groups: Sequence[Floats]) -> float | None:
    """Return the largest pairwise |mean difference| / sqrt((var + var) / 2), variances with n - 1.

    groups   one array a group, nothing missing; groups below two values are passed over
    returns  None where fewer than two groups remain, or where a pair differs without any spread (the distance is infinite)
    """
    usable = [g for g in groups if len(g) >= 2]
    pairs = [_distance(a.mean() - b.mean(), (a.var(ddof=1) + b.var(ddof=1)) / 2) for a, b in combinations(usable, 2)]
    return _largest(pairs)


def smd_categorical(counts: NDArray[np.int64]) -> float | None:
    """Return the largest pairwise distance of level shares.

    counts   (levels, groups); groups without patients are passed over
    returns  None where fewer than two groups remain, or where a pair shares no level's spread (the distance is infinite)
    """
    shares = [column / column.sum() for column in counts.T if column.sum() > 0]
    return _largest([_mahalanobis(a, b) for a, b in combinations(shares, 2)])


def _mahalanobis(a: Floats, b: Floats) -> float | None:
    present = (a > 0) | (b > 0)
    p, q = a[present][1:], b[present][1:]  # one level is given by the others
    if not len(p):
        return 0.0
    covariance = (np.diag(p) - np.outer(p, p) + np.diag(q) - np.outer(q, q)) / 2
    difference = p - q
    weighted = np.linalg.lstsq(covariance, difference, rcond=1e-10)[0]
    if not np.allclose(covariance @ weighted, difference, atol=1e-9):
        return None  # the difference lies where neither group varies
    squared = float(difference @ weighted)
    return sqrt(max(0.0, squared))


def _distance(difference: float, variance: float) -> float | None:
    if variance > 0:
        return abs(difference) / sqrt(variance)
    return 0.0 if difference == 0 else None


def _largest(pairs: Sequence[float | None]) -> float | None:
    found = [pair for pair in pairs if pair is not None]
    return max(found) if found and len(found) == len(pairs) else None
