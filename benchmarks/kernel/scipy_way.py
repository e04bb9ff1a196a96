"""The four sc-MTOP values of every pair with scipy alone: one cKDTree a class, 25 bounded queries, csgraph. Assumes no ties in distance."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

Lists = tuple[np.ndarray, np.ndarray]


def morton_order(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return an order in which cells that follow each other lie near each other."""
    code = np.zeros(len(x), np.uint64)
    for axis, values in enumerate((x, y)):
        cell = ((values - values.min()) / (np.ptp(values) + 1e-9) * 65535).astype(np.uint64)
        for bit in range(16):
            code |= ((cell >> np.uint64(bit)) & np.uint64(1)) << np.uint64(2 * bit + axis)
    return np.argsort(code, kind="stable")


def nearest(tree: cKDTree, points: np.ndarray, k: int, radius: float, same: bool) -> Lists:
    """Return distances (inf = none) and places in the tree of the k nearest within the radius, the point itself left out."""
    distance, place = tree.query(points, k=k + same, distance_upper_bound=radius)
    if same:
        itself = place == np.arange(len(points))[:, None]
        distance[itself] = np.inf
        order = np.argsort(distance, axis=1, kind="stable")[:, :k]
        distance, place = np.take_along_axis(distance, order, 1), np.take_along_axis(place, order, 1)
    return distance, place


def edges_of(lists: Lists, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return (edges, 2) cells joined by the lists, from source to target."""
    distance, place = lists
    row, column = np.nonzero(np.isfinite(distance))
    return np.column_stack([source[row], target[place[row, column]]])


def lengths_of(lists: Lists) -> tuple[np.ndarray, np.ndarray]:
    """Return the shortest and the mean of each list, NaN where it is empty; the sum runs from the shortest on."""
    distance = lists[0]
    total, held = np.zeros(len(distance)), np.isfinite(distance)
    for column in range(distance.shape[1]):
        total += np.where(held[:, column], distance[:, column], 0.0)
    n = held.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(n > 0, distance[:, 0], np.nan), total / np.where(n > 0, n, np.nan)


def pair_profiles(x: np.ndarray, y: np.ndarray, cls: np.ndarray, n_classes: int, radius: float = 25.0, k: int = 5) -> list[np.ndarray]:
    """Return cell_id, n_subgraph, degrees, min and mean edge: one block a pair, ascending cell_id in it."""
    order = morton_order(x, y)
    points, kind = np.column_stack([x, y])[order], cls[order]
    members = [np.flatnonzero(kind == c) for c in range(n_classes)]
    trees = [cKDTree(points[m]) for m in members]
    blocks = []
    for a in range(n_classes):
        for b in range(a, n_classes):
            own = nearest(trees[b], points[members[a]], k, radius, a == b)
            directed = [edges_of(own, members[a], members[b])]
            lists = [own]
            if a != b:
                lists.append(nearest(trees[a], points[members[b]], k, radius, False))
                directed.append(edges_of(lists[1], members[b], members[a]))
            cells = members[a] if a == b else np.concatenate([members[a], members[b]])
            blocks.append(block(cells, np.concatenate(directed), lists, len(x), order))
    return [np.concatenate(column) for column in zip(*blocks, strict=True)]


def block(cells: np.ndarray, directed: np.ndarray, lists: list[Lists], n: int, order: np.ndarray) -> list[np.ndarray]:
    """Return the columns of one pair."""
    key = np.unique(directed.min(axis=1) * n + directed.max(axis=1))
    first, second = key // n, key % n
    degrees = np.bincount(first, minlength=n) + np.bincount(second, minlength=n)
    graph = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(n, n))
    label = connected_components(graph, directed=False)[1]
    sizes = np.bincount(label[cells], minlength=label.max() + 1)[label]
    shortest, mean = (np.concatenate(part) for part in zip(*map(lengths_of, lists), strict=True))
    ids = order[cells]
    by_id = np.argsort(ids)
    return [
        ids[by_id].astype(np.int32),
        sizes[cells][by_id].astype(np.int32),
        degrees[cells][by_id].astype(np.int32),
        shortest[by_id],
        mean[by_id],
    ]
