"""Marks that several figures share: brackets of tests that never meet, seeded jitter, swarms of points."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from her2ladder.analytics.figures.style import INK, SMALL_PT, text_mm

Span = tuple[float, float]

LEVEL_MM = 3.9
"""From one level of brackets to the next: a line and its label."""


def bracket_levels(spans: Sequence[Span], margin: float = 0.12) -> list[int]:
    """Return a level for each (left, right) span, 0 the lowest; spans of a level are apart, short ones lie low."""
    order = sorted(range(len(spans)), key=lambda i: (abs(spans[i][1] - spans[i][0]), min(spans[i]), i))
    taken: list[list[Span]] = []
    levels = [0] * len(spans)
    for i in order:
        left, right = min(spans[i]), max(spans[i])
        free = (at for at, level in enumerate(taken) if all(right + margin <= a or b + margin <= left for a, b in level))
        levels[i] = next(free, len(taken))
        if levels[i] == len(taken):
            taken.append([])
        taken[levels[i]].append((left, right))
    return levels


def label_spans(spans: Sequence[Span], labels: Sequence[str], mm_per_unit: float) -> list[Span]:
    """Return the room that each bracket takes with its label, data units."""
    halves = [text_mm(label) / 2 / mm_per_unit for label in labels]
    return [(min(a, b, (a + b) / 2 - half), max(a, b, (a + b) / 2 + half)) for (a, b), half in zip(spans, halves, strict=True)]


def bracket_rows(spans: Sequence[Span], labels: Sequence[str], mm_per_unit: float) -> int:
    """Return how many levels the brackets take."""
    return max(bracket_levels(label_spans(spans, labels, mm_per_unit)), default=-1) + 1


def draw_brackets(axes: Axes, spans: Sequence[Span], labels: Sequence[str], start: float, per_mm: float, mm_per_unit: float) -> None:
    """Draw a bracket with its label for each span.

    start        y of the lowest bracket, data units
    per_mm       data units of y in a millimetre
    mm_per_unit  millimetres of a data unit of x
    """
    inset = 0.06  # so that two brackets that meet at a bar do not touch
    levels = bracket_levels(label_spans(spans, labels, mm_per_unit))
    for (a, b), label, level in zip(spans, labels, levels, strict=True):
        left, right, y = min(a, b) + inset, max(a, b) - inset, start + level * LEVEL_MM * per_mm
        leg = y - 0.8 * per_mm
        axes.plot([left, left, right, right], [leg, y, y, leg], color=INK, linewidth=0.6, clip_on=False, solid_joinstyle="miter")
        axes.text((left + right) / 2, y + 0.35 * per_mm, label, ha="center", va="bottom", fontsize=SMALL_PT, clip_on=False)


def jitter(n: int, seed: int, spread: float) -> NDArray[np.float64]:
    """Return n offsets in ±spread, the same for the same n and seed."""
    return np.random.default_rng(seed).uniform(-spread, spread, n)


def swarm(values: NDArray[np.float64], low: float, high: float, half_height: float, bins: int = 90) -> NDArray[np.float64]:
    """Return vertical offsets that spread points of like value to both sides of their row, at most `half_height`.

    values   finite, within low..high
    Points of a bin alternate above and below in their order of value; the fullest bin fills the row, the others keep its spacing,
    but no wider than a point's size (a fifth of the half height).
    """
    offsets = np.zeros(len(values))
    if not len(values):
        return offsets
    number = np.clip(((values - low) / max(high - low, 1e-12) * bins).astype(np.int64), 0, bins - 1)
    fullest = int(np.bincount(number).max())
    step = min(half_height / 5, 2 * half_height / max(fullest, 1))
    for at in np.unique(number):
        inside = np.flatnonzero(number == at)
        inside = inside[np.argsort(values[inside], kind="stable")]
        rank = np.arange(len(inside))
        offsets[inside] = step * np.where(rank % 2 == 0, rank // 2, -(rank + 1) // 2)
    return offsets
