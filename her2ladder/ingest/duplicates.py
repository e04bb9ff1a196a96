"""Nuclei that stand in a file twice, as overlapping tiles of a segmenter leave them.

Two cells of one class are one nucleus where their outlines share more than half of the smaller one, or, where one of them has no
outline, where their centroids lie closer than a micrometre. The one with the larger outline counts (a tile's edge cuts the other),
of equal ones the earlier in the file. Looked for tile row by tile row, so that memory does not grow with the slide.
source   chosen: decision 0038
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from her2ladder.ingest.compiled import compiled
from her2ladder.ingest.outline_kernel import QUANTA_PER_PX
from her2ladder.ingest.readers.base import Floats, Ints
from her2ladder.ingest.runs import TILE_PX, Block, joined

CLOSE_UM = 1.0
SHARED = 0.5
MAX_REACH_PX = 256.0  # centroids further apart than this are not compared: no nucleus is that large


@dataclass(frozen=True)
class Doubles:
    """Cells that repeat another: later cell_id -> the one that counts."""

    counts: dict[int, int]

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def ids(self) -> Ints:
        return np.array(sorted(self.counts), dtype=np.int64)


def find_doubles(blocks: Iterator[Block], class_of: NDArray[np.int16], mpp: tuple[float, float]) -> Doubles:
    """Return the cells that repeat another.

    blocks     cells in tile order
    class_of   label number -> class number
    mpp        micrometres per pixel, x and y
    """
    pairs: list[tuple[Ints, Ints, Floats, Floats]] = []
    before: Block | None = None
    for row in _rows(blocks, mpp):
        window = row if before is None else joined([before, row])
        n_before = 0 if before is None else len(before.fixed)
        if found := _pairs(window, n_before, class_of, mpp):
            pairs.append(found)
        before = row
    return Doubles(_kept(pairs))


def _rows(blocks: Iterator[Block], mpp: tuple[float, float]) -> Iterator[Block]:
    """Yield the cells of each row of tiles."""
    held: list[Block] = []
    row = None
    for block in blocks:
        if not len(block.fixed):
            continue
        rows = np.floor(block.fixed["y_um"] / mpp[1] / TILE_PX).astype(np.int64)
        quanta = np.r_[0, np.cumsum(block.fixed["n_quanta"], dtype=np.int64)]
        cuts = np.r_[0, np.flatnonzero(np.diff(rows)) + 1, len(rows)]
        for begin, end in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
            if held and rows[begin] != row:
                yield joined(held)
                held = []
            row = rows[begin]
            held.append(Block(block.fixed[begin:end], block.quanta[quanta[begin] : quanta[end]], np.empty(0, dtype=np.uint8)))
    if held:
        yield joined(held)


def _pairs(window: Block, n_before: int, class_of: NDArray[np.int16], mpp: tuple[float, float]) -> tuple[Ints, Ints, Floats, Floats] | None:
    """Return pairs of cells that are one nucleus: their ids and areas; those within the first n_before were found before."""
    fixed = window.fixed
    x, y = fixed["x_um"] / mpp[0], fixed["y_um"] / mpp[1]
    has = fixed["n_quanta"] > 0
    area = np.where(has, fixed["area_um2"] / (mpp[0] * mpp[1]), 0.0)
    box = fixed["box"].astype(np.float64)
    size = np.maximum(box[:, 2] - box[:, 0], box[:, 3] - box[:, 1])[has]
    reach = float(np.clip(size.max() if len(size) else 0.0, 2 * CLOSE_UM / min(mpp), MAX_REACH_PX))
    column, line = np.floor(x / reach).astype(np.int64), np.floor(y / reach).astype(np.int64)
    n_columns = int(column.max() - column.min()) + 3
    square = (line - line.min() + 1) * n_columns + (column - column.min() + 1)
    order = np.argsort(square, kind="stable")
    found = np.empty((1024, 2), dtype=np.int64)
    of = class_of[fixed["label"]]
    while (n := _candidates(x, y, square, order, n_columns, of, has, area, box, np.array(mpp), reach, n_before, found)) > len(found):
        found = np.empty((n, 2), dtype=np.int64)
    if not n:
        return None
    i, j = found[:n].T
    both = has[i] & has[j]
    same = ~both
    if both.any():
        same[both] = _overlap(window, i[both], j[both], area, mpp)
    i, j = i[same], j[same]
    ids = fixed["cell_id"].astype(np.int64)
    return (ids[i], ids[j], area[i], area[j]) if len(i) else None


@compiled
def _candidates(
    x: Floats,
    y: Floats,
    square: Ints,
    order: Ints,
    n_columns: int,
    of: NDArray[np.int16],
    has: NDArray[np.bool_],
    area: Floats,
    box: Floats,
    mpp: Floats,
    reach: float,
    n_before: int,
    out: Ints,
) -> int:
    """Write pairs of one class that are close enough, or whose boxes share enough; returns how many there are, written or not."""
    n, found = len(order), 0
    sorted_squares = square[order]
    for a in range(n):
        i = order[a]
        for down in range(2):
            first = sorted_squares[a] + (n_columns - 1 if down else 0)
            last = sorted_squares[a] + (n_columns + 1 if down else 1)
            b = np.searchsorted(sorted_squares, first) if down else a + 1
            while b < n and sorted_squares[b] <= last:
                j = order[b]
                b += 1
                if of[i] != of[j] or (i < n_before and j < n_before):
                    continue
                dx, dy = x[i] - x[j], y[i] - y[j]
                if has[i] and has[j]:
                    if abs(dx) > reach or abs(dy) > reach:
                        continue
                    wide = min(box[i, 2], box[j, 2]) - max(box[i, 0], box[j, 0])
                    high = min(box[i, 3], box[j, 3]) - max(box[i, 1], box[j, 1])
                    if wide <= 0 or high <= 0 or wide * high <= SHARED * min(area[i], area[j]):
                        continue
                elif (dx * mpp[0]) ** 2 + (dy * mpp[1]) ** 2 >= CLOSE_UM**2:
                    continue
                if found < len(out):
                    out[found, 0], out[found, 1] = i, j
                found += 1
    return found


def _overlap(window: Block, i: Ints, j: Ints, area: Floats, mpp: tuple[float, float]) -> NDArray[np.bool_]:
    """Tell which pairs of outlines share more than half of the smaller."""
    import shapely

    shapes: NDArray[Any] = np.empty(len(window.fixed), dtype=object)
    used = np.unique(np.concatenate([i, j]))
    shapes[used] = _polygons(window, used, mpp)
    shared = shapely.area(shapely.intersection(shapes[i], shapes[j]))
    return np.asarray(shared > SHARED * np.minimum(area[i], area[j]))


def _polygons(window: Block, which: Ints, mpp: tuple[float, float]) -> NDArray[Any]:
    import shapely

    fixed = window.fixed[which]
    ends = np.cumsum(window.fixed["n_quanta"], dtype=np.int64)[which] // 2
    n_points = fixed["n_quanta"].astype(np.int64) // 2
    begins = ends - n_points
    cuts = np.r_[0, np.cumsum(n_points)]
    at = np.repeat(begins - cuts[:-1], n_points) + np.arange(int(n_points.sum()))
    base = np.floor(np.column_stack([fixed["x_um"] / mpp[0], fixed["y_um"] / mpp[1]]) + 0.5)
    points = window.quanta.reshape(-1, 2)[at] / QUANTA_PER_PX + np.repeat(base, n_points, axis=0)
    rings = shapely.linearrings(points, indices=np.repeat(np.arange(len(which)), n_points))
    shapes = shapely.polygons(rings)
    invalid = ~shapely.is_valid(shapes)
    if invalid.any():  # an outline that touches itself
        shapes[invalid] = shapely.make_valid(shapes[invalid])
    return np.asarray(shapes)


def _kept(pairs: list[tuple[Ints, Ints, Floats, Floats]]) -> dict[int, int]:
    """Return which cell of each nucleus counts: from the largest on, each one speaks for those that it repeats."""
    if not pairs:
        return {}
    i, j, area_i, area_j = (np.concatenate(part) for part in zip(*pairs, strict=True))
    twins: dict[int, list[int]] = defaultdict(list)
    area: dict[int, float] = {}
    for a, b, one, two in zip(i.tolist(), j.tolist(), area_i.tolist(), area_j.tolist(), strict=True):
        twins[a].append(b)
        twins[b].append(a)
        area[a], area[b] = one, two
    gone: dict[int, int] = {}
    for cell in sorted(twins, key=lambda one: (-area[one], one)):
        if cell not in gone:
            for twin in twins[cell]:
                gone.setdefault(twin, cell)
    return gone
