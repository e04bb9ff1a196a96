"""Rows of estimates with their intervals on one axis, text columns at both sides: the body of forest and comparison figures.

Wide, every column stands by itself; in one column of a journal a row is two or three lines deep, its sizes under its label and its P
under its estimate, so that the axis keeps room.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from her2ladder.analytics.figures.style import FAINT, INK, MUTED, SMALL_PT, Page, line_mm, text_mm, wrapped
from her2ladder.analytics.figures.words import missing

_GAP = 2.5
Heads = tuple[str, tuple[str, ...], tuple[str, ...]]
"""Heads of the label, of the columns at its right, and of those after the axis."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the figure.

    left, right  text columns between label and axis, and after the axis; as many in every row as there are heads
    note         stands on the axis in place of a mark where value is None
    is_heading   a bold line across, nothing else
    """

    label: str
    value: float | None = None
    lo: float | None = None
    hi: float | None = None
    left: tuple[str, ...] = ()
    right: tuple[str, ...] = ()
    note: str = ""
    is_heading: bool = False
    colour: str = INK
    marker: str = "s"


@dataclass(frozen=True, slots=True)
class Scale:
    """The axis: its ends (intervals beyond end in an arrow), whether logarithmic, the line of no effect, ticks, label."""

    limits: tuple[float, float]
    is_log: bool
    no_effect: float
    label: str


class RowTable:
    """Rows measured for a width; `height_mm` is known before the page is made, `draw` sets them on it.

    stacked  a journal's column: sizes stand under the label, P under the estimate
    bare     the heads stand on a table above already
    """

    def __init__(self, rows: Sequence[Row], heads: Heads, width: float, *, stacked: bool, bare: bool = False) -> None:
        self._rows, self._width, self._stacked = rows, width, stacked
        self._heads = Row(heads[0], left=heads[1], right=heads[2])
        real = [self._heads, *(row for row in rows if not row.is_heading)]
        self._right = self._columns([row.right for row in real])
        self._left = [] if stacked else self._columns([row.left for row in real])
        widest = max(text_mm(row.label) for row in real)
        taken = sum(self._right) + sum(self._left) + _GAP * (len(self._right) + len(self._left) + 1)
        self._label = min(widest, max(width * (0.34 if stacked else 0.30), width - taken - (23 if stacked else 45)))
        self._axis_left = self._label + sum(self._left) + _GAP * (len(self._left) + 1)
        self._axis_width = width - self._axis_left - sum(self._right) - _GAP * len(self._right)
        self._cells = [self._lines_of(row) for row in rows]
        self._head_cells = self._lines_of(self._heads)
        self._depths = [max(self._depth(cells), self._note_depth(row)) for row, cells in zip(rows, self._cells, strict=True)]
        self._bare = bare
        self._head_depth = 0.0 if bare else self._depth(self._head_cells)
        self.height_mm = self._head_depth + sum(self._depths) + 9

    def draw(self, page: Page, left: float, top: float, scale: Scale) -> Axes:
        """Draw the table with its upper left corner at a place of the page."""
        if not self._bare:
            self._set(page, self._head_cells, left, top, self._heads, bold=True)
        body = top + self._head_depth
        axes = page.axes(left + self._axis_left, body, self._axis_width, sum(self._depths))
        axes.set(ylim=(sum(self._depths), 0), yticks=[], xlim=scale.limits, xlabel=scale.label)
        if scale.is_log:
            axes.set_xscale("log")
        ticks = log_ticks(*scale.limits, room=self._axis_width) if scale.is_log else _linear_ticks(*scale.limits, room=self._axis_width)
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.set_xticks([], minor=True)
        axes.spines["left"].set_visible(False)
        axes.axvline(scale.no_effect, color=MUTED, linewidth=0.7, linestyle=(0, (3, 2)), zorder=1)
        depth = 0.0
        for row, cells, height in zip(self._rows, self._cells, self._depths, strict=True):
            self._set(page, cells, left, body + depth + (height - self._depth(cells)) / 2, row, bold=row.is_heading)
            if not row.is_heading:
                self._mark(axes, row, depth + height / 2, scale)
                axes.axhline(depth + height, color=FAINT, linewidth=0.3, zorder=0)
            depth += height
        return axes

    def _mark(self, axes: Axes, row: Row, y: float, scale: Scale) -> None:
        low, high = scale.limits
        if row.value is None or missing(row.value):
            lines = self._note_lines(row)
            shift = (len(lines) - 1) / 2
            for at, line in enumerate(lines):
                place: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "ha": "center", "va": "center"}
                clear = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
                axes.text(0.5, y + (at - shift) * line_mm(), line, fontsize=SMALL_PT, color=MUTED, bbox=clear, **place)
            return
        if not (missing(row.lo) or missing(row.hi)):
            lo, hi = float(row.lo or 0.0), float(row.hi or 0.0)
            axes.plot([max(lo, low), min(hi, high)], [y, y], color=row.colour, linewidth=1.0, solid_capstyle="butt", zorder=2)
            for is_cut, end, arrow in ((lo < low, low, "<"), (hi > high, high, ">")):
                if is_cut:
                    axes.plot([end], [y], marker=arrow, color=row.colour, markersize=3.6, clip_on=False, zorder=3)
        if low <= row.value <= high:
            axes.plot([row.value], [y], marker=row.marker, color=row.colour, markersize=4.2, zorder=3, clip_on=False)

    def _set(self, page: Page, cells: list[list[str]], left: float, top: float, row: Row, *, bold: bool) -> None:
        depth = self._depth(cells)
        starts = self._starts(left)
        for at, (lines, (x, align)) in enumerate(zip(cells, starts, strict=False)):
            y = top + (depth - len(lines) * line_mm()) / 2 + 0.3  # glyphs sit high in their line
            for i, line in enumerate(lines):
                is_size = self._stacked and at == 0 and i >= len(self._label_lines(row)) and not bold
                page.text(line, x, y + i * line_mm(), ha=align, bold=bold, colour=MUTED if is_size else INK)

    def _starts(self, left: float) -> list[tuple[float, str]]:
        starts, x = [(left, "left")], left + self._label + _GAP
        for width in self._left:
            starts.append((x + width, "right"))
            x += width + _GAP
        x = left + self._axis_left + self._axis_width + _GAP
        for width in self._right:
            starts.append((x, "left"))
            x += width + _GAP
        return starts

    def _columns(self, rows: Sequence[tuple[str, ...]]) -> list[float]:
        """Return the widths of text columns; stacked, they are one."""
        each = [max(text_mm(line, bold=at == 0) for line in cell.split("\n")) for at, row in enumerate(rows) for cell in row]
        if not each:
            return []
        if self._stacked:
            return [max(each)]
        count = len(rows[0])
        return [max(each[column::count]) for column in range(count)]

    def _label_lines(self, row: Row) -> list[str]:
        bold = row.is_heading or row is self._heads
        return wrapped(row.label, self._width if row.is_heading else self._label, bold=bold)

    def _lines_of(self, row: Row) -> list[list[str]]:
        label = self._label_lines(row)
        if row.is_heading:
            return [label]
        if self._stacked:
            under = wrapped(" / ".join(row.left), self._label) if row.left else []
            return [[*label, *under], [line for cell in row.right for line in cell.split("\n")]]
        return [label, *([cell] for cell in row.left), *(cell.split("\n") for cell in row.right)]

    def _note_lines(self, row: Row) -> list[str]:
        return wrapped(row.note or "not estimated", self._axis_width - 1)

    def _note_depth(self, row: Row) -> float:
        has_note = not row.is_heading and (row.value is None or missing(row.value))
        return len(self._note_lines(row)) * line_mm() + 0.9 if has_note else 0.0

    def _depth(self, cells: list[list[str]]) -> float:
        return max(len(lines) for lines in cells) * line_mm() + (0.9 if self._stacked else 1.3)


def log_ticks(low: float, high: float, room: float = 40.0) -> list[float]:
    """Return ticks at 1, 2, 5 x powers of ten within limits, as dense as labels of 6 points fit in `room` millimetres."""
    span = log10(high / low)
    powers = range(floor(log10(low)), floor(log10(high)) + 1)
    for steps in ((1.0, 2.0, 5.0), (1.0, 3.0), (1.0,)):
        ticks = [step * 10.0**power for power in powers for step in steps]
        ticks = [tick for tick in ticks if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]
        places = [log10(tick / low) / span * room for tick in ticks]
        sizes = [text_mm(f"{tick:g}") for tick in ticks]
        pairs = zip(places, places[1:], sizes, sizes[1:], strict=False)
        if len(ticks) >= 2 and all(b - a > (wa + wb) / 2 + 1.5 for a, b, wa, wb in pairs):
            return ticks
    every = -(-int(span * 10) // 40) or 1
    return [10.0**power for power in powers if power % every == 0 and low <= 10.0**power <= high] or [1.0]


def _linear_ticks(low: float, high: float, room: float) -> list[float]:
    for step in (0.1, 0.2, 0.25, 0.5, 1.0):
        ticks = np.round(np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1) * step, 6)
        if len(ticks) * (text_mm("0.00") + 1.5) <= room:
            return [float(tick) + 0.0 for tick in ticks]  # no -0
    return [low, high]
