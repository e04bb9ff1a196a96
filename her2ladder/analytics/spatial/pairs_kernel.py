"""The compiled part of pairs.py: nearest cells on a grid, edges, connected components, rows in order.

Cells are put in the order of a grid of squares a hair wider than the radius; a cell's neighbours then lie in three runs of that order. A
cell of class a belongs to the pair {a, c} for each class c, so every (cell, c) is one vertex, numbered cell * n_classes + c. An edge of the
pair {a, c} from a cell s to a cell t of class c joins the vertices (s, c) and (t, a). One union-find over all vertices serves all pairs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from her2ladder.analytics.spatial.compiled import compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]
Longs = NDArray[np.int64]

RADIX_BITS = 11
A_HAIR_WIDER = 1.0 + 1e-6  # covers the rounding of (x - x_min) / side for any extent below 1e8 radii


@compiled
def grid_keys(x: Floats, y: Floats, side: float) -> tuple[Longs, int]:
    """Return each cell's square as one number, row * width + column, and the width: a free column stands at both ends of a row."""
    n = len(x)
    left, top, right = x.min(), y.min(), x.max()
    width = int(np.floor((right - left) / side)) + 3
    keys = np.empty(n, np.int64)
    for i in range(n):
        keys[i] = (int(np.floor((y[i] - top) / side)) + 1) * width + int(np.floor((x[i] - left) / side)) + 1
    return keys, width


@compiled
def stable_order(keys: Longs) -> Ints:
    """Return the order that sorts the keys, equal keys staying as they stand (radix sort)."""
    n = len(keys)
    order, other = np.arange(n).astype(np.int32), np.empty(n, np.int32)
    highest, mask = keys.max(), (1 << RADIX_BITS) - 1
    shift = 0
    while highest >> shift > 0:
        ends = np.zeros(mask + 2, np.int64)
        for i in range(n):
            ends[((keys[i] >> shift) & mask) + 1] += 1
        for digit in range(mask):
            ends[digit + 1] += ends[digit]
        for i in range(n):
            digit = (keys[order[i]] >> shift) & mask
            other[ends[digit]] = order[i]
            ends[digit] += 1
        order, other = other, order
        shift += RADIX_BITS
    return order


@compiled
def move_runs(keys: Longs, key: int, width: int, first: Longs, end: Longs) -> None:
    """Set first and end (3,) to the cells in and beside the square, in its row and the two next to it; keys asked for only grow."""
    n = len(keys)
    for row in range(3):
        middle = key + (row - 1) * width
        while first[row] < n and keys[first[row]] < middle - 1:
            first[row] += 1
        while end[row] < n and keys[end[row]] <= middle + 1:
            end[row] += 1


@compiled
def keep_nearest(t: int, d2: float, base: int, held: int, k: int, best: Floats, who: Ints, ident: Ints) -> int:
    """Put cell t at squared distance d2 into the list of k that starts at base, by (d2, ident); return how many it holds, `held` before."""
    place = base + held
    if held == k:
        place -= 1
        if d2 > best[place] or (d2 == best[place] and ident[t] > ident[who[place]]):
            return held
    else:
        held += 1
    while place > base and (d2 < best[place - 1] or (d2 == best[place - 1] and ident[t] < ident[who[place - 1]])):
        best[place] = best[place - 1]
        who[place] = who[place - 1]
        place -= 1
    best[place] = d2
    who[place] = t
    return held


@compiled
def nearest_lists(
    x: Floats, y: Floats, cls: Ints, ident: Ints, keys: Longs, width: int, n_classes: int, radius_um: float, k: int
) -> tuple[Ints, Longs, Floats, Floats]:
    """Return the k nearest closer than the radius of each cell in each class, with their shortest and mean distance.

    Cells stand in the order of the keys; `ident` breaks ties. Vertex v = cell * n_classes + class has nearest[start[v] : start[v + 1]],
    in ascending (distance, ident), and shortest[v] and mean[v], NaN where the list is empty.
    """
    n, limit = len(x), radius_um * radius_um
    nearest = np.empty(n * n_classes * k, np.int32)  # room for full lists; pages beyond what is used are never touched
    start = np.zeros(n * n_classes + 1, np.int64)
    shortest, mean = np.full(n * n_classes, np.nan), np.full(n * n_classes, np.nan)
    best, who, held = np.empty(n_classes * k), np.empty(n_classes * k, np.int32), np.empty(n_classes, np.int64)
    first, end = np.zeros(3, np.int64), np.zeros(3, np.int64)
    near, far = np.empty(0, np.int32), np.empty(0)
    used = 0
    for s in range(n):
        if s == 0 or keys[s] != keys[s - 1]:
            move_runs(keys, keys[s], width, first, end)
            candidates = (end - first).sum()
            if candidates > len(near):
                near, far = np.empty(2 * candidates, np.int32), np.empty(2 * candidates)
        m = 0
        for row in range(3):
            for t in range(first[row], end[row]):
                dx, dy = x[s] - x[t], y[s] - y[t]
                near[m], far[m] = t, dx * dx + dy * dy
                m += (far[m] < limit) & (t != s)  # without a branch: one in three is in reach, unpredictably
        held[:] = 0
        for i in range(m):
            c = cls[near[i]]
            held[c] = keep_nearest(near[i], far[i], c * k, held[c], k, best, who, ident)
        for c in range(n_classes):
            vertex, total = s * n_classes + c, 0.0
            for place in range(c * k, c * k + held[c]):
                total += np.sqrt(best[place])
                nearest[used] = who[place]
                used += 1
            start[vertex + 1] = used
            if held[c]:
                shortest[vertex], mean[vertex] = np.sqrt(best[c * k]), total / held[c]
    return nearest, start, shortest, mean


