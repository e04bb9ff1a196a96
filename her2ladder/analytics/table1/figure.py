"""Patient flow, a row a cohort: enrolled, excluded and why, analysed."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from her2ladder.analytics.figures.style import EDGE_MM, FAINT, INK, MUTED, SINGLE, Page, Sheet, empty_figure, line_mm, styled, wrapped
from her2ladder.analytics.figures.words import missing, need, whole

_GAP_MM, _PAD = 5.0, 1.3
EDGE_COLOUR = "#8A919B"


@styled
def patient_flow_figure(flow: pd.DataFrame, *, sheet: Sheet = SINGLE) -> Figure:
    """Return the flow of patients.

    flow   cohort, step ('enrolled', 'excluded', 'analysed'), reason (of an exclusion), n; several exclusions a cohort, one a reason.
           Where enrolled minus excluded is not analysed, the row says so: nothing is evened out.
    """
    need(flow, ("cohort", "step", "reason", "n"), "patient flow")
    if flow.empty:
        return empty_figure("No patient flow to draw: the store has no patients.", sheet)
    cohorts = list(dict.fromkeys(flow["cohort"]))
    widths = [(sheet.width_mm - 2 * EDGE_MM - 2 * _GAP_MM) * share for share in (0.34, 0.36, 0.30)]
    lefts = [EDGE_MM, EDGE_MM + widths[0] + _GAP_MM, EDGE_MM + sum(widths[:2]) + 2 * _GAP_MM]
    cells = [_cells(flow[flow["cohort"] == name], name, [width - 2 * _PAD for width in widths]) for name in cohorts]
    heights = [max(len(lines) for lines in row) * line_mm() + 2 * _PAD for row in cells]
    head = line_mm() + 1.5
    body = head + sum(heights) + 2.2 * (len(cohorts) - 1) + 1
    page = Page(sheet, body)
    for word, left in zip(("Enrolled", "Excluded", "Analysed"), lefts, strict=True):
        page.text(word, left + _PAD, 0, bold=True, colour=MUTED)
    axes = page.axes(0, 0, sheet.width_mm, body, off=True)
    axes.set(xlim=(0, sheet.width_mm), ylim=(body, 0))
    top = head
    for row, height in zip(cells, heights, strict=True):
        for at, (lines, left, width) in enumerate(zip(row, lefts, widths, strict=True)):
            _box(axes, left, top, width, height, is_side=at == 1)
            start = top + (height - len(lines) * line_mm()) / 2 + 0.3
            for i, line in enumerate(lines):
                page.text(line, left + _PAD, start + i * line_mm(), bold=i == len(lines) - 1 and at != 1, colour=INK)
        for at in (0, 1):
            _arrow(axes, lefts[at] + widths[at], lefts[at + 1], top + height / 2)
        top += height + 2.2
    return page.figure


def _cells(own: pd.DataFrame, name: str, widths: list[float]) -> list[list[str]]:
    total = {step: int(own.loc[own["step"] == step, "n"].sum()) for step in ("enrolled", "excluded", "analysed")}
    present = set(own["step"])
    out = [
        line
        for row in own[own["step"] == "excluded"].itertuples()
        if row.n
        for line in wrapped(f"{whole(row.n)} {'no reason recorded' if missing(row.reason) or not row.reason else row.reason}", widths[1])
    ]
    enrolled = f"n = {whole(total['enrolled'])}" if "enrolled" in present else "n not recorded"
    analysed = f"n = {whole(total['analysed'])}" if "analysed" in present else "n not recorded"
    remains = total["enrolled"] - total["excluded"] - total["analysed"]
    if remains and {"enrolled", "analysed"} <= present:
        out += wrapped(f"{whole(remains)} not accounted for", widths[1])
    return [[*wrapped(str(name), widths[0]), enrolled], out or ["none"], [analysed]]


def _box(axes: Axes, left: float, top: float, width: float, height: float, *, is_side: bool) -> None:
    dash = (0, (3, 1.5)) if is_side else "-"
    fill = "white" if is_side else FAINT
    axes.add_patch(Rectangle((left, top), width, height, facecolor=fill, edgecolor=EDGE_COLOUR, linewidth=0.7, linestyle=dash))


def _arrow(axes: Axes, start: float, stop: float, y: float) -> None:
    style = {"arrowstyle": "-|>", "color": EDGE_COLOUR, "linewidth": 0.8, "mutation_scale": 6, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", (stop, y), (start, y), arrowprops=style)
