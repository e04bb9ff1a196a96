"""Outlines out of the store: offsets back to points, polygons, WKB and GeoJSON.

Stored: dx, dy, dx, dy, … in quanta (1/8 px, or 1 px where every point of the file is whole) from the centroid rounded to whole pixels,
floor(v + 0.5), an open ring. A polygon's ring is closed again here. The way in is ingest/outlines.py.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
QUANTA_KEY = b"quanta_per_px"


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
