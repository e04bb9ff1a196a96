"""Compiled: outlines as JSON text, a ring a cell, into one buffer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from her2ladder.analytics.spatial.compiled import compiled

MAX_NUMBER_BYTES = 16  # -1000000000.875
_FRACTIONS = np.frombuffer(b"000125250375500625750875", dtype=np.uint8).copy()


def ring_texts(points: NDArray[np.float64], n_points: NDArray[np.int64], *, closed: bool) -> list[bytes]:
    """Return each ring as `[[x,y],…]`; coordinates are whole eighths of a pixel, as the store keeps them, and are written exactly.

    closed   the first point stands again at the end (GeoJSON), or does not (HoVer-Net)
    """
    eighths = np.rint(points * 8).astype(np.int64)
    n = len(n_points)
    room = (len(points) + n) * (2 * MAX_NUMBER_BYTES + 4) + 2 * n
    out, ends = np.empty(room, dtype=np.uint8), np.empty(n, dtype=np.int64)
    used = _write(eighths, n_points, closed, out, ends)
    text = out[:used].tobytes()
    starts = [0, *ends[:-1].tolist()]
    return [text[a:b] for a, b in zip(starts, ends.tolist(), strict=True)]


@compiled
def _write(eighths: NDArray[np.int64], n_points: NDArray[np.int64], closed: bool, out: NDArray[np.uint8], ends: NDArray[np.int64]) -> int:
    at, begin = 0, 0
    for i in range(len(n_points)):
        n = n_points[i]
        out[at] = 91
        at += 1
        for k in range(n + 1 if closed and n else n):
            if k:
                out[at] = 44
                at += 1
            p = begin + (k if k < n else 0)
            out[at] = 91
            at = _number(eighths[p, 0], out, at + 1)
            out[at] = 44
            at = _number(eighths[p, 1], out, at + 1)
            out[at] = 93
            at += 1
        out[at] = 93
        at += 1
        ends[i] = at
        begin += n
    return at


@compiled
def _number(value: int, out: NDArray[np.uint8], at: int) -> int:
    if value < 0:
        out[at] = 45
        at, value = at + 1, -value
    whole, fraction = value >> 3, value & 7
    begin = at
    while True:
        out[at] = 48 + whole % 10
        at += 1
        whole //= 10
        if whole == 0:
            break
    low, high = begin, at - 1
    while low < high:
        out[low], out[high] = out[high], out[low]
        low, high = low + 1, high - 1
    if fraction:
        out[at] = 46
        digits = 1 if fraction == 4 else (2 if fraction % 2 == 0 else 3)
        for k in range(digits):
            out[at + 1 + k] = _FRACTIONS[3 * fraction + k]
        at += 1 + digits
    return at
