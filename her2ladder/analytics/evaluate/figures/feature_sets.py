"""What the model is made of: the selected features by stain and family (Fig. 5a), the candidates that were tried (Supplementary Fig. 1)."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from her2ladder.analytics.figures.palette import OKABE_ITO
from her2ladder.analytics.figures.rows import Row, RowTable, Scale
from her2ladder.analytics.figures.sources import SOURCE_COLOURS, source_key
from her2ladder.analytics.figures.style import (
    EDGE_MM,
    FAINT,
    INK,
    MUTED,
    SINGLE,
    Page,
    Sheet,
    empty_figure,
    line_mm,
    styled,
    text_mm,
    wrapped,
)
from her2ladder.analytics.figures.words import interval, missing, need, number, optional


@styled
def feature_category_figure(features: pd.DataFrame, *, measure: str = "Selection frequency", sheet: Sheet = SINGLE) -> Figure:
    """Return the selected features under their source and family, with a bar of how often they were selected.

    features  feature, source ('H&E', 'HER2 IHC', 'clinical'), family (proportion, Nsubgraph, degree, edge length, clinical), value (0..1)
    measure   what the bar shows
    """
    need(features, ("feature", "source", "family", "value"), "feature figure")
    if features.empty:
        return empty_figure("No feature to draw: none was selected.", sheet)
    ordered = features.sort_values(["source", "family"], key=lambda column: column.map(_rank(column)), kind="stable")
    bar = 30.0 if sheet.is_wide else 18.0
    label = sheet.width_mm - 2 * EDGE_MM - 4 - bar - text_mm("100 %") - 2
    lines: list[tuple[list[str], object]] = []
    for (source, family), part in ordered.groupby(["source", "family"], sort=False):
        lines.append(([f"{source if source == family else f'{source}: {family}'} ({len(part)})"], None))
        lines += [(wrapped(str(row.feature), label - 3), row) for row in part.itertuples()]
    height = 5.5 + sum(len(words) * line_mm() + (1.4 if row is None else 0.7) for words, row in lines)
    page = Page(sheet.noting(f"bar: {measure[0].lower()}{measure[1:]}"), height)
    source_key(page, list(dict.fromkeys(ordered["source"])))
    axes = page.axes(sheet.width_mm - EDGE_MM - bar - text_mm("100 %") - 2, 0, bar, height, off=True)
    axes.set(xlim=(0, 1), ylim=(height, 0))
    y = 5.5
    for words, row in lines:
        if row is None:
            y += 1.4
            page.text(words[0], EDGE_MM, y - 0.4, bold=True)
        else:
            page.lines(words, EDGE_MM + 3, y)
            _bar(page, axes, row, y + len(words) * line_mm() * 0.44, sheet.width_mm - EDGE_MM)
            y += 0.7
        y += len(words) * line_mm()
    return page.figure


@styled
def candidates_figure(rows: pd.DataFrame, *, metric: str = "AUC", sheet: Sheet = SINGLE) -> Figure:
    """Return the candidates with their inner cross-validated metric; those of the vote in colour, with their weights.

    rows   label, value, lo, hi, weight (NULL = not in the vote); optional note
    """
    need(rows, ("label", "value", "lo", "hi", "weight"), "candidates figure")
    if rows.empty:
        return empty_figure("No candidate to draw: none was tried.", sheet)
    drawn = [
        Row(
            label=str(row.label),
            value=optional(row, "value"),
            lo=optional(row, "lo"),
            hi=optional(row, "hi"),
            right=(
                interval(row.value, row.lo, row.hi) if not missing(row.value) else "–",
                "–" if missing(row.weight) else number(row.weight),
            ),
            note=str(optional(row, "note") or ""),
            colour=MUTED if missing(row.weight) else OKABE_ITO[1],
            marker="o" if missing(row.weight) else "D",
        )
        for row in rows.itertuples()
    ]
    ends = [float(x) for name in ("value", "lo", "hi") for x in rows[name].dropna()]
    low = max(0.0, int(min([0.5, *ends]) * 10) / 10)
    table = RowTable(drawn, ("", (), (f"{metric} (95 % CI)", "Weight")), sheet.width_mm - 2 * EDGE_MM, stacked=not sheet.is_wide)
    page = Page(sheet.noting("diamond: member of the vote"), table.height_mm)
    table.draw(page, EDGE_MM, 0, Scale((low, max(1.0, *ends)), False, 0.5, metric))
    return page.figure


def _bar(page: Page, axes: object, row: object, y: float, right: float) -> None:
    value, source = optional(row, "value"), getattr(row, "source", "")
    axes.barh(y, 1, height=1.7, color=FAINT, linewidth=0)  # type: ignore[attr-defined]
    if value is not None:
        axes.barh(y, value, height=1.7, color=SOURCE_COLOURS.get(source, OKABE_ITO[0]), linewidth=0)  # type: ignore[attr-defined]
    page.text("n/a" if value is None else f"{100 * value:.0f} %", right, y, ha="right", va="center", colour=INK)


def _rank(column: pd.Series) -> dict[object, int]:
    """Return the place of each word: the known sources first, others in the order in which they come."""
    words = list(dict.fromkeys([*(name for name in SOURCE_COLOURS if name in set(column)), *column]))
    return {word: at for at, word in enumerate(words)}
