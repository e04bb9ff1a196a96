"""From band to treatment as the paper reads it (Fig. 3e): a ladder of scores, a box a band; exploratory, not for clinical use."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle

from her2ladder.analytics.figures.palette import band_colours
from her2ladder.analytics.figures.style import (
    BADGE,
    BODY_PT,
    EDGE_MM,
    MUTED,
    SINGLE,
    Page,
    Sheet,
    empty_figure,
    line_mm,
    styled,
    wrapped,
)
from her2ladder.analytics.figures.words import interval, missing, need, number, optional, whole

WARNING = "Exploratory, not for clinical use"
_LADDER_LEFT, _LADDER_MM, _BOX_LEFT = 9.0, 9.0, 27.0


@styled
def band_schematic_figure(bands: pd.DataFrame, *, score_name: str = "score", sheet: Sheet = SINGLE) -> Figure:
    """Return the schematic, the highest band on top.

    bands  band, lower, upper (scores; from 0 or the smallest score, to 1 or the largest), suggestion (text), in rising order;
           optional n, and value, lo, hi: pCR rate under the standard regimen, with regimen its name
    """
    need(bands, ("band", "lower", "upper", "suggestion"), "schematic")
    if bands.empty or bands[["lower", "upper"]].isna().any().any():
        return empty_figure("No schematic to draw: the score has no bands.", sheet)
    rows = list(bands.itertuples())[::-1]
    width = sheet.width_mm - _BOX_LEFT - EDGE_MM
    texts = [_texts(row, width - 5) for row in rows]
    heights = [max(12.0, line_mm(BODY_PT) + 1 + len(lines) * line_mm() + 3) for lines in texts]
    gap, head = 2.5, line_mm(BODY_PT) + 4
    body = head + sum(heights) + gap * (len(rows) - 1)
    page = Page(sheet, body + 2)
    page.text(WARNING, EDGE_MM + 1, 0.8, pt=BODY_PT, colour="white", bold=True, bbox={"facecolor": BADGE, "edgecolor": "none", "pad": 2.2})
    axes = page.axes(0, head, sheet.width_mm, body - head, off=True)
    axes.set(xlim=(0, sheet.width_mm), ylim=(body - head, 0))
    low, high = float(bands["lower"].min()), float(bands["upper"].max())
    colours, top = band_colours(bands["band"]), 0.0
    for row, lines, height in zip(rows, texts, heights, strict=True):
        ends = [(high - float(score)) / (high - low) * (body - head) for score in (row.upper, row.lower)]
        _rung(axes, ends, (top, top + height), colours[row.band])
        axes.add_patch(
            Rectangle((_BOX_LEFT, top), width, height, facecolor="white", edgecolor=colours[row.band], linewidth=1.2, clip_on=False)
        )
        axes.add_patch(Rectangle((_BOX_LEFT, top), 1.6, height, facecolor=colours[row.band], linewidth=0))
        page.text(_head(row, score_name), _BOX_LEFT + 3.5, head + top + 1.6, pt=BODY_PT, bold=True)
        page.lines(lines, _BOX_LEFT + 3.5, head + top + 2.6 + line_mm(BODY_PT))
        top += height + gap
    for score in dict.fromkeys([high, *(float(row.lower) for row in rows)]):
        y = head + (high - score) / (high - low) * (body - head)
        page.text(f"{score:.2f}", _LADDER_LEFT - 1.5, min(max(y, head + 1), body - 1), ha="right", va="center", colour=MUTED)
    return page.figure


def _rung(axes: Axes, ends: list[float], box: tuple[float, float], colour: str) -> None:
    """Draw a band's stretch of the ladder and the fan that leads from it to its box."""
    right = _LADDER_LEFT + _LADDER_MM
    axes.add_patch(Rectangle((_LADDER_LEFT, ends[0]), _LADDER_MM, ends[1] - ends[0], facecolor=colour, edgecolor="white", linewidth=1.0))
    fan = [(right, ends[0]), (_BOX_LEFT, box[0]), (_BOX_LEFT, box[1]), (right, ends[1])]
    axes.add_patch(Polygon(fan, closed=True, facecolor=colour, alpha=0.18, linewidth=0))


def _head(row: object, score_name: str) -> str:
    n = optional(row, "n")
    size = "" if n is None else f", n = {whole(n)}"
    return f"{row.band}: {score_name} {number(row.lower)} to {number(row.upper)}{size}"  # type: ignore[attr-defined]


def _texts(row: object, width: float) -> list[str]:
    lines = wrapped(str(row.suggestion), width)  # type: ignore[attr-defined]
    if not missing(getattr(row, "value", None)):
        value, lo, hi = (100 * float(x) if not missing(x) else None for x in (getattr(row, name) for name in ("value", "lo", "hi")))
        regimen = optional(row, "regimen")
        lines += wrapped(f"pCR{f' with {regimen}' if regimen else ''}: {interval(value, lo, hi, 0)} %", width)
    return lines
