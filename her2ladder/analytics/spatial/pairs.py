"""sc-MTOP per-cell values of every pair of classes on one slide: the kernel engine.

For each unordered pair {A, B} of cell classes a graph joins each A cell to its k nearest B cells closer than the radius, and the other way
round; every cell of A and of B gets the shortest and the mean edge of its own list, its degree, and the size of its connected component.
The arithmetic is in pairs_kernel.py; the same values in SQL are in sql_engine.py. Both compare squared distances, dx*dx + dy*dy < R*R, as
scipy's cKDTree does in the original code, and break ties in distance by the smaller cell_id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from her2ladder.analytics.spatial.pairs_kernel import profile_pairs
from her2ladder.errors import InputError

RADIUS_UM = 25.0
K_NEAREST = 5
WIDEST_IN_RADII = 1e8  # beyond it (2.5 km at 25 um) grid squares can no longer be told apart in float64


@dataclass(frozen=True)
class PairProfiles:
    """Per-cell values of all pairs, one contiguous block of rows a pair, ascending cell_id within the block.

    n_classes      number of classes; pair (a, b) with a <= b stands at pair_numbers(n_classes)[a, b]
    offsets        (n_pairs + 1,) int64: the rows of pair p are offsets[p] .. offsets[p + 1] - 1
    cell_id        (rows,) int32
    is_first       (rows,) bool: the cell is of the first-named class (always true in a self pair)
    n_subgraph     (rows,) int32, cells of both classes in the cell's component, itself included
    degrees        (rows,) int32, distinct neighbours
    min_edge_um    (rows,) float64, NaN where the cell's own list is empty (NULL in the store)
    mean_edge_um   (rows,) float64, likewise
    """

    n_classes: int
    offsets: NDArray[np.int64]
    cell_id: NDArray[np.int32]
    is_first: NDArray[np.bool_]
    n_subgraph: NDArray[np.int32]
    degrees: NDArray[np.int32]
    min_edge_um: NDArray[np.float64]
    mean_edge_um: NDArray[np.float64]

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """The class numbers of each pair, in the order of the blocks."""
        return class_pairs(self.n_classes)

    def __len__(self) -> int:
        return len(self.cell_id)

    def block(self, first: int, second: int) -> slice:
        """Return the rows of the pair of two class numbers, whichever is named first."""
        pair = pair_numbers(self.n_classes)[first, second]
        return slice(int(self.offsets[pair]), int(self.offsets[pair + 1]))

    def pair_of_row(self) -> NDArray[np.int16]:
        """Return (rows,) the number of each row's pair: the codes of a dictionary column."""
        return np.repeat(np.arange(len(self.offsets) - 1, dtype=np.int16), np.diff(self.offsets))


def class_pairs(n_classes: int) -> list[tuple[int, int]]:
    """Return the unordered pairs of class numbers in canonical order: (0, 0), (0, 1), ... (1, 1), (1, 2), ..."""
    return [(first, second) for first in range(n_classes) for second in range(first, n_classes)]


def pair_numbers(n_classes: int) -> NDArray[np.int64]:
    """Return (n_classes, n_classes), symmetric: where the pair of two class numbers stands in class_pairs."""
    numbers = np.zeros((n_classes, n_classes), dtype=np.int64)
    for number, (first, second) in enumerate(class_pairs(n_classes)):
        numbers[first, second] = numbers[second, first] = number
    return numbers


def pair_profiles(
    x_um: ArrayLike,
    y_um: ArrayLike,
    cls: ArrayLike,
    n_classes: int,
    radius_um: float = RADIUS_UM,
    k: int = K_NEAREST,
    cell_id: ArrayLike | None = None,
) -> PairProfiles:
    """Return minimum and mean edge, degree and component size of every cell in every pair of classes.

    x_um, y_um  (n,) centroids in micrometres, in any order
    cls         (n,) class number 0 .. n_classes - 1 in canonical order; negative: in no pair (Other)
    radius_um   longest edge, exclusive
    k           longest list of nearest cells of one class
    cell_id     (n,) distinct, 0 .. 2**31 - 1; left out: the place in the arrays
    raises      InputError where a coordinate is not finite, a class or an id is out of range, or lengths differ
    source      sc-MTOP (Zhao et al. 2023), WSIGraph.py; nearest per class, ties by cell_id
    """
    x, y, number, ident = checked_cells(x_um, y_um, cls, n_classes, radius_um, k, cell_id)
    offsets = block_offsets(number, n_classes)
    rows = profile_pairs(x, y, number, ident, n_classes, float(radius_um), int(k), offsets, pair_numbers(n_classes))
    return PairProfiles(n_classes, offsets, *rows)


