"""The two functions of ours that SQL calls: an outline as WKB, and the nearest cell to each of many. Arrow in, Arrow out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_PAIR = pa.struct([("from_id", pa.int32()), ("to_id", pa.int32()), ("distance_um", pa.float64())])
FEW = 4  # candidate places looked at first; more only where they tie


def outline_wkb(contour: Any, x_um: Any, y_um: Any, mpp_x: Any, mpp_y: Any, area_um2: Any) -> pa.Array:
    """Return stored outlines as WKB polygons in micrometres; NULL where a row has no outline of three points or more.

    contour    list<int16>: dx, dy, … in quanta from the centroid rounded to whole pixels, floor(v + 0.5); an open ring
    area_um2   area inside the outline: it tells how many quanta a pixel has, since their area is known too
    source     design section 3; schema/outlines.py is the same for whole tables
    """
    lists = _one_array(contour)
    numbers = [_floats(column) for column in (x_um, y_um, mpp_x, mpp_y, area_um2)]
    lengths = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    values = lists.flatten().fill_null(0).to_numpy(zero_copy_only=False).astype(np.float64)
    usable = (lengths >= 6) & (lengths % 2 == 0) & np.logical_and.reduce([np.isfinite(column) for column in numbers])
    usable &= (numbers[2] > 0) & (numbers[3] > 0) & (numbers[4] > 0)
    if not usable.any():
        return pa.nulls(len(lists), pa.binary())
    xy = values[np.repeat(usable, lengths)].reshape(-1, 2)
    n_points = lengths[usable] // 2
    x, y, mpp_across, mpp_down, area = (column[usable] for column in numbers)
    ends = np.cumsum(n_points)
    per_px = _quanta_per_px(xy, ends - n_points, n_points, area / (mpp_across * mpp_down))
    mpp = np.column_stack([mpp_across, mpp_down])
    base = np.floor(np.column_stack([x, y]) / mpp + 0.5)
    points = (np.repeat(base, n_points, axis=0) + xy / np.repeat(per_px, n_points)[:, None]) * np.repeat(mpp, n_points, axis=0)
    return _wkb(points, ends, n_points, usable)


def nearest_pairs(origins: Any, targets: Any) -> pa.Array:
    """Return for each row, list of origins and list of targets, the nearest target of every origin: ties to the smaller id, never itself.

    origins, targets   list<struct<id, x, y>>, micrometres
    returns            list<struct<from_id, to_id, distance_um>>, ordered by from_id; an origin without any target is left out
    """
    rows = []
    for a, b in zip(_one_array(origins), _one_array(targets), strict=True):
        if not a.is_valid or not b.is_valid or not len(a.values) or not len(b.values):
            rows.append(pa.array([], _PAIR))
            continue
        ids, xy = _places(a.values)
        order = np.argsort(ids, kind="stable")
        to_id, d2 = nearest(ids[order], xy[order], *_places(b.values))
        has = to_id >= 0
        columns = [pa.array(ids[order][has], pa.int32()), pa.array(to_id[has], pa.int32()), pa.array(np.sqrt(d2[has]))]
        rows.append(pa.StructArray.from_arrays(columns, fields=list(_PAIR)))
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.concat_arrays(rows))


def nearest(ids: Ints, xy: Floats, to_ids: Ints, to_xy: Floats) -> tuple[Ints, Floats]:
    """Return (to_id, squared distance) of the nearest target of each origin; -1 and infinity where there is none but itself.

    ids, xy         (n,), (n, 2) origins; the target with an origin's own id is not its neighbour
    to_ids, to_xy   (m,), (m, 2) targets; of targets at equal distance the smallest id wins
    """
    from scipy.spatial import cKDTree

    order = np.lexsort((to_ids, to_xy[:, 1], to_xy[:, 0]))
    to_ids, to_xy = to_ids[order], to_xy[order]
    new = np.r_[True, np.any(to_xy[1:] != to_xy[:-1], axis=1)]  # cells at one place are one candidate: its smallest two ids
    first = np.flatnonzero(new)
    places, smallest = to_xy[first], to_ids[first]
    second = np.full(len(first), -1, dtype=np.int64)
    shared = np.diff(np.r_[first, len(to_ids)]) > 1
    second[shared] = to_ids[first[shared] + 1]
    tree = cKDTree(places)
    best_id, best_d2 = np.full(len(ids), -1, dtype=np.int64), np.full(len(ids), np.inf)
    open_, k = np.arange(len(ids)), min(FEW, len(places))
    while len(open_):
        near = tree.query(xy[open_], k=np.arange(1, k + 1))[1]
        d2 = ((places[near] - xy[open_][:, None, :]) ** 2).sum(axis=2)
        own = smallest[near] == ids[open_][:, None]
        named = np.where(own, second[near], smallest[near])
        d2[named < 0] = np.inf
        least = d2.min(axis=1)
        best_d2[open_] = least
        tied = np.where(d2 == least[:, None], named, np.iinfo(np.int64).max).min(axis=1)
        best_id[open_] = np.where(np.isfinite(least), tied, -1)
        # The farthest candidate ties with the best one, so there may be more: look at twice as many.
        open_ = open_[(d2[:, -1] <= least * (1 + 1e-9)) | ~np.isfinite(least)] if k < len(places) else open_[:0]
        k = min(2 * k, len(places))
    return best_id, best_d2


def _quanta_per_px(xy: Floats, starts: Ints, n_points: Ints, area_px2: Floats) -> Floats:
    """Return how many quanta a pixel has for each outline: the root of its area in quanta over its area in pixels."""
    following = np.arange(1, len(xy) + 1)
    following[starts + n_points - 1] = starts
    cross = xy[:, 0] * xy[following, 1] - xy[following, 0] * xy[:, 1]
    area_quanta2 = np.abs(np.add.reduceat(cross, starts)) / 2
    per_px: Floats = np.maximum(1.0, np.rint(np.sqrt(area_quanta2 / area_px2)))
    return per_px


def _wkb(points: Floats, ends: Ints, n_points: Ints, usable: NDArray[np.bool_]) -> pa.Array:
    """Return little-endian WKB polygons of one closed ring each, NULL where not usable."""
    ring = n_points + 1
    sizes = 13 + 16 * ring
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    out = np.empty(offsets[-1], dtype=np.uint8)
    head = np.zeros((len(ring), 13), dtype=np.uint8)
    head[:, 0], head[:, 1], head[:, 5] = 1, 3, 1  # little-endian, Polygon, one ring
    head[:, 9:13] = ring.astype("<u4").view(np.uint8).reshape(-1, 4)
    out[(offsets[:-1, None] + np.arange(13)).ravel()] = head.ravel()
    closed = np.insert(points, ends, points[ends - n_points], axis=0).astype("<f8")  # the first point stands again after the last
    body = np.ones(len(out), dtype=np.bool_)
    body[(offsets[:-1, None] + np.arange(13)).ravel()] = False
    out[body] = closed.ravel().view(np.uint8)
    all_sizes = np.zeros(len(usable), dtype=np.int64)
    all_sizes[usable] = sizes
    starts = np.concatenate([[0], np.cumsum(all_sizes)]).astype(np.int32)
    valid = pa.array(usable).buffers()[1]
    return pa.Array.from_buffers(pa.binary(), len(usable), [valid, pa.py_buffer(starts), pa.py_buffer(out)])


def _one_array(column: Any) -> Any:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _floats(column: Any) -> Floats:
    values: Floats = _one_array(column).cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False)
    return values


def _places(values: Any) -> tuple[Ints, Floats]:
    ids = values.field("id").to_numpy(zero_copy_only=False).astype(np.int64)
    return ids, np.column_stack([values.field(axis).to_numpy(zero_copy_only=False) for axis in ("x", "y")])
