"""Slide values: the rules by hand, the kernel's way against numpy and against SQL, and independence of the order of rows."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from her2ladder.analytics.spatial.aggregate import SlideValue, slide_values
from her2ladder.analytics.spatial.pairs import PairProfiles, pair_profiles
from her2ladder.analytics.spatial.sql_engine import slide_values_sql
from her2ladder.analytics.spatial.summary import Summary

HE = ("Tumor", "Stroma", "Neutro", "Lymph", "Macro")


@dataclass(frozen=True)
class Share:
    name: str
    numerator: tuple[str, ...]
    denominator: tuple[str, ...] = ()


SHARES = [Share("Pi_A_in_all_cells", ("A",)), Share("Pi_A_in_ab", ("A",), ("A", "B")), Share("Pi_C_in_c", ("C",), ("C",))]


def by_name(values: list[SlideValue]) -> dict[tuple[str, str], tuple[float | None, int]]:
    assert len({(v.feature, v.rule) for v in values}) == len(values)
    return {(v.feature, v.rule): (v.value, v.n_cells) for v in values}


def test_every_rule_on_a_slide_that_can_be_checked_by_eye() -> None:
    """Two A cells at 3 and 4 um from one B, a third A out of reach of everything, one cell of no class, no C."""
    cls = np.array([0, 0, 0, 1, -1])
    profiles = pair_profiles([3.0, 0, 500, 0, 0], [0.0, 4, 0, 0, 0], cls, 3)
    values = by_name(slide_values(profiles, cls, "ABC", SHARES, 25.0))
    assert values["Pi_A_in_all_cells", "ratio"] == (3 / 5, 5)
    assert values["Pi_A_in_ab", "ratio"] == (3 / 4, 4)
    assert values["Pi_C_in_c", "ratio"] == (None, 0)
    expected = {
        "first_mean_radius": ((3 + 4 + 25) / 3, 3),
        "first_median_radius": (4.0, 3),
        "first_mean_skip": (3.5, 2),
        "first_median_skip": (3.5, 2),
        "second_mean_radius": (3.0, 1),
        "both_mean_radius": ((3 + 4 + 25 + 3) / 4, 4),
        "both_median_radius": (3.5, 4),
        "both_mean_skip": (10 / 3, 3),
    }
    assert {rule: values["A_B_minEdgeLength", rule] for rule in expected} == expected
    assert values["A_B_meanEdgeLength", "second_mean_skip"] == (3.5, 1)
    assert values["A_B_Nsubgraph", "first_mean_radius"] == (7 / 3, 3)
    assert values["A_B_Degrees", "both_median_radius"] == (1.0, 4)


def test_a_value_is_null_only_where_the_class_it_is_over_is_absent() -> None:
    cls = np.array([0, 0])
    values = by_name(slide_values(pair_profiles([0.0, 1], [0.0, 0], cls, 2), cls, "AB", [], 25.0))
    assert values["A_B_Nsubgraph", "first_mean_radius"] == (1.0, 2)
    assert values["A_B_minEdgeLength", "first_mean_radius"] == (25.0, 2)
    assert values["A_B_minEdgeLength", "first_mean_skip"] == (None, 0)
    assert values["A_B_Degrees", "second_mean_radius"] == (None, 0)
    assert values["B_B_Degrees", "first_mean_radius"] == (None, 0)


def test_five_classes_have_sixty_names_and_self_pairs_are_kept_once() -> None:
    cls = np.arange(5)
    values = slide_values(pair_profiles(np.zeros(5), np.zeros(5), cls, 5), cls, HE, [], 25.0)
    default = [v.feature for v in values if v.rule == "first_mean_radius"]
    assert len(default) == 60
    assert default[:5] == [
        *(f"Tumor_Tumor_{f}" for f in ("Nsubgraph", "minEdgeLength", "meanEdgeLength", "Degrees")),
        "Tumor_Stroma_Nsubgraph",
    ]
    assert len(values) == 5 * (2 * 2 + 2 * 4) + 10 * 3 * (2 * 2 + 2 * 4)
    assert {v.rule.split("_")[0] for v in values if v.feature.startswith("Tumor_Tumor_")} == {"first"}


def test_no_cell_at_all_gives_every_name_without_a_value() -> None:
    cls = np.zeros(0, dtype=np.int64)
    values = slide_values(pair_profiles([], [], cls, 2), cls, "AB", SHARES[:1], 25.0)
    assert {(v.value, v.n_cells) for v in values} == {(None, 0)}


def plain_values(profiles: PairProfiles, classes: tuple[str, ...], radius: float) -> dict[tuple[str, str], float | None]:
    """The rules by math.fsum and numpy's median."""
    found: dict[tuple[str, str], float | None] = {}
    columns = {"Nsubgraph": "n_subgraph", "minEdgeLength": "min_edge_um", "meanEdgeLength": "mean_edge_um", "Degrees": "degrees"}
    for first, second in profiles.pairs:
        block = profiles.block(first, second)
        sides = {"first": profiles.is_first[block]}
        if first != second:
            sides |= {"second": ~sides["first"], "both": np.ones_like(sides["first"])}
        for family, column in columns.items():
            for cells, side in sides.items():
                values = getattr(profiles, column)[block][side].astype(float)
                for empty_is in ("radius", "skip") if "Length" in family else ("radius",):
                    counted = np.where(np.isnan(values), radius, values) if empty_is == "radius" else values[~np.isnan(values)]
                    name = f"{classes[first]}_{classes[second]}_{family}"
                    found[name, f"{cells}_mean_{empty_is}"] = math.fsum(counted) / len(counted) if len(counted) else None
                    found[name, f"{cells}_median_{empty_is}"] = float(np.median(counted)) if len(counted) else None
    return found


