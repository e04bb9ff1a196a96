"""One tile of a HER2 slide in, its cells with their membrane numbers out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from her2ladder.errors import InputError
from her2ladder.ingest.segmentation.membranes import measure, outline
from her2ladder.ingest.segmentation.membranes.cells import MembraneCells, MembraneSettings
from her2ladder.ingest.segmentation.membranes.colour import unmix
from her2ladder.ingest.segmentation.membranes.nuclei import find_nuclei

FULL_OD = 0.35  # a weak membrane's density: more of it draws the outline no harder
_SMOOTH_UM = 0.2


def segment_tile(
    rgb: NDArray[np.uint8],
    mpp: float,
    white: NDArray[np.float64],
    factor: float = 1.0,
    settings: MembraneSettings | None = None,
    nuclei: NDArray[np.int32] | None = None,
) -> MembraneCells:
    """Return the cells of a tile; see the package's docstring for arguments and fields.

    raises   InputError: not an RGB tile, mpp or factor that cannot be
    """
    import cv2

    told = settings or MembraneSettings()
    _check(rgb, mpp, factor)
    haematoxylin, dab = unmix(rgb, np.asarray(white, dtype=np.float64), told.haematoxylin, told.dab)
    if nuclei is None:
        nuclei = find_nuclei(haematoxylin, dab, mpp, told)
    nuclei, centres, rings = _numbered(nuclei)
    if not len(centres):
        none = np.zeros(0, np.float32)
        return MembraneCells(np.zeros(0), np.zeros(0), none, none, none, none, none)
    smooth = cv2.GaussianBlur(dab, (0, 0), _SMOOTH_UM / mpp) if mpp < 2 * _SMOOTH_UM else dab
    rays = outline.cast_rays(smooth, nuclei, _sides(nuclei, mpp, told.reach_um), centres, mpp, told.reach_um)
    line = outline.best_lines(rays, FULL_OD * factor)
    return _measured(rays, line, told, factor, rings)


def _measured(
    rays: outline.Rays, line: NDArray[np.int32], told: MembraneSettings, factor: float, rings: list[NDArray[np.int32]]
) -> MembraneCells:
    around = measure.ring(rays, line)
    length = measure.lengths_um(around, rays.mpp)
    density = measure.densities(rays, line, told.beside_um)
    stained = measure.stained_points(density, length, measure.pedestal(rays, line), told.point_od * factor)
    whole = np.maximum(length.sum(axis=1), 1e-9)
    stained_length = (length * stained).sum(axis=1)
    some = stained_length > 0
    membrane = np.where(some, (density * length * stained).sum(axis=1) / np.where(some, stained_length, 1), np.nan)
    return MembraneCells(
        x_px=rays.centres[:, 0],
        y_px=rays.centres[:, 1],
        completeness=(stained_length / whole).clip(0, 1).astype(np.float32),
        membrane_od=membrane.astype(np.float32),
        mean_od=((density * length).sum(axis=1) / whole).astype(np.float32),
        gap_um=measure.longest_gap_um(stained, length).astype(np.float32),
        cytoplasm_od=measure.cytoplasm(rays, line),
        contours=list(around),
        nuclei=rings,
    )


def _numbered(nuclei: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.float64], list[NDArray[np.int32]]]:
    """Number the nuclei 1..n by their topmost pixel; return them, their centroids (x, y) and their outlines."""
    import cv2
    from scipy import ndimage

    present, first = np.unique(nuclei, return_index=True)
    first, present = first[present > 0], present[present > 0]
    order = present[np.argsort(first, kind="stable")]
    table = np.zeros(int(nuclei.max(initial=0)) + 1, np.int32)
    table[order] = np.arange(1, len(order) + 1)
    numbered = table[nuclei]
    rings, centres = [], []
    for i, box in enumerate(ndimage.find_objects(numbered), 1):
        mask = np.ascontiguousarray(numbered[box] == i, dtype=np.uint8)
        corner = np.array([box[1].start, box[0].start])
        y, x = np.nonzero(mask)
        centres.append((x.mean() + corner[0], y.mean() + corner[1]))
        found, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        rings.append((max(found, key=len)[:, 0] + corner).astype(np.int32))
    return numbered, np.array(centres).reshape(-1, 2), rings


def _sides(nuclei: NDArray[np.int32], mpp: float, reach_um: float) -> NDArray[np.int32]:
    """Return (H, W) the nearest nucleus of each pixel within reach; 0 = none."""
    from scipy import ndimage

    distance, (row, column) = ndimage.distance_transform_edt(nuclei == 0, return_indices=True)
    return np.where(distance * mpp <= reach_um, nuclei[row, column], 0).astype(np.int32)


def _check(rgb: NDArray[np.uint8], mpp: float, factor: float) -> None:
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or min(rgb.shape[:2]) < 2:
        raise InputError(f"tile: wanted RGB (H, W, 3) of 8 bits, found {rgb.shape} {rgb.dtype}")
    if not 0.05 <= mpp <= 2.0:
        raise InputError(f"tile: mpp must be 0.05 to 2 micrometres per pixel, found {mpp:g}")
    if not 0.1 <= factor <= 3.0:
        raise InputError(f"tile: calibration factor must be 0.1 to 3, found {factor:g}")
