"""Well-known binary as outlines of cells: the largest part of a MultiPolygon, holes filled, closed lines taken for outlines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from her2ladder.ingest.readers.base import Floats, Ints
from her2ladder.ingest.readers.geojson_shapes import HOLES, PARTS

_POINT, _LINE, _RING, _POLYGON, _MULTI = 0, 1, 2, 3, 6
_NONE = -1


@dataclass(frozen=True)
class Outlines:
    """Outlines of n geometries.

    points, n_points   (P, 2) one after the other; (n,) points of each, 0 = none
    place              (n, 2) of Points; NaN for others
    wrong              which are no cell, and why
    notes              what was done to their shapes -> how often
    """

    points: Floats
    n_points: Ints
    place: Floats
    wrong: dict[int, str]
    notes: Counter[str]


def outlines_of(blobs: Sequence[bytes | None]) -> Outlines:
    """Return the outlines of geometries in WKB; None is one without a shape, and not wrong."""
    shapes = shapely.from_wkb(np.array(blobs, dtype=object), on_invalid="ignore")
    broken = [i for i in np.flatnonzero(shapely.is_missing(shapes)).tolist() if blobs[i] is not None]
    found = outlines_of_shapes(shapes)
    found.wrong.update(dict.fromkeys(broken, "geometry: wanted WKB, found something else"))
    return found


def outlines_of_shapes(shapes: NDArray[Any]) -> Outlines:
    """Return the outlines of shapely geometries; None is one without a shape."""
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
    place = np.full((len(shapes), 2), np.nan)
    points = kind == _POINT
    place[points] = np.column_stack([shapely.get_x(shapes[points]), shapely.get_y(shapes[points])])
    for i in np.flatnonzero((kind != _NONE) & (kind != _POLYGON) & ~lines & ~points):
        wrong[int(i)] = f"geometry: wanted a Polygon, a closed line or a Point, found a {shapes[i].geom_type}"
    coordinates, of = shapely.get_coordinates(rings, return_index=True)
    return Outlines(coordinates, np.bincount(of, minlength=len(shapes)).astype(np.int64), place, wrong, notes)
