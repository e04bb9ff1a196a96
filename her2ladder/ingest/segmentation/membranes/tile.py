"""One tile of a HER2 slide in, its cells with their membrane numbers out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from her2ladder.ingest.segmentation.membranes.cells import MembraneCells, MembraneSettings


def segment_tile(
    rgb: NDArray[np.uint8],
    mpp: float,
    white: NDArray[np.float64],
    factor: float = 1.0,
    settings: MembraneSettings | None = None,
    nuclei: NDArray[np.int32] | None = None,
) -> MembraneCells:
    """Return the cells of a tile; see the package's docstring for arguments and fields."""
    raise NotImplementedError
