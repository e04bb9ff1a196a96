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
Bools = NDArray[np.bool_]

RADIX_BITS = 11
TOUCH = 256  # cells
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
) -> tuple[Ints, Ints, Floats]:
    """Return the k nearest closer than the radius of each cell in each class, with their shortest and mean distance.

    Cells stand in the order of the keys; `ident` breaks ties. Vertex v = cell * n_classes + class has nearest[start[v] : start[v + 1]], in
    ascending (distance, ident), and lengths[v] = (shortest, mean), NaN where the list is empty.
    """
    n, limit = len(x), radius_um * radius_um
    nearest = np.empty(n * n_classes * k, np.int32)  # room for full lists; memory beyond what is used is never touched
    start, lengths = np.empty(n * n_classes + 1, np.int32), np.empty((n * n_classes, 2))
    best, who, held = np.empty(n_classes * k), np.empty(n_classes * k, np.int32), np.empty(n_classes, np.int64)
    first, end = np.zeros(3, np.int64), np.zeros(3, np.int64)
    near, far = np.empty(0, np.int32), np.empty(0)
    used, start[0] = 0, 0
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
            lengths[vertex, 0] = np.sqrt(best[c * k]) if held[c] else np.nan
            lengths[vertex, 1] = total / held[c] if held[c] else np.nan
    return nearest, start, lengths


@compiled
def union(graph: Ints, a: int, b: int) -> None:
    """Join the components of two vertices, graph[v, 0] being v's parent, never after v (Rem's algorithm: both climb, the higher is spliced)."""
    while graph[a, 0] != graph[b, 0]:
        if graph[a, 0] > graph[b, 0]:
            a, b = b, a
        above = graph[b, 0]
        graph[b, 0] = graph[a, 0]
        if above == b:
            return
        b = above


@compiled
def parents_to_sizes(graph: Ints) -> None:
    """Turn graph[:, 0] from parents, none after its child, into the sizes of components, in place."""
    n = len(graph)
    for vertex in range(n):  # upwards: a parent is done before its child. Roots count downwards from -1, all others point at their root
        parent = graph[vertex, 0]
        root = parent if parent == vertex or graph[parent, 0] < 0 else graph[parent, 0]
        graph[vertex, 0] = root if root != vertex else 0
        graph[root, 0] -= 1
    for vertex in range(n - 1, -1, -1):  # downwards: a root is read by all before its turn
        size = graph[vertex, 0]
        graph[vertex, 0] = -size if size < 0 else -graph[size, 0]


@compiled
def join_edges(cls: Ints, nearest: Ints, start: Ints, n_classes: int, k: int) -> Ints:
    """Return (vertices, 2), component size and degree of each vertex, from the directed lists of nearest_lists."""
    n = len(cls)
    graph = np.empty((n * n_classes, 2), np.int32)
    for vertex in range(n * n_classes):
        graph[vertex, 0], graph[vertex, 1] = vertex, start[vertex + 1] - start[vertex]
    for s in range(n):
        own = cls[s]
        for edge in range(start[s * n_classes], start[(s + 1) * n_classes]):
            t = nearest[edge]
            other = t * n_classes + own
            back, end = start[other], start[other + 1]
            mutual = end - back < k  # a list that is not full holds everyone in reach, so s too
            while not mutual and back < end:
                mutual = nearest[back] == s
                back += 1
            if not mutual:
                graph[other, 1] += 1
            if s < t or not mutual:  # a mutual edge is joined from one end only
                union(graph, s * n_classes + cls[t], other)
    parents_to_sizes(graph)
    return graph


@compiled
def write_rows(
    cls: Ints, ident: Ints, place: Ints, lengths: Floats, graph: Ints, offsets: Longs, numbers: Longs
) -> tuple[Ints, Bools, Ints, Ints, Floats, Floats]:
    """Return the rows, cells in ascending `ident`, each at the next row of each of its pairs; `place` says which vertices are a cell's.

    Where cell_ids do not follow the grid, vertices are read all over memory. So those of a few cells are touched first, one load a cache
    line and nothing that waits for it, which takes a third off the time; `touched` is kept so that the compiler does not leave that out.
    """
    n, n_classes, rows = len(cls), len(numbers), offsets[-1]
    cell_id, is_first = np.empty(rows, np.int32), np.empty(rows, np.bool_)
    n_subgraph, degrees = np.empty(rows, np.int32), np.empty(rows, np.int32)
    min_edge, mean_edge = np.empty(rows), np.empty(rows)
    next_row, touched = offsets[:-1].copy(), np.zeros(1)
    for block in range(0, n, TOUCH):
        block_end = min(block + TOUCH, n)
        for i in range(block, block_end):
            vertex, last = place[i] * n_classes, place[i] * n_classes + n_classes - 1
            touched[0] += lengths[vertex, 0] + lengths[last, 1] + graph[vertex, 0] + graph[last, 1]
        for i in range(block, block_end):
            for c in range(n_classes):
                pair, vertex = numbers[cls[i], c], place[i] * n_classes + c
                row = next_row[pair]
                next_row[pair] = row + 1
                cell_id[row], is_first[row] = ident[i], cls[i] <= c
                n_subgraph[row], degrees[row] = graph[vertex, 0], graph[vertex, 1]
                min_edge[row], mean_edge[row] = lengths[vertex, 0], lengths[vertex, 1]
    return cell_id, is_first, n_subgraph, degrees, min_edge, mean_edge


@compiled
def profile_pairs(
    x: Floats, y: Floats, cls: Ints, ident: Ints, n_classes: int, radius_um: float, k: int, offsets: Longs, numbers: Longs
) -> tuple[Ints, Bools, Ints, Ints, Floats, Floats]:
    """Return cell_id, is_first, n_subgraph, degrees, min and mean edge of every row, in the layout of PairProfiles.

    Cells stand in ascending `ident`, every class in 0 .. n_classes - 1; `numbers` (n_classes, n_classes) numbers the pairs, and `offsets`
    says where their blocks stand.
    """
    n = len(x)
    place = np.empty(n, np.int32)
    if n == 0:
        return write_rows(cls, ident, place, np.empty((0, 2)), np.empty((0, 2), np.int32), offsets, numbers)
    keys, width = grid_keys(x, y, radius_um * A_HAIR_WIDER)
    order = stable_order(keys)
    placed_cls = cls[order]
    nearest, start, lengths = nearest_lists(x[order], y[order], placed_cls, order, keys[order], width, n_classes, radius_um, k)
    graph = join_edges(placed_cls, nearest, start, n_classes, k)
    for s in range(n):
        place[order[s]] = s
    return write_rows(cls, ident, place, lengths, graph, offsets, numbers)
