"""Outlines into the store: points of a source to offsets from the centroid, judged on the way. The way out is schema/outlines.py.

Stored: dx, dy, dx, dy, … in quanta (1/8 px, or 1 px where every point of the file is whole) from the centroid rounded to whole pixels, an
open ring. Rounding is floor(v + 0.5) throughout.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from her2ladder.ingest import outline_kernel as kernel
from her2ladder.ingest.readers.base import Floats, Ints

REASONS = {
    kernel.NO_OUTLINE: "wanted an outline, found none",
    kernel.NO_CENTROID: "wanted a centroid or an outline, found neither",
    kernel.NOT_FINITE: "wanted finite coordinates below 1e9 px, found others",
    kernel.TOO_FEW: "wanted an outline of at least 3 points that differ, found fewer ({n} given)",
    kernel.TOO_MANY: f"wanted an outline of at most {kernel.MAX_POINTS:,} points, found {{n:,}}",
    kernel.TOO_WIDE: f"wanted an outline within {kernel.MAX_OFFSET_PX:,} px of the centroid, found one that goes further",
    kernel.NO_AREA: "wanted an outline with an area, found none",
    kernel.CROSSES: "wanted an outline that does not cross itself, found one that does",
}


@dataclass(frozen=True)
class EncodedOutlines:
    """Outlines of n cells in eighths of a pixel, and what follows from them.

    quanta, n_quanta   dx, dy, … one cell after the other; (n,) how many numbers a cell has, 0 = no outline
    area_px2           (n,) area inside, square pixels; NaN without an outline
    box_px             (n, 4) x_min, y_min, x_max, y_max
    centroid           (n, 2) pixels, as given, or the outline's centre of mass where none is given
    verdict            (n,) kernel.GOOD, or why not: see reason()
    whole              (n,) all its points are whole pixels
    """

    quanta: NDArray[np.int16]
    n_quanta: NDArray[np.int32]
    area_px2: Floats
    box_px: NDArray[np.int32]
    centroid: Floats
    verdict: NDArray[np.int8]
    whole: NDArray[np.bool_]


def encode_outlines(points: Floats, n_points: Ints, centroid: Floats, mpp: tuple[float, float] = (1.0, 1.0)) -> EncodedOutlines:
    """Return outlines as the store holds them, each judged: see outline_kernel.encode_rings.

    points, n_points   (P, 2) pixels, one outline after the other; (n,) points of each
    centroid           (n, 2) pixels as they will be read back from the store (x_um / mpp_x); NaN = take the outline's
    mpp                micrometres per pixel, x and y
    """
    n = len(n_points)
    out = EncodedOutlines(
        quanta=np.empty(2 * len(points), dtype=np.int16),
        n_quanta=np.zeros(n, dtype=np.int32),
        area_px2=np.full(n, np.nan),
        box_px=np.zeros((n, 4), dtype=np.int32),
        centroid=np.array(centroid, dtype=np.float64, order="C"),
        verdict=np.zeros(n, dtype=np.int8),
        whole=np.ones(n, dtype=np.bool_),
    )
    area2 = np.zeros(n, dtype=np.int64)
    used = kernel.encode_rings(
        np.ascontiguousarray(points),
        n_points,
        out.centroid,
        np.array(mpp),
        out.quanta,
        out.n_quanta,
        area2,
        out.box_px,
        out.verdict,
        out.whole,
    )
    good = out.verdict == kernel.GOOD
    out.area_px2[good] = np.abs(area2[good]) / (2.0 * kernel.QUANTA_PER_PX**2)
    return EncodedOutlines(**{**out.__dict__, "quanta": out.quanta[:used]})


def reason(verdict: int, n_points: int) -> str:
    """Return one line on why an outline was turned away."""
    return REASONS[verdict].format(n=n_points)
