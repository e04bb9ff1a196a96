"""Well-known binary as outlines of cells: the largest part of a MultiPolygon, holes filled, closed lines taken for outlines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from her2ladder.ingest.compiled import compiled
from her2ladder.ingest.readers.base import Floats, Ints
from her2ladder.ingest.readers.geojson_shapes import HOLES, PARTS

_POINT, _LINE, _RING, _POLYGON, _MULTI = 0, 1, 2, 3, 6
_NONE = -1


@dataclass(frozen=True)
class Outlines:
    """Outlines of n geometries.

    points, n_points   (P, 2) one after the other; (n,) points of each, 0 = none
    wrong              which are no cell, and why
    notes              what was done to their shapes -> how often
    """

    points: Floats
    n_points: Ints
    wrong: dict[int, str]
    notes: Counter[str]


def outlines_of(blobs: Sequence[bytes | None]) -> Outlines:
    """Return the outlines of geometries in WKB; None is one without a shape, and not wrong.

    Polygons without holes, which nearly all are, are read by a compiled scanner (a seventh of the time), others by shapely.
    """
    import shapely

    buf = np.frombuffer(b"".join(blob or b"" for blob in blobs), dtype=np.uint8)
    ends = np.cumsum(np.array([len(blob or b"") for blob in blobs], dtype=np.int64))
    bits, n_points = np.empty(len(buf) // 8, dtype=np.uint64), np.zeros(len(blobs), dtype=np.int64)
    is_none = np.array([blob is None for blob in blobs], dtype=np.bool_)
    if plain_polygons(buf, ends, is_none, bits, n_points):
        points = bits[: 2 * int(n_points.sum())].view(np.float64).reshape(-1, 2)
        return Outlines(points, n_points, {}, Counter())
    shapes = shapely.from_wkb(np.array(blobs, dtype=object), on_invalid="ignore")
    broken = [i for i in np.flatnonzero(shapely.is_missing(shapes)).tolist() if blobs[i] is not None]
    found = outlines_of_shapes(shapes)
    found.wrong.update(dict.fromkeys(broken, "geometry: wanted WKB, found something else"))
    return found


def outlines_of_shapes(shapes: NDArray[Any]) -> Outlines:
    """Return the outlines of shapely geometries; None is one without a shape."""
    import shapely

    kind = shapely.get_type_id(shapes)
    wrong: dict[int, str] = {}
    notes: Counter[str] = Counter()
    several = np.flatnonzero(kind == _MULTI)
    if len(several):
        shapes, kind = shapes.copy(), kind.copy()
        parts, of = shapely.get_parts(shapes[several], return_index=True)
        order = np.lexsort((np.arange(len(of)), -shapely.area(parts), of))
        first = order[np.r_[True, np.diff(of[order]) != 0]] if len(order) else order
        shapes[several] = shapely.Polygon()
        shapes[several[of[first]]] = parts[first]
        kind[several] = _POLYGON
        if many := int((np.bincount(of, minlength=len(several)) > 1).sum()):
            notes[PARTS] += many
    if holes := int((shapely.get_num_interior_rings(shapes[kind == _POLYGON]) > 0).sum()):
        notes[HOLES] += holes
    rings = np.full(len(shapes), None, dtype=object)
    rings[kind == _POLYGON] = shapely.get_exterior_ring(shapes[kind == _POLYGON])
    lines = (kind == _LINE) | (kind == _RING)
    rings[lines] = shapes[lines]
    for i in np.flatnonzero(lines & ~shapely.is_closed(rings)):
        wrong[int(i)] = "geometry: wanted a closed outline, found a line that does not end where it begins"
        rings[i] = None
    points = kind == _POINT
    for i in np.flatnonzero((kind != _NONE) & (kind != _POLYGON) & ~lines & ~points):
        wrong[int(i)] = f"geometry: wanted a Polygon, a closed line or a Point, found a {shapes[i].geom_type}"
    coordinates, of = shapely.get_coordinates(rings, return_index=True)
    return Outlines(coordinates, np.bincount(of, minlength=len(shapes)).astype(np.int64), wrong, notes)


@compiled
def plain_polygons(buf: NDArray[np.uint8], ends: Ints, is_none: NDArray[np.bool_], bits: NDArray[np.uint64], n_points: Ints) -> bool:
    """Read little-endian polygons of one ring, one after the other; returns False at the first that is anything else.

    bits   room for the coordinates as 64-bit words; n_points (n,) written
    """
    used, begin = 0, 0
    for i in range(len(ends)):
        end = ends[i]
        if is_none[i]:
            continue
        if end - begin < 13 or buf[begin] != 1 or _word(buf, begin + 1) != 3 or _word(buf, begin + 5) != 1:
            return False
        n = _word(buf, begin + 9)
        if end - begin != 13 + 16 * n:
            return False
        for k in range(2 * n):
            at = begin + 13 + 8 * k
            value = np.uint64(0)
            for b in range(7, -1, -1):
                value = (value << np.uint64(8)) | np.uint64(buf[at + b])
            bits[used + k] = value
        used += 2 * n
        n_points[i] = n
        begin = end
    return True


@compiled
def _word(buf: NDArray[np.uint8], at: int) -> int:
    return int(buf[at]) | int(buf[at + 1]) << 8 | int(buf[at + 2]) << 16 | int(buf[at + 3]) << 24