@compiled
def union(parent: Ints, a: int, b: int) -> None:
    """Join the components of two vertices; the smaller root stays, so that a parent never stands after its child."""
    while parent[a] != a:
        parent[a] = parent[parent[a]]
        a = parent[a]
    while parent[b] != b:
        parent[b] = parent[parent[b]]
        b = parent[b]
    if a < b:
        parent[b] = a
    else:
        parent[a] = b


@compiled
def component_sizes(parent: Ints) -> Ints:
    """Return how many vertices the component of each vertex holds; flattens the forest that `union` made."""
    sizes = np.zeros(len(parent), np.int32)
    for vertex in range(len(parent)):
        parent[vertex] = parent[parent[vertex]]
        sizes[parent[vertex]] += 1
    for vertex in range(len(parent) - 1, -1, -1):  # downwards, so that a root is read by all before it would change
        sizes[vertex] = sizes[parent[vertex]]
    return sizes


@compiled
def join_edges(cls: Ints, nearest: Ints, start: Longs, n_classes: int, k: int) -> tuple[Ints, Ints]:
    """Return degree and component size of each vertex from the directed lists of nearest_lists."""
    degrees = np.diff(start).astype(np.int32)
    parent = np.arange(len(degrees)).astype(np.int32)
    for s in range(len(cls)):
        for c in range(n_classes):
            vertex = s * n_classes + c
            for edge in range(start[vertex], start[vertex + 1]):
                t = nearest[edge]
                other = t * n_classes + cls[s]
                back, end = start[other], start[other + 1]
                mutual = end - back < k  # a list that is not full holds everyone in reach, so s too
                while not mutual and back < end:
                    mutual = nearest[back] == s
                    back += 1
                if not mutual:
                    degrees[other] += 1
                if s < t or not mutual:  # a mutual edge is joined from one end only
                    union(parent, vertex, other)
    return degrees, component_sizes(parent)


@compiled
def profile_pairs(
    x: Floats, y: Floats, cls: Ints, ident: Ints, n_classes: int, radius_um: float, k: int, offsets: Longs, numbers: Longs
) -> tuple[Ints, NDArray[np.bool_], Ints, Ints, Floats, Floats]:
    """Return cell_id, is_first, n_subgraph, degrees, min and mean edge of every row, in the layout of PairProfiles.

    Cells stand in ascending `ident`, every class in 0 .. n_classes - 1; `numbers` (n_classes, n_classes) numbers the pairs, and
    `offsets` says where their blocks stand.
    """
    n, rows = len(x), offsets[-1]
    cell_id, is_first = np.empty(rows, np.int32), np.empty(rows, np.bool_)
    n_subgraph, degrees = np.empty(rows, np.int32), np.empty(rows, np.int32)
    min_edge, mean_edge = np.empty(rows), np.empty(rows)
    if n == 0:
        return cell_id, is_first, n_subgraph, degrees, min_edge, mean_edge
    keys, width = grid_keys(x, y, radius_um * A_HAIR_WIDER)
    order = stable_order(keys)
    placed_cls = cls[order]
    nearest, start, shortest, mean = nearest_lists(x[order], y[order], placed_cls, order, keys[order], width, n_classes, radius_um, k)
    degree, size = join_edges(placed_cls, nearest, start, n_classes, k)
    place = np.empty(n, np.int32)
    for s in range(n):
        place[order[s]] = s
    next_row = offsets[:-1].copy()
    for i in range(n):
        for c in range(n_classes):
            pair, vertex = numbers[cls[i], c], place[i] * n_classes + c
            row = next_row[pair]
            next_row[pair] = row + 1
            cell_id[row], is_first[row] = ident[i], cls[i] <= c
            n_subgraph[row], degrees[row] = size[vertex], degree[vertex]
            min_edge[row], mean_edge[row] = shortest[vertex], mean[vertex]
    return cell_id, is_first, n_subgraph, degrees, min_edge, mean_edge
