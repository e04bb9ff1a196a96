"""One slide of any size for benchmarks: cells at a stated density, classes in patches, all centroids distinct."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Floats = NDArray[np.float64]

SHARES = (0.50, 0.20, 0.18, 0.07, 0.05)  # of the first five classes; more classes share alike
PATCH_UM = 60.0


def slide(n_cells: int, seed: int, cells_per_mm2: float = 5000.0, classes: int = 5) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Return x and y in micrometres and the class number (0..classes-1) of cells spread at random over a square.

    Positions are independent and uniform (harder on neighbour search than real tissue, whose nuclei keep apart); classes lie in patches of
    about 60 um, as tissue has them, half decided by the place and half by chance.
    """
    rng = np.random.default_rng([seed, 77])
    side_um = np.sqrt(n_cells / cells_per_mm2) * 1000.0
    x_um, y_um = rng.uniform(0.0, side_um, (2, n_cells))
    grid = max(2, int(np.ceil(side_um / (PATCH_UM / 3))))
    noise = gaussian_filter(rng.standard_normal((grid, grid)), 3.0, mode="wrap")
    place = noise[(y_um * (grid / side_um)).astype(int).clip(0, grid - 1), (x_um * (grid / side_um)).astype(int).clip(0, grid - 1)]
    value = place / max(float(noise.std()), 1e-12) + rng.standard_normal(n_cells)
    shares = np.array(SHARES if classes == len(SHARES) else [1 / classes] * classes)
    edges = np.floor(np.cumsum(shares)[:-1] * n_cells).astype(int)
    rank = np.empty(n_cells, dtype=np.int64)
    rank[np.argsort(value, kind="stable")] = np.arange(n_cells)
    return x_um, y_um, np.searchsorted(edges, rank, side="right")
