"""A drawn H&E picture with known nuclei: for demonstrations and tests of segmentation, never for training.

Densities of two stains are painted (eosin fibres, haematoxylin nuclei with a rim and grains), blurred as a lens does, and turned into light.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

HAEMATOXYLIN, EOSIN = np.array([0.65, 0.70, 0.29]), np.array([0.07, 0.99, 0.11])
KINDS = {
    "Tumor": (4.2, 5.6, 1.25),
    "Stroma": (2.2, 5.0, 2.6),
    "Lymph": (2.6, 3.2, 1.1),
}  # radii in um, least and most, and long over short axis


class Picture(NamedTuple):
    """rgb (H, W, 3); instances (H, W) int32, 0 = background; kinds: the class of nucleus i + 1."""

    rgb: NDArray[np.uint8]
    instances: NDArray[np.int32]
    kinds: list[str]


def draw_he(side_px: int, n: int, seed: int, mpp: float = 0.25) -> Picture:
    """Return a picture with about n nuclei (those that find no room are left out), a tenth of its side free of tissue on the left."""
    random = np.random.default_rng(seed)
    instances = np.zeros((side_px, side_px), dtype=np.int32)
    stain = np.zeros((side_px, side_px))
    kinds: list[str] = []
    edge = side_px // 10
    for _ in range(n):
        kind = str(random.choice(list(KINDS), p=[0.5, 0.2, 0.3]))
        least, most, long = KINDS[kind]
        short = random.uniform(least, most) / np.sqrt(long) / mpp
        x, y = random.uniform(edge, side_px), random.uniform(0, side_px)
        dark = 1.1 if kind == "Lymph" else 0.75
        if _nucleus(instances, stain, (x, y), (short * long, short), random, len(kinds) + 1, dark=dark):
            kinds.append(kind)
    return Picture(_photograph(stain, _fibres(side_px, edge, mpp, random), mpp, random), instances, kinds)


def _nucleus(
    instances: NDArray[np.int32],
    stain: NDArray[np.float64],
    centre: tuple[float, float],
    axes: tuple[float, float],
    random: np.random.Generator,
    number: int,
    *,
    dark: float,
) -> bool:
    """Paint one nucleus where there is room for it; say whether there was."""
    reach = int(max(axes)) + 3
    side = len(instances)
    x0, y0 = max(int(centre[0]) - reach, 0), max(int(centre[1]) - reach, 0)
    box = np.s_[y0 : min(int(centre[1]) + reach, side), x0 : min(int(centre[0]) + reach, side)]
    y, x = np.mgrid[box]
    turn = random.uniform(0, np.pi)
    u = (x - centre[0]) * np.cos(turn) + (y - centre[1]) * np.sin(turn)
    v = (y - centre[1]) * np.cos(turn) - (x - centre[0]) * np.sin(turn)
    far = (u / axes[0]) ** 2 + (v / axes[1]) ** 2
    if instances[box][far <= 1.4].any() or not (far <= 1).any():
        return False
    instances[box][far <= 1] = number
    grains = ndimage.gaussian_filter(random.normal(0, 1, far.shape), 1.5) * 0.6
    stain[box] += np.where(far <= 1, dark * random.uniform(0.8, 1.2) * (0.75 + 0.35 * far**2 + 0.25 * grains), 0)
    return True


def _fibres(side: int, edge: int, mpp: float, random: np.random.Generator) -> NDArray[np.float64]:
    """Eosin: streaks of many directions; none where there is no tissue."""
    streaks = ndimage.gaussian_filter(random.normal(0, 1, (side, side)), (1.0 / mpp, 4.0 / mpp))
    streaks += ndimage.gaussian_filter(random.normal(0, 1, (side, side)), (3.0 / mpp, 1.0 / mpp))
    eosin = np.clip(0.24 + 0.07 * streaks / streaks.std(), 0.06, None)
    eosin[:, :edge] = 0
    return np.asarray(eosin)


def _photograph(stain: NDArray[np.float64], eosin: NDArray[np.float64], mpp: float, random: np.random.Generator) -> NDArray[np.uint8]:
    sharp = 0.25 / mpp
    h, e = (ndimage.gaussian_filter(one, sharp) for one in (stain, eosin * (stain == 0) + 0.12 * (stain > 0)))
    density = (h + 0.25 * e)[..., None] * HAEMATOXYLIN + e[..., None] * EOSIN  # tissue holds some haematoxylin everywhere
    light = 243 * 10**-density + random.normal(0, 2.0, density.shape)
    return np.asarray(np.clip(np.round(light), 0, 255), dtype=np.uint8)
