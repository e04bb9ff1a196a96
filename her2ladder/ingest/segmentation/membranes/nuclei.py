"""Nuclei on the haematoxylin of a HER2 slide: blobs of three sizes, each cut at half its own height."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from her2ladder.ingest.segmentation.membranes.cells import MembraneSettings

DAB_SHARE = 0.30  # of the DAB, what a brown membrane leaves in the haematoxylin channel; segmentation.md
_BROWN_OD, _DENSE_OD = 0.5, 1.2
_HOLE, _AROUND_UM = 0.8, 2.0
_BLOB_UM = (1.4, 2.0, 2.8)  # sigma of the Laplacian: radii of 2 to 4 micrometres
_APART_UM = 2.0


def find_nuclei(haematoxylin: NDArray[np.float32], dab: NDArray[np.float32], mpp: float, settings: MembraneSettings) -> NDArray[np.int32]:
    """Return (H, W) nuclei numbered from 1; 0 = none.

    source   segmentation.md, step 2: H - 0.30 min(DAB, 1) against its surroundings (8 um), LoG and watershed, 12 to 400 um2
    """
    import cv2
    from skimage.segmentation import watershed

    raised = _raised(haematoxylin, dab)
    smooth = cv2.GaussianBlur(raised, (0, 0), max(0.5 / mpp, 0.5))
    smooth -= _surroundings(smooth, mpp)
    seeds = _blobs(smooth, mpp, settings.nucleus_od)
    if not len(seeds):
        return np.zeros(dab.shape, np.int32)
    markers = np.zeros(dab.shape, np.int32)
    markers[seeds[:, 0], seeds[:, 1]] = np.arange(1, len(seeds) + 1)
    basins = watershed(-smooth, markers, mask=smooth > settings.nucleus_od * 0.6)
    return _without_brown(_at_half_height(basins, smooth, mpp, settings), dab, mpp)


def _raised(haematoxylin: NDArray[np.float32], dab: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return haematoxylin without what brown adds to it.

    Dense DAB is darker in red than its vector says: where a pixel is more brown than blue, from 0.6 on it counts less, from 1.2 on nothing.
    """
    plain = haematoxylin - DAB_SHARE * np.clip(dab, 0.0, 1.0)
    weight = np.where(haematoxylin < dab, np.clip((_DENSE_OD - dab) / (_DENSE_OD / 2), 0.0, 1.0), 1.0)
    return np.asarray(np.clip(plain * weight, -0.05, None), dtype=np.float32)


def _surroundings(smooth: NDArray[np.float32], mpp: float) -> NDArray[Any]:
    """What lies between the nuclei: the least density within 8 um, evened out; never below nothing."""
    import cv2

    small = cv2.resize(smooth, None, fx=mpp, fy=mpp, interpolation=cv2.INTER_AREA) if mpp < 1 else smooth
    lowest = cv2.GaussianBlur(cv2.erode(small, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (17, 17))), (0, 0), 4)
    return np.asarray(np.maximum(cv2.resize(lowest, smooth.shape[::-1], interpolation=cv2.INTER_LINEAR), 0))


def _blobs(smooth: NDArray[np.float32], mpp: float, least: float) -> NDArray[np.int64]:
    """Return (n, 2) row and column of each blob; a weaker one inside of a stronger one is the same nucleus."""
    import cv2
    from scipy.spatial import cKDTree
    from skimage.feature import peak_local_max

    scales = []
    for sigma_um in _BLOB_UM:
        sigma = sigma_um / mpp
        scales.append(-cv2.Laplacian(cv2.GaussianBlur(smooth, (0, 0), sigma), cv2.CV_32F, ksize=1) * sigma**2)
    response = np.max(scales, axis=0)
    radius_um = np.sqrt(2.0) * np.array(_BLOB_UM)[np.argmax(scales, axis=0)]
    peaks = peak_local_max(response, min_distance=max(1, round(_APART_UM / mpp)), threshold_abs=least * 0.35, exclude_border=False)
    if len(peaks) < 2:
        return np.asarray(peaks)
    gone = np.zeros(len(peaks), dtype=bool)  # peaks come strongest first
    near = cKDTree(peaks * mpp).query_ball_point(peaks * mpp, radius_um[tuple(peaks.T)])
    for i, others in enumerate(near):
        if not gone[i]:
            for j in others:
                gone[j] |= j > i
    return np.asarray(peaks[~gone])


def _at_half_height(basins: NDArray[np.int32], smooth: NDArray[np.float32], mpp: float, settings: MembraneSettings) -> NDArray[np.int32]:
    """Cut each basin at half of its own height, keep its largest part without holes, and number those of a nucleus's size."""
    from scipy import ndimage

    n = int(basins.max())
    order = np.argsort(basins, axis=None, kind="stable")
    counts = np.bincount(basins.ravel(), minlength=n + 1)
    ends = np.cumsum(counts)
    values = smooth.ravel()[order]
    height = np.zeros(n + 1, np.float32)
    for i in range(1, n + 1):
        if counts[i]:
            height[i] = np.quantile(values[ends[i - 1] : ends[i]], 0.9)
    cut = np.maximum(settings.nucleus_od, 0.5 * height)
    kept = np.where(smooth >= cut[basins], basins, 0)
    result = np.zeros_like(basins)
    number = 0
    for i, box in enumerate(ndimage.find_objects(kept), 1):
        if box is None:
            continue
        parts, n_parts = ndimage.label(kept[box] == i)
        if n_parts == 0:
            continue
        one = ndimage.binary_fill_holes(parts == np.argmax(np.bincount(parts.ravel())[1:]) + 1)
        one = ndimage.binary_opening(one, iterations=max(1, round(0.4 / mpp))) if one.sum() * mpp**2 > 20 else one
        if settings.nucleus_min_um2 <= one.sum() * mpp**2 <= settings.nucleus_max_um2:
            number += 1
            result[box][one & (result[box] == 0)] = number
    return result


def _without_brown(nuclei: NDArray[np.int32], dab: NDArray[np.float32], mpp: float) -> NDArray[np.int32]:
    """Drop what is as brown as its surroundings: a nucleus in a stained gland is a hole in the brown, a dense knot of stain is not.

    QuPath's rule, "drop where DAB exceeds haematoxylin", would drop the nuclei of stained glands too.
    """
    import cv2
    from scipy import ndimage

    n = int(nuclei.max())
    if not n:
        return nuclei
    size = 2 * max(1, round(_AROUND_UM / mpp)) + 1
    wider = cv2.dilate(nuclei.astype(np.float32), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))).astype(np.int32)
    numbers = np.arange(1, n + 1)
    inside = np.asarray(ndimage.mean(dab, nuclei, numbers))
    around = np.asarray(ndimage.mean(dab, np.where(nuclei > 0, 0, wider), numbers))
    keep = inside <= np.maximum(_BROWN_OD, _HOLE * np.nan_to_num(around))
    return np.where(keep[np.maximum(nuclei, 1) - 1], nuclei, 0).astype(np.int32)
