"""Forest plots of odds and hazard ratios: log axis, sizes, estimates and P beside each row; clipped intervals end in arrows."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby, pairwise

import pandas as pd
from matplotlib.figure import Figure

from her2ladder.analytics.figures.palette import OKABE_ITO
from her2ladder.analytics.figures.rows import Row, RowTable, Scale
from her2ladder.analytics.figures.style import EDGE_MM, INK, SINGLE, Page, Sheet, empty_figure, styled
from her2ladder.analytics.figures.words import missing, need, optional, p_value, ratio, whole

FLAGS = "†‡§¶"
_WIDEST = (0.01, 100.0)


@styled
def forest_figure(
    rows: pd.DataFrame,
    *,
    measure: str = "OR",
    event: str = "residual disease",
    limits: tuple[float, float] | None = None,
    sheet: Sheet = SINGLE,
) -> Figure:
    """Return a forest plot.

    rows     label, value, lo, hi, p, n, events in the order of the figure; optional group (a heading wherever it changes), note
             (a footnote of the row, or, where value is NULL, the reason that stands in place of its mark), p_adjusted (replaces p)
    measure  'OR', 'HR': head of the column and of the axis
    limits   ends of the axis; default the intervals', at most 0.01 to 100, and always holding every estimate
    """
    need(rows, ("label", "value", "lo", "hi", "p", "n", "events"), "forest figure")
    if rows.empty:
        return empty_figure(f"No {measure} to draw: no model was fitted.", sheet)
    flags = _flags(rows)
    drawn = list(_rows(rows, flags))
    adjusted = "p_adjusted" in rows and rows["p_adjusted"].notna().any()
    heads = ("", ("n", "events"), (f"{measure} (95 % CI)", "P adjusted" if adjusted else "P"))
    sheet = sheet.noting(f"events: {event}", *(f"{flag} {note}" for note, flag in flags.items()), _arrows(rows, limits))
    table = RowTable(drawn, heads, sheet.width_mm - 2 * EDGE_MM, stacked=not sheet.is_wide)
    page = Page(sheet, table.height_mm)
    table.draw(page, EDGE_MM, 0, Scale(limits or axis_limits(rows), True, 1.0, f"{measure} (log scale)"))
    return page.figure


def axis_limits(rows: pd.DataFrame) -> tuple[float, float]:
    """Return 1-2-5 ends that hold 1, every estimate, and every interval as far as 0.01 to 100."""
    finite = [float(x) for name in ("value", "lo", "hi") for x in rows[name] if not missing(x) and 0 < float(x) < float("inf")]
    points = [float(x) for x in rows["value"] if not missing(x) and 0 < float(x) < float("inf")]
    low = min([1.0, *points, *(max(x, _WIDEST[0]) for x in finite)])
    high = max([1.0, *points, *(min(x, _WIDEST[1]) for x in finite)])
    steps = [step * 10.0**power for power in range(-9, 10) for step in (1, 2, 5)]
    below, above = max(step for step in steps if step <= low * 1.0001), min(step for step in steps if step >= high * 0.9999)
    return (below, above) if below < 1 < above else (min(below, 0.5), max(above, 2.0))


def _rows(rows: pd.DataFrame, flags: dict[str, str]) -> Iterable[Row]:
    rows = _merged(rows)
    groups = [None, *(rows["group"] if "group" in rows else [None] * len(rows))]
    for (before, group), row in zip(pairwise(groups), rows.itertuples(), strict=True):
        if not missing(group) and group != before:
            yield Row(str(group), is_heading=True)
        note, value = str(optional(row, "note") or ""), optional(row, "value")
        adjusted = optional(row, "p_adjusted")
        flag = flags.get(note, "")
        right = (ratio(value, row.lo, row.hi), p_value(row.p if adjusted is None else adjusted)) if value is not None else ("–", "–")
        yield Row(
            label=f"{row.label} {flag}".strip(),
            value=value,
            lo=optional(row, "lo"),
            hi=optional(row, "hi"),
            left=tuple("–" if missing(x) else whole(x) for x in (row.n, row.events)),
            right=right,
            note=note,
            colour=OKABE_ITO[0] if value is not None and _excludes_one(row) else INK,
        )


def _merged(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with those of one model that was not fitted as one: its reason stands once."""

    def model(row: dict[str, object]) -> tuple[object, ...]:
        note = row.get("note")
        return row.get("group"), note if missing(row["value"]) and not missing(note) else None

    kept: list[dict[str, object]] = []
    for (_, reason), same in groupby(rows.to_dict("records"), model):
        run = list(same)
        kept += [{**run[0], "label": f"{run[0]['label']} and {len(run) - 1} more"}] if reason and len(run) > 1 else run
    return pd.DataFrame(kept, columns=rows.columns, dtype=object)


def _excludes_one(row: object) -> bool:
    lo, hi = optional(row, "lo"), optional(row, "hi")
    return lo is not None and hi is not None and not lo <= 1 <= hi


def _flags(rows: pd.DataFrame) -> dict[str, str]:
    """Return a sign for each note of a row that has an estimate; further notes repeat the last sign doubled."""
    if "note" not in rows:
        return {}
    notes = list(
        dict.fromkeys(
            str(note) for note, value in zip(rows["note"], rows["value"], strict=True) if note and not (missing(note) or missing(value))
        )
    )
    return {note: FLAGS[at % len(FLAGS)] * (1 + at // len(FLAGS)) for at, note in enumerate(notes)}


def _arrows(rows: pd.DataFrame, limits: tuple[float, float] | None) -> str:
    low, high = limits or axis_limits(rows)
    is_cut = (rows["lo"].astype(float) < low) | (rows["hi"].astype(float) > high)
    return "arrow: the interval goes on" if is_cut.any() else ""
