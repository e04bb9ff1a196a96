"""Optional sc-MTOP extras of each cell's outline: size, ellipse, hull and curvature, of the polygon itself.

The original draws the outline into a pixel mask and measures that. Here the polygon is measured (*chosen*): no step of a pixel in the
values, one definition at any magnification, and exact for shapes that can be checked by hand. So sizes differ from the original's by about
half a pixel all round, as a polygon through pixel centres does from the mask of those pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from her2ladder.analytics.spatial.compiled import compiled
from her2ladder.errors import InputError

Floats = NDArray[np.float64]
Longs = NDArray[np.int64]

STEP_UM = 0.5  # the original's 2 px at 40x: points nearer than this to the last one kept say nothing of curvature
COLUMNS = (
    "area_um2",
    "bbox_area_um2",
    "eccentricity",
    "circularity",
    "elongation",
    "extent",
    "major_axis_um",
    "minor_axis_um",
    "perimeter_um",
    "solidity",
    "curvature_mean",
    "curvature_sd",
    "curvature_max",
    "curvature_min",
)


def outline_morphology(offsets: ArrayLike, xy_um: ArrayLike, step_um: float = STEP_UM) -> dict[str, Floats]:
    """Return fourteen measures of each outline, each (n,) float64, by column name.

    area_um2, perimeter_um          of the polygon (shoelace; length of the closed line)
    bbox_area_um2, extent           upright bounding box; area / that
    major_axis_um, minor_axis_um    of the ellipse with the polygon's second central moments: 4 sqrt(eigenvalue)
    eccentricity, elongation        of that ellipse: sqrt(1 - minor^2 / major^2), major / minor
    circularity                     4 pi area / perimeter^2: 1 for a circle
    solidity                        area / area of the convex hull
    curvature_mean, _sd, _max, _min of the turning angle over half the length of both edges, at the vertices kept, in 1/um; outward
                                    bends are positive whichever way the outline runs; unweighted, sd with n

    offsets  (n + 1,): outline i is xy_um[offsets[i] : offsets[i + 1]], an open ring (a repeated first point does no harm)
    xy_um    (points, 2)
    step_um  a vertex is kept for curvature where it lies farther than this (|dx| + |dy|) from the last one kept
    returns  NaN in all columns where there is no outline; where its area is 0, in all but area, box and perimeter
    raises   InputError where offsets do not cut the points, or a point is not finite
    source   names from sc-MTOP, WSIGraph.py, SingleMorphFeatures; definitions chosen
    """
    cuts, points = np.asarray(offsets, dtype=np.int64), np.ascontiguousarray(xy_um, dtype=np.float64).reshape(-1, 2)
    if not len(cuts) or cuts[0] < 0 or cuts[-1] > len(points) or (np.diff(cuts) < 0).any():
        raise InputError(f"outlines: wanted ascending offsets within {len(points)} points, got {cuts[:1]} .. {cuts[-1:]}")
    bad = np.flatnonzero(~np.isfinite(points).all(axis=1))
    if len(bad):
        raise InputError(
            f"outlines: wanted finite micrometres, got {points[bad[0]]} in outline {int(np.searchsorted(cuts, bad[0], 'right')) - 1}"
        )
    values = measure_outlines(cuts, points, float(step_um))
    return {name: values[:, i].copy() for i, name in enumerate(COLUMNS)}


@compiled
def measure_outlines(cuts: Longs, points: Floats, step_um: float) -> Floats:
    """Return (outlines, columns) in the order of COLUMNS."""
    n = len(cuts) - 1
    values = np.full((n, 14), np.nan)
    for i in range(n):
        if cuts[i + 1] == cuts[i]:
            continue
        ring = points[cuts[i] : cuts[i + 1]] - points[cuts[i]]
        area, sxx, sxy, syy = second_moments(ring)
        x, y = ring[:, 0], ring[:, 1]
        box = (x.max() - x.min()) * (y.max() - y.min())
        perimeter = ring_length(ring)
        values[i, 0], values[i, 1], values[i, 8] = abs(area), box, perimeter
        if abs(area) <= 1e-12 * perimeter * perimeter:
            continue
        middle, half = (sxx + syy) / 2, np.sqrt((sxx - syy) ** 2 / 4 + sxy * sxy)
        major, minor = middle + half, max(middle - half, 0.0)
        values[i, 2] = np.sqrt(1.0 - minor / major)
        values[i, 3] = 4.0 * np.pi * abs(area) / (perimeter * perimeter)
        values[i, 4] = np.sqrt(major / minor) if minor > 0.0 else np.nan
        values[i, 5] = abs(area) / box
        values[i, 6], values[i, 7] = 4.0 * np.sqrt(major), 4.0 * np.sqrt(minor)
        values[i, 9] = abs(area) / hull_area(ring)
        bends = curvature(ring, step_um) * np.sign(area)
        if len(bends):
            values[i, 10], values[i, 11], values[i, 12], values[i, 13] = bends.mean(), bends.std(), bends.max(), bends.min()
    return values


@compiled
def second_moments(ring: Floats) -> tuple[float, float, float, float]:
    """Return the signed area, and the second central moments over the area: xx, xy, yy."""
    area = cx = cy = sxx = sxy = syy = 0.0
    for i in range(len(ring)):
        ax, ay = ring[i - 1, 0], ring[i - 1, 1]
        bx, by = ring[i, 0], ring[i, 1]
        cross = ax * by - bx * ay
        area += cross / 2
        cx += (ax + bx) * cross / 6
        cy += (ay + by) * cross / 6
        sxx += (ax * ax + ax * bx + bx * bx) * cross / 12
        syy += (ay * ay + ay * by + by * by) * cross / 12
        sxy += (ax * by + 2 * ax * ay + 2 * bx * by + bx * ay) * cross / 24
    if area == 0.0:
        return 0.0, 0.0, 0.0, 0.0
    cx, cy = cx / area, cy / area
    return area, sxx / area - cx * cx, sxy / area - cx * cy, syy / area - cy * cy


@compiled
def ring_length(ring: Floats) -> float:
    """Return the length of the closed line."""
    length = 0.0
    for i in range(len(ring)):
        length += np.hypot(ring[i, 0] - ring[i - 1, 0], ring[i, 1] - ring[i - 1, 1])
    return length


@compiled
def hull_area(ring: Floats) -> float:
    """Return the area of the convex hull (Andrew's two chains over the points in ascending x, then y)."""
    n = len(ring)
    order = np.argsort(ring[:, 0], kind="mergesort")
    for i in range(1, n):  # equal x stand together now: put them in ascending y
        j = i
        while j > 0 and ring[order[j - 1], 0] == ring[order[j], 0] and ring[order[j - 1], 1] > ring[order[j], 1]:
            order[j - 1], order[j] = order[j], order[j - 1]
            j -= 1
    hull, area = np.empty(n + 1, np.int64), 0.0
    for chain in range(2):
        held = 0
        for step in range(n):
            p = order[step] if chain == 0 else order[n - 1 - step]
            while held >= 2 and turn(ring, hull[held - 2], hull[held - 1], p) <= 0.0:
                held -= 1
            hull[held] = p
            held += 1
        for i in range(held - 1):
            a, b = hull[i], hull[i + 1]
            area += (ring[a, 0] * ring[b, 1] - ring[b, 0] * ring[a, 1]) / 2
    return area


@compiled
def turn(ring: Floats, a: int, b: int, c: int) -> float:
    """Return the cross product of a -> b and b -> c: above 0 where the way turns left."""
    ux, uy = ring[b, 0] - ring[a, 0], ring[b, 1] - ring[a, 1]
    vx, vy = ring[c, 0] - ring[b, 0], ring[c, 1] - ring[b, 1]
    cross: float = ux * vy - uy * vx
    return cross


@compiled
def curvature(ring: Floats, step_um: float) -> Floats:
    """Return the curvature at each vertex kept, positive to the left; none where fewer than three are."""
    kept = np.empty(len(ring), np.int64)
    kept[0], n = 0, 1
    for i in range(1, len(ring)):
        if abs(ring[i, 0] - ring[kept[n - 1], 0]) + abs(ring[i, 1] - ring[kept[n - 1], 1]) > step_um:
            kept[n] = i
            n += 1
    while n > 1 and abs(ring[kept[n - 1], 0] - ring[0, 0]) + abs(ring[kept[n - 1], 1] - ring[0, 1]) <= step_um:
        n -= 1  # the ring closes on the first vertex: one as near to it as this is no other vertex
    bends = np.empty(n if n >= 3 else 0)
    for i in range(len(bends)):
        a, b, c = ring[kept[i - 1 if i else n - 1]], ring[kept[i]], ring[kept[i + 1 if i < n - 1 else 0]]
        ux, uy, vx, vy = b[0] - a[0], b[1] - a[1], c[0] - b[0], c[1] - b[1]
        angle = np.arctan2(ux * vy - uy * vx, ux * vx + uy * vy)
        bends[i] = angle / ((np.hypot(ux, uy) + np.hypot(vx, vy)) / 2)
    return bends
