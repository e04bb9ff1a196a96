"""Compiled: outlines as offsets from the rounded centroid, their area and box, and whether they can be an outline at all.

All predicates are in whole quanta (1/8 px), so that they are exact: what is judged is what is stored.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from her2ladder.ingest.compiled import compiled
from her2ladder.ingest.readers.base import Floats, Ints

QUANTA_PER_PX = 8
MAX_OFFSET_PX = 4095  # 32,767 quanta of 1/8 px: what 16 bits hold
MAX_POINTS = 4096  # chosen: a nucleus has 10 to 200 points; the test for crossings grows with the square
MAX_COORDINATE = 1e9

# Verdicts on one outline.
GOOD, NO_OUTLINE, NOT_FINITE, TOO_FEW, TOO_MANY, TOO_WIDE, NO_AREA, CROSSES, NO_CENTROID = range(9)


@compiled
def turn(ax: int, ay: int, bx: int, by: int, cx: int, cy: int) -> int:
    """Return the sign of the turn a -> b -> c: 1, -1, or 0 where they lie on one line."""
    cross = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    return 1 if cross > 0 else (-1 if cross < 0 else 0)


@compiled
def _apart(ax: int, ay: int, bx: int, by: int, cx: int, cy: int, dx: int, dy: int) -> bool:
    """Tell whether c and d lie on different sides of the line a-b."""
    return turn(ax, ay, bx, by, cx, cy) * turn(ax, ay, bx, by, dx, dy) < 0


@compiled
def _in_sector(ux: int, uy: int, ax: int, ay: int, bx: int, by: int) -> int:
    """Return 1 where direction u lies within the sector that runs anticlockwise from a to b, -1 without, 0 on an edge of it."""
    ab, au, ub = turn(0, 0, ax, ay, bx, by), turn(0, 0, ax, ay, ux, uy), turn(0, 0, ux, uy, bx, by)
    if (au == 0 and ax * ux + ay * uy > 0) or (ub == 0 and bx * ux + by * uy > 0):
        return 0
    if ab > 0:
        return 1 if au > 0 and ub > 0 else -1
    if ab < 0:
        return -1 if au <= 0 and ub <= 0 else 1
    if ax * bx + ay * by > 0:  # a and b are one direction: an empty sector
        return 0
    return 1 if au > 0 else -1


@compiled
def crosses(x: Ints, y: Ints, n: int) -> bool:
    """Tell whether a closed ring of n points crosses itself.

    Touching itself is not crossing: tracing the border of a pixel object runs back over its thin parts (cv2.findContours), which
    real outlines do. A crossing through a vertex is one; where two parts run along each other, they count as touching.
    """
    for i in range(n):
        a, b = i, i + 1 if i + 1 < n else 0
        ax, ay, bx, by = x[a], y[a], x[b], y[b]
        low_x, high_x, low_y, high_y = min(ax, bx), max(ax, bx), min(ay, by), max(ay, by)
        for c in range(n):
            if c in (a, b):
                continue
            d = c + 1 if c + 1 < n else 0
            cx, cy, dx, dy = x[c], y[c], x[d], y[d]
            if (cx < low_x and dx < low_x) or (cx > high_x and dx > high_x) or (cy < low_y and dy < low_y) or (cy > high_y and dy > high_y):
                continue
            c_side = turn(ax, ay, bx, by, cx, cy)
            if c_side == 0:
                if low_x <= cx <= high_x and low_y <= cy <= high_y and _crosses_at(x, y, n, a, b, c):
                    return True
            elif c > i and d != a and c_side * turn(ax, ay, bx, by, dx, dy) < 0 and _apart(cx, cy, dx, dy, ax, ay, bx, by):
                return True
    return False


@compiled
def _crosses_at(x: Ints, y: Ints, n: int, a: int, b: int, c: int) -> bool:
    """Tell whether the ring crosses its edge a-b while it passes through its vertex c, which lies on that edge."""
    before, after = c - 1 if c > 0 else n - 1, c + 1 if c + 1 < n else 0
    if x[c] == x[b] and y[c] == y[b]:
        return False  # seen from the edge that begins there
    if x[c] == x[a] and y[c] == y[a]:
        come = a - 1 if a > 0 else n - 1
        ix, iy, ox, oy = x[come] - x[a], y[come] - y[a], x[b] - x[a], y[b] - y[a]
        one = _in_sector(x[before] - x[c], y[before] - y[c], ix, iy, ox, oy)
        two = _in_sector(x[after] - x[c], y[after] - y[c], ix, iy, ox, oy)
        return one * two < 0
    one = turn(x[a], y[a], x[b], y[b], x[before], y[before])
    two = turn(x[a], y[a], x[b], y[b], x[after], y[after])
    return one * two < 0


@compiled
def _polygon_centroid(points: Floats, begin: int, end: int) -> tuple[float, float, bool]:
    """Return the centre of mass of the area, and whether there is an area."""
    x0, y0 = points[begin, 0], points[begin, 1]
    area, mx, my = 0.0, 0.0, 0.0
    for i in range(begin, end):
        j = i + 1 if i + 1 < end else begin
        ax, ay, bx, by = points[i, 0] - x0, points[i, 1] - y0, points[j, 0] - x0, points[j, 1] - y0
        cross = ax * by - bx * ay
        area += cross
        mx += (ax + bx) * cross
        my += (ay + by) * cross
    if area == 0.0:
        return 0.0, 0.0, False
    return x0 + mx / (3.0 * area), y0 + my / (3.0 * area), True


@compiled
def encode_rings(
    points: Floats,
    n_points: Ints,
    centroid: Floats,
    mpp: Floats,
    quanta: NDArray[np.int16],
    n_quanta: NDArray[np.int32],
    area2: Ints,
    box: NDArray[np.int32],
    verdict: NDArray[np.int8],
    whole: NDArray[np.bool_],
) -> int:
    """Encode the outlines of n cells; returns how many quanta were written.

    points, n_points   the outlines one after the other: (P, 2) pixels, and (n,) points of each, 0 = none
    centroid           (n, 2) pixels, as they come back from the store's micrometres; NaN is replaced by the outline's centre of mass
    mpp                (2,) micrometres per pixel, x and y
    quanta             room for 2 P: dx, dy, … of the GOOD ones, one after the other; n_quanta (n,) how many each has
    area2, box         (n,) twice the signed area in quanta squared; (n, 4) x_min, y_min, x_max, y_max in pixels
    verdict, whole     (n,) GOOD … NO_CENTROID; whether all points are whole pixels
    """
    room = 1
    for i in range(len(n_points)):
        room = max(room, min(n_points[i], MAX_POINTS))
    qx, qy = np.empty(room, np.int64), np.empty(room, np.int64)
    used, begin = 0, 0
    for i in range(len(n_points)):
        end = begin + n_points[i]
        verdict[i] = _encode_one(
            points, begin, end, centroid[i], mpp, qx, qy, n_quanta[i : i + 1], area2[i : i + 1], box[i], whole[i : i + 1]
        )
        if verdict[i] == GOOD:
            for k in range(n_quanta[i] // 2):
                quanta[used], quanta[used + 1] = qx[k], qy[k]
                used += 2
        else:
            n_quanta[i] = 0
        begin = end
    return used


@compiled
def _encode_one(
    points: Floats,
    begin: int,
    end: int,
    centroid: Floats,
    mpp: Floats,
    qx: Ints,
    qy: Ints,
    n_quanta: NDArray[np.int32],
    area2: Ints,
    box: NDArray[np.int32],
    whole: NDArray[np.bool_],
) -> int:
    n_quanta[0], area2[0], whole[0] = 0, 0, True
    if end == begin:
        return NO_OUTLINE if not np.isnan(centroid[0] + centroid[1]) else NO_CENTROID
    if end - begin > MAX_POINTS:
        return TOO_MANY
    for i in range(begin, end):
        if not (abs(points[i, 0]) <= MAX_COORDINATE and abs(points[i, 1]) <= MAX_COORDINATE):
            return NOT_FINITE
    x_px, y_px = centroid[0], centroid[1]
    if np.isnan(x_px) or np.isnan(y_px):
        x, y, good = _polygon_centroid(points, begin, end)
        if not good:
            return NO_AREA if end - begin >= 3 else TOO_FEW
        centroid[0], centroid[1] = x, y
        x_px, y_px = x * mpp[0] / mpp[0], y * mpp[1] / mpp[1]
    if not (abs(x_px) <= MAX_COORDINATE and abs(y_px) <= MAX_COORDINATE):
        return NOT_FINITE
    # Rounded is what a reader of the store will have: N + 0.5 px may come back from micrometres a hair lower.
    base_x, base_y = np.int64(np.floor(x_px + 0.5)), np.int64(np.floor(y_px + 0.5))
    n = 0
    for i in range(begin, end):
        x, y = points[i, 0], points[i, 1]
        whole[0] &= x == np.floor(x) and y == np.floor(y)
        dx = np.int64(np.floor(x * QUANTA_PER_PX + 0.5)) - base_x * QUANTA_PER_PX
        dy = np.int64(np.floor(y * QUANTA_PER_PX + 0.5)) - base_y * QUANTA_PER_PX
        if abs(dx) > MAX_OFFSET_PX * QUANTA_PER_PX or abs(dy) > MAX_OFFSET_PX * QUANTA_PER_PX:
            return TOO_WIDE
        if n and qx[n - 1] == dx and qy[n - 1] == dy:
            continue  # the same point again
        qx[n], qy[n] = dx, dy
        n += 1
    while n > 1 and qx[n - 1] == qx[0] and qy[n - 1] == qy[0]:
        n -= 1  # a closed ring is stored open
    if n < 3:
        return TOO_FEW
    twice = np.int64(0)
    low_x, high_x, low_y, high_y = qx[0], qx[0], qy[0], qy[0]
    for i in range(n):
        j = i + 1 if i + 1 < n else 0
        twice += qx[i] * qy[j] - qx[j] * qy[i]
        low_x, high_x, low_y, high_y = min(low_x, qx[i]), max(high_x, qx[i]), min(low_y, qy[i]), max(high_y, qy[i])
    if crosses(qx, qy, n):
        return CROSSES
    if twice == 0:
        return NO_AREA
    n_quanta[0], area2[0] = 2 * n, twice
    box[0], box[1] = base_x + low_x // QUANTA_PER_PX, base_y + low_y // QUANTA_PER_PX
    box[2], box[3] = base_x - (-high_x // QUANTA_PER_PX), base_y - (-high_y // QUANTA_PER_PX)
    return GOOD


@compiled
def gather_ragged(values: NDArray[np.int16], starts: Ints, lengths: NDArray[np.int32], order: Ints, out: NDArray[np.int16]) -> None:
    """Copy the runs `values[starts[i] : starts[i] + lengths[i]]` one after the other, in the order asked for."""
    at = 0
    for i in order:
        for k in range(starts[i], starts[i] + lengths[i]):
            out[at] = values[k]
            at += 1
