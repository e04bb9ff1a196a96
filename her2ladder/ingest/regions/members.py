"""Which cells lie in which region."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from her2ladder.ingest.readers.base import Floats


def edges_of(shape: Any) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the edges of a polygon's rings, holes too, each from its lower to its upper end; horizontal ones are left out."""
    import shapely

    rings = [part for polygon in shapely.get_parts(shape) for part in (polygon.exterior, *polygon.interiors)]
    corners = [shapely.get_coordinates(ring) for ring in rings]
    a = np.concatenate([ring[:-1] for ring in corners])
    b = np.concatenate([ring[1:] for ring in corners])
    level = a[:, 1] == b[:, 1]
    a, b = a[~level], b[~level]
    turned = a[:, 1] > b[:, 1]
    a[turned], b[turned] = b[turned].copy(), a[turned].copy()
    return tuple(np.ascontiguousarray(column) for column in (a[:, 0], a[:, 1], b[:, 0], b[:, 1]))  # type: ignore[return-value]


def members(x: Floats, y: Floats, shapes: Sequence[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (place of the cell, place of the region) of every cell in a region, by region and then cell.

    Cells are looked up by their y, so that a region costs what its own height holds.
    """
    from her2ladder.ingest.regions.inside_kernel import inside

    order = np.argsort(y, kind="stable")
    xs, ys = x[order], y[order]
    cells, regions = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for at, shape in enumerate(shapes):
        edges = edges_of(shape)
        low, high = np.searchsorted(ys, [edges[1].min(), edges[3].max()]) if len(edges[0]) else (0, 0)
        found = np.sort(order[low:high][inside(xs[low:high], ys[low:high], *edges)]) if high > low else cells[0]
        cells.append(found)
        regions.append(np.full(len(found), at, np.int64))
    return np.concatenate(cells), np.concatenate(regions)
