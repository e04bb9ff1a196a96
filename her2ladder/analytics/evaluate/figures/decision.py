"""Decision curves: net benefit of acting on the ensemble, on each sub-model, on everyone, on no one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from her2ladder.analytics.figures.palette import OKABE_ITO
from her2ladder.analytics.figures.style import DASHES, FAINT, INK, MUTED, SINGLE, Key, Sheet, curve_page, empty_figure, styled
from her2ladder.analytics.figures.words import need, size

TREAT_ALL, TREAT_NONE = "treat all", "treat none"
_REFERENCE = {TREAT_ALL: (MUTED, (0, (4, 2))), TREAT_NONE: (MUTED, "-")}


@styled
def decision_figure(
    curves: pd.DataFrame,
    *,
    n: int,
    events: int,
    main: str = "ensemble",
    bands: pd.DataFrame | None = None,
    colours: Mapping[str, str] | None = None,
    event: str = "residual disease",
    label: str = "",
    sheet: Sheet = SINGLE,
) -> Figure:
    """Return decision curves; the line of `main` is thick, the others thin and dashed.

    curves   label, threshold, net_benefit; the labels 'treat all' and 'treat none' are the two strategies without a score
    bands    label, threshold, lo, hi: pointwise 95 % bootstrap band (usually of `main`)
    label    cohort, set with its n at the head of the key
    The lower end of the axis is cut at -1/4 of its height: far below 0 nobody would act, and treat-all runs to minus infinity.
    """
    need(curves, ("label", "threshold", "net_benefit"), "decision figure")
    drawn = curves.dropna(subset=["net_benefit"])
    labels = [name for name in dict.fromkeys(drawn["label"]) if name not in _REFERENCE]
    if not labels:
        return empty_figure("No decision curve to draw: no score with patients and outcomes.", sheet)
    ordered = [*[name for name in labels if name == main], *[name for name in labels if name != main]]
    looks = _looks(ordered, main, colours or {})
    entries = [Key(name, *looks[name]) for name in ordered]
    entries += [Key(name, colour, dash, "", 0.9) for name, (colour, dash) in _REFERENCE.items() if (drawn["label"] == name).any()]
    if bands is not None and not bands.empty:
        sheet = sheet.noting("shaded: pointwise 95 % bootstrap band")
    page, axes = curve_page(sheet, entries, height_mm=58, context=f"{label}: {size(n, events, event)}" if label else size(n, events, event))
    for name, part in drawn.groupby("label", sort=False):
        colour, dash, _, width = looks.get(name, (*_REFERENCE.get(name, (INK, "-")), "", 0.9))
        axes.plot(part["threshold"], part["net_benefit"], color=colour, linestyle=dash, linewidth=width, zorder=4 if name == main else 2)
    for name, band in bands.dropna().groupby("label") if bands is not None else ():
        axes.fill_between(band["threshold"], band["lo"], band["hi"], color=looks[name][0], alpha=0.15, linewidth=0)
    top = max(float(drawn["net_benefit"].max()), 0.01) * 1.12
    axes.set(xlim=(0, 1), ylim=(-top / 4, top), xticks=np.arange(0, 1.01, 0.2), xlabel="Threshold probability", ylabel="Net benefit")
    axes.axhline(0, color=FAINT, linewidth=0.6, zorder=1)
    return page.figure


def _looks(ordered: Sequence[str], main: str, given: Mapping[str, str]) -> dict[str, tuple[str, object, str, float]]:
    """Return colour, dash, marker, width of each score: black and thick for `main`, a colour and a dash of its own for each other."""
    others = [name for name in ordered if name != main]
    looks: dict[str, tuple[str, object, str, float]] = {main: (given.get(main, INK), "-", "", 2.0)}
    for at, name in enumerate(others):
        looks[name] = (given.get(name, OKABE_ITO[at % len(OKABE_ITO)]), DASHES[(at + 1) % len(DASHES)], "", 1.0)
    return {name: looks[name] for name in ordered}
