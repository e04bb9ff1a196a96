"""Kaplan-Meier curves with intervals, censor ticks, the numbers at risk aligned below, and the tests (Fig. 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import ceil

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from her2ladder.analytics.figures.palette import band_colours
from her2ladder.analytics.figures.style import (
    BODY_PT,
    DASHES,
    EDGE_MM,
    SINGLE,
    SMALL_PT,
    Key,
    Page,
    Sheet,
    empty_figure,
    key_mm,
    line_mm,
    styled,
    text_mm,
    wrapped,
)
from her2ladder.analytics.figures.words import missing, need, number, optional, p_equals, ratio, short, size

_TICK_STEPS = (1, 2, 3, 6, 12, 24, 36, 60, 120)


@styled
def kaplan_meier_figure(
    steps: pd.DataFrame,
    at_risk: pd.DataFrame,
    summary: pd.DataFrame,
    *,
    tests: pd.DataFrame | None = None,
    endpoint: str = "Disease-free survival",
    time_label: str = "Months",
    y_min: float = 0.0,
    colours: Mapping[str, str] | None = None,
    sheet: Sheet = SINGLE,
) -> Figure:
    """Return Kaplan-Meier curves, one a label in the order of `summary`.

    steps    label, time, surv, lo, hi, n_censor: the exported step table; a row at time 0 is added where it lacks
    at_risk  label, time, n_risk: at the times of the table, which are also the ticks of the axis
    summary  label, n, events; optional median, median_lo, median_hi (NULL = not reached), note
    tests    term, metric ('hazard_ratio' or 'logrank'), value, lo, hi, p; optional test, note
    y_min    start of the axis, said in the footer where it is not 0
    """
    need(steps, ("label", "time", "surv", "lo", "hi", "n_censor"), "Kaplan-Meier figure")
    need(summary, ("label", "n", "events"), "Kaplan-Meier figure")
    need(at_risk, ("label", "time", "n_risk"), "Kaplan-Meier figure")
    labels = [name for name in summary["label"] if (steps["label"] == name).any()]
    if not labels:
        return empty_figure(f"No curve of {endpoint.lower()} to draw: no patient has a time and a status.", sheet)
    colour, dash = dict(colours or band_colours(summary["label"])), dict(zip(summary["label"], DASHES * len(summary), strict=False))
    left = max(12.5, max(text_mm(name) for name in labels) + EDGE_MM + 7)
    width, height = sheet.width_mm - left - 5, 52.0
    at_risk = _with_room(at_risk, width / (_last(steps, at_risk) * 1.02))
    lines = [line for text in _test_lines(tests) for line in wrapped(text, width - 4)]
    entries = [Key(_key_text(row), colour[row.label], dash[row.label]) for row in summary.itertuples()]
    inside = _has_room(steps, lines, width, height, y_min, _last(steps, at_risk))
    above = 0.0 if inside else len(lines) * line_mm() + 1
    table = (len(labels) + 1) * line_mm() + 2
    under = sheet.width_mm - 2 * EDGE_MM
    sheet = sheet.noting("shaded: 95 % CI", "ticks: censored", f"y axis starts at {y_min:g}" if y_min else "")
    page = Page(sheet, above + 1 + height + 9 + table + key_mm(entries, under) + 1)
    if not inside:
        page.lines(lines, left, 0)
    axes = page.axes(left, above + 1, width, height)
    for name in labels:
        _curve(axes, steps[steps["label"] == name], colour[name], dash[name])
    _frame(axes, at_risk, _last(steps, at_risk), y_min, endpoint, time_label)
    if inside:
        axes.text(0.02, 0.03, "\n".join(lines), transform=axes.transAxes, va="bottom", fontsize=SMALL_PT, linespacing=1.3)
    _risk_table(page, axes, at_risk, labels, colour, left, above + height + 10)
    page.key(entries, EDGE_MM, above + height + 10 + table, under)
    return page.figure


def _curve(axes: Axes, steps: pd.DataFrame, colour: str, dash: object) -> None:
    part = steps.sort_values("time", kind="stable")
    time, surv, lo, hi = (part[name].to_numpy(float) for name in ("time", "surv", "lo", "hi"))
    if time[0] > 0:
        time, surv, lo, hi = (np.concatenate([[start], rest]) for start, rest in ((0, time), (1, surv), (1, lo), (1, hi)))
    axes.step(time, surv, where="post", color=colour, linestyle=dash, zorder=3)
    axes.fill_between(time, lo, hi, step="post", color=colour, alpha=0.14, linewidth=0, zorder=1)
    gone = part[part["n_censor"] > 0]
    axes.plot(gone["time"], gone["surv"], linestyle="none", marker="|", markersize=3.4, markeredgewidth=0.6, color=colour, zorder=4)


def _frame(axes: Axes, at_risk: pd.DataFrame, last: float, y_min: float, endpoint: str, time_label: str) -> None:
    ticks = sorted({float(x) for x in at_risk["time"]}) or _ticks(last)
    axes.set(xlim=(0, last * 1.02), ylim=(y_min, 1.015), xlabel=time_label, ylabel=endpoint)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.yaxis.grid(True)


def _with_room(at_risk: pd.DataFrame, mm_a_unit: float) -> pd.DataFrame:
    """Return the table at every time, or at every second, third … where its numbers would touch."""
    times = sorted({float(time) for time in at_risk["time"]})
    if len(times) < 3:
        return at_risk
    widest = max(text_mm(f"{text}") for text in [*(f"{time:g}" for time in times), *at_risk["n_risk"].dropna().astype(int)]) + 1.2
    nearest = min(b - a for a, b in pairwise(times)) * mm_a_unit
    return at_risk[at_risk["time"].isin(times[:: max(1, ceil(widest / nearest))])]


def _risk_table(
    page: Page, axes: Axes, at_risk: pd.DataFrame, labels: Sequence[str], colour: Mapping[str, str], left: float, top: float
) -> None:
    page.text("Number at risk", EDGE_MM, top, bold=True)
    x0, x1 = axes.get_xlim()
    width = axes.get_position().width * page.sheet.width_mm
    for at, name in enumerate(labels):
        y = top + (at + 1) * line_mm() + 0.4
        page.text("■", EDGE_MM, y, colour=colour[name])
        page.text(name, EDGE_MM + 2.6, y)
        for row in at_risk[at_risk["label"] == name].itertuples():
            x = left + (float(row.time) - x0) / (x1 - x0) * width
            page.text("–" if missing(row.n_risk) else f"{int(row.n_risk)}", x, y, ha="center")


def _test_lines(tests: pd.DataFrame | None) -> list[str]:
    """Return one line a test: the Cox P and the log-rank P are different tests and stand apart."""
    if tests is None or tests.empty:
        return []
    need(tests, ("term", "metric", "value", "lo", "hi", "p"), "Kaplan-Meier figure, tests")
    lines = []
    for row in tests.itertuples():
        note, test = optional(row, "note"), optional(row, "test")
        if row.metric == "logrank":
            text = f"{row.term}: {p_equals(row.p, 'log-rank P')}"
        elif optional(row, "value") is None:
            text = f"{row.term}: HR not estimated"
        else:
            limits = ratio(row.value, row.lo, row.hi).replace("(", "(95 % CI ").replace("95 % CI no CI", "no CI")
            model = "Cox (Firth)" if "Firth" in str(test) else "Cox"
            text = f"{row.term}: HR {limits}, {p_equals(row.p, model + ' P')}"
        lines.append(f"{text}; {note}" if note else text)
    return lines


def _key_text(row: object) -> str:
    n, events = optional(row, "n"), optional(row, "events")
    text = f"{getattr(row, 'label', '')}: {size(n, events, 'event' if events == 1 else 'events')}"
    if hasattr(row, "median"):
        median, lo, hi = (optional(row, name) for name in ("median", "median_lo", "median_hi"))
        ends = "–".join("not reached" if end is None else short(end) for end in (lo, hi))
        limits = f" ({ends})" if hasattr(row, "median_lo") else ""
        text += "; median not reached" if median is None else f"; median {number(median, 1)}{limits}"
    note = optional(row, "note")
    return f"{text}; {note}" if note else text


def _has_room(steps: pd.DataFrame, lines: Sequence[str], width: float, height: float, y_min: float, last: float) -> bool:
    """Return True where every curve and its interval pass above a text in the lower left corner."""
    wide = (max((text_mm(line) for line in lines), default=0) + 5) / width * last
    high = y_min + (len(lines) * line_mm(BODY_PT) + 3) / height * (1 - y_min)
    near = steps[steps["time"] <= wide]
    return bool((near[["surv", "lo"]].min(axis=1) > high).all())


def _last(steps: pd.DataFrame, at_risk: pd.DataFrame) -> float:
    return max(1e-9, *(float(x) for frame in (steps, at_risk) for x in frame["time"]))


def _ticks(last: float) -> list[float]:
    step = next((step for step in _TICK_STEPS if last / step <= 8), _TICK_STEPS[-1])
    return [float(x) for x in np.arange(0, last + 1e-9, step)]
