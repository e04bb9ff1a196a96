"""Confusion matrices at a fixed threshold, sensitivity, specificity, predictive values and kappa beside them (Supplementary Fig. 2)."""

from __future__ import annotations

import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from her2ladder.analytics.figures.style import (
    BODY_PT,
    EDGE_MM,
    INK,
    MUTED,
    SINGLE,
    SMALL_PT,
    TITLE_PT,
    Page,
    Sheet,
    empty_figure,
    line_mm,
    styled,
    text_mm,
    wrapped,
)
from her2ladder.analytics.figures.words import METRIC_WORDS, interval, missing, need, number, optional, whole

_SHOWN = ("sensitivity", "specificity", "ppv", "npv", "kappa")
_SIDE, _HEAD, _LABEL = 30.0, 9.0, 18.0
_RAMP = colormaps["Blues"]


@styled
def confusion_figure(
    counts: pd.DataFrame,
    metrics: pd.DataFrame | None = None,
    *,
    positive: str = "Residual disease",
    negative: str = "pCR",
    sheet: Sheet = SINGLE,
) -> Figure:
    """Return a matrix for each label: observed in rows, predicted in columns, the positive class first.

    counts   label, true_positive, false_positive, false_negative, true_negative; optional threshold
    metrics  label, metric (sensitivity, specificity, ppv, npv, kappa), value, lo, hi; optional note
    The shade is the share of the row: what became of those who had the outcome.
    """
    need(counts, ("label", "true_positive", "false_positive", "false_negative", "true_negative"), "confusion figure")
    if counts.empty:
        return empty_figure("No confusion matrix to draw: no patient has a score, a threshold and an outcome.", sheet)
    if metrics is None:
        metrics = pd.DataFrame(columns=["label", "metric", "value", "lo", "hi"])
    need(metrics, ("label", "metric", "value", "lo", "hi"), "confusion figure, metrics")
    across = min(len(counts), 2) if sheet.is_wide else 1
    width = (sheet.width_mm - EDGE_MM) / across
    beside = _LABEL + _SIDE + 3
    texts = [_texts(metrics[metrics["label"] == row.label], row, width - beside - EDGE_MM) for row in counts.itertuples()]
    names = [wrapped(str(row.label), width - 4, BODY_PT, bold=True) for row in counts.itertuples()]
    lead = max(map(len, names)) * line_mm(BODY_PT) + 1
    height = lead + _HEAD + max(_SIDE, max(map(len, texts)) * line_mm()) + 3
    page = Page(sheet.noting("shade and %: share of the row; in brackets: 95 % CI; kappa: Cohen's"), height * -(-len(counts) // across))
    for at, row in enumerate(counts.itertuples()):
        left, top = (at % across) * width, (at // across) * height
        page.lines(names[at], left + EDGE_MM, top, pt=BODY_PT, bold=True)
        _words(page, left, top + lead, (positive, negative))
        _matrix(page.axes(left + _LABEL, top + lead + _HEAD, _SIDE, _SIDE), row)
        page.lines(texts[at], left + beside, top + lead + _HEAD)
    return page.figure


def _matrix(axes: Axes, row: object) -> None:
    names = (("true_positive", "false_negative"), ("false_positive", "true_negative"))
    for y, pair in enumerate(names):
        counts = [int(getattr(row, name)) for name in pair]
        for x, count in enumerate(counts):
            share = count / sum(counts) if sum(counts) else None
            shade = _RAMP(0.08 + 0.8 * (share or 0.0))
            axes.add_patch(Rectangle((x, y), 1, 1, facecolor=shade, edgecolor="white", linewidth=1.5))
            ink = "white" if share is not None and share > 0.6 else INK
            axes.text(x + 0.5, y + 0.42, whole(count), ha="center", va="center", fontsize=TITLE_PT + 1, color=ink, fontweight="bold")
            said = "–" if share is None else f"{100 * share:.0f} %"
            axes.text(x + 0.5, y + 0.72, said, ha="center", va="center", fontsize=SMALL_PT, color=ink)
    axes.set(xlim=(0, 2), ylim=(2, 0), xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _words(page: Page, left: float, top: float, classes: tuple[str, str]) -> None:
    page.text("Predicted", left + _LABEL + _SIDE / 2, top, ha="center", colour=MUTED)
    page.text("Observed", left + EDGE_MM, top + _HEAD - line_mm() - 0.5, colour=MUTED)
    for at, name in enumerate(classes):
        lines = wrapped(name, _SIDE / 2 - 0.5)
        page.lines(lines, left + _LABEL + _SIDE * (0.25 + at / 2), top + _HEAD - len(lines) * line_mm() - 0.3, ha="center")
        beside = wrapped(name, _LABEL - EDGE_MM - 1)
        page.lines(beside, left + EDGE_MM, top + _HEAD + _SIDE * (0.25 + at / 2) - len(beside) * line_mm() / 2)


def _texts(metrics: pd.DataFrame, row: object, width: float) -> list[str]:
    n = sum(int(getattr(row, name)) for name in ("true_positive", "false_positive", "false_negative", "true_negative"))
    lines = [f"n = {whole(n)}"]
    threshold = getattr(row, "threshold", None)
    if not missing(threshold):
        lines.append(f"threshold {number(threshold, 3)}")
    found = {each.metric: each for each in metrics.itertuples()}
    for name in (name for name in _SHOWN if name in found):
        each = found[name]
        text, note = interval(each.value, each.lo, each.hi), optional(each, "note")
        head = METRIC_WORDS[name]
        fits = text_mm(f"{head} {text}") <= width
        lines += [f"{head} {text}"] if fits else [head, *(f"  {line}" for line in wrapped(text, width - 2))]
        lines += wrapped(str(note), width) if note else []
    return lines
