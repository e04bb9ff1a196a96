"""Outlines between three forms: points of a source, offsets in the store, polygons for everyone else.

Stored: dx, dy, dx, dy, … in quanta (1/8 px, or 1 px where every point of the file is whole) from the centroid rounded to whole pixels, an
open ring. Rounding is floor(v + 0.5) throughout. A polygon's ring is closed again on the way out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
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


def self_crossing(points: Floats, n_points: Ints) -> NDArray[np.bool_]:
    """Return (n,) whether each outline crosses itself: see outline_kernel.crosses."""
    return np.asarray(encode_outlines(points, n_points, np.full((len(n_points), 2), np.nan)).verdict == kernel.CROSSES)


# ---- out of the store ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rings:
    """Outlines read back: points (P, 2), open; n_points (n,), 0 = no outline."""

    points: Floats
    n_points: Ints


def decode_outlines(rows: pa.Table, quanta_per_px: int, unit: str = "px") -> Rings:
    """Return the outlines of stored rows in pixels of the source, or in micrometres.

    rows     needs contour, x_um, y_um, mpp_x, mpp_y
    unit     px | um
    """
    contour = rows.column("contour").combine_chunks()
    contour = contour.combine_chunks() if isinstance(contour, pa.ChunkedArray) else contour
    values = contour.flatten().to_numpy(zero_copy_only=False).reshape(-1, 2)  # flatten leaves NULL lists out
    n_points = contour.value_lengths().fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64) // 2
    mpp = np.column_stack([rows.column(name).to_numpy() for name in ("mpp_x", "mpp_y")])
    centroid = np.column_stack([rows.column(name).to_numpy() for name in ("x_um", "y_um")])
    base = np.floor(centroid / mpp + 0.5)
    points = np.repeat(base, n_points, axis=0) + values / quanta_per_px
    return Rings(points if unit == "px" else points * np.repeat(mpp, n_points, axis=0), n_points)


def polygons(rings: Rings) -> NDArray[Any]:
    """Return shapely polygons, one a cell; None where there is no outline."""
    import shapely

    has = rings.n_points > 0
    n_points = rings.n_points[has]
    out = np.full(len(rings.n_points), None, dtype=object)
    if not has.any():
        return out
    ends = np.cumsum(n_points)
    starts = ends - n_points
    # A ring is closed: its first point stands again after its last.
    closed = np.insert(rings.points, ends, rings.points[starts], axis=0)
    offsets = np.concatenate([[0], np.cumsum(n_points + 1)])
    out[has] = shapely.from_ragged_array(shapely.GeometryType.POLYGON, closed, (offsets, np.arange(len(n_points) + 1)))
    return out


def to_wkb(rings: Rings) -> pa.Array:
    """Return the outlines as WKB; NULL where there is none."""
    import shapely

    return pa.array(shapely.to_wkb(polygons(rings)), pa.binary())


def to_geojson_features(rings: Rings, properties: Sequence[dict[str, Any]], centroid: Floats) -> list[str]:
    """Return one GeoJSON feature a cell as text: a Polygon, or a Point where there is no outline.

    centroid   (n, 2) in the unit of the rings
    """
    ends = np.cumsum(rings.n_points)
    features = []
    for i, (told, n) in enumerate(zip(properties, rings.n_points, strict=True)):
        ring = rings.points[ends[i] - n : ends[i]].tolist()
        geometry = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]} if n else {"type": "Point", "coordinates": centroid[i].tolist()}
        features.append(json.dumps({"type": "Feature", "geometry": geometry, "properties": told}))
    return features
