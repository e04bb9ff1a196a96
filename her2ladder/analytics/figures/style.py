"""The sheet on which every figure is drawn: journal widths, one bundled font, title, footer, key, laid out in millimetres.

Places are millimetres from the body's upper left corner, text is measured before it is set, so a picture is right at the width for
which it was made, and the same on every machine (DejaVu Sans ships with matplotlib). Only the object API: no global state of pyplot.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, wraps
from typing import Any, Literal, ParamSpec

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.textpath import text_to_path

COLUMN_MM, PAGE_MM = 85.0, 180.0
WIDE_MM = 140.0  # from here on there is room for a key beside the axes
TITLE_PT, BODY_PT, SMALL_PT = 7.5, 6.5, 6.0
INK, MUTED, FAINT, BADGE = "#16181D", "#5B616B", "#D9DCE1", "#A33B00"
EDGE_MM = 2.0
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.5, 1.2, 1.5)), (0, (3, 1, 1, 1, 1, 1)))
FONT = "DejaVu Sans"
_MM_PER_PT = 25.4 / 72

RC: dict[str, Any] = {
    "font.family": FONT,
    "font.size": BODY_PT,
    "text.parse_math": False,  # a slide id or a class name with $ or _ is no formula
    "text.hinting": "none",  # a hinted glyph is up to 4 % wider at some resolutions than `text_mm` says
    "text.color": INK,
    "axes.labelsize": BODY_PT,
    "axes.labelcolor": INK,
    "axes.labelpad": 2.5,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "axes.formatter.use_mathtext": False,
    "xtick.labelsize": SMALL_PT,
    "ytick.labelsize": SMALL_PT,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.size": 2.0,
    "ytick.major.size": 2.0,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.pad": 2.0,
    "ytick.major.pad": 2.0,
    "lines.linewidth": 1.3,
    "patch.linewidth": 0.6,
    "grid.color": FAINT,
    "grid.linewidth": 0.4,
    "svg.fonttype": "path",
    "svg.hashsalt": "her2ladder",
    "pdf.fonttype": 42,
    "path.simplify": True,
    "agg.path.chunksize": 0,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}

P = ParamSpec("P")
Grid = Literal["", "x", "y", "both"]


@dataclass(frozen=True, slots=True)
class Sheet:
    """What stands around a figure.

    width_mm   85 for one column, 180 for two
    title      plain text, '' for none
    notes      conventions that the reader must know: 'out-of-fold scores', 'apparent'
    run_ids    runs that the numbers came from
    synthetic  prints SYNTHETIC DATA over the figure
    """

    width_mm: float = COLUMN_MM
    title: str = ""
    notes: tuple[str, ...] = ()
    run_ids: tuple[str, ...] = ()
    synthetic: bool = False

    def noting(self, *notes: str) -> Sheet:
        """Return the sheet with further notes; one that it has already is not said twice."""
        return replace(self, notes=tuple(dict.fromkeys([*self.notes, *(note for note in notes if note)])))

    @property
    def is_wide(self) -> bool:
        return self.width_mm >= WIDE_MM


SINGLE = Sheet()


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of a key: a sample of the line or mark, and what it is."""

    text: str
    colour: str
    dash: Any = "-"
    marker: str = ""
    width: float = 1.3


@contextmanager
def journal_style() -> Iterator[None]:
    """Hold matplotlib's defaults and the style over them while something is built or drawn, whatever the caller's settings are.

    A name in a script that the font lacks shows boxes and no warning.
    """
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        mpl.rcParams.update(RC)
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from", category=UserWarning)
        yield


