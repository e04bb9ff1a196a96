"""Where the tissue is: a coarse image of the slide, its optical density against the slide's own white, and a floor that does not move.

Otsu's threshold always finds two classes, so a blank slide would be half tissue; the floor and the ceiling keep it between what empty glass
and the palest tissue have (chosen: 0.06 and 0.12, log10 units, mean of the three colours). A small plain image is a region that somebody
cut out: all of it counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from her2ladder.ingest.segmentation.slides.info import Pixels
from her2ladder.ingest.segmentation.slides.slide import Slide

MAP_UM = 8.0  # size of a pixel of the coarse image
MAX_MAP_PX = 4_000_000
MIN_WHITE = 220.0  # an image that is all tissue has no white of its own
FLOOR, CEILING = 0.06, 0.12
REGION_MM2 = 4.0  # chosen: a plain image up to this size is a region, not a slide
SPECK_UM2 = 1500.0  # chosen: smaller islands are dust


@dataclass(frozen=True)
class TissueMap:
    """is_tissue (H, W), a pixel of it step level-0 pixels wide and high, from the corner of the scanned part; white (3,) of the slide."""

    is_tissue: NDArray[np.bool_]
    x_px: float
    y_px: float
    step: tuple[float, float]
    white: NDArray[np.float64]
    threshold: float

    @property
    def n_px(self) -> int:
        return int(self.is_tissue.sum())

    def area_mm2(self, mpp: tuple[float, float]) -> float:
        return self.n_px * self.step[0] * mpp[0] * self.step[1] * mpp[1] / 1e6

    def share(self, x0: float, y0: float, x1: float, y1: float) -> float:
        """Return the share of tissue in a box of level-0 pixels."""
        left, right = (math.floor((x0 - self.x_px) / self.step[0]), math.ceil((x1 - self.x_px) / self.step[0]))
        top, bottom = (math.floor((y0 - self.y_px) / self.step[1]), math.ceil((y1 - self.y_px) / self.step[1]))
        part = self.is_tissue[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
        return float(part.mean()) if part.size else 0.0


def find_tissue(slide: Slide, mpp: tuple[float, float]) -> TissueMap:
    """Return the map of a slide's tissue."""
    info = slide.info
    um = MAP_UM
    while info.width_px * mpp[0] * info.height_px * mpp[1] / um**2 > MAX_MAP_PX:
        um *= 2
    step = tuple(max(min(um / one, side), 1.0) for one, side in zip(mpp, (info.width_px, info.height_px), strict=True))
    size = [max(math.ceil(side / one), 1) for side, one in zip((info.width_px, info.height_px), step, strict=True)]
    coarse = slide.read(info.x_px, info.y_px, size[0], size[1], (step[0], step[1]))
    white = white_of(coarse)
    density = ndimage.gaussian_filter(optical_density(coarse, white).mean(axis=2), 1.0)
    threshold = float(np.clip(_otsu(density), FLOOR, CEILING))
    px_um2 = step[0] * mpp[0] * step[1] * mpp[1]
    is_region = info.is_plain and density.size * px_um2 / 1e6 <= REGION_MM2
    is_tissue = np.ones(density.shape, dtype=np.bool_) if is_region else _without_specks(density > threshold, px_um2)
    return TissueMap(is_tissue, info.x_px, info.y_px, (step[0], step[1]), white, threshold)


def white_of(coarse: Pixels) -> NDArray[np.float64]:
    """Return (3,) the slide's white: its brightest colours, never darker than empty glass is."""
    bright = np.percentile(coarse.reshape(-1, 3), 99, axis=0)
    return np.maximum(bright, MIN_WHITE)


def optical_density(rgb: Pixels, white: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return log10 optical density (H, W, 3) against a white; brighter than white is 0."""
    density = np.log10(white.astype(np.float32) + 1) - np.log10(rgb.astype(np.float32) + 1)
    return np.asarray(np.maximum(density, np.float32(0)))


def _otsu(density: NDArray[np.float32]) -> float:
    from skimage.filters import threshold_otsu

    return float(threshold_otsu(density)) if float(density.max()) > float(density.min()) else 0.0


def _without_specks(is_tissue: NDArray[np.bool_], px_um2: float) -> NDArray[np.bool_]:
    labels, n = ndimage.label(is_tissue, structure=np.ones((3, 3)))
    if not n:
        return is_tissue
    keep = np.bincount(labels.ravel()) * px_um2 >= min(SPECK_UM2, is_tissue.size * px_um2 / 4)
    keep[0] = False
    return np.asarray(ndimage.binary_fill_holes(keep[labels]))
