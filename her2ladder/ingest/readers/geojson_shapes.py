"""The geometries of features as outlines and places of cells."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from her2ladder.ingest.readers import coordinates
from her2ladder.ingest.readers.base import Floats, Ints
from her2ladder.ingest.readers.geojson_types import Geometry

_DEPTH = {"Point": 1, "MultiPoint": 2, "LineString": 2, "Polygon": 3, "MultiPolygon": 4}
_WANTED = "geometry: wanted a Polygon, a closed LineString, a Point or many of them, found {}"
_OPEN = "geometry: wanted a closed outline, found a LineString that does not end where it begins"
HOLES, PARTS = "outline had holes, which are filled", "outline had parts, of which the largest is kept"
_NO_PAIRS = "coordinates: wanted lists of points [x, y], found {}"
_PLACE, _PLACES = msgspec.json.Decoder(tuple[float, float]), msgspec.json.Decoder(list[tuple[float, float]])


@dataclass(frozen=True)
class CellShapes:
    """The cells of n features.

    feature            (cells,) which feature each cell is of, ascending
    x, y               (cells,) NaN where the outline tells
    points, n_points   as in CellBatch
    exploded           (n,) features that are many cells
    wrong              features that are no cell, and why
    """

    feature: Ints
    x: Floats
    y: Floats
    points: Floats
    n_points: Ints
    exploded: NDArray[np.bool_]
    wrong: list[tuple[int, str]]


def cells_of(geometries: list[Geometry | None], explodes: bool, notes: Counter[str]) -> CellShapes:
    """Return the cells that geometries are.

    explodes   a MultiPolygon is a cell a polygon, else one cell: its largest part
    """
    kinds = ["" if one is None else str(one.type) for one in geometries]
    raws = [msgspec.Raw(b"null") if one is None else one.coordinates for one in geometries]
    buf = np.frombuffer(b"".join(raws), dtype=np.uint8)
    ends = np.cumsum(np.fromiter((len(memoryview(raw)) for raw in raws), dtype=np.int64, count=len(raws)))
    depth = np.array([_DEPTH.get(kind, 0) for kind in kinds], dtype=np.int8)
    shapes = coordinates.parse_shapes(buf, ends - np.diff(ends, prepend=0), ends, depth)
    wrong: list[tuple[int, str]] = []
    for i in np.flatnonzero(shapes.verdict == coordinates.NOT_PAIRS):
        why = _NO_PAIRS.format(_shown(raws[i])) if depth[i] else _WANTED.format(kinds[i] or "none")
        wrong.append((int(i), why))
    ring = _Rings(shapes)
    is_many = np.array([kind == "MultiPoint" or (explodes and kind == "MultiPolygon") for kind in kinds], dtype=np.bool_)
    is_place = np.array([kind in ("Point", "MultiPoint") for kind in kinds], dtype=np.bool_)
    chosen, feature = ring.outlines(is_many, is_place, notes)
    is_line = np.array([kind == "LineString" for kind in kinds], dtype=np.bool_)
    is_open = is_line[feature] & ~ring.closed(chosen)
    wrong += [(int(i), _OPEN) for i in feature[is_open]]
    chosen, feature = chosen[~is_open], feature[~is_open]
    points, n_points = ring.taken(chosen)
    at, where = _places(shapes, ring, is_place, kinds, raws)
    order = np.argsort(np.concatenate([feature, at]), kind="stable")
    nowhere = np.full((len(feature), 2), np.nan)
    place = np.concatenate([nowhere, where])[order]
    return CellShapes(
        feature=np.concatenate([feature, at])[order],
        x=place[:, 0].copy(),
        y=place[:, 1].copy(),
        points=points,  # places have none, and outlines keep their order
        n_points=np.concatenate([n_points, np.zeros(len(at), dtype=np.int64)])[order],
        exploded=is_many,
        wrong=wrong,
    )


def polygons(buf: NDArray[np.uint8], items: Ints, notes: Counter[str]) -> tuple[Floats, Ints, NDArray[np.bool_]]:
    """Return the outlines of polygons that lie at the items of a list, the points of each, and which are lists of points."""
    shapes = coordinates.parse_shapes(buf, items[:, 0], items[:, 1], np.full(len(items), coordinates.POLYGON, dtype=np.int8))
    no = np.zeros(len(items), dtype=np.bool_)
    ring = _Rings(shapes)
    chosen, _ = ring.outlines(no, no, notes)
    points, n_points = ring.taken(chosen)
    return points, n_points, shapes.verdict != coordinates.NOT_PAIRS


class _Rings:
    """Where the rings of parsed geometries begin, and which of them are outlines."""

    def __init__(self, shapes: coordinates.Shapes) -> None:
        self.shapes = shapes
        self.begins = np.cumsum(shapes.ring_points) - shapes.ring_points
        self.part_ring = np.cumsum(shapes.part_rings) - shapes.part_rings
        self.part_of = np.repeat(np.arange(len(shapes.n_parts)), shapes.n_parts)

    def outlines(self, is_many: NDArray[np.bool_], is_place: NDArray[np.bool_], notes: Counter[str]) -> tuple[Ints, Ints]:
        """Return (cells,) the ring that is each cell's outline, and the feature it is of."""
        s, part = self.shapes, np.arange(len(self.part_ring))
        has_ring = s.part_rings > 0
        first = self.part_ring
        keep = ~is_place[self.part_of] & has_ring
        several = (s.n_parts > 1) & ~is_many & ~is_place
        if several.any():
            areas = np.zeros(len(s.ring_points))
            coordinates.ring_areas(s.points, s.ring_points, areas)
            area = np.where(has_ring, areas[np.minimum(first, max(len(areas) - 1, 0))], -1.0)
            order = np.lexsort((part, -area, self.part_of))
            largest = order[np.r_[True, np.diff(self.part_of[order]) != 0]]
            is_largest = np.zeros(len(part), dtype=np.bool_)
            is_largest[largest] = True
            keep &= ~several[self.part_of] | is_largest
            notes[PARTS] += int(several.sum())
        if holes := int((keep & (s.part_rings > 1)).sum()):
            notes[HOLES] += holes
        # A geometry without a ring ([]) stands as a cell without an outline: the judge says so.
        lost = np.flatnonzero(
            (s.verdict != coordinates.NOT_PAIRS) & ~is_place & (np.bincount(self.part_of[keep], minlength=len(s.n_parts)) == 0)
        )
        ring, feature = first[keep], self.part_of[keep]
        if len(lost):
            order = np.argsort(np.concatenate([feature, lost]), kind="stable")
            ring, feature = np.concatenate([ring, np.full(len(lost), -1)])[order], np.concatenate([feature, lost])[order]
        return ring, feature

    def closed(self, ring: Ints) -> NDArray[np.bool_]:
        out = np.zeros(len(ring), dtype=np.bool_)
        has = ring >= 0
        has[has] = self.shapes.ring_points[ring[has]] > 0
        begin = self.begins[ring[has]]
        end = begin + self.shapes.ring_points[ring[has]] - 1
        out[has] = (self.shapes.points[begin] == self.shapes.points[end]).all(axis=1)
        return out

    def taken(self, ring: Ints) -> tuple[Floats, Ints]:
        """Return the points of rings, one after the other, and how many each has; ring -1 has none."""
        s = self.shapes
        if len(ring) == len(s.ring_points) and len(ring) and ring[0] == 0 and (np.diff(ring) == 1).all():
            return s.points, s.ring_points
        n_points = np.where(ring >= 0, s.ring_points[ring], 0) if len(s.ring_points) else np.zeros(len(ring), dtype=np.int64)
        begins = np.where(ring >= 0, self.begins[ring], 0) if len(s.ring_points) else np.zeros(len(ring), dtype=np.int64)
        at = np.repeat(begins - (np.cumsum(n_points) - n_points), n_points) + np.arange(int(n_points.sum()))
        return s.points[at], n_points


def _places(
    shapes: coordinates.Shapes, ring: _Rings, is_place: NDArray[np.bool_], kinds: list[str], raws: list[msgspec.Raw]
) -> tuple[Ints, Floats]:
    """Return (places,) the feature each is of, and where it is: to the last digit, since nothing else tells where such a cell lies."""
    if not is_place.any():
        return np.empty(0, dtype=np.int64), np.empty((0, 2))
    feature = np.repeat(ring.part_of[np.repeat(np.arange(len(shapes.part_rings)), shapes.part_rings)], shapes.ring_points)
    mine = is_place[feature]
    where = shapes.points[mine].copy()
    at = feature[mine]
    for i in np.flatnonzero(is_place & (shapes.verdict == coordinates.INEXACT)):
        exact = _PLACES.decode(raws[i]) if kinds[i] == "MultiPoint" else [_PLACE.decode(raws[i])]
        where[at == i] = np.array(exact)
    return at, where


def _shown(raw: msgspec.Raw) -> str:
    text = bytes(raw)
    return text[:40].decode("utf-8", "replace") + (" …" if len(text) > 40 else "")
