"""Box plots of features between groups with every patient as a point, medians, P and effect (Fig. 6b-e, 7a-d)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import cbook
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from her2ladder.analytics.figures.marks import LEVEL_MM, Span, bracket_rows, draw_brackets, jitter
from her2ladder.analytics.figures.palette import band_colours
from her2ladder.analytics.figures.rows import log_ticks
from her2ladder.analytics.figures.style import INK, MUTED, SINGLE, SMALL_PT, Page, Sheet, empty_figure, line_mm, styled, text_mm, wrapped
from her2ladder.analytics.figures.words import missing, need, number, optional, p_equals, p_value, short

_LEFT, _RIGHT, _BOX_MM = 11.0, 1.5, 34.0
_LOG_FROM = 10.0  # chosen: below a decade between the boxes a linear axis still shows each
_UNITS = {"um": "µm", "um2": "µm²", "1": ""}  # as a reader writes them; a share has none


@styled
def boxes_figure(
    values: pd.DataFrame,
    tests: pd.DataFrame | None = None,
    *,
    groups: Sequence[str],
    colours: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    seed: int = 1,
    sheet: Sheet = SINGLE,
) -> Figure:
    """Return a panel of boxes for each feature, in the order of `values`.

    values   feature, group, value (NULLs are not drawn and not counted)
    tests    feature, a, b, p, p_adjusted, effect (rank-biserial), one bracket each; optional note
    groups   groups at the axis, left to right
    units    feature -> unit of its axis
    The axis is logarithmic, and says so, where all values are positive and the boxes span a decade.
    """
    need(values, ("feature", "group", "value"), "box plots")
    drawn = values[values["group"].isin(list(groups))].dropna(subset=["value"])
    features = list(dict.fromkeys(values["feature"]))
    if drawn.empty:
        return empty_figure(f"No box to draw: no patient of {', '.join(groups)} has a value.", sheet)
    tests = pd.DataFrame(columns=["feature", "a", "b", "p"]) if tests is None else tests
    need(tests, ("feature", "a", "b", "p"), "box plots, tests")
    colour = dict(colours or band_colours(groups))
    across = _across(len(features), groups, sheet.width_mm - 2)
    width = (sheet.width_mm - 2) / across
    each = (width - _LEFT - _RIGHT) / len(groups)
    titles = {name: wrapped(name, width - 3, bold=True) for name in features}
    spans = {name: _spans(tests, name, groups) for name in features}
    levels = max(bracket_rows([s for s, _ in found], [label for _, label in found], each) for found in spans.values())
    over = levels * LEVEL_MM + 1.5
    under = 3 * line_mm() + 5
    heads = [max(len(lines) for lines in list(titles.values())[at : at + across]) * line_mm() + 1 for at in range(0, len(features), across)]
    sheet = sheet.noting(
        "box: quartiles, line: median, whiskers: 1.5 interquartile ranges, points: patients",
        *_notes(tests, any("r =" in label for found in spans.values() for _, label in found)),
    )
    page = Page(sheet, sum(heads) + len(heads) * (over + _BOX_MM + under))
    for at, name in enumerate(features):
        row, left = at // across, (at % across) * width
        top = sum(heads[: row + 1]) + row * (over + _BOX_MM + under)
        page.lines(titles[name], left + 2, top - heads[row], bold=True)
        axes = page.axes(left + _LEFT, top, width - _LEFT - _RIGHT, over + _BOX_MM)
        own = [_values(drawn, name, group) for group in groups]
        _panel(axes, own, groups, colour, seed + at, over, spans[name], each)
        _below(page, drawn[drawn["feature"] == name], groups, left, top + over + _BOX_MM + 1.2 + line_mm(), each)
        unit = (units or {}).get(name, "")
        words = [_UNITS.get(unit, unit), "log scale" if _is_log(own) else ""]
        axes.set_ylabel(", ".join(word for word in words if word), y=_BOX_MM / (over + _BOX_MM) / 2)
    return page.figure


def _values(drawn: pd.DataFrame, feature: str, group: str) -> NDArray[np.float64]:
    found: NDArray[np.float64] = drawn.loc[(drawn["feature"] == feature) & (drawn["group"] == group), "value"].to_numpy(float)
    return found


def _is_log(each: Sequence[NDArray[np.float64]]) -> bool:
    """Return whether one linear axis would press a box flat: from the lowest quartile to the highest is a decade."""
    there = [own for own in each if len(own)]
    if not there or min(float(own.min()) for own in there) <= 0:
        return False
    return bool(max(np.quantile(own, 0.75) for own in there) >= _LOG_FROM * min(np.quantile(own, 0.25) for own in there))


def _across(panels: int, groups: Sequence[str], room: float) -> int:
    """Return how many panels stand side by side: each group has room for its name, each panel for a bracket's label."""
    least = _LEFT + _RIGHT + max(26.0, len(groups) * max([9.2, *(text_mm(group) + 0.4 for group in groups)]))
    return max(1, min(panels, int(room // least)))


def _below(page: Page, values: pd.DataFrame, groups: Sequence[str], left: float, top: float, each: float) -> None:
    """Set how many patients each box stands for, and their median."""
    for row, word in enumerate(("n", "median")):
        page.text(word, left + 2, top + row * line_mm(), colour=MUTED)
    for x, group in enumerate(groups):
        own = values.loc[values["group"] == group, "value"].to_numpy(float)
        for row, text in enumerate((f"{len(own)}", short(np.median(own)) if len(own) else "–")):
            page.text(text, left + _LEFT + (x + 0.5) * each, top + row * line_mm(), ha="center")


def _panel(
    axes: Axes,
    each: Sequence[NDArray[np.float64]],
    groups: Sequence[str],
    colour: Mapping[str, str],
    seed: int,
    over: float,
    found: list[tuple[Span, str]],
    mm: float,
) -> None:
    is_log = _is_log(each)
    change = (
        np.log10 if is_log else np.positive
    )  # drawn as logarithms, so that brackets are laid out alike; quartiles are those of the values
    for x, (group, own) in enumerate(zip(groups, each, strict=True)):
        if not len(own):
            continue
        points = jitter(len(own), seed * 97 + x, 0.2)
        axes.plot(x + points, change(np.sort(own)), "o", markersize=1.8, color=colour[group], alpha=0.55, markeredgewidth=0, zorder=2)
        line = {"color": INK, "linewidth": 0.8}
        box = {name: float(change(cbook.boxplot_stats(own)[0][name])) for name in ("med", "q1", "q3", "whislo", "whishi")}
        axes.bxp(
            [box], positions=[x], widths=0.56, showfliers=False, boxprops=line, whiskerprops=line, capprops=line,
            medianprops={"color": INK, "linewidth": 1.6}, manage_ticks=False, zorder=3,
        )  # fmt: skip
    axes.set_xticks(range(len(groups)), groups)
    axes.tick_params(axis="x", length=0)
    everything = change(np.concatenate(each))
    if not len(everything):
        axes.text(0.5, 0.5, "no values", transform=axes.transAxes, ha="center", color=MUTED, fontsize=SMALL_PT)
        axes.set_yticks([])
        return
    low, high = float(everything.min()), float(everything.max())
    margin = (high - low) * 0.05 or abs(high) * 0.1 or 1.0
    low, high = low - margin, high + margin
    per_mm = (high - low) / _BOX_MM
    axes.set(xlim=(-0.5, len(groups) - 0.5), ylim=(low, high + over * per_mm))
    if is_log:
        ticks = log_ticks(10**low, 10**high, _BOX_MM)
        axes.set_yticks(np.log10(ticks), [f"{tick:g}" for tick in ticks])
    else:
        axes.set_yticks([tick for tick in axes.get_yticks() if low <= tick <= high])
    axes.spines["left"].set_bounds(low, high)
    draw_brackets(axes, [s for s, _ in found], [label for _, label in found], high + 1.2 * per_mm, per_mm, mm)


def _spans(tests: pd.DataFrame, feature: str, groups: Sequence[str]) -> list[tuple[Span, str]]:
    """Return a bracket for each test with a P; a single one has room for the effect, several show P alone."""
    found = []
    rows = [row for row in tests[tests["feature"] == feature].itertuples() if not missing(row.p) and {row.a, row.b} <= set(groups)]
    for row in rows:
        adjusted, effect = optional(row, "p_adjusted"), optional(row, "effect")
        p = row.p if adjusted is None else adjusted
        label = p_value(p) if len(rows) > 1 else p_equals(p) + ("" if effect is None else f", r = {number(effect)}")
        found.append(((float(groups.index(row.a)), float(groups.index(row.b))), label))
    return found


def _notes(tests: pd.DataFrame, effects: bool) -> list[str]:
    if tests.empty:
        return []
    adjusted = "p_adjusted" in tests and tests["p_adjusted"].notna().any()
    notes = [f"{'adjusted ' if adjusted else ''}P: Wilcoxon rank-sum" + ("; r: rank-biserial" if effects else "")]
    if "note" in tests:
        notes += list(dict.fromkeys(str(note) for note in tests["note"].dropna() if note))
    return notes
