"""From brightness to stain: the slide's white, optical density, and how much haematoxylin and DAB each pixel holds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from her2ladder.errors import InputError

_EVEN_PX = 4
SATURATED_OD = 2.4  # darkest value that 8 bits tell from black


def white_of(rgb: NDArray[np.uint8], quantile: float = 0.98) -> NDArray[np.float64]:
    """Return (3,) the brightness of unstained glass, from a picture of the whole slide or of a large part of it.

    A high quantile per channel of small squares' means, so that noise does not lift it: a slide without any glass in view gives its palest tissue. Of the slide, never of a
    tile: a tile of tissue alone has no glass, and its palest stain would count as none.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or not rgb.size:
        raise InputError(f"white reference: wanted an RGB picture (H, W, 3) of 8 bits, found {rgb.shape} {rgb.dtype}")
    side = min(_EVEN_PX, *rgb.shape[:2])
    high, wide = (n // side for n in rgb.shape[:2])
    even = rgb[: high * side, : wide * side].reshape(high, side, wide, side, 3).mean(axis=(1, 3)).reshape(-1, 3)
    return np.asarray(np.clip(np.quantile(even, quantile, axis=0), 100.0, 255.0))


def unmix(
    rgb: NDArray[np.uint8], white: NDArray[np.float64], haematoxylin: tuple[float, float, float], dab: tuple[float, float, float]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return (H, W) haematoxylin and (H, W) DAB, optical densities to base 10 along each stain's unit vector.

    The third vector is at right angles to both and takes what neither explains. Values below zero are kept: noise stays centred.
    source   Ruifrok and Johnston 2001; QuPath's scale, not scikit-image's `rgb2hed` (6.0 times smaller, and unmixes eosin)
    """
    levels = np.arange(256, dtype=np.float64)
    h, d = (np.asarray(v, dtype=np.float64) / np.linalg.norm(v) for v in (haematoxylin, dab))
    residual = np.cross(h, d)
    back = np.linalg.inv(np.array([h, d, residual / np.linalg.norm(residual)]))
    tables = [-np.log10(np.maximum(levels, white[i] * 10**-SATURATED_OD) / white[i]).astype(np.float32) for i in range(3)]
    stains = np.zeros((2, *rgb.shape[:2]), dtype=np.float32)
    for i in range(3):
        density = tables[i][rgb[..., i]]
        stains[0] += np.float32(back[i, 0]) * density
        stains[1] += np.float32(back[i, 1]) * density
    return stains[0], stains[1]
