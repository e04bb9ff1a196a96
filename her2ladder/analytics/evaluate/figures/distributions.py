"""The score's distribution by response, with the tertile cuts and the bands' sizes (Fig. 3c)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from her2ladder.analytics.figures.marks import jitter
from her2ladder.analytics.figures.palette import BAND_COLOURS, OKABE_ITO
from her2ladder.analytics.figures.style import (
    BODY_PT,
    EDGE_MM,
    INK,
    MUTED,
    SINGLE,
    SMALL_PT,
    Key,
    Page,
    Sheet,
    empty_figure,
    key_mm,
    line_mm,
    styled,
    wrapped,
)
from her2ladder.analytics.figures.words import need, size, whole

_LOOKS = {1.0: ("residual disease", OKABE_ITO[1], "s"), 0.0: ("pCR", OKABE_ITO[5], "o"), None: ("response unknown", "#9AA0A8", "^")}
_FEW = 40  # below this every patient is a point: a histogram of so few shows its bins
_PLOT_MM = 27.0


@styled
def distribution_figure(
    scores: pd.DataFrame,
    *,
    cuts: tuple[float, float] | None = None,
    score_name: str = "Score",
    band_sizes: pd.DataFrame | None = None,
    seed: int = 1,
    sheet: Sheet = SINGLE,
) -> Figure:
    """Return a panel for each label: histogram of the score, residual disease above the line and pCR below; few patients as points.

    scores      label, score, is_residual (1, 0, NULL = unknown: adjuvant patients)
    cuts        the two tertile cuts; Low is up to and with the first
    band_sizes  label, band, n
    """
    need(scores, ("label", "score", "is_residual"), "distribution figure")
    drawn = scores.dropna(subset=["score"])
    labels = list(dict.fromkeys(scores["label"]))
    if drawn.empty:
        return empty_figure("No distribution to draw: no patient has a score.", sheet)
    low, high = _range(drawn["score"])
    across = min(len(labels), 2) if sheet.is_wide else 1
    width = (sheet.width_mm - EDGE_MM) / across
    found = [value for value in _LOOKS if _of(drawn, value).any()]
    entries = [Key(_LOOKS[value][0], _LOOKS[value][1], marker=_LOOKS[value][2]) for value in found]
    names = {name: wrapped(_title(drawn, name), width - 13, BODY_PT, bold=True) for name in labels}
    strip = line_mm() + 2 if cuts else 0.0
    titles = [max(len(names[name]) for name in labels[at : at + across]) * line_mm(BODY_PT) + 1.5 for at in range(0, len(labels), across)]
    below = strip + _PLOT_MM + 11
    body = sum(titles) + len(titles) * below
    page = Page(sheet.noting(_cut_note(cuts)), body + key_mm(entries, sheet.width_mm - 4))
    for at, name in enumerate(labels):
        row, left = at // across, (at % across) * width + 11
        top = sum(titles[: row + 1]) + row * below
        page.lines(names[name], left, top - titles[row], pt=BODY_PT, bold=True)
        axes = page.axes(left, top + strip, width - 13, _PLOT_MM)
        own = drawn[drawn["label"] == name]
        _points(axes, own, seed + at) if len(own) < _FEW else _histogram(axes, own, low, high)
        axes.set(xlim=(low, high), xlabel=score_name)
        if cuts:
            _bands(axes, cuts, (low, high), _sizes(band_sizes, name))
    page.key(entries, EDGE_MM, body, sheet.width_mm - 4)
    return page.figure


def _histogram(axes: Axes, own: pd.DataFrame, low: float, high: float) -> None:
    edges = np.linspace(low, high, 26)
    tops = np.zeros(25)
    for value, sign in ((1.0, 1), (0.0, -1), (None, 1)):
        counts = np.histogram(own.loc[_of(own, value), "score"], edges)[0].astype(float)
        bottom = tops if value is None else np.zeros(25)
        axes.bar(edges[:-1], sign * counts, bottom=bottom, width=np.diff(edges), align="edge", color=_LOOKS[value][1], linewidth=0)
        if value == 1.0:
            tops = counts
    axes.axhline(0, color=MUTED, linewidth=0.6)
    down, up = (end * 1.05 for end in axes.get_ylim())
    axes.set_ylim(down, up)
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500, 10**9) if (up - down) / step <= 6)
    ticks = np.arange(np.ceil(down / step), np.floor(up / step) + 1) * step
    axes.set_yticks(ticks, [f"{abs(tick):.0f}" for tick in ticks])
    axes.set_ylabel("Patients")


def _points(axes: Axes, own: pd.DataFrame, seed: int) -> None:
    rows = [value for value in (1.0, 0.0, None) if _of(own, value).any()]
    for at, value in enumerate(rows):
        values = np.sort(own.loc[_of(own, value), "score"].to_numpy(float))
        _, colour, marker = _LOOKS[value]
        offsets = jitter(len(values), seed * 31 + at, 0.28)
        axes.plot(values, at + offsets, marker, color=colour, markersize=3.2, markeredgecolor=INK, markeredgewidth=0.3, clip_on=False)
    axes.set_ylim(max(len(rows), 1) - 0.5, -0.5)
    axes.set_yticks([])


def _bands(axes: Axes, cuts: tuple[float, float], limits: tuple[float, float], sizes: Mapping[str, int]) -> None:
    """Set a strip of the bands over the axes; their names stand in even thirds, since a band may be narrower than its name."""
    ends = (limits[0], *cuts, limits[1])
    for at, (name, colour) in enumerate(BAND_COLOURS.items()):
        start, stop = max(ends[at], limits[0]), min(ends[at + 1], limits[1])
        axes.axvspan(start, stop, ymin=1.0, ymax=1.05, color=colour, clip_on=False, linewidth=0)
        text = f"{name}, n = {whole(sizes[name])}" if name in sizes else name
        place: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "bottom", "fontsize": SMALL_PT}
        axes.annotate("■", (at / 3, 1.07), (0, 0), color=colour, **place)
        axes.annotate(text, (at / 3, 1.07), (7, 0), **place)
    for cut in cuts:
        axes.axvline(cut, color=INK, linewidth=0.8, linestyle=(0, (3, 2)))


def _of(frame: pd.DataFrame, value: float | None) -> pd.Series:
    return frame["is_residual"].isna() if value is None else frame["is_residual"].astype(float) == value


def _sizes(band_sizes: pd.DataFrame | None, label: str) -> dict[str, int]:
    if band_sizes is None:
        return {}
    need(band_sizes, ("label", "band", "n"), "distribution figure, band sizes")
    return {row.band: int(row.n) for row in band_sizes[band_sizes["label"] == label].itertuples()}


def _title(drawn: pd.DataFrame, name: str) -> str:
    own = drawn[drawn["label"] == name]
    known = own["is_residual"].notna()
    return f"{name} ({size(len(own), own.loc[known, 'is_residual'].sum() if known.any() else None)})"


def _range(score: pd.Series) -> tuple[float, float]:
    """Return 0..1 for probabilities, else the range with a margin."""
    low, high = float(score.min()), float(score.max())
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    margin = (high - low) * 0.04 or 1.0
    return low - margin, high + margin


def _cut_note(cuts: tuple[float, float] | None) -> str:
    return "" if cuts is None else f"cuts {cuts[0]:.3f} and {cuts[1]:.3f}, frozen on construction patients"
