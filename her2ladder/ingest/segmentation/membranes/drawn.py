"""Tiles of HER2-stained cells drawn with known membranes: what the classifier is held against, and what the demo segments.

Every tile draws its own tissue, stain and camera from wide ranges, so that nothing can be tuned to one look.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from her2ladder.ingest.segmentation.membranes.cells import DAB, HAEMATOXYLIN

CLASSES = ("HER2strong_complete", "HER2strong_incomplete", "HER2weak_complete", "HER2weak_incomplete", "HER2null")
LAYOUTS = ("isolated", "packed", "walls")  # apart · ellipses that touch · polygons without a gap between
_FINE_UM = 0.125
_STEP_UM = 0.1


@dataclass(frozen=True)
class DrawnCell:
    """What was drawn: centre and outline in tile pixels, the share of the outline that is stained, and the density of the stain."""

    x_px: float
    y_px: float
    contour: NDArray[np.float64]
    cell_class: str
    completeness: float
    od: float
    is_whole: bool


@dataclass(frozen=True)
class Look:
    """Tissue, stain and camera of one tile; lengths in micrometres, densities log10."""

    layout: str
    mpp: float
    radius_um: tuple[float, float]
    thickness_um: float
    gap_um: float
    blur_um: float
    strong_od: tuple[float, float]
    weak_od: tuple[float, float]
    nucleus_od: float
    blush_od: float
    background_od: tuple[float, float]
    noise: float
    white: tuple[float, float, float]
    haematoxylin: tuple[float, float, float]
    dab: tuple[float, float, float]
    uneven: float
    own_nuclei: bool


def any_look(rng: np.random.Generator, layout: str, mpp: float) -> Look:
    """Return a look from all that is plausible."""
    radius = rng.uniform(5.0, 7.5)

    def near(vector: tuple[float, float, float]) -> tuple[float, float, float]:
        turned = np.array(vector) + rng.normal(0, 0.015, 3)
        return tuple((turned / np.linalg.norm(turned)).tolist())  # type: ignore[return-value]

    return Look(
        layout=layout,
        mpp=mpp,
        radius_um=(radius * 0.85, radius * 1.15),
        thickness_um=rng.uniform(0.7, 1.6),
        gap_um=rng.uniform(0.0, 1.2),
        blur_um=rng.uniform(0.1, 0.35),
        strong_od=(rng.uniform(0.8, 1.0), rng.uniform(1.0, 1.3)),
        weak_od=(rng.uniform(0.30, 0.36), rng.uniform(0.36, 0.45)),
        nucleus_od=rng.uniform(0.3, 0.8),
        blush_od=rng.uniform(0.0, 0.08),
        background_od=(rng.uniform(0.0, 0.06), rng.uniform(0.0, 0.03)),
        noise=rng.uniform(1.0, 4.0),
        white=tuple(rng.uniform(228, 252, 3).tolist()),
        haematoxylin=near(HAEMATOXYLIN),
        dab=near(DAB),
        uneven=rng.uniform(0.0, 0.15),
        own_nuclei=bool(rng.integers(2)),
    )


def draw_tile(
    rng: np.random.Generator, look: Look, side_px: int = 512, classes: tuple[str, ...] = CLASSES
) -> tuple[NDArray[np.uint8], list[DrawnCell]]:
    """Return (side, side, 3) RGB and its cells, classes drawn with equal chances."""
    side_um = side_px * look.mpp
    shapes = _shapes(rng, look, side_um)
    n = round(side_um / _FINE_UM)
    dab = np.full((n, n), look.background_od[1])
    blue = np.full((n, n), look.background_od[0])
    cells = []
    for centre, outline in shapes:
        cell_class = classes[int(rng.integers(len(classes)))]
        stained, target = _stained(rng, outline, cell_class)
        low, high = look.strong_od if "strong" in cell_class else look.weak_od
        od = float(rng.uniform(low, high)) if stained.any() else 0.0
        _paint(rng, look, dab, blue, centre, outline, stained, od)
        px = outline / look.mpp - 0.5
        whole = bool((px > 1).all() and (px < side_px - 2).all())
        x, y = (centre / look.mpp - 0.5).tolist()
        cells.append(DrawnCell(x, y, px[::5], cell_class, target, od, whole))
    return _photograph(rng, look, dab, blue, side_px), cells


def as_jpeg(rgb: NDArray[np.uint8], quality: int = 85) -> NDArray[np.uint8]:
    """Return the tile after JPEG with 4:2:0 chroma, as slide scanners write it."""
    from PIL import Image

    packed = io.BytesIO()
    Image.fromarray(rgb).save(packed, "JPEG", quality=quality, subsampling=2)
    return np.asarray(Image.open(packed).convert("RGB"))


def _shapes(rng: np.random.Generator, look: Look, side_um: float) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Centre and dense outline (_STEP_UM apart) of each cell; some hang over the edge."""
    mean = float(np.mean(look.radius_um))
    apart = look.layout == "isolated"
    pitch = 2 * mean * (1.45 if apart else 0.97) + look.gap_um / (1 if apart else 3) + look.thickness_um * 0.8
    jitter = pitch * (0.08 if apart else 0.06 if look.layout == "packed" else 0.14)
    rows = np.arange(-1, side_um / (pitch * 0.866) + 2)
    centres = np.array(
        [((c + 0.5 * (r % 2)) * pitch, r * pitch * 0.866) for r in rows for c in np.arange(-1, side_um / pitch + 2)]
    ) + rng.uniform(0, pitch, 2)
    centres = centres + rng.normal(0, jitter, centres.shape).clip(-2 * jitter, 2 * jitter)
    if look.layout == "walls":
        return _polygons(centres, look, side_um)
    found = []
    for centre in centres:
        radius = rng.uniform(*look.radius_um) if apart else mean * rng.uniform(0.92, 1.04)
        outline = _dense(_blob(rng, radius, 0.85 if not apart else 0.75))
        found.append((centre, outline + centre))
    return _apart(found, look, side_um)


