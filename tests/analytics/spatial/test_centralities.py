"""Centralities against the official code and networkx; the stroma blocker against counting by hand and by brute force."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from her2ladder.analytics.spatial.centralities import PairCentralities, pair_centralities, stroma_blocker
from her2ladder.analytics.spatial.pairs import class_pairs, pair_profiles
from her2ladder.errors import InputError

HE = ("Tumor", "Stroma", "Neutro", "Lymph", "Macro")
THEIRS = {
    "coreness": "Coreness",
    "clustering_coefficient": "ClusteringCoefficient",
    "closeness": "Closeness",
    "harmonic_centrality": "HarmonicCentrality",
    "betweenness": "Betweenness",
    "betweenness_normed": "Betweenness_normed",
    "eccentricity": "Eccentricity",
    "eccentricity_normed": "Eccentricity_normed",
}
PATHS = tuple(THEIRS)[2:]


@pytest.fixture(scope="module")
def ours(scmtop: dict[str, NDArray[np.float64]]) -> PairCentralities:
    return pair_centralities(scmtop["x_um"], scmtop["y_um"], scmtop["cls"], 5)


def test_every_centrality_of_the_reference_slide_is_the_official_one(
    ours: PairCentralities, scmtop: dict[str, NDArray[np.float64]]
) -> None:
    """sc-MTOP HEAD 33ff31f with igraph 1.0.0: whole numbers exactly, the rest to 1e-9, NaN in the same places."""
    assert ours.n_beyond == 0
    for pair, (first, second) in enumerate(class_pairs(5)):
        block = slice(ours.offsets[pair], ours.offsets[pair + 1])
        who = ours.cell_id[block]
        for column, name in THEIRS.items():
            theirs = scmtop[f"{HE[first]}_{HE[second]}_{name}"][who]
            tolerance = 0 if column in ("coreness", "eccentricity") else 1e-9
            np.testing.assert_allclose(
                getattr(ours, column)[block], theirs, rtol=tolerance, atol=tolerance, err_msg=f"{first} {second} {name}"
            )


def test_rows_stand_as_those_of_the_pair_profiles(ours: PairCentralities, scmtop: dict[str, NDArray[np.float64]]) -> None:
    profiles = pair_profiles(scmtop["x_um"], scmtop["y_um"], scmtop["cls"], 5)
    np.testing.assert_array_equal(ours.offsets, profiles.offsets)
    np.testing.assert_array_equal(ours.cell_id, profiles.cell_id)


def test_components_above_the_bound_are_left_empty_and_counted(ours: PairCentralities, scmtop: dict[str, NDArray[np.float64]]) -> None:
    bounded = pair_centralities(scmtop["x_um"], scmtop["y_um"], scmtop["cls"], 5, max_component=100)
    beyond = pair_profiles(scmtop["x_um"], scmtop["y_um"], scmtop["cls"], 5).n_subgraph > 100
    assert bounded.n_beyond == beyond.sum() > 0
    for column in THEIRS:
        whole, part = getattr(ours, column), getattr(bounded, column)
        if column in PATHS:
            assert np.isnan(part[beyond]).all()
            np.testing.assert_array_equal(part[~beyond], whole[~beyond])
        else:
            np.testing.assert_array_equal(part, whole)


def test_a_path_of_three_has_the_values_that_anyone_can_count() -> None:
    values = pair_centralities([0.0, 20, 40], [0.0, 0, 0], [0, 0, 0], 1)
    assert values.betweenness.tolist() == [0, 1, 0]
    assert values.betweenness_normed.tolist() == [0, 1, 0]
    assert values.closeness.tolist() == [2 / 3, 1, 2 / 3]
    assert values.harmonic_centrality.tolist() == [0.75, 1, 0.75]
    assert values.eccentricity.tolist() == [2, 1, 2]
    assert values.coreness.tolist() == [1, 1, 1]
    np.testing.assert_array_equal(values.clustering_coefficient, [np.nan, 0, np.nan])


def test_no_cell_and_one_cell_are_no_trouble() -> None:
    assert len(pair_centralities([], [], [], 3).cell_id) == 0
    alone = pair_centralities([1.0], [1.0], [1], 3)
    assert (alone.harmonic_centrality == 0).all()
    assert np.isnan(alone.closeness).all()


def by_networkx(graph: nx.Graph[int], i: int) -> tuple[float, ...]:
    component = graph.subgraph(nx.node_connected_component(graph, i))
    n = len(component)
    triangles = nx.clustering(graph, i) if graph.degree[i] > 1 else np.nan
    closeness = nx.closeness_centrality(component, i) if n > 1 else np.nan
    harmonic = nx.harmonic_centrality(component, [i])[i] / (n - 1) if n > 1 else 0.0
    betweenness = nx.betweenness_centrality(component, normalized=False)[i]
    return nx.core_number(graph)[i], triangles, closeness, harmonic, betweenness, nx.eccentricity(component, i)


@settings(max_examples=25, deadline=None)
@given(n=st.integers(0, 25), seed=st.integers(0, 2**32), side=st.sampled_from([10.0, 80.0]), k=st.sampled_from([1, 2, 5]))
def test_centralities_agree_with_networkx_on_crowds_and_ties(
    naive_graph: Callable[..., Any], n: int, seed: int, side: float, k: int
) -> None:
    rng = np.random.default_rng(seed)
    xy, cls = np.floor(rng.random((n, 2)) * side), rng.integers(-1, 2, n)
    values = pair_centralities(xy[:, 0], xy[:, 1], cls, 2, k=k)
    columns = ("coreness", "clustering_coefficient", "closeness", "harmonic_centrality", "betweenness", "eccentricity")
    for pair, (first, second) in enumerate(class_pairs(2)):
        graph, _ = naive_graph(xy, cls, first, second, 25.0, k)
        for row in range(values.offsets[pair], values.offsets[pair + 1]):
            found = [getattr(values, column)[row] for column in columns]
            np.testing.assert_allclose(found, by_networkx(graph, int(values.cell_id[row])), rtol=1e-12)


def test_stroma_within_both_discs_blocks_and_stroma_beside_does_not() -> None:
    """Lymphocyte at 0, tumour at 10: of five stroma cells two lie in the lens, one of them on its edge."""
    x, y = [0.0, 10, 5, 5, -1, 11, 0], [0.0, 0, 0, 8.5, 0, 0, 0.5]
    cls = [0, 1, 2, 2, 2, 2, 2]
    ids, counts = stroma_blocker(x, y, cls, lymph=0, tumor=1, stroma=2)
    assert (ids.tolist(), counts.tolist()) == ([0], [2])  # (5, 0) and (5, 8.5); (0, 0.5) is 10.01 from the tumour cell
    assert stroma_blocker([0.0, 10, 0], [0.0, 0, 0], [0, 1, 2], lymph=0, tumor=1, stroma=2)[1].tolist() == [1]


def test_without_tumour_there_is_no_blocker_and_without_stroma_it_is_none() -> None:
    assert len(stroma_blocker([0.0], [0.0], [0], lymph=0, tumor=1, stroma=2)[0]) == 0
    assert stroma_blocker([0.0, 1], [0.0, 0], [0, 1], lymph=0, tumor=1, stroma=2)[1].tolist() == [0]
    with pytest.raises(InputError, match="three classes"):
        stroma_blocker([0.0], [0.0], [0], lymph=0, tumor=0, stroma=2)


@settings(max_examples=40, deadline=None)
@given(n=st.integers(0, 120), seed=st.integers(0, 2**32), side=st.sampled_from([4.0, 300.0, 3000.0]), whole=st.booleans())
def test_the_blocker_is_what_brute_force_counts(n: int, seed: int, side: float, whole: bool) -> None:
    rng = np.random.default_rng(seed)
    xy = rng.random((n, 2)) * side
    xy = np.floor(xy) if whole else xy
    cls, ids = rng.integers(-1, 4, n), rng.permutation(3 * n)[:n]
    expected = {}
    tumours = sorted(np.flatnonzero(cls == 1), key=lambda j: ids[j])
    for i in np.flatnonzero(cls == 0) if tumours else []:
        d2 = [float(((xy[i] - xy[j]) ** 2).sum()) for j in tumours]
        partner = tumours[int(np.argmin(d2))]
        near = [((xy[cls == 2] - xy[end]) ** 2).sum(axis=1) <= min(d2) for end in (i, partner)]
        expected[int(ids[i])] = int((near[0] & near[1]).sum())
    who, counts = stroma_blocker(xy[:, 0], xy[:, 1], cls, lymph=0, tumor=1, stroma=2, cell_id=ids)
    assert list(zip(who.tolist(), counts.tolist(), strict=True)) == sorted(expected.items())
