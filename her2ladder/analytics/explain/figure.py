"""SHAP values of the sub-models and of the vote: beeswarms of patients, bars of mean absolute values (Fig. 5b)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from her2ladder.analytics.figures.marks import swarm
from her2ladder.analytics.figures.palette import OKABE_ITO
from her2ladder.analytics.figures.sources import SOURCE_COLOURS, source_key
from her2ladder.analytics.figures.style import (
    BODY_PT,
    EDGE_MM,
    FAINT,
    INK,
    MUTED,
    SINGLE,
    SMALL_PT,
    Page,
    Sheet,
    empty_figure,
    line_mm,
    styled,
    text_mm,
    wrapped,
)
from her2ladder.analytics.figures.words import need, number, optional, whole

RAMP = LinearSegmentedColormap.from_list("low_high", [OKABE_ITO[0], "#B9BEC6", OKABE_ITO[1]])
NO_VALUE = "#16181D"
_ROW_MM, _HEAD_MM, _FOOT_MM = 5.2, 4.5, 10.0


@dataclass(frozen=True, slots=True)
class _Slot:
    """Where one model's panel lies: its features from above, their labels in lines, the axes' place, width, height of a row."""

    model: str
    features: list[str]
    labels: list[str]
    left: float
    top: float
    width: float
    row_mm: float


@styled
def shap_beeswarm_figure(values: pd.DataFrame, importance: pd.DataFrame, *, top: int = 15, sheet: Sheet = SINGLE) -> Figure:
    """Return a beeswarm for each model, its features by importance; colour is the feature's rank among the patients, low to high.

    values      model, feature, shap (on the probability scale), value (of the feature, NULL = missing: black)
    importance  model, feature, value (mean |SHAP|): chooses and orders the features
    top         features shown of each model
    """
    need(values, ("model", "feature", "shap", "value"), "SHAP beeswarm")
    need(importance, ("model", "feature", "value"), "SHAP beeswarm")
    if values.empty or importance.empty:
        return empty_figure("No SHAP value to draw: no patient was explained.", sheet)
    n = int(values.groupby(["model", "feature"], sort=False).size().max())
    missing = "black: feature missing" if values["value"].isna().any() else ""
    slots, body = _slots(sheet, importance, top, above=6.0)
    page = Page(sheet.noting(f"n = {whole(n)} patients", "SHAP in units of predicted probability of residual disease", missing), body)
    _ramp(page)
    reach = max(float(values["shap"].abs().max()), 1e-6) * 1.05
    for slot in slots:
        axes = _panel(page, slot)
        axes.set(xlim=(-reach, reach), xlabel="SHAP value")
        axes.axvline(0, color=MUTED, linewidth=0.7, zorder=1)
        own = values[values["model"] == slot.model]
        for y, feature in enumerate(slot.features):
            _swarm(axes, own[own["feature"] == feature], y, reach)
    return page.figure


@styled
def shap_bars_figure(importance: pd.DataFrame, *, top: int = 15, n: int | None = None, sheet: Sheet = SINGLE) -> Figure:
    """Return bars of mean |SHAP| for each model.

    importance  model, feature, value; optional source ('H&E', 'HER2 IHC', 'clinical': colours the bars)
    n           patients explained
    """
    need(importance, ("model", "feature", "value"), "SHAP bars")
    if importance.empty:
        return empty_figure("No SHAP value to draw: no patient was explained.", sheet)
    sources = list(dict.fromkeys(importance["source"].dropna())) if "source" in importance else []
    slots, body = _slots(sheet, importance, top, above=5.0 if sources else 0.0)
    page = Page(sheet.noting("" if n is None else f"n = {whole(n)} patients"), body)
    source_key(page, sources)
    reach = float(importance["value"].max()) or 1.0
    for slot in slots:
        axes = _panel(page, slot)
        room = text_mm("0.000") + 1.5
        axes.set(xlim=(0, reach / (1 - min(0.5, room / slot.width))), xlabel="Mean |SHAP value|")
        rows = {row.feature: row for row in importance[importance["model"] == slot.model].itertuples()}
        for y, feature in enumerate(slot.features):
            row = rows[feature]
            axes.barh(y, row.value, height=0.6, color=SOURCE_COLOURS.get(str(optional(row, "source")), OKABE_ITO[0]))
            axes.annotate(number(row.value, 3), (row.value, y), (2, 0), textcoords="offset points", va="center", fontsize=SMALL_PT)
    return page.figure


def _slots(sheet: Sheet, importance: pd.DataFrame, top: int, above: float) -> tuple[list[_Slot], float]:
    """Return where each model's panel lies, and the height of all: two panels to a row on a wide sheet."""
    models = list(dict.fromkeys(importance["model"]))
    across = min(len(models), 2) if sheet.is_wide else 1
    width = (sheet.width_mm - EDGE_MM) / across
    chosen = {model: _top(importance[importance["model"] == model], top) for model in models}
    label = min(max(text_mm(name) for names in chosen.values() for name in names), (0.46 if across > 1 else 0.51) * width)
    lines = {name: wrapped(name, label) for names in chosen.values() for name in names}
    row_mm = max(_ROW_MM, max(map(len, lines.values())) * 2.6 + 0.9)
    slots, down = [], above
    for start in range(0, len(models), across):
        row = models[start : start + across]
        for at, model in enumerate(row):
            labels = ["\n".join(lines[name]) for name in chosen[model]]
            left = at * width + EDGE_MM + label + 1.5
            slots.append(_Slot(model, chosen[model], labels, left, down, width - label - EDGE_MM - 3.5, row_mm))
        down += _HEAD_MM + max(len(chosen[model]) for model in row) * row_mm + _FOOT_MM
    return slots, down


