"""pCR rates by band and regimen with Wilson intervals, k of n under each bar, and brackets of the tests (Fig. 3d)."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from her2ladder.analytics.figures.marks import LEVEL_MM, Span, bracket_rows, draw_brackets
from her2ladder.analytics.figures.palette import band_colours, regimen_colours
from her2ladder.analytics.figures.style import BODY_PT, INK, MUTED, SINGLE, SMALL_PT, Page, Sheet, empty_figure, line_mm, styled, wrapped
from her2ladder.analytics.figures.words import missing, need, optional, p_value, whole

_LEFT, _BAR_MM, _TOP = 10.5, 27.0, 5.0
_CLEAR_MM = 4.7  # from the end of an interval to the first bracket: its rate in percent stands between


@styled
def pcr_bars_figure(
    rates: pd.DataFrame,
    comparisons: pd.DataFrame | None = None,
    *,
    against: str | None = None,
    at_most: float | None = None,
    cuts: Mapping[str, str] | None = None,
    sheet: Sheet = SINGLE,
) -> Figure:
    """Return a panel of bars for each band, bands and regimens in their order in `rates`.

    rates        band, regimen, k (pCR), n, value (0..1), lo, hi: Wilson, or what a column `interval` names; n = 0 and NULLs for an
                 empty cell
    comparisons  band, a, b, p, p_adjusted, and optionally small_expected, test, family: one bracket each, none where P is NULL
    against      draw only comparisons with this regimen
    at_most      draw only P (adjusted, where given) up to this
    cuts         band -> its range of scores, set beside its name
    """
    need(rates, ("band", "regimen", "k", "n", "value", "lo", "hi"), "pCR figure")
    if rates.empty or not (rates["n"] > 0).any():
        return empty_figure("No pCR rate to draw: no patient has a band, a regimen and a pCR status.", sheet)
    bands, regimens = (list(dict.fromkeys(rates[name])) for name in ("band", "regimen"))
    shown = _shown(comparisons, against, at_most)
    interval = ", ".join(dict.fromkeys(rates["interval"])) if "interval" in rates else "Wilson"
    sheet = sheet.noting(f"bars: pCR rate, {interval} 95 % CI; below: pCR/n", *_test_notes(shown))
    across = min(len(bands), 3) if sheet.is_wide else 1
    width = (sheet.width_mm - 2) / across
    bar = (width - _LEFT - 1) / len(regimens)
    names = {name: wrapped(name, bar, breaks="/+-") for name in regimens}
    deep = max(len(lines) for lines in names.values())
    spans = {band: _spans(shown, band, regimens) for band in bands}
    over = [_over_mm(rates[rates["band"] == band], spans[band], bar) for band in bands]
    over = [max(over)] * len(bands) if across > 1 else over
    heights = [_TOP + extra + _BAR_MM + (deep + 1) * line_mm() + 4 for extra in over]
    page = Page(sheet, sum(heights[::across]))
    for at, band in enumerate(bands):
        top = sum(heights[: at - at % across : across])
        left = (at % across) * width + _LEFT
        page.text("■", left, top + 0.2, pt=BODY_PT, colour=band_colours(bands)[band])
        page.text(band + (f" ({cuts[band]})" if cuts and band in cuts else ""), left + 3, top + 0.2, pt=BODY_PT, bold=True)
        axes = page.axes(left, top + _TOP, width - _LEFT - 1, over[at] + _BAR_MM)
        _bars(axes, rates[rates["band"] == band], regimens, names, 100 * (1 + over[at] / _BAR_MM))
        start = _highest(rates[rates["band"] == band]) + _CLEAR_MM * 100 / _BAR_MM
        draw_brackets(axes, [span for span, _ in spans[band]], [label for _, label in spans[band]], start, 100 / _BAR_MM, bar)
    return page.figure


def _bars(axes: Axes, rates: pd.DataFrame, regimens: list[str], names: Mapping[str, list[str]], top: float) -> None:
    colours = regimen_colours(regimens)
    cells = {row.regimen: row for row in rates.itertuples()}
    labels = []
    for x, name in enumerate(regimens):
        row = cells.get(name)
        n = 0 if row is None or missing(row.n) else int(row.n)
        labels.append("\n".join([*names[name], f"{whole(row.k)}/{whole(n)}" if row is not None and n else "n = 0"]))
        if row is None or missing(row.value):
            axes.text(x, 2, "no\npatients", ha="center", va="bottom", fontsize=SMALL_PT, color=MUTED)
            continue
        value = 100 * float(row.value)
        axes.bar(x, value, width=0.68, color=colours[name], zorder=2)
        highest = value
        if not (missing(row.lo) or missing(row.hi)):
            highest = 100 * float(row.hi)
            axes.plot([x, x], [100 * float(row.lo), highest], color=INK, linewidth=0.9, zorder=3)
        axes.text(x, highest + 2, f"{value:.0f} %", ha="center", va="bottom", fontsize=SMALL_PT)
    axes.set(xlim=(-0.5, len(regimens) - 0.5), ylim=(0, top), yticks=[0, 25, 50, 75, 100])
    axes.set_xticks(range(len(regimens)), labels)
    axes.tick_params(axis="x", length=0)
    axes.spines["left"].set_bounds(0, 100)
    axes.hlines([25, 50, 75, 100], -0.5, len(regimens) - 0.5, color="#D9DCE1", linewidth=0.4, zorder=0)
    axes.set_ylabel("pCR rate (%)", y=50 / top)


def _highest(rates: pd.DataFrame) -> float:
    """Return the highest end of an interval, percent."""
    return max((100 * float(row.value if missing(row.hi) else row.hi) for row in rates.itertuples() if not missing(row.value)), default=0.0)


def _over_mm(rates: pd.DataFrame, found: list[tuple[Span, str]], bar: float) -> float:
    """Return how much room labels and brackets need above 100 %."""
    rows = bracket_rows([span for span, _ in found], [label for _, label in found], bar)
    used = _highest(rates) / 100 * _BAR_MM + (_CLEAR_MM + rows * LEVEL_MM if rows else 3.5)
    return max(0.5, used - _BAR_MM)


def _shown(comparisons: pd.DataFrame | None, against: str | None, at_most: float | None) -> pd.DataFrame:
    if comparisons is None or comparisons.empty:
        return pd.DataFrame(columns=["band", "a", "b", "p", "p_adjusted"])
    need(comparisons, ("band", "a", "b", "p", "p_adjusted"), "pCR figure, comparisons")
    p = comparisons["p_adjusted"].astype(float).fillna(comparisons["p"].astype(float))
    kept = p.notna()
    if against is not None:
        kept &= (comparisons["a"] == against) | (comparisons["b"] == against)
    if at_most is not None:
        kept &= p <= at_most
    return comparisons[kept]


def _spans(shown: pd.DataFrame, band: str, regimens: list[str]) -> list[tuple[Span, str]]:
    found = []
    for row in shown[shown["band"] == band].itertuples():
        if row.a in regimens and row.b in regimens:
            p = row.p if missing(row.p_adjusted) else row.p_adjusted
            flag = " †" if optional(row, "small_expected") else ""
            found.append(((float(regimens.index(row.a)), float(regimens.index(row.b))), f"{p_value(p)}{flag}"))
    return found


def _test_notes(shown: pd.DataFrame) -> list[str]:
    if shown.empty:
        return []
    tests = ", ".join(dict.fromkeys(str(x) for x in shown.get("test", pd.Series(dtype=str)).dropna()))
    families = "; ".join(dict.fromkeys(str(x) for x in shown.get("family", pd.Series(dtype=str)).dropna()))
    said = f"brackets: {'adjusted ' if shown['p_adjusted'].notna().any() else ''}P"
    notes = [said + (f", {tests}" if tests else "") + (f" ({families})" if families else "")]
    if "small_expected" in shown and shown["small_expected"].fillna(False).astype(bool).any():
        notes.append("† an expected count is below 5: read Fisher's exact P in the table")
    return notes
