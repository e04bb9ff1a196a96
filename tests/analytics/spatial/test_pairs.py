"""The kernel on hand-checked slides, against the official sc-MTOP code, and under what must hold for any slide."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from her2ladder.analytics.spatial.pairs import PairProfiles, class_pairs, pair_numbers, pair_profiles
from her2ladder.errors import InputError

HE = ("Tumor", "Stroma", "Neutro", "Lymph", "Macro")
NAN = float("nan")


def rows(profiles: PairProfiles, first: int, second: int) -> dict[int, tuple[int, int, float, float]]:
    block = profiles.block(first, second)
    columns = (profiles.cell_id, profiles.n_subgraph, profiles.degrees, profiles.min_edge_um, profiles.mean_edge_um)
    return {int(i): (int(n), int(d), float(low), float(mean)) for i, n, d, low, mean in zip(*(c[block] for c in columns), strict=True)}


def put(*cells: tuple[int, float, float], n_classes: int = 2, **options: Any) -> PairProfiles:
    cls, x, y = zip(*cells, strict=True) if cells else ((), (), ())
    return pair_profiles(x, y, np.array(cls, dtype=np.int64), n_classes, **options)


def test_a_three_four_five_triangle_has_one_mixed_edge_of_five() -> None:
    profiles = put((0, 0, 0), (1, 3, 4))
    assert rows(profiles, 0, 1) == {0: (2, 1, 5.0, 5.0), 1: (2, 1, 5.0, 5.0)}
    assert [rows(profiles, c, c)[c][:2] for c in (0, 1)] == [(1, 0), (1, 0)]


def test_a_pair_at_exactly_the_radius_has_no_edge() -> None:
    assert rows(put((0, 0, 0), (1, 15, 20)), 0, 1)[0][:2] == (1, 0)
    assert rows(put((0, 0, 0), (1, 15, 19.999)), 0, 1)[0][:2] == (2, 1)


def test_degree_counts_those_who_chose_the_cell_and_so_may_exceed_k() -> None:
    """Seven cells around one: each has it among its k = 1 nearest, it chose only the nearest itself."""
    ring = [(1, 10 * np.cos(a), 10 * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 7, endpoint=False)]
    values = rows(put((0, 0, 0), *ring, k=1), 0, 1)
    assert values[0][:2] == (8, 7)
    assert {values[i][:2] for i in range(1, 8)} == {(8, 1)}


@pytest.mark.parametrize("ids", [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [7, 2, 9, 1, 3]])
def test_equally_near_cells_are_taken_by_cell_id(ids: list[int]) -> None:
    """A cell halfway between two others, each of which has a nearer mate: with k = 1 it joins the one of the smaller id."""
    x, cls = [0.0, -10, 10, -11, 12], [0, 1, 1, 0, 0]
    values = rows(pair_profiles(x, np.zeros(5), cls, 2, k=1, cell_id=ids), 0, 1)
    left_wins = ids[1] < ids[2]
    assert values[ids[0]] == (3, 1, 10.0, 10.0)
    assert values[ids[3]][0] == (3 if left_wins else 2)
    assert values[ids[4]][0] == (2 if left_wins else 3)


def test_coincident_cells_are_neighbours_at_zero_and_a_cell_is_never_its_own() -> None:
    values = rows(put((0, 1, 1), (0, 1, 1), (0, 1, 1)), 0, 0)
    assert values == dict.fromkeys(range(3), (3, 2, 0.0, 0.0))


def test_an_absent_class_leaves_the_others_alone_and_null() -> None:
    values = rows(put((0, 0, 0), (0, 1, 0)), 0, 1)
    np.testing.assert_equal(values, {0: (1, 0, NAN, NAN), 1: (1, 0, NAN, NAN)})


@pytest.mark.parametrize("n_classes", [1, 5])
def test_no_cell_gives_no_row(n_classes: int) -> None:
    assert len(put(n_classes=n_classes)) == 0
    assert len(pair_profiles([1.0], [1.0], [-1], n_classes)) == 0


def test_a_cell_of_no_class_stands_in_no_pair_and_lengthens_no_list() -> None:
    values = rows(put((0, 0, 0), (-1, 1, 0), (1, 3, 4)), 0, 1)
    assert values == {0: (2, 1, 5.0, 5.0), 2: (2, 1, 5.0, 5.0)}


def test_blocks_follow_the_canonical_pairs_and_ids_ascend_in_them() -> None:
    rng = np.random.default_rng(1)
    cls = rng.integers(-1, 3, 200)
    profiles = pair_profiles(rng.random(200) * 99, rng.random(200) * 99, cls, 3, cell_id=rng.permutation(500)[:200])
    assert profiles.pairs == [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
    assert profiles.pair_of_row().tolist() == sorted(profiles.pair_of_row().tolist())
    for first, second in profiles.pairs:
        block = profiles.block(second, first)
        assert block.stop - block.start == np.isin(cls, [first, second]).sum()
        assert profiles.is_first[block].sum() == (cls == first).sum()
        assert (np.diff(profiles.cell_id[block]) > 0).all()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"x_um": [0.0, np.nan]}, "x_um: wanted finite micrometres, got nan in row 1"),
        ({"y_um": [np.inf, 0.0]}, "y_um: wanted finite micrometres, got inf in row 0"),
        ({"x_um": [-1e308, 1e308]}, "x_um"),
        ({"y_um": [0.0, 1e12]}, "check mpp"),
        ({"cls": [0, 2]}, "class numbers below 2, got 2 in row 1"),
        ({"cls": [0.0, 1.0]}, "whole numbers"),
        ({"cls": [0]}, "as long as each other"),
        ({"cell_id": [4, 4]}, "got 4 more than once"),
        ({"cell_id": [2**30, 2**30]}, "more than once"),
        ({"cell_id": [-1, 4]}, "cell_id: wanted 0"),
        ({"radius_um": 0.0}, "radius_um"),
        ({"radius_um": float("nan")}, "radius_um"),
        ({"k": 0}, "k >= 1"),
    ],
)
def test_unusable_cells_are_refused_with_what_is_wrong(change: dict[str, Any], says: str) -> None:
    cells: dict[str, Any] = {"x_um": [0.0, 1.0], "y_um": [0.0, 1.0], "cls": [0, 1], "n_classes": 2}
    with pytest.raises(InputError, match=says):
        pair_profiles(**{**cells, **change})


def test_every_cell_of_the_reference_slide_has_the_official_values(scmtop: dict[str, NDArray[np.float64]]) -> None:
    """sc-MTOP HEAD 33ff31f: integers exactly, lengths to 1e-9, missing in the same places, all 15 pairs."""
    profiles = pair_profiles(scmtop["x_um"], scmtop["y_um"], scmtop["cls"], 5, cell_id=scmtop["cell_id"])
    for first, second in class_pairs(5):
        block = profiles.block(first, second)
        who = np.searchsorted(scmtop["cell_id"], profiles.cell_id[block])
        theirs = {
            family: scmtop[f"{HE[first]}_{HE[second]}_{family}"] for family in ("Nsubgraph", "Degrees", "minEdgeLength", "meanEdgeLength")
        }
        outside = np.setdiff1d(np.arange(2000), who)
        assert np.isnan(theirs["Nsubgraph"][outside]).all()
        np.testing.assert_array_equal(profiles.n_subgraph[block], theirs["Nsubgraph"][who])
        np.testing.assert_array_equal(profiles.degrees[block], theirs["Degrees"][who])
        np.testing.assert_allclose(profiles.min_edge_um[block], theirs["minEdgeLength"][who] * 0.25, rtol=1e-9)
        np.testing.assert_allclose(profiles.mean_edge_um[block], theirs["meanEdgeLength"][who] * 0.25, rtol=1e-9)


def test_the_same_slide_at_20x_has_the_same_values(scmtop: dict[str, NDArray[np.float64]]) -> None:
    """Pixels at 20x are half as many and twice as wide; in micrometres nothing changes."""
    at_40x = pair_profiles(scmtop["x_px"] * 0.25, scmtop["y_px"] * 0.25, scmtop["cls"], 5)
    at_20x = pair_profiles(scmtop["x_px"] / 2 * 0.5, scmtop["y_px"] / 2 * 0.5, scmtop["cls"], 5)
    for column in ("cell_id", "n_subgraph", "degrees", "min_edge_um", "mean_edge_um"):
        np.testing.assert_array_equal(getattr(at_40x, column), getattr(at_20x, column))


@st.composite
def slides(draw: st.DrawFn) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], int]:
    n, n_classes = draw(st.integers(0, 150)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    side = draw(st.sampled_from([5.0, 60.0, 300.0, 3000.0]))
    x, y = np.round(rng.random((2, n)) * side * 8) / 8  # eighths: sums and shifts are exact
    return x, y, rng.integers(draw(st.sampled_from([-1, 0])), n_classes, n), n_classes


@settings(max_examples=60, deadline=None)
@given(slides())
def test_what_holds_for_every_slide(slide: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], int]) -> None:
    """Degrees = 0 <=> Nsubgraph = 1 <=> no edge; min <= mean < R; degrees of a mixed pair add up alike on both sides."""
    x, y, cls, n_classes = slide
    profiles = pair_profiles(x, y, cls, n_classes)
    alone = profiles.degrees == 0
    np.testing.assert_array_equal(alone, profiles.n_subgraph == 1)
    np.testing.assert_array_equal(alone, np.isnan(profiles.min_edge_um))
    np.testing.assert_array_equal(alone, np.isnan(profiles.mean_edge_um))
    assert (profiles.min_edge_um[~alone] <= profiles.mean_edge_um[~alone] * (1 + 1e-15)).all()
    assert (profiles.mean_edge_um[~alone] < 25 * (1 + 1e-15)).all()
    for first, second in profiles.pairs:
        block = profiles.block(first, second)
        degrees, is_first = profiles.degrees[block], profiles.is_first[block]
        assert degrees.sum() % 2 == 0
        if first != second:
            assert degrees[is_first].sum() == degrees[~is_first].sum()
        sizes, count = np.unique(profiles.n_subgraph[block], return_counts=True)
        assert (count % sizes == 0).all()  # cells in components of n come in multiples of n


@settings(max_examples=40, deadline=None)
@given(slides(), st.integers(-4000, 4000), st.integers(-4000, 4000), st.integers(0, 2**32))
def test_shifting_a_slide_or_shuffling_its_rows_changes_nothing(
    slide: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], int], right: int, down: int, seed: int
) -> None:
    x, y, cls, n_classes = slide
    rows_in_any_order = np.random.default_rng(seed).permutation(len(x))
    here = pair_profiles(x, y, cls, n_classes)
    r = rows_in_any_order
    there = pair_profiles(x[r] + right, y[r] + down, cls[r], n_classes, cell_id=r)
    for column in ("offsets", "cell_id", "is_first", "n_subgraph", "degrees", "min_edge_um", "mean_edge_um"):
        np.testing.assert_array_equal(getattr(here, column), getattr(there, column))


@settings(max_examples=30, deadline=None)
@given(slides(), st.integers(0, 2**32))
def test_renaming_the_classes_renames_the_pairs(
    slide: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], int], seed: int
) -> None:
    x, y, cls, n_classes = slide
    new = np.random.default_rng(seed).permutation(n_classes)
    here, there = pair_profiles(x, y, cls, n_classes), pair_profiles(x, y, np.where(cls < 0, cls, new[cls]), n_classes)
    for first, second in class_pairs(n_classes):
        np.testing.assert_equal(rows(here, first, second), rows(there, int(new[first]), int(new[second])))


@pytest.mark.parametrize("tile_um", [40.0, 90.0])
def test_tiles_with_a_halo_of_the_radius_give_the_same_edges(tile_um: float) -> None:
    """Two radii of halo hold the lists of all who might choose a cell of the tile, so degree and lengths are exact there."""
    rng = np.random.default_rng(5)
    n = 1500
    x, y, cls = rng.random(n) * 400, rng.random(n) * 400, rng.integers(0, 3, n)
    whole = pair_profiles(x, y, cls, 3)
    for left in np.arange(0, 400, tile_um):
        inside = (x >= left) & (x < left + tile_um)
        halo = np.flatnonzero((x >= left - 50) & (x < left + tile_um + 50))
        tile = pair_profiles(x[halo], y[halo], cls[halo], 3, cell_id=halo)
        for first, second in whole.pairs:
            big, small = whole.block(first, second), tile.block(first, second)
            of_whole, of_tile = inside[whole.cell_id[big]], inside[tile.cell_id[small]]
            for column in ("cell_id", "degrees", "min_edge_um", "mean_edge_um"):
                np.testing.assert_array_equal(getattr(whole, column)[big][of_whole], getattr(tile, column)[small][of_tile])


def test_cells_far_apart_need_no_more_memory_than_cells_close_together() -> None:
    """Two clusters 2 km apart: a dense grid over the extent would have 6e9 squares."""
    x = np.array([0.0, 3, 2e6, 2e6 + 3])
    profiles = pair_profiles(x, x[::-1], np.zeros(4, int), 1)
    assert profiles.n_subgraph.tolist() == [2, 2, 2, 2]


def test_pair_numbers_are_symmetric_and_in_block_order() -> None:
    assert pair_numbers(3).tolist() == [[0, 1, 2], [1, 3, 4], [2, 4, 5]]
