"""What a cell map shows, checked once for picture and page alike: places, classes, counts, an optional number a cell, an extent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from her2ladder.errors import InputError

MAX_CLASSES = 255  # a class is one byte in the page
MIN_EXTENT_UM = 50.0  # one cell, or many in one place, still needs some ground around it
NUCLEUS_UM = 8.0  # a dot need not be larger than a nucleus; *chosen*, of the size of a lymphocyte's
MAX_ASPECT = 5.0  # a thinner strip of cells gets ground at its sides: nothing is stretched


@dataclass(frozen=True)
class MapCells:
    """The cells of one map.

    x_um, y_um   (n,) float64, y grows downwards as on the slide
    code         (n,) uint8, position of the cell's class in `classes`
    counts       cells of each class on the slide, also where `code` holds only a sample of them
    value        (n,) float64 or None, NaN where the cell has none
    extent_um    (left, top, right, bottom) of the ground shown
    """

    x_um: NDArray[np.float64]
    y_um: NDArray[np.float64]
    code: NDArray[np.uint8]
    classes: tuple[str, ...]
    counts: tuple[int, ...]
    value: NDArray[np.float64] | None
    value_name: str
    extent_um: tuple[float, float, float, float]

    @property
    def n_total(self) -> int:
        """Cells on the slide."""
        return sum(self.counts)

    def sample(self, max_points: int | None, seed: int) -> MapCells:
        """Return the map with at most `max_points` cells drawn at random without replacement; counts and extent stay the slide's."""
        n = len(self.x_um)
        if max_points is None or n <= max_points:
            return self
        if max_points < 1:
            raise InputError(f"cell map: max_points must be at least 1, got {max_points}")
        kept = np.sort(np.random.default_rng(seed).choice(n, size=max_points, replace=False))
        value = None if self.value is None else self.value[kept]
        return replace(self, x_um=self.x_um[kept], y_um=self.y_um[kept], code=self.code[kept], value=value)


def map_cells(
    x_um: ArrayLike,
    y_um: ArrayLike,
    cls: Any,
    classes: Sequence[str],
    *,
    value: ArrayLike | None = None,
    value_name: str = "",
    extent_um: tuple[float, float, float, float] | None = None,
) -> MapCells:
    """Return the checked cells of a map.

    x_um, y_um  (n,) micrometres, finite
    cls         (n,) class names (strings or a pandas Categorical), or integers that index `classes`
    classes     every class that may occur, in legend order, at most 255
    value       (n,) a number a cell, NaN where it has none
    extent_um   ground to show; None: what the cells span. Cells outside widen it
    raises      InputError for unequal lengths, a place that is not finite, a class that `classes` lacks
    """
    x, y = np.asarray(x_um, dtype=np.float64), np.asarray(y_um, dtype=np.float64)
    names = tuple(str(name) for name in classes)
    if len(names) > MAX_CLASSES or len(set(names)) < len(names):
        raise InputError(f"cell map: classes must be at most {MAX_CLASSES} different names, got {len(names)} ({len(set(names))} different)")
    lengths = {"x_um": x.size, "y_um": y.size, "cls": len(cls)}
    number = None if value is None else np.asarray(value, dtype=np.float64)
    if number is not None:
        lengths["value"] = number.size
    if len(set(lengths.values())) > 1:
        raise InputError(f"cell map: every column must hold one entry a cell, got {lengths}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        at = int(np.flatnonzero(~(np.isfinite(x) & np.isfinite(y)))[0])
        raise InputError(f"cell map: cell {at}: x_um and y_um must be finite, got {x[at]}, {y[at]}")
    code = _codes(cls, names)
    counts = tuple(int(n) for n in np.bincount(code, minlength=len(names)))
    return MapCells(x, y, code, names, counts, number, value_name, _extent(x, y, extent_um))


def _codes(cls: Any, classes: tuple[str, ...]) -> NDArray[np.uint8]:
    """Return each cell's position in `classes`; integers are taken as positions already."""
    if not isinstance(cls, pd.Categorical) and len(cls) and np.asarray(cls).dtype.kind in "iu":
        code = np.asarray(cls, dtype=np.int64)
        outside = np.flatnonzero((code < 0) | (code >= len(classes)))
        if outside.size:
            raise InputError(f"cell map: cell {outside[0]}: class number must be 0..{len(classes) - 1}, got {code[outside[0]]}")
        return code.astype(np.uint8)
    code = np.asarray(pd.Categorical(cls, categories=list(classes)).codes, dtype=np.int64)
    unknown = np.flatnonzero(code < 0)
    if unknown.size:
        raise InputError(f"cell map: cell {unknown[0]}: class must be one of {list(classes)}, got {pd.Series(cls).iloc[unknown[0]]!r}")
    return code.astype(np.uint8)


def _extent(
    x: NDArray[np.float64], y: NDArray[np.float64], asked: tuple[float, float, float, float] | None
) -> tuple[float, float, float, float]:
    """Return left, top, right, bottom that hold every cell and what was asked for, never empty and never a hair-thin strip."""
    left, top, right, bottom = asked or (np.inf, np.inf, -np.inf, -np.inf)
    if asked and not (all(isfinite(v) for v in asked) and left <= right and top <= bottom):
        raise InputError(f"cell map: extent_um must be left <= right, top <= bottom, finite, got {asked}")
    if x.size:
        left, right = min(left, float(x.min())), max(right, float(x.max()))
        top, bottom = min(top, float(y.min())), max(bottom, float(y.max()))
    elif not asked:
        return (0.0, 0.0, 1000.0, 600.0)
    width, height = right - left, bottom - top
    grow_x = max(width, MIN_EXTENT_UM, height / MAX_ASPECT) - width
    grow_y = max(height, MIN_EXTENT_UM, width / MAX_ASPECT) - height
    return (left - grow_x / 2, top - grow_y / 2, right + grow_x / 2, bottom + grow_y / 2)


def dot_um(cells: MapCells) -> float:
    """Return the dot's diameter that lets single cells show where the cells are: two thirds of their spacing there.

    The spacing is that of the ground that a cell sees around it, in a grid of eight cells a square or at most 64 x 64: islands on a
    bare slide keep small dots.
    """
    n = len(cells.x_um)
    if n < 2:
        return NUCLEUS_UM
    left, top, right, bottom = cells.extent_um
    squares = int(np.clip((n / 8) ** 0.5, 1, 64))
    side = max(right - left, bottom - top) / squares
    square = np.floor((cells.y_um - top) / side).astype(np.int64) * (squares + 1) + np.floor((cells.x_um - left) / side).astype(np.int64)
    held = np.bincount(square).astype(np.float64)
    return 0.65 * side / float(np.sqrt((held**2).sum() / n))