def _blob(rng: np.random.Generator, radius: float, least_axis: float) -> NDArray[np.float64]:
    """An ellipse with a slight wobble."""
    t = np.linspace(0, 2 * np.pi, 721)[:-1]
    axis, turn = np.sqrt(rng.uniform(least_axis, 1.0)), rng.uniform(0, np.pi)
    r = radius * (1 + 0.03 * rng.normal() * np.cos(3 * t + rng.uniform(0, 6)) + 0.02 * rng.normal() * np.cos(4 * t))
    x, y = r * np.cos(t) / axis, r * np.sin(t) * axis
    return np.column_stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)])


def _apart(
    found: list[tuple[NDArray[np.float64], NDArray[np.float64]]], look: Look, side_um: float
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Shrink cells that would cut into a neighbour, leave out what would have to be small, and what lies outside of the tile."""
    from shapely import Polygon, STRtree

    kept = [one for one in found if -3 < one[0][0] < side_um + 3 and -3 < one[0][1] < side_um + 3]
    shapes = [Polygon(outline) for _, outline in kept]
    tree = STRtree(shapes)
    result: dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
    for i, (centre, outline) in enumerate(kept):
        near = [j for j in tree.query(shapes[i].buffer(look.thickness_um + 1)) if j in result]
        for scale in np.arange(1.0, 0.78, -0.02):
            smaller = Polygon((outline - centre) * scale + centre)
            if all(smaller.distance(shapes[j]) >= look.thickness_um * 0.8 for j in near):
                shapes[i] = smaller
                result[i] = (centre, _dense((outline - centre) * scale) + centre)
                break
    return list(result.values())


def _polygons(centres: NDArray[np.float64], look: Look, side_um: float) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Voronoi cells with round corners; each membrane lies on its own side of the wall."""
    from scipy.spatial import Voronoi
    from shapely import Polygon

    voronoi = Voronoi(centres)
    found = []
    for centre, region in zip(centres, voronoi.point_region, strict=True):
        corners = voronoi.regions[region]
        if not corners or -1 in corners or not (-3 < centre[0] < side_um + 3 and -3 < centre[1] < side_um + 3):
            continue
        inset = look.thickness_um / 2 + look.gap_um / 4
        inside = Polygon(voronoi.vertices[corners]).buffer(-inset - 1.2).buffer(1.2)
        if inside.geom_type == "Polygon" and inside.area > 30:
            outline = np.asarray(inside.exterior.coords)[:-1]
            found.append((np.asarray(inside.centroid.coords[0]), _dense(outline)))
    return found


def _dense(outline: NDArray[np.float64]) -> NDArray[np.float64]:
    """A closed outline again, with points _STEP_UM apart."""
    ring = np.vstack([outline, outline[:1]])
    along = np.r_[0, np.cumsum(np.hypot(*np.diff(ring, axis=0).T))]
    at = np.linspace(0, along[-1], max(16, round(along[-1] / _STEP_UM)) + 1)[:-1]
    return np.column_stack([np.interp(at, along, ring[:, 0]), np.interp(at, along, ring[:, 1])])


def _stained(rng: np.random.Generator, outline: NDArray[np.float64], cell_class: str) -> tuple[NDArray[np.bool_], float]:
    """Which points of the outline are stained, as arcs, and their share."""
    n = len(outline)
    stained = np.zeros(n, dtype=bool)
    if cell_class == "HER2null":
        return stained, 0.0
    complete = cell_class.endswith("_complete")
    share = rng.uniform(0.87, 1.0) if complete else rng.uniform(0.2, 0.7)
    n_arcs = int(rng.integers(1, 3 if complete else 4))
    lengths = rng.dirichlet(np.full(n_arcs, 4.0)) * share
    gaps = rng.dirichlet(np.full(n_arcs, 4.0)) * (1 - share)
    at = rng.uniform()
    for length, gap in zip(lengths, gaps, strict=True):
        stained[(np.arange(round(at * n), round((at + length) * n))) % n] = True
        at += length + gap
    return stained, float(stained.mean())


def _paint(
    rng: np.random.Generator,
    look: Look,
    dab: NDArray[np.float64],
    blue: NDArray[np.float64],
    centre: NDArray[np.float64],
    outline: NDArray[np.float64],
    stained: NDArray[np.bool_],
    od: float,
) -> None:
    """Add one cell to the densities: cytoplasm, nucleus, membrane."""
    from scipy.spatial import cKDTree
    from shapely import Polygon, contains_xy

    low = np.maximum(np.floor((outline.min(axis=0) - 3) / _FINE_UM), 0).astype(int)
    high = np.minimum(np.ceil((outline.max(axis=0) + 3) / _FINE_UM), len(dab)).astype(int)
    if (high <= low).any():
        return
    x, y = np.meshgrid((np.arange(low[0], high[0]) + 0.5) * _FINE_UM, (np.arange(low[1], high[1]) + 0.5) * _FINE_UM)
    window = np.s_[low[1] : high[1], low[0] : high[0]]
    inside = contains_xy(Polygon(outline), x, y)
    blue[window] += inside * 0.05
    dab[window] += inside * look.blush_od * rng.uniform(0.5, 1.5)
    nucleus = (outline - outline.mean(axis=0)) * rng.uniform(0.5, 0.66)
    if look.own_nuclei:  # of a shape of its own, not the cell's
        nucleus = _blob(rng, float(np.hypot(*nucleus.T).mean()), 0.8)
    nucleus = nucleus + centre + rng.normal(0, 0.25, 2)
    texture = np.kron(rng.normal(1, 0.18, (x.shape[0] // 8 + 1, x.shape[1] // 8 + 1)), np.ones((8, 8)))[: x.shape[0], : x.shape[1]]
    blue[window] += contains_xy(Polygon(nucleus), x, y) * look.nucleus_od * rng.uniform(0.75, 1.25) * texture
    if not stained.any():
        return
    distance, nearest = cKDTree(outline).query(np.column_stack([x.ravel(), y.ravel()]), distance_upper_bound=look.thickness_um)
    n = len(outline)
    wave = 1 + look.uneven * np.sin(np.linspace(0, 2 * np.pi * rng.integers(2, 6), n) + rng.uniform(0, 6))
    along = np.r_[wave * stained, 0.0][nearest]  # an arc ends square, at the last stained point
    profile = np.clip((look.thickness_um / 2 - distance) / _FINE_UM + 0.5, 0, 1) * along
    dab[window] += od * profile.reshape(x.shape)


def _photograph(
    rng: np.random.Generator, look: Look, dab: NDArray[np.float64], blue: NDArray[np.float64], side_px: int
) -> NDArray[np.uint8]:
    """From densities to 8 bits: blur, light per channel averaged over each pixel, noise."""
    import cv2

    sigma = look.blur_um / _FINE_UM
    dab, blue = (cv2.GaussianBlur(field, (0, 0), sigma) for field in (dab, blue))
    rgb = np.empty((side_px, side_px, 3), dtype=np.uint8)
    for i in range(3):
        light = look.white[i] * 10 ** -(blue * look.haematoxylin[i] + dab * look.dab[i])
        seen = cv2.resize(light, (side_px, side_px), interpolation=cv2.INTER_AREA) + rng.normal(0, look.noise, (side_px, side_px))
        rgb[..., i] = np.clip(np.round(seen), 0, 255)
    return rgb
