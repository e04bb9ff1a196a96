"""The numbers of each cell, read along its outline."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from her2ladder.ingest.segmentation.membranes.outline import N_RAYS, STEP_UM, Rays, directions

_BESIDE_END_UM = 1.0
_HALF = 0.5
_ABOVE_INSIDE = 0.8


def ring(rays: Rays, line: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return (n, N_RAYS, 2) the outlines in pixels."""
    return np.asarray(rays.centres[:, None, :] + directions()[None] * (line * STEP_UM / rays.mpp)[..., None])


def lengths_um(outline: NDArray[np.float64], mpp: float) -> NDArray[np.float64]:
    """Return (n, N_RAYS) the length of outline that each point stands for."""
    ahead = np.linalg.norm(np.roll(outline, -1, axis=1) - outline, axis=2) * mpp
    return np.asarray((ahead + np.roll(ahead, 1, axis=1)) / 2)


def densities(rays: Rays, line: NDArray[np.int32], beside_um: float) -> NDArray[np.float32]:
    """Return (n, N_RAYS) the most stain within `beside_um` of the outline, on the cell's own side only."""
    at = np.arange(rays.n_radii)
    beside = round(beside_um / STEP_UM)
    low = np.minimum(np.maximum(line - beside, rays.inner), line)
    high = np.minimum(line + beside, np.maximum(rays.outer, line))
    near = (at >= low[..., None]) & (at <= high[..., None])
    return np.asarray(np.where(near, rays.dab, -np.inf).max(axis=2), dtype=np.float32)


def pedestal(rays: Rays, line: NDArray[np.int32]) -> NDArray[np.float32]:
    """Return (n,) the density just inside of the membrane, 1.25 to 1.75 um from its ridge, be it cytoplasm or nucleus; median over the rays."""
    at = line[..., None] - np.arange(round(1.25 / STEP_UM), round(1.75 / STEP_UM) + 1)
    inside = np.take_along_axis(rays.dab, np.maximum(at, 0), axis=2).mean(axis=2)
    return np.asarray(np.median(inside, axis=1))


def stained_points(
    density: NDArray[np.float32], length: NDArray[np.float64], inside: NDArray[np.float32], least: float
) -> NDArray[np.bool_]:
    """Return which points are stained: `least` or more, above what lies inside, and half of what is around them.

    inside   (n,) density just inside of the membrane: a tinted cytoplasm is no membrane, so a point must rise 0.8 `least` above it
    An arc ends at half its height: below that it is blur, which a strong membrane carries beyond `least` on both sides of a gap.
    source   chosen: decision 0035
    """
    reach = np.maximum(1, np.rint(_BESIDE_END_UM / np.maximum(length.mean(axis=1), 1e-6))).astype(int)
    highest = density.copy()
    for shift in range(1, int(reach.max(initial=1)) + 1):
        wide = (reach >= shift)[:, None]
        around = np.maximum(np.roll(density, shift, axis=1), np.roll(density, -shift, axis=1))
        highest = np.where(wide, np.maximum(highest, around), highest)
    above = density - inside[:, None] >= _ABOVE_INSIDE * least
    return np.asarray((density >= least) & above & (density >= _HALF * highest))


def longest_gap_um(stained: NDArray[np.bool_], length: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (n,) the longest unstained stretch, around the end of the ring where it goes on there."""
    run = np.zeros(len(stained))
    longest = np.zeros(len(stained))
    for k in range(2 * N_RAYS):
        here = k % N_RAYS
        run = np.where(stained[:, here], 0.0, run + length[:, here])
        longest = np.maximum(longest, run)
    return np.asarray(np.minimum(longest, length.sum(axis=1)))


def cytoplasm(rays: Rays, line: NDArray[np.int32]) -> NDArray[np.float32]:
    """Return (n,) the median density between nucleus and membrane, half a micrometre and one away from them; NaN where nothing is left."""
    at = np.arange(rays.n_radii)
    between = (at > rays.inner[..., None] + 0.5 / STEP_UM) & (at < line[..., None] - 1.0 / STEP_UM)
    values = np.where(between, rays.dab, np.nan).reshape(len(line), -1)
    empty = ~between.reshape(len(line), -1).any(axis=1)
    values[empty, 0] = 0.0
    median = np.nanmedian(values, axis=1).astype(np.float32)
    median[empty] = np.nan
    return np.asarray(median)
