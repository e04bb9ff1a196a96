"""From brightness to stain: the slide's white, optical density, and how much haematoxylin and DAB each pixel holds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from her2ladder.errors import InputError

_EVEN_PX = 4
CHROMA_PX = 1.0  # sigma of a picture that has no finer colour than JPEG keeps
LUMA = (0.299, 0.587, 0.114)
_LEAST_OD = 0.02  # below, brightness says nothing
_MOST_SHARPER = 4.0
SATURATED_OD = 2.4  # darkest value that 8 bits tell from black


def white_of(rgb: NDArray[np.uint8], quantile: float = 0.995) -> NDArray[np.float64]:
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

    The third vector is at right angles to both and takes what neither explains. JPEG keeps colour at half the resolution of brightness
    (4:2:0), which pales a thin membrane and tints the glass beside it: so stains are told apart on an evened picture, and their
    densities then follow the brightness of the pixel itself. Values below zero are kept: noise stays centred.
    source   Ruifrok and Johnston 2001; QuPath's scale, not scikit-image's `rgb2hed` (6.0 times smaller, and unmixes eosin); decision 0037
    """
    import cv2

    h, d = (np.asarray(v, dtype=np.float64) / np.linalg.norm(v) for v in (haematoxylin, dab))
    residual = np.cross(h, d)
    back = np.linalg.inv(np.array([h, d, residual / np.linalg.norm(residual)])).astype(np.float32)
    bright = np.maximum(rgb.astype(np.float32) / np.asarray(white, np.float32), np.float32(10**-SATURATED_OD))
    even = cv2.GaussianBlur(bright, (0, 0), CHROMA_PX)
    density = -np.log10(even)
    sharper = _total(bright) / np.maximum(_total(even), _LEAST_OD)
    sharper = np.clip(np.where(_total(even) < _LEAST_OD, 1.0, sharper), 0.0, _MOST_SHARPER).astype(np.float32)
    return (density @ back[:, 0]) * sharper, (density @ back[:, 1]) * sharper


def _total(bright: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the density of the brightness that JPEG stores."""
    return np.asarray(-np.log10(np.maximum(bright @ np.array(LUMA, np.float32), np.float32(10**-SATURATED_OD))))
