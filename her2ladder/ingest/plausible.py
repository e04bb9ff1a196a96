"""Whether a slide's outlines have the size of nuclei: where they do not, the micrometres per pixel are likely wrong."""

from __future__ import annotations

import math

import numpy as np

from her2ladder.ingest.readers.base import Floats
from her2ladder.ingest.runs import Block

# Chosen: medians of real slides lie at 20 to 60 um2 (NuCLS 36); a factor of two in mpp, the commonest error, moves the median by four.
NUCLEAR_AREA_UM2 = (8.0, 120.0)
USUAL_AREA_UM2 = 40.0
MIN_CELLS = 20
_HELD = 200_000


class NuclearAreas:
    """Collects areas of outlines, the first of the file."""

    def __init__(self) -> None:
        self._parts: list[Floats] = []
        self._n = 0

    def add(self, block: Block) -> None:
        if self._n < _HELD:
            areas = np.array(block.fixed["area_um2"][block.fixed["n_quanta"] > 0])
            self._parts.append(areas)
            self._n += len(areas)

    def doubt(self, mpp: tuple[float, float]) -> str:
        """Return a warning where the median area is not that of nuclei, with the factor that would explain it; "" where it is."""
        if self._n < MIN_CELLS:
            return ""
        median = float(np.median(np.concatenate(self._parts)))
        low, high = NUCLEAR_AREA_UM2
        if low <= median <= high:
            return ""
        likely = 2.0 ** round(math.log2(math.sqrt(USUAL_AREA_UM2 / median)))
        by = f"{likely:g} times too small" if likely > 1 else f"{1 / likely:g} times too large"
        return (
            f"the outlines have a median area of {median:.3g} um2, nuclei have {low:g} to {high:g}: "
            f"mpp {mpp[0]:g} is likely {by} ({mpp[0] * likely:.3g} would fit)"
        )
