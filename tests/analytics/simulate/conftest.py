"""Direct measures of a drawn slide by kd-tree and connected components, apart from the package's own kernels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from her2ladder.analytics.simulate.tissue import Cells
from her2ladder.schema.vocabulary import CLASSES

RADIUS_UM = 25.0
Measure = Callable[[Cells, str, str], tuple[float, float]]


def _lists(points: np.ndarray, source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (source, target, distance) of each source's five nearest targets within the radius, itself left out."""
    distance, at = cKDTree(points[target]).query(points[source], k=6, distance_upper_bound=RADIUS_UM)
    to = np.append(target, -1)[at]
    real = np.isfinite(distance) & (to != source[:, None])
    real &= np.cumsum(real, axis=1) <= 5
    return np.repeat(source, real.sum(1)), to[real], distance[real]


@pytest.fixture
def nsubgraph_and_min_edge() -> Measure:
    """Mean component size and mean shortest edge (25 um where none) over the cells of the first class."""

    def measure(cells: Cells, first: str, second: str) -> tuple[float, float]:
        points = np.column_stack([cells.x_um, cells.y_um])
        a, b = (np.flatnonzero(cells.cell_class == CLASSES[cells.stain].index(name)) for name in (first, second))
        source, target, distance = _lists(points, a, b)
        shortest = np.full(len(cells), RADIUS_UM)
        np.minimum.at(shortest, source, distance)
        if first != second:
            back = _lists(points, b, a)
            source, target = np.append(source, back[0]), np.append(target, back[1])
        graph = coo_matrix((np.ones(len(source)), (source, target)), shape=(len(cells), len(cells)))
        label = connected_components(graph, directed=False)[1]
        return float(np.bincount(label)[label][a].mean()), float(shortest[a].mean())

    return measure