def checked_cells(
    x_um: ArrayLike, y_um: ArrayLike, cls: ArrayLike, n_classes: int, radius_um: float, k: int, cell_id: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int32], NDArray[np.int32]]:
    """Return x, y, class and cell_id of the cells that are in a pair, in ascending cell_id; raise InputError on what cannot be used."""
    if not (np.isfinite(radius_um) and radius_um > 0):
        raise InputError(f"radius_um: wanted a positive number of micrometres, got {radius_um}")
    if k < 1 or n_classes < 1:
        raise InputError(f"wanted k >= 1 and at least one class, got k={k} and n_classes={n_classes}")
    x, y = np.asarray(x_um, dtype=np.float64), np.asarray(y_um, dtype=np.float64)
    number = _whole_numbers("cls", cls)
    ident = np.arange(len(x), dtype=np.int32) if cell_id is None else _whole_numbers("cell_id", cell_id)
    if not (x.ndim == 1 and x.shape == y.shape == number.shape == ident.shape):
        raise InputError(
            f"cells: x, y, class and cell_id must be as long as each other, got {x.shape} {y.shape} {number.shape} {ident.shape}"
        )
    _check_extent(x, y, radius_um)
    if len(number) and number.max() >= n_classes:
        raise InputError(f"cls: wanted class numbers below {n_classes}, got {number.max()} in row {int(number.argmax())}")
    if cell_id is not None:
        order = _ascending(ident)
        x, y, number, ident = x[order], y[order], number[order], ident[order]
    if len(number) and number.min() < 0:
        kept = number >= 0
        x, y, number, ident = x[kept], y[kept], number[kept], ident[kept]
    if len(x) * n_classes * k >= 2**31:
        raise InputError(
            f"cells: {len(x):,} cells x {n_classes} classes x k = {k} are more than one slide can hold (2**31); split the slide"
        )
    return (
        np.ascontiguousarray(x),
        np.ascontiguousarray(y),
        np.ascontiguousarray(number, dtype=np.int32),
        np.ascontiguousarray(ident, dtype=np.int32),
    )


def _whole_numbers(name: str, values: ArrayLike) -> NDArray[Any]:
    numbers = np.asarray(values)
    if numbers.size and numbers.dtype.kind not in "iu":
        raise InputError(f"{name}: wanted whole numbers, got {numbers.dtype}")
    return numbers if numbers.size else numbers.astype(np.int32)


def _check_extent(x: NDArray[np.float64], y: NDArray[np.float64], radius_um: float) -> None:
    for axis, values in (("x_um", x), ("y_um", y)):
        if not len(values):
            continue
        extent = float(values.max()) - float(values.min())
        if not np.isfinite(extent):
            bad = np.flatnonzero(~np.isfinite(values))
            raise InputError(
                f"{axis}: wanted finite micrometres, got {values[bad[0]] if len(bad) else extent} in row {bad[0] if len(bad) else '?'}"
            )
        if extent > WIDEST_IN_RADII * radius_um:
            raise InputError(f"{axis}: cells lie {extent:.3g} um apart, more than {WIDEST_IN_RADII:.0e} radii of {radius_um} um: check mpp")


def _ascending(ident: NDArray[Any]) -> NDArray[np.int64]:
    if len(ident) and (ident.min() < 0 or ident.max() >= 2**31):
        raise InputError(f"cell_id: wanted 0 .. 2**31 - 1, got {ident.min()} .. {ident.max()}")
    if len(ident) and ident.max() < 4 * len(ident):  # ids of a slide mostly fill their range: each to its place, no sort
        place = np.full(int(ident.max()) + 1, -1, dtype=np.int64)
        place[ident] = np.arange(len(ident))
        order = place[place >= 0]
    else:
        order = np.argsort(ident)
    if len(order) < len(ident) or (np.diff(ident[order]) == 0).any():
        ids, times = np.unique(ident, return_counts=True)
        raise InputError(f"cell_id: wanted each id once, got {ids[times > 1][0]} more than once")
    return order


def block_offsets(number: NDArray[np.int32], n_classes: int) -> NDArray[np.int64]:
    """Return (n_pairs + 1,) where each pair's rows begin, from the class of every cell."""
    cells = np.bincount(number, minlength=n_classes)
    sizes = [cells[first] + (cells[second] if second != first else 0) for first, second in class_pairs(n_classes)]
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
