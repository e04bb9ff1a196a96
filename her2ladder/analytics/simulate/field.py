"""The ground that tissue is drawn on: a jittered hexagonal lattice of sites and smooth random fields over it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PITCH_UM = 8.0  # between neighbouring sites: about a lymphocyte's diameter, so that nuclei seldom overlap
_ROW = np.sqrt(3) / 2  # distance of rows over the pitch
SITES_PER_UM2 = 1 / (PITCH_UM**2 * _ROW)
CROWDING = 0.17  # jitter over the pitch (standard deviation): enough that no lattice is seen


@dataclass(frozen=True)
class Lattice:
    """A rectangle of sites in hexagonal order, one at most a cell.

    x_um, y_um   (rows, columns), jittered
    is_sparse    (rows, columns), every third site: neighbours among these lie sqrt(3) pitches apart, the room of a tumour nucleus
    """

    x_um: Floats
    y_um: Floats
    is_sparse: NDArray[np.bool_]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of sites."""
        rows, columns = self.x_um.shape
        return rows, columns


def lattice(area_um2: float, aspect: float, rng: np.random.Generator) -> Lattice:
    """Return sites over a rectangle of the given area, `aspect` times as wide as high, from (0, 0) right and down."""
    height = np.sqrt(area_um2 / aspect)
    rows, columns = max(2, round(height / (PITCH_UM * _ROW))), max(2, round(height * aspect / PITCH_UM))
    row, column = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    jitter = rng.normal(0.0, CROWDING * PITCH_UM, (2, rows, columns)).clip(-0.4 * PITCH_UM, 0.4 * PITCH_UM)
    x = (column + 0.5 + 0.5 * (row % 2)) * PITCH_UM + jitter[0]
    y = (row + 0.5) * PITCH_UM * _ROW + jitter[1]
    axial = column - (row - row % 2) // 2
    return Lattice(x, y, (axial - row) % 3 == 0)


def smooth(shape: tuple[int, int], scale_um: float, rng: np.random.Generator) -> Floats:
    """Return Gaussian noise smoothed over `scale_um`, mean 0 and standard deviation 1 over the rectangle."""
    sigma = (min(scale_um / (PITCH_UM * _ROW), shape[0] / 2), min(scale_um / PITCH_UM, shape[1] / 2))
    values = gaussian_filter(rng.standard_normal(shape), sigma, mode="wrap", truncate=3.0)
    spread = values.std()
    return np.asarray((values - values.mean()) / (spread if spread > 0 else 1.0), dtype=np.float64)


def core(sites: Lattice, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return which sites lie in the tissue: a needle core with a wavy border that leaves out about an eighth of the rectangle."""
    rows, columns = sites.shape
    down, right = np.linspace(-1, 1, rows)[:, None], np.linspace(-1, 1, columns)[None, :]
    edge = np.maximum(np.abs(down), np.abs(right)) + 0.15 * smooth(sites.shape, 45.0, rng)
    return np.asarray(edge < np.quantile(edge, 0.875))


def place(log_weight: Floats, free: NDArray[np.bool_], n: int, rng: np.random.Generator) -> Ints:
    """Return `n` flat site numbers drawn without replacement in proportion to exp(log_weight), and mark them taken in `free`.

    raises   ValueError where fewer than `n` sites are free: the caller made the ground too small
    source   Gumbel-top-k sampling (Efraimidis & Spirakis 2006)
    """
    open_sites = np.flatnonzero(free)
    if n > len(open_sites):
        raise ValueError(f"wanted {n} sites, {len(open_sites)} are free")
    keys = log_weight.ravel()[open_sites] + rng.gumbel(size=len(open_sites))
    chosen = open_sites[np.argpartition(-keys, n - 1)[:n]] if n else open_sites[:0]
    chosen.sort()
    free.ravel()[chosen] = False
    return np.asarray(chosen, dtype=np.int64)
