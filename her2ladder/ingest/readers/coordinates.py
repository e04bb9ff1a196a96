"""Compiled: nested lists of numbers (GeoJSON coordinates) in JSON bytes as flat points, and how many of them each ring and part has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from her2ladder.ingest.compiled import compiled
from her2ladder.ingest.readers.base import Floats, Ints
from her2ladder.ingest.readers.json_scan import Bytes, skip_space

GOOD, NOT_PAIRS, INEXACT = 0, 1, 2
POINT, LINE, POLYGON, MULTI_POLYGON = 1, 2, 3, 4  # how deep the lists are nested
_MIN_POINT_BYTES = 6  # `[1,2],`
_EXACT_DIGITS, _MAX_DIGITS = 15, 18
_POWERS = 10.0 ** np.arange(23)


@dataclass(frozen=True)
class Shapes:
    """The coordinates of n geometries: parts of a geometry, rings of a part, points of a ring, each counted.

    points       (P, 2)
    ring_points  (R,) points of each ring
    part_rings   (Q,) rings of each part: the outline first, then its holes
    n_parts      (n,) parts of each geometry
    verdict      (n,) GOOD, or NOT_PAIRS with no parts; INEXACT where a number has more digits than are kept (an error below 1e-15 of it)
    """

    points: Floats
    ring_points: Ints
    part_rings: Ints
    n_parts: Ints
    verdict: NDArray[np.int8]


def parse_shapes(buf: Bytes, begins: Ints, ends: Ints, depth: NDArray[np.int8]) -> Shapes:
    """Return geometries whose coordinates lie at buf[begins[i]:ends[i]], lists nested depth[i] deep; numbers beyond x, y are left out."""
    n = len(begins)
    room = int((ends - begins).sum()) // _MIN_POINT_BYTES + n + 1
    points, ring_points, part_rings = np.empty((room, 2)), np.empty(room, dtype=np.int64), np.empty(room, dtype=np.int64)
    n_parts, verdict = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int8)
    p, r, q = _parse(buf, begins, ends, depth, points, ring_points, part_rings, n_parts, verdict)
    return Shapes(points[:p].copy(), ring_points[:r].copy(), part_rings[:q].copy(), n_parts, verdict)


@compiled
def number(buf: Bytes, at: int, end: int) -> tuple[float, int, int]:
    """Return (value, one past the number, GOOD | NOT_PAIRS | INEXACT): INEXACT may be off by its last bits."""
    negative = at < end and buf[at] == 45
    if negative:
        at += 1
    begin, whole, digits, scale, seen_dot, seen = at, np.int64(0), 0, 0, False, False
    while at < end:
        c = buf[at]
        if 48 <= c <= 57:
            seen = True
            if digits < _MAX_DIGITS:
                whole = whole * 10 + (np.int64(c) - 48)
                if whole != 0:
                    digits += 1
                if seen_dot:
                    scale -= 1
            elif not seen_dot:
                scale += 1
                digits += 1
            else:
                digits += 1
        elif c == 46 and not seen_dot:
            seen_dot = True
        else:
            break
        at += 1
    if at == begin or not seen:
        return 0.0, at, NOT_PAIRS
    if at < end and (buf[at] == 101 or buf[at] == 69):  # e, E
        at += 1
        down = at < end and buf[at] == 45
        if at < end and (buf[at] == 45 or buf[at] == 43):
            at += 1
        begin, power = at, np.int64(0)
        while at < end and 48 <= buf[at] <= 57:
            power = power * 10 + (np.int64(buf[at]) - 48) if power < 10_000 else power
            at += 1
        if at == begin:
            return 0.0, at, NOT_PAIRS
        scale += int(-power if down else power)
    value = float(whole)
    exact = digits <= _EXACT_DIGITS and -22 <= scale <= 0
    if exact:
        value = value / _POWERS[-scale] if scale else value
        return (-value if negative else value), at, GOOD
    while scale > 0:
        step = min(scale, 22)
        value, scale = value * _POWERS[step], scale - step
        if value == 0.0 or np.isinf(value):
            break
    while scale < 0:
        step = min(-scale, 22)
        value, scale = value / _POWERS[step], scale + step
        if value == 0.0:
            break
    return (-value if negative else value), at, INEXACT


@compiled
def _parse(
    buf: Bytes,
    begins: Ints,
    ends: Ints,
    depth: NDArray[np.int8],
    points: Floats,
    ring_points: Ints,
    part_rings: Ints,
    n_parts: Ints,
    verdict: NDArray[np.int8],
) -> tuple[int, int, int]:
    p, r, q = 0, 0, 0
    for i in range(len(begins)):
        p0, r0, q0 = p, r, q
        verdict[i], p, r, q = _parse_one(buf, begins[i], ends[i], depth[i], points, ring_points, part_rings, p, r, q)
        if verdict[i] == NOT_PAIRS:
            p, r, q = p0, r0, q0
        n_parts[i] = q - q0
    return p, r, q


@compiled
def _parse_one(
    buf: Bytes, at: int, end: int, depth: int, points: Floats, ring_points: Ints, part_rings: Ints, p: int, r: int, q: int
) -> tuple[int, int, int, int]:
    """Return (verdict, points, rings and parts written so far)."""
    level, says = 0, GOOD
    ring_from, part_from = p, r
    expects = 1  # 0 a comma or an end, 1 a value or an end, 2 a value
    while True:
        at = skip_space(buf, at, end)
        if at >= end:
            return NOT_PAIRS, p, r, q
        c = buf[at]
        if c == 91 and expects and level < depth:  # [
            level += 1
            if level == depth - 1:
                ring_from = p
            if level == depth - 2:
                part_from = r
            at += 1
            expects = 1
            if level == depth:
                x, at, one = number(buf, skip_space(buf, at, end), end)
                at = skip_space(buf, at, end)
                if one == NOT_PAIRS or at >= end or buf[at] != 44:
                    return NOT_PAIRS, p, r, q
                y, at, two = number(buf, skip_space(buf, at + 1, end), end)
                if two == NOT_PAIRS:
                    return NOT_PAIRS, p, r, q
                says = max(says, one, two)
                at = skip_space(buf, at, end)
                while at < end and buf[at] == 44:  # z and more
                    _, at, more = number(buf, skip_space(buf, at + 1, end), end)
                    if more == NOT_PAIRS:
                        return NOT_PAIRS, p, r, q
                    at = skip_space(buf, at, end)
                if at >= end or buf[at] != 93:
                    return NOT_PAIRS, p, r, q
                points[p, 0], points[p, 1] = x, y
                p += 1
                level -= 1
                at += 1
                expects = 0
                if level == 0:
                    break
            continue
        if c == 93 and level > 0 and expects != 2:  # ]
            if level == depth - 1:
                ring_points[r] = p - ring_from
                r += 1
            if level == depth - 2:
                part_rings[q] = r - part_from
                q += 1
            level -= 1
            at += 1
            expects = 0
            if level == 0:
                break
            continue
        if c == 44 and not expects and level > 0:  # ,
            expects = 2
            at += 1
            continue
        return NOT_PAIRS, p, r, q
    if skip_space(buf, at, end) < end:
        return NOT_PAIRS, p, r, q
    if depth == POINT:
        ring_points[r] = p - ring_from
        r += 1
    if depth <= LINE:
        part_rings[q] = r - part_from
        q += 1
    return says, p, r, q


@compiled
def ring_areas(points: Floats, ring_points: Ints, out: Floats) -> None:
    """Write the area of each ring, closed or open."""
    begin = 0
    for i in range(len(ring_points)):
        end, twice = begin + ring_points[i], 0.0
        for k in range(begin, end):
            j = k + 1 if k + 1 < end else begin
            ax, ay = points[k, 0] - points[begin, 0], points[k, 1] - points[begin, 1]
            bx, by = points[j, 0] - points[begin, 0], points[j, 1] - points[begin, 1]
            twice += ax * by - bx * ay
        out[i] = abs(twice) / 2
        begin = end
