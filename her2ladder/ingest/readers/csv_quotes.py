"""The quotes of a text table, looked at before it is taken apart: a stray one makes Arrow swallow rows, silently where a second one follows.

A quote opens at the begin of a value and closes before a separator or the end of its line. A row of a table of cells is one line: text of
several lines within quotes cannot be told from two stray quotes, and is refused too. Quotes inside a bare value (`5" needle`) are text.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from her2ladder.errors import InputError
from her2ladder.ingest.compiled import compiled
from her2ladder.ingest.readers.packed import Unpacked

# Where in a value the scanner stands; the last two are what is wrong.
BEGIN, BARE, QUOTED, CLOSED, UNCLOSED, BEHIND = range(6)
_FAULTS = {
    UNCLOSED: "a quote that opens a value and is not closed on its line: take the stray quote out (or the line's end within the quoted text)",
    BEHIND: "text behind a closed quote: take the stray quote out",
}
_QUOTE, _NEWLINE, _RETURN = 34, 10, 13


class CheckedQuotes:
    """A file read forward in blocks, as Arrow reads it.

    raises   InputError (from read) naming the line of a stray quote
    """

    closed = False

    def __init__(self, source: Unpacked, separator: str) -> None:
        self._source, self._separator = source, ord(separator)
        self._state, self._line, self._opened = BEGIN, 1, 1

    def read(self, n: int) -> bytes:
        """Return the next n bytes, fewer only at the end."""
        block = self._source.read(n)
        if b'"' in block or self._state not in (BEGIN, BARE):
            view = np.frombuffer(block, dtype=np.uint8)
            self._state, self._line, self._opened = scan_quotes(view, self._separator, self._state, self._line, self._opened)
        elif block:
            self._line += block.count(b"\n")
            self._state = BEGIN if block[-1] in (_NEWLINE, _RETURN, self._separator) else BARE
        if self._state == QUOTED and len(block) < n:
            self._state = UNCLOSED
        if self._state in _FAULTS:
            raise InputError(f"{self._source.path}: line {self._opened}: {_FAULTS[self._state]}")
        return block


@compiled
def scan_quotes(buf: NDArray[np.uint8], separator: int, state: int, line: int, opened: int) -> tuple[int, int, int]:
    """Return (where in a value the block ends, or what is wrong; the line there; the line of the last quote that opened)."""
    for c in buf:
        if state == QUOTED:
            if c == _QUOTE:
                state = CLOSED
            elif c == _NEWLINE:
                return UNCLOSED, line, opened
            continue
        if c == _NEWLINE:
            line += 1
            state = BEGIN
        elif c in (separator, _RETURN):
            state = BEGIN
        elif state == CLOSED:
            if c != _QUOTE:
                return BEHIND, line, opened
            state = QUOTED  # two quotes stand for one
        elif c == _QUOTE and state == BEGIN:
            state, opened = QUOTED, line
        else:
            state = BARE
    return state, line, opened
