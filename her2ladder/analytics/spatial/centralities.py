"""Optional sc-MTOP extras of each cell in each pair's graph: centralities, and the stroma cells between a lymphocyte and its tumour cell.

The graphs are those of pairs.py, unweighted. Coreness and clustering are linear in the edges and made for every cell. The rest needs the
shortest paths from every cell to all of its component, cells x edges of it: measured 7 CPU s for a component of 10,000 and 37 for one of
20,000, so hours for a percolating tumour of 300,000. Cells of components above `max_component` therefore get NaN in those columns, and how
many they are is part of the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from her2ladder.analytics.spatial.centralities_kernel import adjacency, clustering, coreness, count_in_lenses, shortest_paths
from her2ladder.analytics.spatial.pairs import K_NEAREST, RADIUS_UM, block_offsets, checked_cells, pair_numbers
from her2ladder.analytics.spatial.pairs_kernel import A_HAIR_WIDER, grid_keys, join_edges, nearest_lists, stable_order
from her2ladder.errors import InputError

MAX_COMPONENT = 10_000  # chosen: it costs at most about 0.7 ms a cell and pair
BAND_UM = 50.0
TIES_LOOKED_AT = 8


@dataclass(frozen=True)
class PairCentralities:
    """Centralities of all pairs in the layout of PairProfiles: one block of rows a pair, ascending cell_id in it.

    offsets   (n_pairs + 1,), cell_id (rows,) as in PairProfiles of the same cells
    coreness  (rows,) int32; all other columns (rows,) float64
    clustering_coefficient            NaN where the cell has fewer than two neighbours
    closeness, harmonic_centrality    normalized: (n - 1) / sum of distances, mean of 1 / distance; alone: NaN and 0
    betweenness, betweenness_normed   raw, and / ((n - 1)(n - 2) / 2) where n > 2
    eccentricity, eccentricity_normed raw, and / n
    n_beyond  rows left NaN in closeness .. eccentricity_normed because their component holds more than max_component cells
    """

    n_classes: int
    offsets: NDArray[np.int64]
    cell_id: NDArray[np.int32]
    coreness: NDArray[np.int32]
    clustering_coefficient: NDArray[np.float64]
    closeness: NDArray[np.float64]
    harmonic_centrality: NDArray[np.float64]
    betweenness: NDArray[np.float64]
    betweenness_normed: NDArray[np.float64]
    eccentricity: NDArray[np.float64]
    eccentricity_normed: NDArray[np.float64]
    max_component: int
    n_beyond: int


def pair_centralities(
    x_um: ArrayLike,
    y_um: ArrayLike,
    cls: ArrayLike,
    n_classes: int,
    radius_um: float = RADIUS_UM,
    k: int = K_NEAREST,
    cell_id: ArrayLike | None = None,
    max_component: int = MAX_COMPONENT,
) -> PairCentralities:
    """Return the centralities of every cell in every pair of classes; arguments and errors as pairs.pair_profiles.

    max_component  largest component, in cells, whose shortest paths are walked
    source         sc-MTOP, WSIGraph.py, getSingleGraphFeatures (igraph's definitions)
    """
    x, y, number, ident = checked_cells(x_um, y_um, cls, n_classes, radius_um, k, cell_id)
    offsets = block_offsets(number, n_classes)
    rows, vertices = _vertex_of_row(number, n_classes)
    n = len(x) * n_classes
    core, share, paths, sizes = np.zeros(n, np.int32), np.zeros(n), np.zeros((n, 4)), np.zeros(n, np.int32)
    if len(x):
        keys, width = grid_keys(x, y, radius_um * A_HAIR_WIDER)
        order = stable_order(keys)
        placed = number[order]
        nearest, start, _ = nearest_lists(x[order], y[order], placed, order, keys[order], width, n_classes, float(radius_um), int(k))
        graph = join_edges(placed, nearest, start, n_classes, int(k))
        first, neighbours = adjacency(placed, nearest, start, graph[:, 1].copy(), n_classes, int(k))
        in_id_order = (np.argsort(order)[:, None] * n_classes + np.arange(n_classes)).ravel()  # vertices are numbered in grid order
        core, share, sizes = coreness(first, neighbours)[in_id_order], clustering(first, neighbours)[in_id_order], graph[in_id_order, 0]
        paths = shortest_paths(first, neighbours, graph[:, 0].copy(), max_component)[in_id_order]
    core, share, paths, sizes = core[vertices], share[vertices], paths[vertices], sizes[vertices].astype(np.int64)
    ends = np.where(sizes > 2, (sizes - 1) * (sizes - 2) / 2, 1.0)
    closeness, harmonic, betweenness, eccentricity = paths.T.copy()
    return PairCentralities(
        n_classes, offsets, ident[rows], core, share, closeness, harmonic, betweenness, betweenness / ends,
        eccentricity, eccentricity / np.maximum(sizes, 1), max_component, int((sizes > max_component).sum()),
    )  # fmt: skip


def stroma_blocker(
    x_um: ArrayLike, y_um: ArrayLike, cls: ArrayLike, *, lymph: int, tumor: int, stroma: int, cell_id: ArrayLike | None = None
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return cell_id and stromaBlocker of every lymphocyte, ascending cell_id; none where there is no tumour cell to be blocked from.

    The value is the number of stroma cells in the lens of the two discs of radius d around a lymphocyte and the tumour cell nearest to it
    (the smaller cell_id of equally near ones), d their distance, bounds included.

    lymph, tumor, stroma  class numbers
    raises                InputError as pairs.pair_profiles
    source                sc-MTOP, WSIGraph.py, 'stromaBarrier'
    """
    highest = max(lymph, tumor, stroma, int(np.max(cls, initial=0)))
    x, y, number, ident = checked_cells(x_um, y_um, cls, highest + 1, RADIUS_UM, 1, cell_id)
    if len({lymph, tumor, stroma}) < 3:
        raise InputError(f"stroma_blocker: wanted three classes, got lymph={lymph}, tumor={tumor}, stroma={stroma}")
    from_, to, between = (np.flatnonzero(number == c) for c in (lymph, tumor, stroma))
    if not (len(from_) and len(to)):
        return np.zeros(0, np.int32), np.zeros(0, np.int32)
    partner = to[_nearest_of(np.column_stack([x[from_], y[from_]]), np.column_stack([x[to], y[to]]))]
    if not len(between):
        return ident[from_], np.zeros(len(from_), np.int32)
    top = float(y[between].min())
    extent = float(y[between].max()) - top
    band = max(BAND_UM, extent / 1e6)
    row = np.floor((y[between] - top) / band).astype(np.int64)
    order = np.lexsort([x[between], row])
    band_start = np.concatenate([[0], np.cumsum(np.bincount(row))]).astype(np.int64)
    placed = between[order]
    return ident[from_], count_in_lenses(x[from_], y[from_], x[partner], y[partner], x[placed], y[placed], band_start, top, band)


def _vertex_of_row(number: NDArray[np.int32], n_classes: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return for each row of all blocks its cell's place and its vertex, cells numbered in ascending cell_id."""
    cells = np.repeat(np.arange(len(number)), n_classes)
    pair = pair_numbers(n_classes)[number].ravel()
    vertices = np.argsort(pair, kind="stable")
    return cells[vertices], vertices


def _nearest_of(points: NDArray[np.float64], targets: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the nearest target of each point, the first of equally near ones."""
    tree = cKDTree(targets)
    k = min(TIES_LOOKED_AT, len(targets))
    found = tree.query(points, k=k)[1].reshape(len(points), k)
    d2 = _squared(points[:, None, :], targets[found])
    least = d2.min(axis=1, keepdims=True)
    nearest: NDArray[np.int64] = np.where(d2 == least, found, len(targets)).min(axis=1)
    for i in np.flatnonzero((d2 == least).all(axis=1) & (k < len(targets))):  # more may tie than were looked at
        around = np.array(tree.query_ball_point(points[i], float(np.sqrt(least[i, 0])) * (1 + 1e-9)))
        nearest[i] = around[_squared(points[i], targets[around]) == least[i, 0]].min()
    return nearest


def _squared(points: NDArray[Any], targets: NDArray[Any]) -> NDArray[np.float64]:
    dx, dy = points[..., 0] - targets[..., 0], points[..., 1] - targets[..., 1]
    return np.asarray(dx * dx + dy * dy, dtype=np.float64)
