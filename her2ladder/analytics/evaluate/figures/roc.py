"""ROC curves of one or several cohorts or scores, with bootstrap bands and the AUC's interval in the key."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from her2ladder.analytics.figures.palette import cohort_colours
from her2ladder.analytics.figures.style import DASHES, INK, MUTED, SINGLE, Key, Sheet, curve_page, empty_figure, styled
from her2ladder.analytics.figures.words import interval, missing, need, optional, size

UNIT_TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


@styled
def roc_figure(
    curves: pd.DataFrame,
    summary: pd.DataFrame,
    *,
    bands: pd.DataFrame | None = None,
    operating_points: pd.DataFrame | None = None,
    colours: Mapping[str, str] | None = None,
    event: str = "residual disease",
    sheet: Sheet = SINGLE,
) -> Figure:
    """Return ROC curves, one a label, in the order of `summary`.

    curves            label, false_positive_rate, sensitivity: points in drawing order
    summary           label, value (AUC), lo, hi, n, events; optional note, which stands in the key (why there is no curve or interval)
    bands             label, false_positive_rate, lo, hi: pointwise 95 % band of the sensitivity
    operating_points  label, false_positive_rate, sensitivity, threshold: marked on the curve
    colours           by label; default the palette's for cohorts
    """
    need(summary, ("label", "value", "lo", "hi", "n", "events"), "ROC figure")
    need(curves, ("label", "false_positive_rate", "sensitivity"), "ROC figure")
    if curves.empty:
        return empty_figure(_why_empty(summary), sheet)
    colour = dict(colours or cohort_colours(summary["label"]))
    dash = dict(zip(summary["label"], DASHES * len(summary), strict=False))
    entries = [Key(curve_label(row, "AUC", event), colour[row.label], dash[row.label]) for row in summary.itertuples()]
    if bands is not None and not bands.empty:
        sheet = sheet.noting("shaded: pointwise 95 % bootstrap band")
    if operating_points is not None and not operating_points.empty:
        entries += [Key(f"cut-off {row.threshold:.3f}", colour[row.label], marker="o") for row in operating_points.itertuples()]
    page, axes = curve_page(sheet, entries)
    _frame(axes, "1 − specificity", "Sensitivity")
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.7, linestyle=(0, (2, 2)))
    for label in summary["label"]:
        part = curves[curves["label"] == label]
        axes.plot(part["false_positive_rate"], part["sensitivity"], color=colour[label], linestyle=dash[label], zorder=3)
        if bands is not None:
            band = bands[bands["label"] == label]
            axes.fill_between(band["false_positive_rate"], band["lo"], band["hi"], color=colour[label], alpha=0.15, linewidth=0)
    if operating_points is not None:
        for row in operating_points.itertuples():
            axes.plot(row.false_positive_rate, row.sensitivity, "o", color=colour[row.label], markeredgecolor=INK, markersize=4.5, zorder=4)
    return page.figure


def curve_label(row: object, metric: str, event: str) -> str:
    """Return 'Construction: AUC 0.84 (95 % CI 0.79–0.88)' and below it 'n = 276, 118 residual disease' of a summary row."""
    label, value, lo, hi, n, events = (getattr(row, name) for name in ("label", "value", "lo", "hi", "n", "events"))
    note = optional(row, "note")
    numbers = f"{metric} {interval(value, lo, hi)}"
    if not (missing(lo) or missing(hi)):
        numbers = numbers.replace("(", "(95 % CI ")
    return f"{label}: {numbers}\n{size(n, events, event)}" + (f"; {note}" if note else "")


def _frame(axes: Axes, x_label: str, y_label: str) -> None:
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xticks=UNIT_TICKS, yticks=UNIT_TICKS, xlabel=x_label, ylabel=y_label)


def _why_empty(summary: pd.DataFrame) -> str:
    notes = [f"{row.label}: {optional(row, 'note')}" for row in summary.itertuples() if optional(row, "note")]
    return "No curve to draw. " + ("; ".join(notes) if notes else "No cohort has patients with residual disease and with pCR.")
