"""Three ways that must agree: the kernel, plain SQL, and the slow way written from the definitions, on slides made to have ties."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from her2ladder.analytics.spatial.pairs import PairProfiles, pair_profiles
from her2ladder.analytics.spatial.sql_engine import pair_profiles_sql
from her2ladder.errors import InputError

Slide = dict[str, Any]
COLUMNS = ("offsets", "cell_id", "is_first", "n_subgraph", "degrees", "min_edge_um", "mean_edge_um")


def cells_table(x_um: Any, y_um: Any, cls: Any, cell_id: Any = None) -> pa.Table:
    ident = np.arange(len(x_um)) if cell_id is None else cell_id
    return pa.table({"cell_id": np.asarray(ident, np.int32), "cls": np.asarray(cls, np.int16), "x_um": x_um, "y_um": y_um})


def assert_same(one: PairProfiles, other: PairProfiles) -> None:
    """Equal to the last bit, layout and types too."""
    assert one.n_classes == other.n_classes
    for name in COLUMNS:
        a, b = getattr(one, name), getattr(other, name)
        assert a.dtype == b.dtype, name
        np.testing.assert_array_equal(a, b, err_msg=name)


@st.composite
def slides(draw: st.DrawFn) -> Slide:
    """Random slides: from one cell to crowds, whole-number grids full of ties and of pairs at exactly R, 20x and 40x, absent classes."""
    n, n_classes = draw(st.integers(0, 120)), draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    side_px = draw(st.sampled_from([3, 40, 200, 1500]))
    xy = rng.random((n, 2)) * side_px
    if draw(st.booleans()):
        xy = np.floor(xy)
    if draw(st.booleans()) and n:
        xy = xy[rng.integers(0, n, n)]  # coincident centroids
    cls = rng.integers(-1, n_classes, n)
    if draw(st.booleans()):
        cls[cls == draw(st.integers(0, n_classes - 1))] = -1
    mpp = draw(st.sampled_from([0.25, 0.5, 0.2273, 1.0]))
    return {
        "xy": xy * mpp,
        "cls": cls,
        "n_classes": n_classes,
        "radius_um": draw(st.sampled_from([5.0, 25.0, 25.0, 40.0])),
        "k": draw(st.sampled_from([1, 2, 5, 5, 9])),
    }


@settings(max_examples=80, deadline=None)
@given(slide=slides())
def test_the_kernel_agrees_with_a_kd_tree_and_networkx_to_the_last_digit(naive: Callable[..., Any], slide: Slide) -> None:
    xy: NDArray[np.float64] = slide["xy"]
    profiles = pair_profiles(xy[:, 0], xy[:, 1], slide["cls"], slide["n_classes"], slide["radius_um"], slide["k"])
    for first, second in profiles.pairs:
        expected = naive(xy, slide["cls"], first, second, slide["radius_um"], slide["k"])
        block = profiles.block(first, second)
        assert profiles.cell_id[block].tolist() == sorted(expected)
        found = np.column_stack([c[block] for c in (profiles.n_subgraph, profiles.degrees, profiles.min_edge_um, profiles.mean_edge_um)])
        np.testing.assert_array_equal(found, np.array([expected[i] for i in sorted(expected)]).reshape(-1, 4))


@settings(max_examples=50, deadline=None)
@given(slide=slides(), seed=st.integers(0, 2**32))
def test_sql_agrees_with_the_kernel_to_the_last_bit(
    con: duckdb.DuckDBPyConnection, queries: dict[str, str], slide: Slide, seed: int
) -> None:
    """Rows come to SQL shuffled, under other ids than the places, as from a store in tile order."""
    rng = np.random.default_rng(seed)
    x, y, cls = slide["xy"][:, 0], slide["xy"][:, 1], slide["cls"]
    ids = rng.permutation(2 * len(x))[: len(x)].astype(np.int32)
    options = (slide["n_classes"], slide["radius_um"], slide["k"])
    assert_same(pair_profiles(x, y, cls, *options, ids), pair_profiles_sql(con, cells_table(x, y, cls, ids), *options, queries))


@pytest.mark.parametrize("offset_um", [0.0, 1e9])
def test_the_engines_agree_on_a_slide_of_thousands(con: duckdb.DuckDBPyConnection, queries: dict[str, str], offset_um: float) -> None:
    """Also a kilometre from the origin, where a square is found after the corner of the slide is taken off."""
    rng = np.random.default_rng(3)
    x, y = rng.random((2, 6000)) * 1000 + offset_um
    cls = rng.choice(5, 6000, p=[0.6, 0.2, 0.02, 0.15, 0.03])
    assert_same(pair_profiles(x, y, cls, 5), pair_profiles_sql(con, cells_table(x, y, cls), 5, 25.0, 5, queries))


def test_sql_gives_the_reference_slide_the_official_values(
    con: duckdb.DuckDBPyConnection, queries: dict[str, str], scmtop: dict[str, NDArray[np.float64]]
) -> None:
    """The kernel is held against the official code in test_pairs.py; to the last bit its values are these."""
    x, y, cls, ids = (scmtop[name] for name in ("x_um", "y_um", "cls", "cell_id"))
    assert_same(pair_profiles(x, y, cls, 5, cell_id=ids), pair_profiles_sql(con, cells_table(x, y, cls, ids), 5, 25.0, 5, queries))


def test_sql_refuses_what_the_kernel_refuses_and_leaves_no_relation_behind(con: duckdb.DuckDBPyConnection, queries: dict[str, str]) -> None:
    with pytest.raises(InputError, match="got nan in row 1"):
        pair_profiles_sql(con, cells_table([0.0, float("nan")], [0.0, 0.0], [0, 0]), 1, 25.0, 5, queries)
    with pytest.raises(InputError, match="wanted a column cls"):
        pair_profiles_sql(con, pa.table({"cell_id": [1], "x_um": [0.0], "y_um": [0.0]}), 1, 25.0, 5, queries)
    with pytest.raises(KeyError):
        pair_profiles_sql(con, cells_table([0.0], [0.0], [0]), 1, 25.0, 5, {})
    pair_profiles_sql(con, cells_table([0.0], [0.0], [0]), 1, 25.0, 5, queries)
    assert con.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall() == []
    assert con.execute("SELECT table_name FROM duckdb_tables()").fetchall() == []
