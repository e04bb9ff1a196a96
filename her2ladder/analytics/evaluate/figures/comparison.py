"""The score beside every clinical variable, in every cohort: AUC with interval, DeLong P of the difference (Supplementary Fig. 4)."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from her2ladder.analytics.figures.palette import OKABE_ITO
from her2ladder.analytics.figures.rows import Row, RowTable, Scale
from her2ladder.analytics.figures.style import BODY_PT, EDGE_MM, INK, SINGLE, Page, Sheet, empty_figure, line_mm, styled, wrapped
from her2ladder.analytics.figures.words import interval, missing, need, optional, p_value, size, whole


@styled
def comparison_figure(
    rows: pd.DataFrame,
    *,
    score: str,
    sizes: Mapping[str, tuple[int, int]] | None = None,
    metric: str = "AUC",
    event: str = "residual disease",
    sheet: Sheet = SINGLE,
) -> Figure:
    """Return a panel for each cohort, a row for each variable.

    rows     cohort, label (variable), value, lo, hi, p (paired DeLong against the score; NULL for the score itself), n (patients who
             have both); optional note (reason of a NULL value), p_adjusted (replaces p)
    score    the label that is the score: drawn in colour
    sizes    n and events of each cohort, set beside its name
    """
    need(rows, ("cohort", "label", "value", "lo", "hi", "p", "n"), "comparison figure")
    if rows.empty:
        return empty_figure(f"No comparison to draw: no cohort has {score} and an outcome.", sheet)
    cohorts = list(dict.fromkeys(rows["cohort"]))
    across = 2 if sheet.is_wide and len(cohorts) > 1 else 1
    panel = (sheet.width_mm - 2 * EDGE_MM - (across - 1) * 5) / across
    adjusted = "p_adjusted" in rows and rows["p_adjusted"].notna().any()
    heads = ("", ("n",), (f"{metric} (95 % CI)", f"P {'adjusted ' if adjusted else ''}vs score"))
    limits = _limits(rows)
    parts = [_rows(rows[rows["cohort"] == name], score) for name in cohorts]
    tables = [RowTable(part, heads, panel, stacked=panel < 140, bare=at >= across) for at, part in enumerate(parts)]
    titles = [wrapped(_title(name, sizes, event), panel, BODY_PT, bold=True) for name in cohorts]
    heights = [len(title) * line_mm(BODY_PT) + 1 + table.height_mm + 2 for title, table in zip(titles, tables, strict=True)]
    levels = [max(heights[at : at + across]) for at in range(0, len(cohorts), across)]
    page = Page(sheet.noting("P: paired DeLong test of the difference to the score"), sum(levels))
    for at, (title, table) in enumerate(zip(titles, tables, strict=True)):
        left, top = EDGE_MM + (at % across) * (panel + 5), sum(levels[: at // across])
        down = page.lines(title, left, top, pt=BODY_PT, bold=True) + 1
        table.draw(page, left, top + down, Scale(limits, False, 0.5, metric))
    return page.figure


def _rows(rows: pd.DataFrame, score: str) -> list[Row]:
    made = []
    for row in rows.itertuples():
        value, is_score = optional(row, "value"), row.label == score
        adjusted = optional(row, "p_adjusted")
        p = row.p if adjusted is None else adjusted
        made.append(
            Row(
                label=str(row.label),
                value=value,
                lo=optional(row, "lo"),
                hi=optional(row, "hi"),
                left=("–" if missing(row.n) else whole(row.n),),
                right=(interval(value, row.lo, row.hi) if value is not None else "–", "–" if is_score or missing(p) else p_value(p)),
                note=str(optional(row, "note") or "").split("; ")[0],  # the reason; what else was noted stands in the table
                colour=OKABE_ITO[1] if is_score else INK,
                marker="D" if is_score else "o",
            )
        )
    return made


def _title(name: str, sizes: Mapping[str, tuple[int, int]] | None, event: str) -> str:
    return f"{name} ({size(*sizes[name], event)})" if sizes and name in sizes else str(name)


def _limits(rows: pd.DataFrame) -> tuple[float, float]:
    """Return ends at tenths that hold 0.5 and every interval within 0..1."""
    ends = [float(x) for name in ("value", "lo", "hi") for x in rows[name] if not missing(x)]
    return max(0.0, int(min([0.4, *ends]) * 10) / 10), 1.0
