"""Precision-recall curves with the prevalence as their floor and the average precision's interval in the key."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from her2ladder.analytics.evaluate.figures.roc import UNIT_TICKS, curve_label
from her2ladder.analytics.figures.palette import cohort_colours
from her2ladder.analytics.figures.style import DASHES, SINGLE, Key, Sheet, curve_page, empty_figure, styled
from her2ladder.analytics.figures.words import need, optional


@styled
def precision_recall_figure(
    curves: pd.DataFrame,
    summary: pd.DataFrame,
    *,
    bands: pd.DataFrame | None = None,
    colours: Mapping[str, str] | None = None,
    event: str = "residual disease",
    sheet: Sheet = SINGLE,
) -> Figure:
    """Return precision-recall curves, one a label, as the step function whose area is the average precision.

    curves   label, recall, precision: points, recall rising (highest cut first)
    summary  label, value (AP), lo, hi, n, events; optional prevalence (default events / n) and note
    bands    label, recall, lo, hi: pointwise 95 % band of the precision
    """
    need(summary, ("label", "value", "lo", "hi", "n", "events"), "precision-recall figure")
    need(curves, ("label", "recall", "precision"), "precision-recall figure")
    if curves.empty:
        notes = "; ".join(f"{row.label}: {optional(row, 'note')}" for row in summary.itertuples() if optional(row, "note"))
        return empty_figure(f"No precision-recall curve to draw. {notes or 'No cohort has both outcomes.'}", sheet)
    colour = dict(colours or cohort_colours(summary["label"]))
    dash = dict(zip(summary["label"], DASHES * len(summary), strict=False))
    entries = [Key(curve_label(row, "AP", event), colour[row.label], dash[row.label]) for row in summary.itertuples()]
    sheet = sheet.noting("thin line: prevalence, the precision of calling everyone positive")
    if bands is not None and not bands.empty:
        sheet = sheet.noting("shaded: pointwise 95 % bootstrap band")
    page, axes = curve_page(sheet, entries)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02), xticks=UNIT_TICKS, yticks=UNIT_TICKS)
    axes.set(xlabel="Recall (sensitivity)", ylabel="Precision (PPV)")
    for row in summary.itertuples():
        part = curves[curves["label"] == row.label]
        if part.empty:  # one outcome only: the key says why there is no curve
            continue
        # the precision reached at a recall holds back to the recall before it: AP is this step's area
        recall, precision = [0.0, *part["recall"]], [*part["precision"][:1], *part["precision"]]
        axes.step(recall, precision, where="pre", color=colour[row.label], linestyle=dash[row.label], zorder=3)
        floor = optional(row, "prevalence")
        axes.axhline(row.events / row.n if floor is None else floor, color=colour[row.label], linewidth=0.7, linestyle=(0, (2, 2)))
        if bands is not None:
            band = bands[bands["label"] == row.label]
            axes.fill_between(band["recall"], band["lo"], band["hi"], color=colour[row.label], alpha=0.15, linewidth=0)
    return page.figure
