"""Where a file's coordinates begin: regions, stages and imaging mass cytometry have origins of their own, left of 0 or far from it.

Every feature is of distances and areas, and so free of the origin. A slide whose size is known begins at 0 and ends there (decision 0027).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from her2ladder.errors import InputError
from her2ladder.ingest.readers.base import CellBatch, Floats

AT_ZERO = (0.0, 0.0)
MAX_PX = 1e9  # what the store's whole pixels and tiles hold on either side of the origin
# Chosen: the largest glass in use, for whole-mount sections, is 8 x 6 inches.
MAX_SLIDE_UM = 250_000.0


class Span:
    """Where cells lie, gathered batch by batch."""

    def __init__(self) -> None:
        self.low, self.high = np.full(2, np.inf), np.full(2, -np.inf)
        self.n_negative = 0

    def add(self, place_um: Floats) -> None:
        """Take centroids (n, 2)."""
        if len(place_um):
            self.low = np.minimum(self.low, place_um.min(axis=0))
            self.high = np.maximum(self.high, place_um.max(axis=0))
            self.n_negative += int((place_um < 0).any(axis=1).sum())

    def notes(self) -> list[str]:
        """Return what a reader must know of where the cells lie: nothing where they lie on a slide that begins at 0."""
        if not np.isfinite(self.low).all():
            return []
        where = f"x {self.low[0]:,.6g} to {self.high[0]:,.6g} um, y {self.low[1]:,.6g} to {self.high[1]:,.6g} um"
        told = []
        if (self.high - self.low > MAX_SLIDE_UM).any():
            told.append(
                f"the cells span more than any slide ({MAX_SLIDE_UM / 1000:g} mm): {where}: is the mpp right, and is this one slide?"
            )
        if self.n_negative:
            told.append(
                f"{self.n_negative:,} cells lie left of the origin or above it, and are kept so ({where}); --origin shift lets them begin at 0"
            )
        elif (self.high > MAX_SLIDE_UM).any():
            told.append(f"the origin lies far from the cells, and is kept ({where}); --origin shift lets them begin at 0")
        return told


def lowest_of(batches: Iterable[CellBatch], where: object) -> tuple[float, float]:
    """Return the whole numbers just below the smallest x and y of centroids and outlines, in the file's unit.

    raises   InputError where no cell has a finite place
    """
    low = np.full(2, np.inf)
    for batch in batches:
        for places in (np.column_stack([batch.x, batch.y]), batch.points):
            finite = places[np.isfinite(places).all(axis=1)]
            if len(finite):
                low = np.minimum(low, finite.min(axis=0))
    if not np.isfinite(low).all():
        raise InputError(f"{where}: wanted cells with places to shift, found none")
    x, y = np.floor(low)
    return float(x), float(y)
