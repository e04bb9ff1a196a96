"""The compiled part of centralities.py: adjacency of all pair graphs at once, cores, triangles, and shortest paths from every vertex.

Vertices are numbered as in pairs_kernel.py: (cell, class) = cell * n_classes + class, cells in grid order. The graph of a pair is the
vertices of its two classes, so one adjacency serves all pairs, and components never mix pairs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from her2ladder.analytics.spatial.compiled import compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]
Longs = NDArray[np.int64]


@compiled
def adjacency(cls: Ints, nearest: Ints, start: Ints, degrees: Ints, n_classes: int, k: int) -> tuple[Longs, Ints]:
    """Return where each vertex's neighbours start, and the neighbours: the union of both directions of the lists of nearest_lists."""
    first = np.zeros(len(degrees) + 1, np.int64)
    for vertex in range(len(degrees)):
        first[vertex + 1] = first[vertex] + degrees[vertex]
    free, neighbours = first[:-1].copy(), np.empty(first[-1], np.int32)
    for s in range(len(cls)):
        for c in range(n_classes):
            vertex = s * n_classes + c
            for edge in range(start[vertex], start[vertex + 1]):
                t = nearest[edge]
                other = t * n_classes + cls[s]
                neighbours[free[vertex]] = other
                free[vertex] += 1
                back, end = start[other], start[other + 1]
                mutual = end - back < k
                while not mutual and back < end:
                    mutual = nearest[back] == s
                    back += 1
                if not mutual:
                    neighbours[free[other]] = vertex
                    free[other] += 1
    return first, neighbours


@compiled
def coreness(first: Longs, neighbours: Ints) -> Ints:
    """Return for each vertex the largest k whose k-core holds it (Batagelj and Zaversnik: strip vertices by the degree left)."""
    n = len(first) - 1
    left = np.diff(first).astype(np.int32)
    ends = np.zeros(left.max() + 2 if n else 2, np.int64)
    for vertex in range(n):
        ends[left[vertex] + 1] += 1
    begin = np.cumsum(ends)[:-1].copy()  # where vertices of each degree begin in `order`
    order, place, free = np.empty(n, np.int64), np.empty(n, np.int64), begin.copy()
    for vertex in range(n):
        place[vertex] = free[left[vertex]]
        order[place[vertex]] = vertex
        free[left[vertex]] += 1
    for i in range(n):
        vertex = order[i]
        for edge in range(first[vertex], first[vertex + 1]):
            other = neighbours[edge]
            if left[other] > left[vertex]:  # move to the front of its degree, then one degree down
                front = begin[left[other]]
                head = order[front]
                order[front], order[place[other]] = other, head
                place[head], place[other] = place[other], front
                begin[left[other]] += 1
                left[other] -= 1
    return left


@compiled
def clustering(first: Longs, neighbours: Ints) -> Floats:
    """Return for each vertex the share of pairs of its neighbours that are joined; NaN below two neighbours."""
    n = len(first) - 1
    share, marked = np.full(n, np.nan), np.full(n, -1, np.int64)
    for vertex in range(n):
        degree = first[vertex + 1] - first[vertex]
        if degree < 2:
            continue
        for edge in range(first[vertex], first[vertex + 1]):
            marked[neighbours[edge]] = vertex
        joined = 0  # each joined pair is seen from both ends
        for edge in range(first[vertex], first[vertex + 1]):
            other = neighbours[edge]
            for step in range(first[other], first[other + 1]):
                joined += marked[neighbours[step]] == vertex
        share[vertex] = joined / (degree * (degree - 1))
    return share


@compiled
def spread(source: int, first: Longs, neighbours: Ints, order: Ints, distance: Ints, paths: Floats) -> int:
    """Walk the component breadth first; fill in order, distance and number of shortest paths; return how many vertices it has.

    `distance` must be -1 on the component before; order holds the vertices by distance.
    """
    order[0], distance[source], paths[source] = source, 0, 1.0
    done, seen = 0, 1
    while done < seen:
        vertex = order[done]
        done += 1
        further, so_far = distance[vertex] + 1, paths[vertex]
        for edge in range(first[vertex], first[vertex + 1]):
            other = neighbours[edge]
            if distance[other] < 0:
                distance[other], paths[other] = further, 0.0
                order[seen] = other
                seen += 1
            paths[other] += so_far if distance[other] == further else 0.0
    return seen


@compiled
def shortest_paths(first: Longs, neighbours: Ints, sizes: Ints, max_component: int) -> Floats:
    """Return (vertices, 4): closeness, harmonic centrality, betweenness, eccentricity; NaN in components above max_component.

    Brandes' algorithm from every vertex; undirected, so each pair of ends counts once. A vertex alone has closeness NaN, harmonic 0.
    """
    n = len(first) - 1
    values = np.full((n, 4), np.nan)
    order, distance, paths, share = np.empty(n, np.int32), np.full(n, -1, np.int32), np.empty(n), np.zeros(n)
    for source in range(n):
        if sizes[source] <= max_component:
            values[source, 2] = 0.0
    for source in range(n):
        if sizes[source] > max_component:
            continue
        size = spread(source, first, neighbours, order, distance, paths)
        far, harmonic = 0, 0.0
        for i in range(1, size):
            far += distance[order[i]]
            harmonic += 1.0 / distance[order[i]]
        values[source, 0] = (size - 1) / far if far else np.nan
        values[source, 1] = harmonic / (size - 1) if size > 1 else 0.0
        values[source, 3] = distance[order[size - 1]]
        for i in range(size - 1, 0, -1):
            vertex = order[i]
            nearer, a_path = distance[vertex] - 1, (1.0 + share[vertex]) / paths[vertex]
            for edge in range(first[vertex], first[vertex + 1]):
                other = neighbours[edge]
                share[other] += paths[other] * a_path if distance[other] == nearer else 0.0
            values[vertex, 2] += share[vertex] / 2
        for i in range(size):
            distance[order[i]], share[order[i]] = -1, 0.0
    return values


@compiled
def count_in_lenses(
    x: Floats,
    y: Floats,
    partner_x: Floats,
    partner_y: Floats,
    stroma_x: Floats,
    stroma_y: Floats,
    band_start: Longs,
    top: float,
    band: float,
) -> Ints:
    """Return for each cell how many stroma cells lie as near to it and to its partner as they to each other (bounds included).

    Stroma stands in bands of height `band` from `top` down, band b at band_start[b] .. band_start[b + 1] - 1, in ascending x within a band.
    """
    counts = np.zeros(len(x), np.int32)
    n_bands = len(band_start) - 1
    for i in range(len(x)):
        dx, dy = x[i] - partner_x[i], y[i] - partner_y[i]
        reach2 = dx * dx + dy * dy
        reach = np.sqrt(reach2) * (1.0 + 1e-9)
        left, right = max(x[i], partner_x[i]) - reach, min(x[i], partner_x[i]) + reach
        highest = int(max(np.floor((max(y[i], partner_y[i]) - reach - top) / band), 0.0))
        lowest = int(min(np.floor((min(y[i], partner_y[i]) + reach - top) / band), n_bands - 1.0))
        for row in range(highest, lowest + 1):
            inside = stroma_x[band_start[row] : band_start[row + 1]]
            for s in range(band_start[row] + np.searchsorted(inside, left), band_start[row + 1]):
                if stroma_x[s] > right:
                    break
                ax, ay, bx, by = stroma_x[s] - x[i], stroma_y[s] - y[i], stroma_x[s] - partner_x[i], stroma_y[s] - partner_y[i]
                counts[i] += ax * ax + ay * ay <= reach2 and bx * bx + by * by <= reach2
    return counts
