"""What a slide says of itself: size, levels, micrometres per pixel; and what of it can be right."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from her2ladder.schema.vocabulary import MPP_PLAUSIBLE_UM

Pixels = NDArray[np.uint8]
PLAIN = "plain image"


@dataclass(frozen=True)
class Level:
    """One level of the pyramid: its size, and level-0 pixels per pixel (no whole number in general), x and y."""

    width_px: int
    height_px: int
    downsample_x: float
    downsample_y: float


@dataclass(frozen=True)
class SlideInfo:
    """What a file says of itself.

    vendor                OpenSlide's word for the format, or "plain image"
    x_px, y_px, width_px, height_px   the scanned part, in pixels of level 0
    mpp_x, mpp_y          micrometres per pixel of level 0, None where it says none that can be right
    said_mpp              what it says, right or not
    objective             magnification it says, 0 = none
    """

    path: Path
    vendor: str
    x_px: int
    y_px: int
    width_px: int
    height_px: int
    levels: tuple[Level, ...]
    mpp_x: float | None
    mpp_y: float | None
    said_mpp: tuple[float, float] | None
    objective: float = 0.0

    @property
    def is_plain(self) -> bool:
        return self.vendor == PLAIN


def plausible(said: tuple[float, float] | None) -> tuple[float | None, float | None]:
    """Return what a file says where it can be right, else None: 352.8 is a screen's dots per inch, not a scanner."""
    low, high = MPP_PLAUSIBLE_UM
    if said is None or not all(math.isfinite(one) and low <= one <= high for one in said):
        return None, None
    return said


def on_white(rgba: Pixels) -> Pixels:
    """Return RGB of RGBA laid on white: where nothing was scanned, alpha is 0 and the colour is black."""
    alpha = rgba[..., 3]
    rgb = rgba[..., :3]
    if (alpha == 255).all():
        return np.ascontiguousarray(rgb)
    part = alpha[..., None].astype(np.uint16)
    return np.asarray((rgb * part + 255 * (255 - part) + 127) // 255, dtype=np.uint8)


def plainly(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
