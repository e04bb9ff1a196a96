"""Nuclear outlines as a segmenter would give them: closed rings of 12 to 30 whole pixels, by class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from her2ladder.analytics.simulate.field import Floats, Ints

POINTS_MIN, POINTS_MAX = 12, 30
UM_PER_POINT = 1.35  # spacing along the outline


@dataclass(frozen=True)
class Shape:
    """Half axes in micrometres, their relative spread between cells, and the depth of three lobes (0 = an ellipse)."""

    long_um: float
    short_um: float
    spread: float = 0.12
    lobes: float = 0.03


# Sizes of nuclei in breast tissue, rounded (chosen): a lymphocyte 7 um across, a tumour nucleus 10 to 11, a fibroblast spindle 15 x 4.
SHAPES = {
    "Tumor": Shape(5.6, 4.6),
    "Stroma": Shape(7.6, 2.1, lobes=0.0),
    "Neutro": Shape(3.7, 3.3, lobes=0.16),
    "Lymph": Shape(3.5, 3.3, spread=0.08),
    "Macro": Shape(5.6, 3.9, lobes=0.10),
}
TUMOR = SHAPES["Tumor"]


@dataclass(frozen=True)
class Outlines:
    """The rings of n cells, one after the other.

    points    (P, 2) int64, x and y, whole pixels
    ends      (n,) one past each cell's last point
    """

    points: Ints
    ends: Ints


def outlines(names: NDArray[np.str_], x_px: Floats, y_px: Floats, mpp_um: float, rng: np.random.Generator) -> Outlines:
    """Return an outline around each centroid; a class without a shape of its own gets a tumour nucleus.

    names    (n,) class names
    mpp_um   micrometres per pixel of the coordinates
    """
    n = len(names)
    kinds, of = np.unique(names, return_inverse=True)
    shapes = [SHAPES.get(str(kind), TUMOR) for kind in kinds]
    table = np.array([(s.long_um, s.short_um, s.spread, s.lobes) for s in shapes]).reshape(-1, 4)[of]
    size = np.exp(table[:, 2] * rng.standard_normal(n).clip(-2.5, 2.5))
    long_um, short_um = table[:, 0] * size, table[:, 1] * size * np.exp(0.07 * rng.standard_normal(n).clip(-2, 2))
    perimeter = np.pi * (1.5 * (long_um + short_um) - np.sqrt(long_um * short_um))
    n_points = np.clip(np.rint(perimeter / UM_PER_POINT), POINTS_MIN, POINTS_MAX).astype(np.int64)
    ends = np.cumsum(n_points)
    cell = np.repeat(np.arange(n), n_points)
    at = np.arange(len(cell)) - (ends - n_points)[cell]
    turn = (2 * np.pi / n_points)[cell] * at
    phase = rng.uniform(0, 2 * np.pi, (3, n))
    radius = 1 + table[:, 3][cell] * np.cos(3 * turn + phase[0][cell]) + 0.04 * np.cos(2 * turn + phase[1][cell])
    along, across = (long_um / mpp_um)[cell] * radius * np.cos(turn), (short_um / mpp_um)[cell] * radius * np.sin(turn)
    cos, sin = np.cos(phase[2])[cell], np.sin(phase[2])[cell]
    points = np.stack([x_px[cell] + along * cos - across * sin, y_px[cell] + along * sin + across * cos], axis=1)
    return Outlines(np.rint(points).astype(np.int64), ends)
