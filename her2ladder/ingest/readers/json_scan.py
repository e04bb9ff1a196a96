"""Compiled scanners over JSON bytes: where the members of a large object begin and end, and number lists as arrays.

They find structure only. What lies between two ends is decoded, and so checked, by msgspec: a scanner may be lenient about a value's
inside, but never takes one value for another.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from her2ladder.ingest.compiled import compiled
from her2ladder.ingest.readers.base import Floats, Ints

Bytes = NDArray[np.uint8]

# What scan_members says: more bytes are needed, the object has ended, no room for more members, or it is not JSON here.
MORE, END, FULL, BROKEN = 0, 1, 2, 3
# Where in the object it stands: before the first member, after a member, after a comma.
FIRST, AFTER, NEXT = 0, 1, 2
# Columns of a member: its key without quotes, its value, whether the key has escapes, whether two keys of the value may be the same.
KEY, KEY_END, VALUE, VALUE_END, ESCAPED, DOUBLED = range(6)
# What parse_rings says of one outline.
GOOD, NOT_PAIRS, EXACT_NEEDED = 0, 1, 2

_QUOTE, _BACKSLASH, _COLON, _COMMA, _MINUS, _DOT = 34, 92, 58, 44, 45, 46
_OPEN_LIST, _CLOSE_LIST, _OPEN, _CLOSE, _ZERO, _NINE = 91, 93, 123, 125, 48, 57
_UNFINISHED, _WRONG = -1, -2
_MAX_DIGITS = 15  # a whole number of 15 digits divided by 10^k, k <= 22, is the correctly rounded double
_POWERS = 10.0 ** np.arange(23)


@compiled
def skip_space(buf: Bytes, at: int, end: int) -> int:
    while at < end and (buf[at] == 32 or (9 <= buf[at] <= 13 and buf[at] != 11 and buf[at] != 12)):
        at += 1
    return at


@compiled
def string_end(buf: Bytes, at: int, end: int) -> tuple[int, int]:
    """Return (one past the closing quote of the string that begins at `at`, or -1 unfinished; 1 where it has escapes)."""
    at += 1
    escaped = 0
    while at < end:
        if buf[at] == _QUOTE:
            return at + 1, escaped
        if buf[at] == _BACKSLASH:
            escaped = 1
            at += 1
        at += 1
    return _UNFINISHED, escaped


@compiled
def value_end(buf: Bytes, at: int, end: int) -> tuple[int, int]:
    """Return (one past the value that begins at `at`; -1 unfinished, -2 not a value), (1 where two of its own keys may be the same)."""
    first = buf[at]
    if first == _QUOTE:
        return string_end(buf, at, end)[0], 0
    if first != _OPEN and first != _OPEN_LIST:
        begin = at
        while at < end and buf[at] != _COMMA and buf[at] != _CLOSE and buf[at] != _CLOSE_LIST and buf[at] > 32:
            at += 1
        if at == end:
            return _UNFINISHED, 0
        return (at if at > begin else _WRONG), 0
    depth, seen, doubled = 0, np.uint64(0), 0
    key, key_end = at, at
    while at < end:
        c = buf[at]
        if c == _QUOTE:
            key = at
            at = string_end(buf, at, end)[0]
            if at < 0:
                return _UNFINISHED, 0
            key_end = at
            continue
        if c in (_OPEN, _OPEN_LIST):
            depth += 1
        elif c in (_CLOSE, _CLOSE_LIST):
            depth -= 1
            if depth == 0:
                return at + 1, doubled
        elif c == _COLON and depth == 1:
            spot = np.uint64(0)
            for i in range(key, key_end):
                spot = (spot * np.uint64(31) + np.uint64(buf[i])) & np.uint64(0xFFFFFFFF)
            spot = np.uint64(1) << ((spot ^ (spot >> np.uint64(7))) & np.uint64(63))
            if seen & spot:
                doubled = 1
            seen |= spot
        at += 1
    return _UNFINISHED, 0


@compiled
def scan_members(buf: Bytes, at: int, end: int, state: int, out: Ints) -> tuple[int, int, int, int]:
    """Find the members of the object whose inside goes on at `at`; returns (what, how many, where it stopped, state there).

    out   (room, 6): see KEY … DOUBLED; a member that is not whole within buf[:end] is left for the next call
    """
    found = 0
    while True:
        at = skip_space(buf, at, end)
        if at >= end:
            return MORE, found, at, state
        if buf[at] == _CLOSE and state != NEXT:
            return END, found, at + 1, AFTER
        if state == AFTER:
            if buf[at] != _COMMA:
                return BROKEN, found, at, state
            at, state = at + 1, NEXT
            continue
        if found == len(out):
            return FULL, found, at, state
        if buf[at] != _QUOTE:
            return BROKEN, found, at, state
        key_end, escaped = string_end(buf, at, end)
        if key_end < 0:
            return MORE, found, at, state
        colon = skip_space(buf, key_end, end)
        if colon < end and buf[colon] != _COLON:
            return BROKEN, found, colon, state
        value = skip_space(buf, colon + 1, end)
        if value >= end:
            return MORE, found, at, state
        last, doubled = value_end(buf, value, end)
        if last == _WRONG:
            return BROKEN, found, value, state
        if last == _UNFINISHED:
            return MORE, found, at, state
        out[found, KEY], out[found, KEY_END] = at + 1, key_end - 1
        out[found, VALUE], out[found, VALUE_END] = value, last
        out[found, ESCAPED], out[found, DOUBLED] = escaped, doubled
        found, at, state = found + 1, last, AFTER


@compiled
def blank_keys(buf: Bytes, members: Ints, begin: int) -> None:
    """Overwrite keys and colons by spaces, so that the members read as a list; buf begins at `begin` of what was scanned."""
    for i in range(len(members)):
        for at in range(members[i, KEY] - 1 - begin, members[i, VALUE] - begin):
            buf[at] = 32


@compiled
def gather_keys(buf: Bytes, members: Ints, out: Bytes, ends: NDArray[np.int32]) -> None:
    """Copy the members' keys one after the other; ends[0] = 0, ends[i + 1] = one past key i."""
    at = 0
    for i in range(len(members)):
        for source in range(members[i, KEY], members[i, KEY_END]):
            out[at] = buf[source]
            at += 1
        ends[i + 1] = at