def _top(own: pd.DataFrame, top: int) -> list[str]:
    return [str(name) for name in own.sort_values(["value", "feature"], ascending=[False, True], kind="stable")["feature"].head(top)]


def _panel(page: Page, slot: _Slot) -> Axes:
    page.text(slot.model, slot.left, slot.top, pt=BODY_PT, bold=True)
    count = len(slot.features)
    axes = page.axes(slot.left, slot.top + _HEAD_MM, slot.width, count * slot.row_mm)
    axes.set(ylim=(count - 0.5, -0.5))
    axes.set_yticks(range(count), slot.labels)
    for text in axes.get_yticklabels():
        text.set_linespacing(1.1)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.hlines(range(count), 0, 1, transform=axes.get_yaxis_transform(), color=FAINT, linewidth=0.4, zorder=0)
    axes.locator_params(axis="x", nbins=4)
    return axes


def _swarm(axes: Axes, own: pd.DataFrame, y: int, reach: float) -> None:
    own = own.sort_values(["shap", "value"], kind="stable")
    shap = own["shap"].to_numpy(float)
    place = y + swarm(shap, -reach, reach, 0.42)
    has = own["value"].notna().to_numpy()
    ranks = own["value"].rank(pct=True).to_numpy(float)
    shade = np.array([RAMP(float(rank)) for rank in ranks[has]]).reshape(-1, 4)
    axes.scatter(shap[has], place[has], c=shade, s=2.6, linewidths=0, zorder=3)
    axes.scatter(shap[~has], place[~has], c=NO_VALUE, s=2.6, linewidths=0, zorder=3)


def _ramp(page: Page) -> None:
    """Set the colour ramp of the features' values at the upper right."""
    width = 22.0
    left = page.sheet.width_mm - EDGE_MM - width - text_mm("high") - 1
    axes = page.axes(left, 0.5, width, 1.8)
    axes.imshow(np.linspace(0, 1, 64)[None, :], aspect="auto", cmap=RAMP)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)
    page.text("feature value: low", left - 1, 0.5 + 0.9 - 0.42 * line_mm(), ha="right", colour=INK)
    page.text("high", left + width + 1, 0.5 + 0.9 - 0.42 * line_mm(), colour=INK)
