"""What may be wrong with a tile: out of focus, pen, a fold, nothing on it. Flags are rows; whoever computes features may leave them out.

Measures are of the tile's tissue pixels; thresholds are chosen on the ten H&E patches and the DAB tiles, sharp and blurred, and are rows'
values, so that another threshold needs no pixels.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from her2ladder.ingest.segmentation.extra import needs_extra
from her2ladder.ingest.segmentation.slides.info import Pixels
from her2ladder.ingest.segmentation.slides.tissue import FLOOR, optical_density
from her2ladder.schema.vocabulary import TILE_FLAGS

BLANK_SHARE = 0.02  # chosen: less of the tile is tissue
FOCUS_UM = 0.5  # detail finer than this is lost first
MIN_SHARPNESS = 0.14  # chosen: share of the density's contrast that lies in fine detail
PEN_SHARE = 0.10
FOLD_SHARE = 0.05
FOLD_OD = {"HE": 0.75, "HER2": 1.5}  # chosen: mean of the three colours over 12 um; single layers reach 0.5 (H&E) and 1.4 (strong DAB)


class Quality(NamedTuple):
    """tissue_share, pen_share and fold_share are shares of the tile; sharpness is 0 (no fine detail) to about 0.5; NaN = no tissue."""

    tissue_share: float
    sharpness: float
    pen_share: float
    fold_share: float

    @property
    def flags(self) -> list[str]:
        told = (
            self.tissue_share < BLANK_SHARE,
            self.sharpness < MIN_SHARPNESS,
            self.pen_share > PEN_SHARE,
            self.fold_share > FOLD_SHARE,
        )
        return [flag for flag, holds in zip(TILE_FLAGS, told, strict=True) if holds]


def quality_of(rgb: Pixels, white: NDArray[np.float64], mpp: float, stain: str = "HE") -> Quality:
    """Measure one tile.

    rgb     (H, W, 3)
    white   (3,) of the slide
    mpp     micrometres per pixel of rgb
    """
    cv2 = needs_extra("cv2")
    density = optical_density(rgb, white)
    mean = density.mean(axis=2)
    is_tissue = cv2.GaussianBlur(mean, (0, 0), max(2.0 / mpp, 0.8)) > FLOOR
    is_pen = _pen(density)
    is_fold = cv2.GaussianBlur(mean, (0, 0), max(6.0 / mpp, 0.8)) > FOLD_OD.get(stain, max(FOLD_OD.values()))
    return Quality(float(is_tissue.mean()), _sharpness(mean, is_tissue, mpp, cv2), float(is_pen.mean()), float((is_fold & ~is_pen).mean()))


def _sharpness(mean: NDArray[np.float32], is_tissue: NDArray[np.bool_], mpp: float, cv2: Any) -> float:
    """Return how much of the contrast at a nucleus's scale is left at the scale of its edge: a ratio, so that pale slides are not blurred ones."""
    if not is_tissue.any():
        return float("nan")
    fine = mean - cv2.GaussianBlur(mean, (0, 0), max(FOCUS_UM / mpp, 0.6))
    coarse = mean - cv2.GaussianBlur(mean, (0, 0), 4.0 / mpp)
    return float(fine[is_tissue].std() / max(float(coarse[is_tissue].std()), 1e-6))


def _pen(density: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Ink is denser in red (blue and green pens) than any of haematoxylin, eosin and DAB beside the other colours, or dense in all (black)."""
    red, green, blue = density[..., 0], density[..., 1], density[..., 2]
    coloured = (red > 0.25) & (red > 1.25 * green) & (red > 1.25 * blue)
    black = (density.min(axis=2) > 1.0) & (density.max(axis=2) - density.min(axis=2) < 0.25)
    return np.asarray(coloured | black)


def stain_doubt(rgb: Pixels, white: NDArray[np.float64], stain: str) -> bool:
    """Tell whether the colours speak for the other stain: brown (DAB) on a slide given as HE, pink (eosin) on one given as HER2."""
    density = optical_density(rgb, white)
    red, green, blue = (density[..., i] for i in range(3))
    stained = density.mean(axis=2) > 0.15
    if stained.mean() < 0.01:
        return False
    brown = (blue > 1.15 * green) & (green > 1.2 * red)
    pink = (green > 1.6 * red) & (green > 1.25 * blue)
    return bool((brown if stain == "HE" else pink)[stained].mean() > (0.10 if stain == "HE" else 0.40))
