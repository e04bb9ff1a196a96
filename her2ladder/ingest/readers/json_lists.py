"""Compiled scanners over JSON bytes: where the items of a large list begin and end, and what lies between two places."""

from __future__ import annotations

from her2ladder.ingest.compiled import compiled
from her2ladder.ingest.readers.base import Ints
from her2ladder.ingest.readers.json_scan import (
    _BACKSLASH,
    _CLOSE,
    _CLOSE_LIST,
    _COMMA,
    _MINUS,
    _OPEN,
    _OPEN_LIST,
    _QUOTE,
    _UNFINISHED,
    _WRONG,
    AFTER,
    BROKEN,
    END,
    FULL,
    MORE,
    NEXT,
    Bytes,
    skip_space,
    value_end,
)


@compiled
def scan_items(buf: Bytes, at: int, end: int, state: int, out: Ints) -> tuple[int, int, int, int]:
    """Find the items of the list whose inside goes on at `at`; returns as scan_members does.

    out   (room, 2): begin and end of each; an item that is not whole within buf[:end] is left for the next call
    """
    found = 0
    while True:
        at = skip_space(buf, at, end)
        if at >= end:
            return MORE, found, at, state
        if buf[at] == _CLOSE_LIST and state != NEXT:
            return END, found, at + 1, AFTER
        if state == AFTER:
            if buf[at] != _COMMA:
                return BROKEN, found, at, state
            at, state = at + 1, NEXT
            continue
        if found == len(out):
            return FULL, found, at, state
        last = value_end(buf, at, end)[0]
        if last == _WRONG:
            return BROKEN, found, at, state
        if last == _UNFINISHED:
            return MORE, found, at, state
        out[found, 0], out[found, 1] = at, last
        found, at, state = found + 1, last, AFTER


@compiled
def skip_nested(buf: Bytes, at: int, end: int, depth: int, text: int) -> tuple[int, int, int]:
    """Go on within a list or object that is `depth` deep at `at`; returns (where it stopped, depth there: 0 = it has ended, text).

    text   0 = not in a string, 1 = in one, 2 = in one, behind a backslash
    """
    while at < end:
        c = buf[at]
        at += 1
        if text == 2:
            text = 1
        elif text == 1:
            if c == _BACKSLASH:
                text = 2
            elif c == _QUOTE:
                text = 0
        elif c == _QUOTE:
            text = 1
        elif c in (_OPEN, _OPEN_LIST):
            depth += 1
        elif c in (_CLOSE, _CLOSE_LIST):
            depth -= 1
            if depth == 0:
                break
    return at, depth, text


@compiled
def quote_words(buf: Bytes) -> int:
    """Turn NaN, Infinity and -Infinity outside of strings, which are no JSON, into strings of the same length; returns how many."""
    at, end, found, text = 0, len(buf), 0, 0
    while at < end:
        c = buf[at]
        if text == 2:
            text = 1
        elif text == 1:
            if c == _BACKSLASH:
                text = 2
            elif c == _QUOTE:
                text = 0
        elif c == _QUOTE:
            text = 1
        elif c in (78, 73):  # N, I
            length = 3 if c == 78 else 8
            begin = at - 1 if at > 0 and buf[at - 1] == _MINUS else at
            if at + length <= end and (
                (c == 78 and buf[at + 1] == 97 and buf[at + 2] == 78) or (c == 73 and buf[at + 1] == 110 and buf[at + 7] == 121)
            ):
                buf[begin], buf[at + length - 1] = _QUOTE, _QUOTE
                found += 1
                at += length
                continue
        at += 1
    return found
