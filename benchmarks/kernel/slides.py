"""The one source of data for the kernel's benchmark: seeded random cells of five classes at 5,000 a square millimetre."""

from __future__ import annotations

import numpy as np

CELLS_PER_MM2 = 5_000
CLASSES = 5
SHARES = {"even": [0.2] * 5, "tumour-rich": [0.5, 0.2, 0.03, 0.17, 0.1]}


def slide(n: int, mix: str, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return x_um, y_um and class number of n cells, in an order that has nothing to do with where they lie."""
    rng = np.random.default_rng(seed)
    side_um = 1000.0 * np.sqrt(n / CELLS_PER_MM2)
    return rng.random(n) * side_um, rng.random(n) * side_um, rng.choice(CLASSES, n, p=SHARES[mix])
