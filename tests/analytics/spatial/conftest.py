"""A second, slow way to the per-cell values: candidates by kd-tree, graphs by networkx, written from the definitions alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import networkx as nx
import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from her2ladder.analytics.spatial.sql_engine import QUERIES
from her2ladder.queries.catalog import query

HE = ("Tumor", "Stroma", "Neutro", "Lymph", "Macro")
UM_PER_PX = 0.25  # scmtop_2000.parquet: 40x
NaivePair = dict[int, tuple[int, int, float, float]]


def _own_list(i: int, targets: list[int], tree: cKDTree, xy: NDArray[np.float64], radius: float, k: int) -> list[tuple[float, int]]:
    near = []
    for place in tree.query_ball_point(xy[i], radius * 1.001):
        j = targets[place]
        dx, dy = xy[i] - xy[j]
        if j != i and dx * dx + dy * dy < radius * radius:
            near.append((dx * dx + dy * dy, j))
    return sorted(near)[:k]


def graph_of_pair(
    xy: NDArray[np.float64], cls: NDArray[np.int64], first: int, second: int, radius: float, k: int
) -> tuple[nx.Graph[int], dict[int, tuple[float, float]]]:
    """Return the graph of one pair and each cell's shortest and mean edge; the index in the arrays is the cell_id."""
    members = {c: [int(i) for i in np.flatnonzero(cls == c)] for c in (first, second)}
    trees = {c: cKDTree(xy[members[c]]) for c in members if members[c]}
    graph: nx.Graph[int] = nx.Graph()
    lengths = {}
    for own, target in {(first, second), (second, first)}:
        graph.add_nodes_from(members[own])
        for i in members[own]:
            near = _own_list(i, members[target], trees[target], xy, radius, k) if members[target] else []
            graph.add_edges_from((i, j) for _, j in near)
            total = 0.0
            for d2, _ in near:
                total += math.sqrt(d2)
            lengths[i] = (math.sqrt(near[0][0]), total / len(near)) if near else (math.nan, math.nan)
    return graph, lengths


def naive_pair(xy: NDArray[np.float64], cls: NDArray[np.int64], first: int, second: int, radius: float, k: int) -> NaivePair:
    """Return {cell: (n_subgraph, degrees, min_edge, mean_edge)} of one pair."""
    graph, lengths = graph_of_pair(xy, cls, first, second, radius, k)
    size = {i: len(component) for component in nx.connected_components(graph) for i in component}
    return {i: (size[i], graph.degree[i], *lengths[i]) for i in graph}


@pytest.fixture(scope="session")
def naive() -> Callable[..., NaivePair]:
    return naive_pair


@pytest.fixture(scope="session")
def naive_graph() -> Callable[..., tuple[nx.Graph[int], dict[int, tuple[float, float]]]]:
    return graph_of_pair


@pytest.fixture(scope="session")
def scmtop(reference: Path) -> dict[str, NDArray[np.float64]]:
    """The slide of 2,000 cells and the official code's answers, by column, with x_um, y_um and cls added."""
    table = pq.read_table(reference / "scmtop_2000.parquet")
    columns = {name: table[name].to_numpy() for name in table.schema.names if name != "cell_class"}
    columns["cls"] = np.array([HE.index(name) for name in table["cell_class"].to_pylist()])
    columns["x_um"], columns["y_um"] = columns["x_px"] * UM_PER_PX, columns["y_px"] * UM_PER_PX
    return columns


@pytest.fixture(scope="session")
def queries() -> dict[str, str]:
    return {name: query(name).sql for name in QUERIES}


@pytest.fixture(scope="session")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database with two threads, so that an order left open would show."""
    with duckdb.connect(config={"threads": 2}) as connection:
        yield connection
