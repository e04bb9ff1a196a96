"""Whether hazards are proportional, for the eye: log(-log) curves that should run parallel, Schoenfeld residuals that should lie flat."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from her2ladder.analytics.figures.palette import band_colours
from her2ladder.analytics.figures.style import DASHES, EDGE_MM, INK, MUTED, SINGLE, Key, Page, Sheet, empty_figure, key_mm, styled
from her2ladder.analytics.figures.words import need


@styled
def hazards_figure(
    steps: pd.DataFrame,
    points: pd.DataFrame,
    smooth: pd.DataFrame,
    *,
    term: str,
    log_hazard_ratio: float | None,
    said: str = "",
    colours: Mapping[str, str] | None = None,
    sheet: Sheet = SINGLE,
) -> Figure:
    """Return log(-log(survival)) against time on a log scale, and the log hazard ratio of `term` at each event with its smooth line.

    steps           label, time, surv: the exported step table
    points, smooth  time, log_hazard_ratio (statistics.schoenfeld)
    said            the test of proportional hazards in words
    """
    need(steps, ("label", "time", "surv"), "proportional hazards figure")
    inside = steps[(steps["surv"] > 0) & (steps["surv"] < 1) & (steps["time"] > 0)]
    labels = list(dict.fromkeys(inside["label"]))
    if not labels and points.empty:
        return empty_figure("No curve has fallen and no hazard ratio was fitted: there is nothing to judge proportional hazards by.", sheet)
    colour, dash = dict(colours or band_colours(labels)), dict(zip(labels, DASHES * max(len(labels), 1), strict=False))
    entries = [Key(name, colour[name], dash[name]) for name in labels]
    across = 2 if sheet.is_wide and not points.empty and labels else 1
    width, height, left = (sheet.width_mm - (across + 1) * 3) / across - 14, 52.0, 13.0
    stacked = across == 1 and not points.empty and bool(labels)
    under = sheet.width_mm - 2 * EDGE_MM
    body = (2 if stacked else 1) * (height + 12) + key_mm(entries, under) + 1
    page = Page(sheet.noting(said, "parallel curves and a flat line: proportional hazards"), body)
    if labels:
        _log_log(page.axes(left, 1, width, height, grid="both"), inside, colour, dash)
    if not points.empty:
        x, y = (left + width + 17, 1.0) if across == 2 else (left, height + 13 if labels else 1.0)
        _residuals(page.axes(x, y, width, height, grid="both"), points, smooth, term, log_hazard_ratio)
    page.key(entries, EDGE_MM, body - key_mm(entries, under), under)
    return page.figure


def _log_log(axes: Axes, inside: pd.DataFrame, colour: Mapping[str, str], dash: Mapping[str, object]) -> None:
    for name, rows in inside.groupby("label", sort=False):
        height = np.log(-np.log(rows["surv"].to_numpy(dtype=float)))
        axes.step(rows["time"], height, where="post", color=colour[str(name)], linestyle=dash[str(name)])
    axes.set(xscale="log", xlabel="Months (log scale)", ylabel="log(−log(survival))")
    low, high = inside["time"].min(), inside["time"].max()
    ticks = [tick for tick in (0.1, 0.3, 1, 3, 6, 12, 24, 48, 96, 192) if low <= tick <= high * 1.05]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()


def _residuals(axes: Axes, points: pd.DataFrame, smooth: pd.DataFrame, term: str, ratio: float | None) -> None:
    axes.plot(points["time"], points["log_hazard_ratio"], linestyle="none", marker="o", markersize=2.2, color=MUTED, markeredgewidth=0)
    if not smooth.empty:
        axes.plot(smooth["time"], smooth["log_hazard_ratio"], color=INK)
    if ratio is not None:
        axes.axhline(ratio, color=INK, linewidth=0.7, linestyle=(0, (4, 2)))
    axes.set(xlabel="Months", ylabel=f"log hazard ratio, {term}")
