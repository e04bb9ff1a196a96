"""How the command speaks: data on stdout (rich table in a terminal, plain text in a pipe, JSON when asked), talk on stderr."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import typer
from rich.console import Console

talk = Console(stderr=True, highlight=False, soft_wrap=True)


def say(message: str) -> None:
    """One line of talk, on stderr."""
    talk.print(harmless(message, keep="\n"), markup=False)


def harmless(text: str, keep: str = "") -> str:
    """Return text that no terminal takes for a command: what cannot be printed (escapes, line ends, turned writing) stands as `\\x1b`.

    keep   signs that are let through all the same
    """
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() or sign in keep else repr(sign)[1:-1] for sign in text)


class HarmlessTerminal:
    """Standard output as bytes, for formats that are written as they are: what a terminal would take for a command is made harmless."""

    def write(self, data: bytes) -> int:
        sys.stdout.write(harmless(data.decode("utf-8", "replace"), keep="\n\r\t"))
        return len(data)


def say_outcome(counts: Mapping[str, int], reasons: Sequence[str], nothing: str) -> None:
    """Say in one line what became of the slides; where some were refused, also why the first was, and leave with exit code 1."""
    line = ", ".join(f"{n} {'slide' if n == 1 else 'slides'} {state}" for state, n in counts.items() if n) or nothing
    if not reasons:
        say(line)
        return
    more = f" (and {len(reasons) - 1} more: ladder sql 'FROM quarantine')" if len(reasons) > 1 else ""
    say(f"{line}: {reasons[0]}{more}")
    raise typer.Exit(1)


def rows_as_json(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return rows as one JSON array; what JSON cannot hold (NaN, infinity) is null."""
    return json.dumps([{key: _plain(value) for key, value in row.items()} for row in rows], ensure_ascii=False, default=str)


def show(rows: Sequence[Mapping[str, Any]], *, as_json: bool, title: str = "", columns: Sequence[str] | None = None) -> None:
    """Print rows: JSON array of objects when asked, else a table of `columns` (all where None)."""
    if as_json:
        sys.stdout.write(rows_as_json(rows) + "\n")
        return
    if not rows:
        return
    names = list(columns or rows[0].keys())
    table(names, [[row.get(name) for name in names] for row in rows], title=title)


def table(names: Sequence[str], rows: Sequence[Sequence[Any]], *, title: str = "") -> None:
    """Print a table; in a terminal it is drawn, in a pipe no cell is ever cut."""
    from rich.table import Table
    from rich.text import Text

    numeric = [bool(rows) and all(_is_number(row[i]) for row in rows) for i in range(len(names))]
    if not sys.stdout.isatty():
        text = [[harmless(str(name)) for name in names], *([_text(value) for value in row] for row in rows)]
        widths = [max(len(line[i]) for line in text) for i in range(len(names))]
        for line in text:
            sys.stdout.write("  ".join(_align(v, w, n) for v, w, n in zip(line, widths, numeric, strict=True)).rstrip() + "\n")
        return
    drawn = Table(title=title or None, title_justify="left", header_style="bold")
    for name, is_number in zip(names, numeric, strict=True):
        drawn.add_column(Text(harmless(str(name))), justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(_text(value)) for value in row))
    Console().print(drawn)


def _align(value: str, width: int, numeric: bool) -> str:
    return value.rjust(width) if numeric else value.ljust(width)


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}" if math.isfinite(value) else ""
    return harmless(str(value))


def _plain(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value