@compiled
def _number(buf: Bytes, at: int, end: int) -> tuple[float, int, int]:
    """Return (value, one past the number, GOOD | NOT_PAIRS | EXACT_NEEDED)."""
    negative = at < end and buf[at] == _MINUS
    if negative:
        at += 1
    begin, whole, digits, decimals = at, np.int64(0), 0, 0
    while at < end and (_ZERO <= buf[at] <= _NINE or (buf[at] == _DOT and decimals == 0)):
        if buf[at] == _DOT:
            decimals = 1  # one more than there are
        else:
            digits += 1
            if digits > _MAX_DIGITS:
                return 0.0, at, EXACT_NEEDED
            whole = whole * 10 + (np.int64(buf[at]) - _ZERO)
            decimals += 1 if decimals else 0
        at += 1
    if at == begin:
        return 0.0, at, NOT_PAIRS
    if at < end and (buf[at] == 101 or buf[at] == 69):  # e, E
        return 0.0, at, EXACT_NEEDED
    value = float(whole)
    if decimals > 1:
        value = value / _POWERS[decimals - 1]
    return (-value if negative else value), at, GOOD


@compiled
def parse_rings(buf: Bytes, ends: Ints, points: Floats, n_points: Ints, says: NDArray[np.int8]) -> int:
    """Read lists [[x, y], [x, y], …] that lie one after the other in buf; returns how many points there are in all.

    ends       (n,) one past each list
    points     room for len(buf) // 6 + 1 points (`[1,2],` is the shortest); those of a list that is not GOOD are left out
    n_points, says   (n,): written
    """
    used, begin = 0, 0
    for i in range(len(ends)):
        at, end, first = skip_space(buf, begin, ends[i]), ends[i], used
        verdict = NOT_PAIRS
        if at < end and buf[at] == _OPEN_LIST:
            at = skip_space(buf, at + 1, end)
            verdict = GOOD
            if buf[at] != _CLOSE_LIST:
                at -= 1  # stands where a comma would stand
                while verdict == GOOD:
                    at = skip_space(buf, at + 1, end)
                    if at >= end or buf[at] != _OPEN_LIST:
                        verdict = NOT_PAIRS
                        break
                    x, at, verdict = _number(buf, skip_space(buf, at + 1, end), end)
                    at = skip_space(buf, at, end)
                    if verdict != GOOD or at >= end or buf[at] != _COMMA:
                        verdict = max(verdict, NOT_PAIRS)
                        break
                    y, at, verdict = _number(buf, skip_space(buf, at + 1, end), end)
                    at = skip_space(buf, at, end)
                    if verdict != GOOD or at >= end or buf[at] != _CLOSE_LIST:
                        verdict = max(verdict, NOT_PAIRS)
                        break
                    points[used, 0], points[used, 1] = x, y
                    used += 1
                    at = skip_space(buf, at + 1, end)
                    if at < end and buf[at] == _CLOSE_LIST:
                        break
                    if at >= end or buf[at] != _COMMA:
                        verdict = NOT_PAIRS
        if verdict != GOOD:
            used = first
        n_points[i], says[i] = used - first, verdict
        begin = end
    return used