@st.composite
def slides(draw: st.DrawFn) -> dict[str, Any]:
    n, n_classes = draw(st.integers(0, 150)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    xy = rng.random((2, n)) * draw(st.sampled_from([20, 150, 1500]))
    if draw(st.booleans()):
        xy = np.floor(xy)
    radius_um = draw(st.sampled_from([25.0, 12.3, 400.0]))
    cls = rng.integers(-1, n_classes, n)
    return {
        "profiles": pair_profiles(*xy, cls, n_classes, radius_um),
        "cls": cls,
        "classes": tuple("ABCD"[:n_classes]),
        "radius_um": radius_um,
    }


@settings(max_examples=60, deadline=None)
@given(slide=slides())
def test_means_are_those_of_fsum_and_medians_those_of_numpy(slide: dict[str, Any]) -> None:
    plain = plain_values(slide["profiles"], slide["classes"], slide["radius_um"])
    values = {(v.feature, v.rule): v.value for v in slide_values(**slide, proportions=[])}
    assert values.keys() == plain.keys()
    for name, value in values.items():
        assert value == (None if plain[name] is None else pytest.approx(plain[name], rel=1e-15, abs=1e-16)), name


@settings(max_examples=30, deadline=None)
@given(slide=slides())
def test_sql_makes_the_same_slide_values_to_the_last_bit(
    con: duckdb.DuckDBPyConnection, queries: dict[str, str], slide: dict[str, Any]
) -> None:
    shares = [Share("Pi_A_in_all_cells", ("A",)), Share("Pi_A_in_A", ("A",), ("A",))]
    assert slide_values_sql(con, **slide, proportions=shares, queries=queries) == slide_values(**slide, proportions=shares)


def test_the_order_of_rows_changes_no_bit() -> None:
    rng = np.random.default_rng(2)
    cls = rng.integers(0, 3, 4000)
    profiles = pair_profiles(*rng.random((2, 4000)) * 700, cls, 3)
    shuffled = []
    for p in range(6):
        rows = np.arange(profiles.offsets[p], profiles.offsets[p + 1])
        shuffled.append(rng.permutation(rows))
    order = np.concatenate(shuffled)
    columns = {
        name: getattr(profiles, name)[order] for name in ("cell_id", "is_first", "n_subgraph", "degrees", "min_edge_um", "mean_edge_um")
    }
    assert slide_values(replace(profiles, **columns), rng.permutation(cls), "ABC", SHARES, 25.0) == slide_values(
        profiles, cls, "ABC", SHARES, 25.0
    )


def test_slide_values_of_the_reference_slide_follow_from_the_official_cell_values(scmtop: dict[str, NDArray[np.float64]]) -> None:
    profiles = pair_profiles(scmtop["x_um"], scmtop["y_um"], scmtop["cls"], 5)
    values = by_name(slide_values(profiles, scmtop["cls"], HE, [], 25.0))
    for first, second in profiles.pairs:
        for family, scale in (("Nsubgraph", 1), ("Degrees", 1), ("minEdgeLength", 0.25), ("meanEdgeLength", 0.25)):
            name = f"{HE[first]}_{HE[second]}_{family}"
            theirs = scmtop[name][scmtop["cls"] == first] * scale
            expected = np.where(np.isnan(theirs), 25.0, theirs).mean()
            assert values[name, "first_mean_radius"] == (pytest.approx(expected, rel=1e-12), len(theirs))


@given(st.lists(st.one_of(st.integers(0, 5), st.floats(0, 2.0**30), st.just(float("nan"))), max_size=60), st.integers(0, 2**32))
def test_any_rank_is_that_of_a_sort(values: list[float], seed: int) -> None:
    array = np.array(values, dtype=np.float64)
    is_first = np.random.default_rng(seed).random(len(array)) < 0.5
    summary = Summary(array, is_first, 32)
    for sides, inside in (((True,), is_first), ((False,), ~is_first), ((True, False), np.ones(len(array), bool))):
        group = summary.group(*sides)
        ascending = np.sort(array[inside & ~np.isnan(array)])
        assert (group.n, group.n_held) == (inside.sum(), len(ascending))
        assert group.total == sum(math.floor(v * 2.0**32) if v < 2**20 else int(v * 2**32) for v in ascending.tolist())
        assert [summary.ranked(group, rank) for rank in range(group.n_held)] == ascending.tolist()