def styled(make: Callable[P, Figure]) -> Callable[P, Figure]:
    """Run a figure function within the style, whatever the caller's own matplotlib settings are."""

    @wraps(make)
    def within(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with journal_style():
            return make(*args, **kwargs)

    return within


@lru_cache(maxsize=4096)
def text_mm(text: str, pt: float = SMALL_PT, bold: bool = False) -> float:
    """Return the width of one line of text, millimetres."""
    font = FontProperties(family=FONT, size=pt, weight="bold" if bold else "normal")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from", category=UserWarning)
        return float(text_to_path.get_text_width_height_descent(text, font, False)[0]) * _MM_PER_PT


def line_mm(pt: float = SMALL_PT) -> float:
    """Return the distance from line to line, millimetres."""
    return 1.27 * pt * _MM_PER_PT


def wrapped(text: str, width_mm: float, pt: float = SMALL_PT, bold: bool = False, breaks: str = "_/") -> list[str]:
    """Return text in lines no wider than `width_mm`, broken after blanks and the characters of `breaks`, else anywhere.

    'n = 276', 'P < 0.01' and '95 %' stay together.
    """
    within = re.escape(breaks)
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in re.findall(rf"(?: [=<>] | (?=%)|[^\s{within}])+[\s{within}]*|[\s{within}]+", paragraph):
            if line and text_mm((line + word).rstrip(), pt, bold) > width_mm:
                lines.append(line.rstrip())
                line = ""
            while text_mm(word.rstrip(), pt, bold) > width_mm and len(word) > 1:
                fits = max(1, next((i for i in range(1, len(word)) if text_mm(word[: i + 1], pt, bold) > width_mm), 1))
                lines.append(word[:fits])
                word = word[fits:]
            line += word
        lines.append(line.rstrip())
    return lines


class Page:
    """A sheet with a body of `body_mm` height; `axes`, `text` and `key` take millimetres from the body's upper left corner."""

    def __init__(self, sheet: Sheet, body_mm: float) -> None:
        self.sheet, self.body_mm = sheet, body_mm
        inner = sheet.width_mm - 2 * EDGE_MM
        title = wrapped(sheet.title, inner, TITLE_PT, bold=True) if sheet.title else []
        foot = wrapped(_footer(sheet), inner) if _footer(sheet) else []
        self._head_mm = (
            EDGE_MM + (line_mm(BODY_PT) + 1.5 if sheet.synthetic else 0) + len(title) * line_mm(TITLE_PT) + (1.0 if title else 0)
        )
        self._foot_mm = EDGE_MM + len(foot) * line_mm() + (1.5 if foot else 0)
        self.height_mm = self._head_mm + body_mm + self._foot_mm
        self.figure = Figure(figsize=(sheet.width_mm / 25.4, self.height_mm / 25.4), dpi=150)
        FigureCanvasAgg(self.figure)
        top = EDGE_MM - self._head_mm
        if sheet.synthetic:
            box = {"boxstyle": "square,pad=0.25", "facecolor": "white", "edgecolor": BADGE, "linewidth": 0.8}
            self.text("SYNTHETIC DATA", EDGE_MM + 0.8, top + 0.6, pt=SMALL_PT, colour=BADGE, bold=True, bbox=box)
            top += line_mm(BODY_PT) + 1.5
        self.lines(title, EDGE_MM, top, pt=TITLE_PT, bold=True)
        self.lines(foot, EDGE_MM, body_mm + 1.5, colour=MUTED)

    def axes(self, left: float, top: float, width: float, height: float, *, grid: Grid = "", off: bool = False, **options: Any) -> Axes:
        """Return axes at a place of the body; `grid` is '', 'x', 'y' or 'both', `off` hides frame and ticks."""
        x, y = self._place(left, top + height)
        made = self.figure.add_axes((x, y, width / self.sheet.width_mm, height / self.height_mm), **options)
        if grid:
            made.grid(axis=grid)
        if off:
            made.set_axis_off()
        return made

    def text(self, text: str, left: float, top: float, *, pt: float = SMALL_PT, colour: str = INK, bold: bool = False, **more: Any) -> None:
        """Set one line with its upper left corner at a place (`ha`, `va` and other Text properties say otherwise)."""
        x, y = self._place(left, top)
        options = {"ha": "left", "va": "top", **more}
        self.figure.text(x, y, text, fontsize=pt, color=colour, fontweight="bold" if bold else "normal", **options)

    def lines(self, lines: Sequence[str], left: float, top: float, *, pt: float = SMALL_PT, **more: Any) -> float:
        """Set lines below each other; return the height they take."""
        for at, line in enumerate(lines):
            self.text(line, left, top + at * line_mm(pt), pt=pt, **more)
        return len(lines) * line_mm(pt)

    def key(self, entries: Sequence[Key], left: float, top: float, width: float) -> None:
        """Set a key: a sample at the left, its text wrapped beside it; short neighbours share a row."""
        for row in _key_rows(entries, width):
            each = width / len(row)
            deepest = 0.0
            for at, entry in enumerate(row):
                x = left + at * each
                (x0, y), (x1, _) = self._place(x, top + 0.42 * line_mm()), self._place(x + 6, top)
                ends = ([(x0 + x1) / 2], [y]) if entry.marker else ([x0, x1], [y, y])
                style = {"marker": entry.marker, "markersize": 4.5, "linestyle": "none"} if entry.marker else {"linestyle": entry.dash}
                self.figure.add_artist(Line2D(*ends, color=entry.colour, linewidth=entry.width, transform=self.figure.transFigure, **style))
                deepest = max(deepest, self.lines(wrapped(entry.text, each - 8), x + 8, top))
            top += deepest + 0.6

    def _place(self, left: float, top: float) -> tuple[float, float]:
        return left / self.sheet.width_mm, 1 - (self._head_mm + top) / self.height_mm


def key_mm(entries: Sequence[Key], width: float) -> float:
    """Return the height that `Page.key` takes at a width."""
    deepest = (max(len(wrapped(entry.text, width / len(row) - 8)) for entry in row) for row in _key_rows(entries, width))
    return sum(lines * line_mm() + 0.6 for lines in deepest)


def _key_rows(entries: Sequence[Key], width: float) -> list[list[Key]]:
    """Return entries two to a row where both fit in half the width on one line, else one to a row."""
    rows: list[list[Key]] = []
    for entry in entries:
        is_short = "\n" not in entry.text and text_mm(entry.text) <= width / 2 - 9
        if is_short and rows and len(rows[-1]) == 1 and "\n" not in rows[-1][0].text and text_mm(rows[-1][0].text) <= width / 2 - 9:
            rows[-1].append(entry)
        else:
            rows.append([entry])
    return rows


def curve_page(sheet: Sheet, entries: Sequence[Key], *, height_mm: float | None = None, context: str = "") -> tuple[Page, Axes]:
    """Return a page with one pair of axes and its key: below at one column, at the right at two; square unless a height is given.

    context  a line of text at the head of the key
    """
    left, right, below = 11.0, 3.0, 9.0
    width = 78.0 if sheet.is_wide else sheet.width_mm - left - right
    height = height_mm or width
    x, room = (left + width + 6, sheet.width_mm - left - width - 6 - EDGE_MM) if sheet.is_wide else (EDGE_MM, sheet.width_mm - 2 * EDGE_MM)
    head = wrapped(context, room) if context else []
    key_height = len(head) * line_mm() + (0.8 if head else 0) + key_mm(entries, room)
    page = Page(sheet, max(height + below, key_height + 2) if sheet.is_wide else height + below + 1 + key_height)
    top = 2.0 if sheet.is_wide else height + below + 1
    page.key(entries, x, top + page.lines(head, x, top) + (0.8 if head else 0), room)
    return page, page.axes(left, 1, width, height, grid="both")


@styled
def empty_figure(reason: str, sheet: Sheet = SINGLE) -> Figure:
    """Return a figure that says why there is nothing to draw, in place of a crash or an invented picture."""
    lines = wrapped(reason, sheet.width_mm - 20, BODY_PT)
    height = 14 + len(lines) * line_mm(BODY_PT)
    page = Page(sheet, height)
    frame = page.axes(EDGE_MM, 1, sheet.width_mm - 2 * EDGE_MM, height - 2)
    frame.set(xticks=[], yticks=[])
    for spine in frame.spines.values():
        spine.set(visible=True, color=FAINT, linestyle=(0, (3, 2)))
    for at, line in enumerate(lines):
        page.text(line, sheet.width_mm / 2, 7 + at * line_mm(BODY_PT), pt=BODY_PT, colour=MUTED, ha="center")
    return page.figure


def _footer(sheet: Sheet) -> str:
    runs = f"run {', '.join(sheet.run_ids)}" if len(sheet.run_ids) == 1 else f"runs {', '.join(sheet.run_ids)}" if sheet.run_ids else ""
    return " · ".join(part for part in (*sheet.notes, runs) if part)
