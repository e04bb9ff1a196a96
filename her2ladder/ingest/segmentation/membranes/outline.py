"""The outline of each cell: a closed line around its nucleus that follows the ridge of stain, on the cell's own side.

Every cell is looked at along rays from its nucleus, all cells at once. The best closed line is found by dynamic programming: stain is
rewarded up to a weak membrane's density (a strong neighbour draws no more than one's own weak membrane), bends cost, and where
there is no stain the line goes straight on, held by the typical distance from the nucleus.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

N_RAYS = 96
STEP_UM = 0.25
OWN_SIDE_UM = 0.5  # next to another cell a membrane lies at least this far on its own side
_BEND_COST = 0.10  # a step of STEP_UM from ray to ray
_PULL = 0.02  # towards the usual place, a micrometre
_USUAL_UM = 2.5  # from nucleus to membrane

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Rays:
    """Densities along the rays of n cells: (n, N_RAYS, R), radius j * STEP_UM from the centre of the nucleus.

    dab        stain; 0 outside of the picture
    inner      (n, N_RAYS) radius where the nucleus ends, steps
    outer      (n, N_RAYS) radius where the cell's own side ends, steps
    centres    (n, 2) x and y, pixels
    """

    dab: Floats
    inner: NDArray[np.int32]
    outer: NDArray[np.int32]
    centres: NDArray[np.float64]
    mpp: float

    @property
    def n_radii(self) -> int:
        return int(self.dab.shape[2])


def directions() -> NDArray[np.float64]:
    """Return (N_RAYS, 2) unit vectors."""
    angle = 2 * np.pi * np.arange(N_RAYS) / N_RAYS
    return np.column_stack([np.cos(angle), np.sin(angle)])


def cast_rays(
    dab: Floats, nuclei: NDArray[np.int32], sides: NDArray[np.int32], centres: NDArray[np.float64], mpp: float, reach_um: float
) -> Rays:
    """Read the densities along every cell's rays.

    nuclei   (H, W) nuclei, 1..n in the order of `centres`
    sides    (H, W) the cell on whose side each pixel lies; 0 = nobody's
    """
    import cv2

    n = len(centres)
    radius = int(np.ceil((np.sqrt(np.bincount(nuclei.ravel())[1:].max() * mpp**2 / np.pi) * 1.6 + reach_um) / STEP_UM))
    steps = np.arange(radius) * STEP_UM / mpp
    out = directions()
    x = (centres[:, 0, None, None] + out[:, 0, None] * steps).astype(np.float32)
    y = (centres[:, 1, None, None] + out[:, 1, None] * steps).astype(np.float32)
    flat = (n * N_RAYS, radius)
    densities = np.concatenate(
        [
            cv2.remap(dab, x.reshape(flat)[i : i + 30000], y.reshape(flat)[i : i + 30000], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
            for i in range(0, flat[0], 30000)
        ]
    ).reshape(n, N_RAYS, radius)
    column, row = np.rint(x).astype(np.int32), np.rint(y).astype(np.int32)
    inside = (column >= 0) & (row >= 0) & (column < dab.shape[1]) & (row < dab.shape[0])
    column, row = column.clip(0, dab.shape[1] - 1), row.clip(0, dab.shape[0] - 1)
    own = np.arange(1, n + 1, dtype=np.int32)[:, None, None]
    in_nucleus = inside & (nuclei[row, column] == own)
    at = np.arange(radius, dtype=np.int32)
    inner = np.where(in_nucleus, at, 0).max(axis=2)
    away = inside & (sides[row, column] != own) & (at > inner[..., None])
    beyond = np.where(away.any(axis=2), away.argmax(axis=2), radius - 1)
    beside = np.take_along_axis(sides[row, column], beyond[..., None], axis=2)[..., 0] > 0
    outer = beyond - 1 - beside * round(OWN_SIDE_UM / STEP_UM)
    limit = inner + round(reach_um / STEP_UM)
    return Rays(densities, inner, np.minimum(outer, limit).astype(np.int32), centres, mpp)


def best_lines(rays: Rays, full_od: float, usual: NDArray[np.float32] | None = None) -> NDArray[np.int32]:
    """Return (n, N_RAYS) the radius of each cell's outline along each ray, steps.

    full_od   density from which more stain draws no harder
    usual     (n, N_RAYS) where the line lies without stain, steps; default: a usual distance from the nucleus
    """
    n, _, radius = rays.dab.shape
    at = np.arange(radius, dtype=np.float32)
    if usual is None:
        usual = np.minimum(rays.inner + _USUAL_UM / STEP_UM, rays.outer).astype(np.float32)
    stain = np.clip(rays.dab / full_od, 0.0, 1.0)
    ridge = np.clip(_ridge(rays.dab) / (0.5 * full_od), 0.0, 1.0)
    worth = (stain + ridge) / 2 - _PULL * STEP_UM * np.abs(at - usual[..., None])
    worth[(at < rays.inner[..., None]) | (at > np.maximum(rays.outer, rays.inner)[..., None])] -= 10.0
    total = worth[:, 0].copy()
    came = np.zeros((2 * N_RAYS, n, radius), dtype=np.int8)
    for k in range(1, 2 * N_RAYS):
        best, whence = total, np.zeros((n, radius), dtype=np.int8)
        for bend in (-2, -1, 1, 2):
            moved = np.full_like(total, -1e9)
            cost = _BEND_COST * abs(bend)
            if bend > 0:
                moved[:, bend:] = total[:, :-bend] - cost
            else:
                moved[:, :bend] = total[:, -bend:] - cost
            better = moved > best
            best, whence = np.where(better, moved, best), np.where(better, np.int8(bend), whence)
        total = best + worth[:, k % N_RAYS]
        came[k] = whence
    line = np.empty((n, 2 * N_RAYS), dtype=np.int32)
    here = total.argmax(axis=1)
    everyone = np.arange(n)
    for k in range(2 * N_RAYS - 1, 0, -1):
        line[:, k] = here
        here = here - came[k, everyone, here]
    line[:, 0] = here
    half = N_RAYS // 2
    middle = line[:, half : half + N_RAYS]
    return np.roll(middle, half, axis=1)


def _ridge(dab: Floats) -> Floats:
    """Return how far each point stands above the middle of the points a micrometre to either side."""
    far = round(1.0 / STEP_UM)
    wide = np.pad(dab, ((0, 0), (0, 0), (far, far)), mode="edge")
    return np.asarray(dab - (wide[..., : -2 * far] + wide[..., 2 * far :]) / 2)
