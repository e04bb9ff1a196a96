"""Stacked shares, a bar a patient, her groups side by side; and maps of subtypes beside each other (Fig. 6h, 6i, 7f)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from her2ladder.analytics.figures.palette import FADED, class_colours
from her2ladder.analytics.figures.style import MUTED, SMALL_PT, Key, Page, Sheet, empty_figure, key_mm, line_mm, styled, text_mm, wrapped

_BARS_MM, _LEFT_MM, _GAP_MM = 42.0, 9.0, 4.0
_MAP_MM = 42.0
MOST_NAMED = 12


@dataclass(frozen=True)
class Placed:
    """Cells of one section to be drawn.

    x_um, y_um  centroids;  number  (n,) index into names, -1 = another cell
    """

    title: str
    x_um: Any
    y_um: Any
    number: Any
    names: tuple[str, ...]


@styled
def stacked_figure(values: pd.DataFrame, groups: Sequence[str], sheet: Sheet) -> Figure:
    """Return a stacked bar for each patient, the groups apart, patients by the share of the most common feature.

    values   patient_id, feature, group, value (shares)
    """
    drawn = values[values["group"].isin(list(groups))].dropna(subset=["value"])
    if drawn.empty:
        return empty_figure(f"No patient of {', '.join(groups)} has a share.", sheet)
    wide = drawn.pivot_table(index="patient_id", columns="feature", values="value", fill_value=0.0)
    order = list(wide.mean().sort_values(ascending=False, kind="stable").index)
    colours = class_colours(sorted(map(str, order)))
    entries = [Key(str(name), colours[str(name)], marker="s") for name in order]
    room = sheet.width_mm - 2 * _LEFT_MM
    page = Page(sheet.noting("one bar a patient"), line_mm() + 1 + _BARS_MM + 6 + key_mm(entries, room))
    group_of = drawn.drop_duplicates("patient_id").set_index("patient_id")["group"]
    people = {group: [p for p in wide.sort_values(order[0], kind="stable").index if group_of[p] == group] for group in groups}
    each = (sheet.width_mm - _LEFT_MM - 4 - _GAP_MM * (len(groups) - 1)) / max(sum(len(own) for own in people.values()), 1)
    left = _LEFT_MM
    for at, (group, own) in enumerate(people.items()):
        if not own:
            continue
        width = each * len(own)
        page.text(f"{group} (n = {len(own)})", left, 0, bold=True)
        axes = page.axes(left, line_mm() + 1, width, _BARS_MM)
        base = np.zeros(len(own))
        for name in order:
            height = wide.loc[own, name].to_numpy(float)
            axes.bar(np.arange(len(own)), height, 0.9, bottom=base, color=colours[str(name)], linewidth=0)
            base += height
        axes.set(xlim=(-0.5, len(own) - 0.5), ylim=(0, 1), xticks=[])
        if at:
            axes.set_yticks([])
            axes.spines["left"].set_visible(False)
        else:
            axes.set_ylabel("share of cells", fontsize=SMALL_PT)
        left += width + _GAP_MM
    page.key(entries, _LEFT_MM, line_mm() + 1 + _BARS_MM + 3, room)
    return page.figure


@styled
def maps_figure(sections: Sequence[Placed], sheet: Sheet) -> Figure:
    """Return maps of sections beside each other, all at one scale; cells that have no subtype are grey."""
    if not sections:
        return empty_figure("No section to draw.", sheet)
    across = max(1, min(len(sections), int((sheet.width_mm - 4) // _MAP_MM)))
    width = (sheet.width_mm - 4 - (across - 1) * 2) / across
    extent = max(max(np.ptp(one.x_um), np.ptp(one.y_um), 1.0) for one in sections)
    names = sections[0].names
    colours = class_colours(names)
    entries = [Key(name, colours[name], marker="o") for name in names] + [Key("other cells", FADED, marker="o")]
    titles = [wrapped(one.title, width, bold=True) for one in sections]
    head = max(map(len, titles)) * line_mm() + 1
    deep = head + width + 2
    rows = -(-len(sections) // across)
    page = Page(sheet.noting(f"each map is {extent:,.0f} um wide"), rows * deep + 2 + key_mm(entries, sheet.width_mm - 6))
    size = float(np.clip((width * 72 / 25.4 * 9 / extent) ** 2, 0.05, 9.0))  # a cell is about 9 um
    for at, one in enumerate(sections):
        left, top = 2 + (at % across) * (width + 2), (at // across) * deep
        page.lines(titles[at], left, top, bold=True)
        axes = page.axes(left, top + head, width, width)
        number = np.asarray(one.number)
        palette = np.array([*(colours[name] for name in names), FADED])
        for shown in (number < 0, number >= 0):  # subtypes over the others
            axes.scatter(one.x_um[shown], one.y_um[shown], s=size, c=list(palette[number[shown]]), linewidths=0, rasterized=True)
        middle_x, middle_y = (np.min(v) + np.max(v) for v in (one.x_um, one.y_um))
        axes.set(
            xlim=((middle_x - extent) / 2, (middle_x + extent) / 2),
            ylim=((middle_y + extent) / 2, (middle_y - extent) / 2),
            xticks=[],
            yticks=[],
        )
    page.key(entries, 3, rows * deep + 2, sheet.width_mm - 6)
    return page.figure


@styled
def dots_figure(table: pd.DataFrame, groups: Sequence[str], sheet: Sheet) -> Figure:
    """Return ligand-receptor pairs against sender, receiver and group: colour = median of the patients, size = how many meet more than by chance.

    table   pair, direction, group, median (log2 observed over expected), share (of patients with an own P below .05), p_adjusted
    """
    drawn = table.dropna(subset=["median"])
    if drawn.empty:
        return empty_figure("No pair was measured in any patient.", sheet)
    pairs, columns = list(dict.fromkeys(drawn["pair"])), [(d, g) for d in dict.fromkeys(drawn["direction"]) for g in groups]
    room = max(text_mm(one, bold=True) for one in pairs) + 6
    step = min(9.0, (sheet.width_mm - room - 40) / len(columns))
    under = max(text_mm(f"{d}, {g}") for d, g in columns) + 2
    deep = len(pairs) * 4.4
    page = Page(
        sheet.noting("colour: median log2 of observed over expected; size: share of patients in whom the pair meets more often than by chance (own P < .05)",
                     "bold: adjusted P < .05 between the groups"),
        max(deep + under, 46.0) + 2,
    )  # fmt: skip
    axes = page.axes(room, 1, step * len(columns), deep, grid="both")
    limit = max(float(np.nanmax(np.abs(drawn["median"]))), 0.1)
    x = [columns.index((one.direction, one.group)) for one in drawn.itertuples()]
    y = [len(pairs) - 1 - pairs.index(one.pair) for one in drawn.itertuples()]
    area = 4 + 44 * drawn["share"].fillna(0.0).to_numpy(float)
    dots = axes.scatter(
        x, y, s=area, c=drawn["median"].to_numpy(float), cmap="RdBu_r", vmin=-limit, vmax=limit, linewidths=0.3, edgecolors=MUTED
    )
    axes.set(xlim=(-0.6, len(columns) - 0.4), ylim=(-0.6, len(pairs) - 0.4), xticks=range(len(columns)), yticks=[])
    axes.set_xticklabels([f"{d}, {g}" for d, g in columns], rotation=90, fontsize=SMALL_PT)
    told = set(drawn.loc[drawn["p_adjusted"] < 0.05, "pair"])
    for at, pair in enumerate(pairs):
        page.text(pair, room - 2, 1 + (at + 0.5) * deep / len(pairs), ha="right", va="center", bold=pair in told)
    bar = page.axes(sheet.width_mm - 22, 3, 3, 26)
    page.figure.colorbar(dots, cax=bar).ax.tick_params(labelsize=SMALL_PT)
    for at, share in enumerate((0.0, 0.5, 1.0)):
        own = page.axes(sheet.width_mm - 22, 33 + at * 4.2, 4, 4, off=True)
        own.scatter([0], [0], s=4 + 44 * share, color=MUTED, linewidths=0)
        page.text(f"{share:.0%}", sheet.width_mm - 16, 35 + at * 4.2, va="center")
    return page.figure
