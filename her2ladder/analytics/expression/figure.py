"""Pictures of gene differences: the volcano of each cell type, and the bars of enriched pathways (Fig. 6g, 7g)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from her2ladder.analytics.figures.palette import OKABE_ITO
from her2ladder.analytics.figures.style import INK, MUTED, SMALL_PT, Page, Sheet, empty_figure, line_mm, styled, text_mm, wrapped

Floats = np.ndarray[Any, Any]
_SIDE_MM, _GAP_MM, _LEFT_MM = 46.0, 14.0, 10.0
MOST_PANELS, MOST_NAMES, MOST_BARS = 12, 6, 20
UP, DOWN, NEITHER = OKABE_ITO[5], OKABE_ITO[4], "#b8b8b8"


@styled
def volcano_figure(table: pd.DataFrame, a: str, b: str, sheet: Sheet) -> Figure:
    """Return a panel for each cell type: log2 fold change against -log10 P; genes with an adjusted P below .05 in colour, six named.

    table   type, gene, log2_fold_change, p, p_adjusted
    """
    drawn = table.dropna(subset=["p", "log2_fold_change"])
    names = list(dict.fromkeys(drawn["type"]))[:MOST_PANELS]
    if not names:
        return empty_figure("No gene has a P value.", sheet)
    across = max(1, int((sheet.width_mm - 2) // (_SIDE_MM + _GAP_MM)))
    deep = _SIDE_MM + 2 * line_mm() + 8
    page = Page(sheet.noting(f"right: higher in {a}, left: higher in {b}; colour: adjusted P < .05"), -(-len(names) // across) * deep)
    for at, name in enumerate(names):
        left, top = (at % across) * (_SIDE_MM + _GAP_MM) + _LEFT_MM, (at // across) * deep
        page.text(str(name), left, top, bold=True)
        axes = page.axes(left, top + line_mm() + 1, _SIDE_MM, _SIDE_MM, grid="both")
        own = drawn[drawn["type"] == name]
        x, y = own["log2_fold_change"].to_numpy(float), -np.log10(np.maximum(own["p"].to_numpy(float), 1e-300))
        told = (own["p_adjusted"] < 0.05).to_numpy()
        colour = np.where(told, np.where(x > 0, UP, DOWN), NEITHER)
        axes.scatter(x, y, s=4, c=list(colour), linewidths=0)
        first = np.flatnonzero(told)[np.argsort(-y[told], kind="stable")][:MOST_NAMES]
        for i in _apart(x, y, first):
            side = "left" if x[i] <= 0 else "right"
            axes.annotate(
                own["gene"].iloc[i], (x[i], y[i]), fontsize=SMALL_PT - 1, color=INK, ha=side, xytext=(0, 1.5), textcoords="offset points"
            )
        axes.axvline(0, color=MUTED, linewidth=0.5)
        axes.set_xlabel("log2 fold change", fontsize=SMALL_PT)
        axes.set_ylabel("-log10 P" if at % across == 0 else "", fontsize=SMALL_PT)
    return page.figure


def _apart(x: Floats, y: Floats, first: Floats) -> list[int]:
    """Return those of the genes, the smallest P first, whose names do not lie over a name that is set already."""
    width, height = max(float(np.ptp(x)), 1e-9), max(float(np.ptp(y)), 1e-9)
    kept: list[int] = []
    for i in first:
        if all(abs(x[i] - x[j]) > 0.3 * width or abs(y[i] - y[j]) > 0.06 * height for j in kept):
            kept.append(int(i))
    return kept


@styled
def enrichment_figure(table: pd.DataFrame, a: str, b: str, sheet: Sheet) -> Figure:
    """Return bars of the normalised enrichment score of the pathways with the smallest adjusted P, at most twenty.

    table   type, pathway, value, p_adjusted
    """
    drawn = table.dropna(subset=["value"]).assign(size=lambda one: -one["value"].abs())
    drawn = drawn.sort_values(["p_adjusted", "size", "type", "pathway"], kind="stable").head(MOST_BARS)  # the smallest FDR is often 0
    if drawn.empty:
        return empty_figure("No pathway has enough genes on the panel.", sheet)
    drawn = drawn.sort_values("value", kind="stable")
    room = sheet.width_mm * 0.55
    labels = [_first_line(f"{one.type}: {one.pathway}", room - 4) for one in drawn.itertuples()]
    deep = len(drawn) * 5.0
    page = Page(sheet.noting(f"positive: higher in {a}, negative: higher in {b}; pale: FDR of .05 or more"), deep + 12)
    axes = page.axes(room, 0, sheet.width_mm - room - 6, deep)
    value = drawn["value"].to_numpy(float)
    alpha = np.where(drawn["p_adjusted"].to_numpy(float) < 0.05, 1.0, 0.35)
    for at in range(len(drawn)):
        axes.barh(at, value[at], height=0.7, color=UP if value[at] > 0 else DOWN, alpha=float(alpha[at]))
        page.text(labels[at], room - 2 - text_mm(labels[at]), deep - (at + 0.5) * 5.0, va="center")
    axes.set(ylim=(-0.5, len(drawn) - 0.5), yticks=[])
    axes.axvline(0, color=MUTED, linewidth=0.5)
    axes.set_xlabel("normalised enrichment score", fontsize=SMALL_PT)
    return page.figure


def _first_line(text: str, room: float) -> str:
    lines = wrapped(text, room)
    return lines[0] + (" …" if len(lines) > 1 else "")
