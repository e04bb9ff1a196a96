"""sc-MTOP of a slide with very many cells: one pair of classes after the other, so that memory follows the largest pair, not the slide.

A pair's graph holds the cells of its two classes alone, and no cell of another class changes it: the same rows, in the same order, as all
pairs at once. It takes about twice the time, since each pair looks for its neighbours anew (benchmarks/cohort).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from her2ladder.analytics.features.lake_files import block_rows
from her2ladder.analytics.features.settings import Settings, SlideTask
from her2ladder.analytics.spatial.aggregate import SlideValue, pair_values, proportion_values
from her2ladder.analytics.spatial.pairs import PairProfiles, class_pairs, pair_profiles
from her2ladder.schema.dictionary import proportions

GIANT = 4_000_000  # cells: 370 bytes each where all pairs are made at once (chosen: 1.5 GB)

Numbers = NDArray[np.integer[Any]]


class GiantSlide:
    """One slide's rows, a block at a time, and its values, which are whole when every block has been taken."""

    def __init__(self, settings: Settings, task: SlideTask, cells: pa.Table, number: Numbers) -> None:
        self._settings, self._task, self._number = settings, task, number
        self._cells = [cells.column(name).to_numpy() for name in ("cell_id", "x_um", "y_um")]
        self.n_rows = 0
        n_of_class = np.bincount(number[number >= 0], minlength=len(task.classes))
        self.values: list[SlideValue] = proportion_values(n_of_class, len(number), task.classes, proportions(task.stain, task.classes))

    def blocks(self) -> Iterator[pa.Table]:
        """Yield the rows of each pair of classes, in canonical order."""
        classes, radius_um = self._task.classes, self._settings.radius_um
        for pair, (first, second) in enumerate(class_pairs(len(classes))):
            profiles = self._pair(first, second)
            two = (0, 0) if first == second else (0, 1)
            self.values += pair_values((classes[first], classes[second]), profiles, two, radius_um)
            block = profiles.block(*two)
            self.n_rows += block.stop - block.start
            yield block_rows(profiles, block, self._task.slide_id, self._task.stain, classes, pair)

    def _pair(self, first: int, second: int) -> PairProfiles:
        """Profiles of the cells of two classes, which are classes 0 and 1 there (0 alone in a self pair)."""
        kept = np.flatnonzero((self._number == first) | (self._number == second))
        ids, x, y = (column[kept] for column in self._cells)
        of_two = (self._number[kept] != first).astype(np.int32)
        return pair_profiles(x, y, of_two, 1 if first == second else 2, self._settings.radius_um, self._settings.k, ids)


def is_giant(settings: Settings, n_cells: int) -> bool:
    """Return whether a slide is profiled pair by pair: the SQL engine works on the disk where memory is short."""
    return settings.engine == "kernel" and n_cells > GIANT
