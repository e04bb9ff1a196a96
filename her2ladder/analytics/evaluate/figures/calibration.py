"""Calibration: observed rate against predicted probability, binned with Wilson bars and smooth, the scores' histogram below."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from her2ladder.analytics.figures.palette import OKABE_ITO
from her2ladder.analytics.figures.style import (
    BODY_PT,
    EDGE_MM,
    INK,
    MUTED,
    SINGLE,
    Page,
    Sheet,
    empty_figure,
    line_mm,
    styled,
    wrapped,
)
from her2ladder.analytics.figures.words import METRIC_WORDS, interval, need, optional, size

BLUE, ORANGE = OKABE_ITO[0], OKABE_ITO[1]
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
_SHOWN = ("calibration_intercept", "calibration_slope", "calibration_in_the_large", "brier")
_LEFT, _HIST = 12.0, 13.0


@styled
def calibration_figure(
    bins: pd.DataFrame,
    summary: pd.DataFrame,
    *,
    smooth: pd.DataFrame | None = None,
    scores: pd.DataFrame | None = None,
    event: str = "residual disease",
    sheet: Sheet = SINGLE,
) -> Figure:
    """Return a calibration panel for each label, in the order of `summary`.

    bins     label, mean_score, observed, lo, hi, n: observed rate with Wilson interval
    summary  label, metric (calibration_intercept, calibration_slope, calibration_in_the_large, brier), value, lo, hi, n, events, note
    smooth   label, score, observed
    scores   label, score (0..1), is_residual (0/1): for the histogram, residual disease up, pCR down
    """
    need(bins, ("label", "mean_score", "observed", "lo", "hi", "n"), "calibration figure")
    need(summary, ("label", "metric", "value", "lo", "hi", "n", "events"), "calibration figure")
    labels = list(dict.fromkeys(summary["label"]))
    if bins.empty:
        return empty_figure(f"No calibration to draw: {_reason(summary)}", sheet)
    across = min(len(labels), 3) if sheet.is_wide else 1
    panel = min((sheet.width_mm - EDGE_MM) / across, 84.0)
    side = panel - _LEFT - 4
    texts = [_texts(summary[summary["label"] == label], label, event, panel - 4) for label in labels]
    height = line_mm(BODY_PT) + 2 + side + 2 + _HIST + 9 + max(map(len, texts)) * line_mm() + 2
    sheet = sheet.noting("dots: equal-sized bins, Wilson 95 % CI" + ("; line: lowess" if smooth is not None and not smooth.empty else ""))
    page = Page(sheet, height * -(-len(labels) // across))
    for at, label in enumerate(labels):
        left, top = (at % across) * panel, (at // across) * height
        page.text(label, left + _LEFT, top, pt=BODY_PT, bold=True)
        parts = [None if frame is None else frame[frame["label"] == label] for frame in (bins, smooth, scores)]
        _panel(page, left + _LEFT, top + line_mm(BODY_PT) + 2, side, parts, event)
        page.lines(texts[at], left + EDGE_MM, top + line_mm(BODY_PT) + 2 + side + 2 + _HIST + 9)
    return page.figure


def _panel(page: Page, left: float, top: float, side: float, parts: list[pd.DataFrame | None], event: str) -> None:
    bins, smooth, scores = parts
    axes = page.axes(left, top, side, side, grid="both")
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.7, linestyle=(0, (2, 2)))
    if smooth is not None:
        axes.plot(smooth["score"], smooth["observed"], color=ORANGE, zorder=2)
    if bins is not None and len(bins):
        bars = np.array([bins["observed"] - bins["lo"], bins["hi"] - bins["observed"]], dtype=float).clip(0)
        axes.errorbar(bins["mean_score"], bins["observed"], yerr=bars, fmt="o", color=BLUE, markersize=3.5, linewidth=0.9, zorder=3)
    else:
        axes.text(0.5, 0.5, "no bins", ha="center", va="center", color=MUTED)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xticks=_TICKS, yticks=_TICKS, ylabel=f"Observed {event}")
    axes.tick_params(labelbottom=False)
    below = page.axes(left, top + side + 2, side, _HIST)
    below.set(xlim=(-0.01, 1.01), xticks=_TICKS, xlabel="Predicted probability", yticks=[])
    below.spines["left"].set_visible(False)
    below.axhline(0, color=MUTED, linewidth=0.5)
    if scores is None or scores.empty:
        return
    edges = np.linspace(0, 1, 41)
    for value, colour, sign in ((1, ORANGE, 1), (0, BLUE, -1)):
        counts = np.histogram(scores.loc[scores["is_residual"] == value, "score"], edges)[0]
        below.bar(edges[:-1], sign * counts, width=1 / 40, align="edge", color=colour, alpha=0.75, linewidth=0)
    limit = max(abs(v) for v in below.get_ylim())
    below.set_ylim(-limit, limit)
    width = _LEFT - 3
    for word, at in ((event, 0.25), ("pCR", 0.75)):
        for i, line in enumerate(wrapped(word, width)):
            page.text(line, left - 1.5, top + side + 2 + _HIST * at + (i - 0.5) * line_mm(), ha="right", va="center", colour=INK)


def _texts(rows: pd.DataFrame, label: str, event: str, width: float) -> list[str]:
    lines: list[str] = []
    first = next(rows.itertuples())
    lines += wrapped(size(first.n, first.events, event), width)
    found = {row.metric: row for row in rows.itertuples()}
    for metric in (name for name in _SHOWN if name in found):
        row = found[metric]
        text = f"{METRIC_WORDS[metric]} {interval(row.value, row.lo, row.hi, 3 if metric == 'brier' else 2)}"
        note = optional(row, "note")
        lines += wrapped(f"{text}; {note}" if note else text, width)
    return lines


def _reason(summary: pd.DataFrame) -> str:
    notes = list(dict.fromkeys(filter(None, (optional(row, "note") for row in summary.itertuples()))))
    return "; ".join(map(str, notes)) or "no patients with a score and an outcome."
