"""What the default network is held against: haematoxylin, Otsu, Laplacian of Gaussian for seeds, watershed."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.filters import threshold_otsu
from skimage.segmentation import watershed

UNMIX = np.linalg.inv(np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]]))


def log_watershed(image: Any, mpp: float) -> Any:
    """Return (H, W) int32 instances. Scales are the best of 48 tried on the very patches of the comparison: in its favour."""
    od = -np.log10((image.astype(np.float64) + 1) / 256)
    stain = ndimage.gaussian_filter((od.reshape(-1, 3) @ UNMIX)[:, 0].reshape(image.shape[:2]), 0.2 / mpp)
    inside = ndimage.binary_fill_holes(ndimage.binary_opening(stain > threshold_otsu(stain), iterations=2))
    blobs = -ndimage.gaussian_laplace(stain, 1.5 / mpp)
    seeds = np.zeros(inside.shape, dtype=np.int32)
    at = peak_local_max(blobs, min_distance=round(1.6 / mpp), labels=inside.astype(int))
    seeds[tuple(at.T)] = np.arange(1, len(at) + 1)
    found = watershed(-blobs, seeds, mask=inside)
    areas = np.bincount(found.ravel()) * mpp**2
    return np.where(areas[found] >= 8, found, 0).astype(np.int32)
