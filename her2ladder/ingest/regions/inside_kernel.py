"""Compiled: which points lie in a polygon, by the even-odd rule; a point on an edge that two polygons share lies in exactly one of them.

An edge runs from its lower to its upper end whichever way the polygon goes round, so that two neighbours compute the same crossing to the last
bit. A horizontal edge counts for nothing; an edge holds its lower end and not its upper; a point on an edge is right of it. So a rectangle
holds its left and upper edge, as a square of a grid does (y grows downwards).
"""

from __future__ import annotations

import numpy as np

from her2ladder.ingest.compiled import compiled
from her2ladder.ingest.readers.base import Floats, Ints


@compiled
def _binned(y0: Floats, y1: Floats, low: float, step: float, n: int) -> tuple[Ints, Ints]:
    """Return the edges that each of n slabs of y meets: (starts (n + 1,), edges)."""
    starts = np.zeros(n + 1, np.int64)
    for e in range(len(y0)):
        for s in range(_slab(y0[e], low, step, n), _slab(y1[e], low, step, n) + 1):
            starts[s + 1] += 1
    for s in range(n):
        starts[s + 1] += starts[s]
    place = starts[:-1].copy()
    edges = np.empty(starts[n], np.int64)
    for e in range(len(y0)):
        for s in range(_slab(y0[e], low, step, n), _slab(y1[e], low, step, n) + 1):
            edges[place[s]] = e
            place[s] += 1
    return starts, edges


@compiled
def _slab(y: float, low: float, step: float, n: int) -> int:
    at = int((y - low) / step)
    return 0 if at < 0 else (n - 1 if at >= n else at)


@compiled
def inside(x: Floats, y: Floats, x0: Floats, y0: Floats, x1: Floats, y1: Floats) -> Ints:
    """Return the numbers of the points that lie in the polygon.

    x, y             (n,) points
    x0, y0, x1, y1   (m,) edges, each with y0 < y1
    """
    low, high = y0.min(), y1.max()
    left, right = min(x0.min(), x1.min()), max(x0.max(), x1.max())
    n_slabs = max(1, min(len(x0), 65_536))
    step = (high - low) / n_slabs
    starts, edges = _binned(y0, y1, low, step, n_slabs)
    found = np.empty(len(x), np.int64)
    n = 0
    for i in range(len(x)):
        if not (low <= y[i] < high and left <= x[i] <= right):
            continue
        slab = _slab(y[i], low, step, n_slabs)
        odd = False
        for at in range(starts[slab], starts[slab + 1]):
            e = edges[at]
            if y0[e] <= y[i] < y1[e] and x0[e] + (x1[e] - x0[e]) * ((y[i] - y0[e]) / (y1[e] - y0[e])) <= x[i]:
                odd = not odd
        if odd:
            found[n] = i
            n += 1
    return found[:n]
