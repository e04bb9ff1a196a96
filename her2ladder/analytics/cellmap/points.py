"""Cells as few bytes as they need: 5 bytes a cell, sorted so that gzip makes about 2 of them, for a page to unpack.

The plane is cut into `bands` horizontal bands of equal height; cells are sorted by band, within it by x. Then x is the step from the
neighbour (small), y the offset inside the band (small), and the order itself is an index: a page finds what lies near a point by its
band and a binary search. Layout, little-endian, before gzip:

    uint32 [bands]  cells of each band
    uint8  [n] x 2  low, then high bytes of the step in x from the cell before in the band (from 0 for its first)
    uint8  [n] x 2  low, then high bytes of y - band * 65536 / bands
    uint8  [n]      class
    uint8  [n] x 2  low, then high bytes of the value, 65535 = none   (only with a value)
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from her2ladder.analytics.cellmap.cells import MapCells

STEPS = 65_535  # uint16
NO_VALUE = 65_535
_MAX_BANDS = 1024


@dataclass(frozen=True)
class PackedPoints:
    """Gzipped cells and what turns them back: `x_um = x0_um + q * step_x_um`; the error is at most half a step."""

    gz: bytes
    n: int
    bands: int
    x0_um: float
    y0_um: float
    step_x_um: float
    step_y_um: float
    value0: float
    step_value: float


def pack_points(cells: MapCells) -> PackedPoints:
    """Return the cells packed as the module says; the same cells always give the same bytes."""
    n = len(cells.x_um)
    bands = _band_count(n)
    x, x0, step_x = _quantise(cells.x_um, STEPS)
    y, y0, step_y = _quantise(cells.y_um, STEPS)
    band = y // (65_536 // bands)
    order = np.lexsort((cells.code, y, x, band))
    counts = np.bincount(band, minlength=bands).astype("<u4")
    x, y, band = x[order], y[order], band[order]
    planes = [counts.tobytes(), _planes(_steps(x, band)), _planes(y % (65_536 // bands)), cells.code[order].tobytes()]
    value0, step_value = 0.0, 0.0
    if cells.value is not None:
        known = np.isfinite(cells.value)
        value = np.full(n, NO_VALUE, dtype=np.int64)
        value[known], value0, step_value = _quantise(cells.value[known], NO_VALUE - 1)
        planes.append(_planes(value[order]))
    return PackedPoints(gzip.compress(b"".join(planes), 9, mtime=0), n, bands, x0, y0, step_x, step_y, value0, step_value)


def _band_count(n: int) -> int:
    """Return the power of two near half the root of n: measured best, it balances the bits of the steps in x against those of y."""
    return int(2 ** np.clip(np.rint(np.log2(max(n, 4) ** 0.5 / 2)), 0, np.log2(_MAX_BANDS)))


def _quantise(values: NDArray[np.float64], steps: int) -> tuple[NDArray[np.int64], float, float]:
    """Return whole steps from the lowest value, that value, and the step's size (0 where all are equal)."""
    if not values.size:
        return np.zeros(0, dtype=np.int64), 0.0, 0.0
    lowest = float(values.min())
    step = float(values.max() - lowest) / steps
    if step == 0.0:
        return np.zeros(values.shape, dtype=np.int64), lowest, 0.0
    return np.clip(np.rint((values - lowest) / step), 0, steps).astype(np.int64), lowest, step


def _steps(x: NDArray[np.int64], band: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the step in x from the cell before in the same band, from 0 for the first of a band."""
    step = np.diff(x, prepend=0)
    first = np.diff(band, prepend=-1) != 0
    step[first] = x[first]
    return step


def _planes(values: NDArray[np.int64]) -> bytes:
    """Return low bytes, then high bytes: gzip finds the zeros of the high ones."""
    return (values & 255).astype(np.uint8).tobytes() + (values >> 8).astype(np.uint8).tobytes()
