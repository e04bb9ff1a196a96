"""Slide values from per-cell values: every pair and family under every rule, and the proportions of classes.

A rule is `{cells}_{statistic}_{empty}`: over the cells of the first-named class, the second, or both; their mean or median; an empty list's
edge counted as the radius or skipped. The names of the paper mean `first_mean_radius` (*chosen*: the paper's Methods do not say). In a self
pair only `first` is kept, since second and both are the same cells; Nsubgraph and Degrees are never empty, so only `radius` is kept.

Sums are exact, so that neither the order of rows nor the engine can change a digit: whole numbers as they are, lengths in fixed point of
`length_bits` binary places, which loses less than 2**-62 radii a cell. A mean is the nearest float64 to total / cells. A median of an even
number of cells is (lower + upper) / 2. The same in SQL: queries/features/slide_values.sql, read by `slide_values_sql` in sql_engine.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from her2ladder.analytics.spatial.pairs import PairProfiles
from her2ladder.analytics.spatial.summary import Group, Summary

LENGTHS = {"minEdgeLength": "min_edge_um", "meanEdgeLength": "mean_edge_um"}  # family -> column
COUNTS = {"Nsubgraph": "n_subgraph", "Degrees": "degrees"}
FAMILIES = ("Nsubgraph", "minEdgeLength", "meanEdgeLength", "Degrees")
RATIO = "ratio"
COUNT_BITS = 32  # whole numbers need no binary places; the summary's totals have at least these


class SlideValue(NamedTuple):
    """One feature of one slide under one rule; value is None where there is no cell to speak of; n_cells: cells the statistic is over."""

    feature: str
    rule: str
    value: float | None
    n_cells: int


class ProportionSpec(Protocol):
    """A proportion: cells of the numerator's classes over cells of the denominator's; an empty denominator means all cells, Other too."""

    @property
    def name(self) -> str: ...
    @property
    def numerator(self) -> tuple[str, ...]: ...
    @property
    def denominator(self) -> tuple[str, ...]: ...


def slide_values(
    profiles: PairProfiles, cls: NDArray[np.integer[Any]], classes: Sequence[str], proportions: Sequence[ProportionSpec], radius_um: float
) -> list[SlideValue]:
    """Return the proportions, then every pair, family and rule of one slide.

    profiles   of all cells of the slide
    cls        (n,) class number of every cell in any order, negative: Other
    classes    names in canonical order, as long as profiles.n_classes
    radius_um  the radius that the profiles were made with: what an empty list's edge counts as
    """
    values = proportion_values(np.bincount(cls[cls >= 0], minlength=len(classes)), len(cls), classes, proportions)
    for first, second in profiles.pairs:
        values += pair_values((classes[first], classes[second]), profiles, (first, second), radius_um)
    return values


def pair_values(names: tuple[str, str], profiles: PairProfiles, pair: tuple[int, int], radius_um: float) -> list[SlideValue]:
    """Return every family and rule of one pair.

    names   of its two classes
    pair    their numbers in the profiles
    """
    values: list[SlideValue] = []
    first, second = pair
    block = profiles.block(first, second)
    is_first = profiles.is_first[block]
    for family in FAMILIES:
        feature = f"{names[0]}_{names[1]}_{family}"
        if family in LENGTHS:
            summary = Summary(getattr(profiles, LENGTHS[family])[block], is_first, length_bits(radius_um))
            values += _length_values(feature, summary, first == second, radius_um)
        else:
            summary = Summary(getattr(profiles, COUNTS[family])[block], is_first, COUNT_BITS)
            values += _count_values(feature, summary, first == second)
    return values


def proportion_values(
    n_of_class: NDArray[np.integer[Any]], n_cells: int, classes: Sequence[str], proportions: Sequence[ProportionSpec]
) -> list[SlideValue]:
    """Return the proportions from the cells of each class and all cells; None where the denominator has no cell."""
    count = dict(zip(classes, n_of_class.tolist(), strict=True))
    values = []
    for spec in proportions:
        above = sum(count[name] for name in spec.numerator)
        below = sum(count[name] for name in spec.denominator) if spec.denominator else n_cells
        values.append(SlideValue(spec.name, RATIO, above / below if below else None, below))
    return values


def length_bits(radius_um: float) -> int:
    """Return the binary places in which lengths below the radius are summed: the radius itself takes 62 bits."""
    return 62 - math.frexp(radius_um)[1]


def _count_values(feature: str, summary: Summary, self_pair: bool) -> Iterator[SlideValue]:
    for cells, group in _groups(summary, self_pair):
        n = group.n
        yield SlideValue(feature, f"{cells}_mean_radius", group.total / (n << COUNT_BITS) if n else None, n)
        yield SlideValue(feature, f"{cells}_median_radius", _median(summary, group, n, math.nan), n)


def _length_values(feature: str, summary: Summary, self_pair: bool, radius_um: float) -> Iterator[SlideValue]:
    bits = length_bits(radius_um)
    radius = int(math.ldexp(radius_um, bits))
    for cells, group in _groups(summary, self_pair):
        n, n_held = group.n, group.n_held
        yield SlideValue(feature, f"{cells}_mean_radius", (group.total + group.n_empty * radius) / (n << bits) if n else None, n)
        yield SlideValue(feature, f"{cells}_median_radius", _median(summary, group, n, radius_um), n)
        yield SlideValue(feature, f"{cells}_mean_skip", group.total / (n_held << bits) if n_held else None, n_held)
        yield SlideValue(feature, f"{cells}_median_skip", _median(summary, group, n_held, radius_um), n_held)


def _groups(summary: Summary, self_pair: bool) -> Iterator[tuple[str, Group]]:
    yield "first", summary.group(True)
    if not self_pair:
        yield "second", summary.group(False)
        yield "both", summary.group(True, False)


def _median(summary: Summary, group: Group, n: int, empty: float) -> float | None:
    """The median of n values, those beyond the ones held counting as `empty`, which is above every one of them."""
    if n == 0:
        return None
    lower, upper = (summary.ranked(group, rank) if rank < group.n_held else empty for rank in ((n - 1) // 2, n // 2))
    return (lower + upper) / 2
