"""One tile of a slide to the cells that it owns: pixels, maps, nuclei, the fusion of two networks, places on the slide."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from her2ladder.ingest.segmentation.hovernet.post_process import Nuclei, find_nuclei
from her2ladder.ingest.segmentation.networks import Network
from her2ladder.ingest.segmentation.slides.grid import Grid, Tile
from her2ladder.ingest.segmentation.slides.info import Pixels
from her2ladder.ingest.segmentation.slides.slide import Slide

SCHEMA = pa.schema(
    [
        ("x_px", pa.float64()),
        ("y_px", pa.float64()),
        ("label", pa.string()),
        ("class_prob", pa.float32()),
        ("outline", pa.list_(pa.float64())),  # x, y, x, y … in pixels of level 0
        ("membrane_completeness", pa.float64()),
        ("membrane_od", pa.float64()),
        ("cytoplasm_od", pa.float64()),
    ]
)
FUSED_SHARE = 0.05


@dataclass(frozen=True)
class Found:
    """Nuclei in network pixels, counted from the slide's corner.

    label      None where the network has no types
    prob       NaN where there is none
    measures   column of SCHEMA -> (n,), NaN = none: of HER2 cells
    """

    centroid: NDArray[np.float64]
    outlines: list[NDArray[np.float64]]
    label: list[str | None]
    prob: NDArray[np.float64]
    measures: dict[str, NDArray[Any]] = field(default_factory=dict)

    def part(self, keep: NDArray[np.bool_]) -> Found:
        at = np.flatnonzero(keep)
        return Found(
            self.centroid[at],
            [self.outlines[i] for i in at],
            [self.label[i] for i in at],
            self.prob[at],
            {k: v[at] for k, v in self.measures.items()},
        )


def seen(grid: Grid, tile: Tile) -> tuple[int, int, int, int]:
    """Return the tile with its margin, cut at the slide's edges: x0, y0, x1, y1 in network pixels."""
    m = grid.margin
    return max(tile.x0 - m, 0), max(tile.y0 - m, 0), min(tile.x1 + m, grid.width), min(tile.y1 + m, grid.height)


def read_mirrored(slide: Slide, grid: Grid, x0: int, y0: int, x1: int, y1: int) -> Pixels:
    """Return RGB of a box in network pixels; what lies beyond the slide mirrors what lies within, as HoVer-Net's own padding does."""
    left, top, right, bottom = max(x0, 0), max(y0, 0), min(x1, grid.width), min(y1, grid.height)
    place = (grid.origin[0] + left * grid.scale[0], grid.origin[1] + top * grid.scale[1])
    rgb = slide.read(*place, right - left, bottom - top, grid.scale)
    beyond = ((top - y0, y1 - bottom), (left - x0, x1 - right), (0, 0))
    return np.pad(rgb, beyond, mode="reflect" if min(rgb.shape[:2]) > 1 else "edge") if any(map(any, beyond)) else rgb


def find(network: Network, slide: Slide, grid: Grid, tile: Tile, preset: str, prefix: str = "") -> Found:
    """Return the nuclei of a tile and its margin, in network pixels from the slide's corner.

    prefix   stands before the number of a type, where two networks are fused
    """
    x0, y0, x1, y1 = seen(grid, tile)
    across, down = (network.span(low, high, slide.info.is_plain) for low, high in ((x0, x1), (y0, y1)))
    rgb = read_mirrored(slide, grid, across[0], down[0], across[1], down[1])
    maps = network.maps(rgb)[y0 - down[2] : y1 - down[2], x0 - across[2] : x1 - across[2]]
    _, nuclei = find_nuclei(maps, network.n_types, preset)
    return _found(nuclei, (x0, y0), network.n_types, prefix)


def _found(nuclei: Nuclei, corner: tuple[int, int], n_types: int | None, prefix: str) -> Found:
    label = [None if n_types is None else f"{prefix}{kind}" for kind in nuclei.type.tolist()]
    prob = np.full(len(label), np.nan) if n_types is None else nuclei.type_share
    at = np.array(corner, dtype=np.float64)
    return Found(nuclei.centroid.reshape(-1, 2) + at, [ring + at for ring in nuclei.contours], label, prob)


def fused(base: Found, other: Found, wins: frozenset[str]) -> Found:
    """Return the cells of two networks: one of the other's whose label wins displaces every base cell that covers more than 5 % of it.

    source   the FUSCC pipeline of 2026 (PanNuke and MoNuSAC), merge of two HoVer-Net results
    """
    import shapely

    new = other.part(np.array([label in wins for label in other.label], dtype=np.bool_))
    if not new.label or not base.label:
        return _both(base, new)
    old_shapes, new_shapes = (shapely.make_valid(np.array([shapely.Polygon(ring) for ring in one.outlines])) for one in (base, new))
    i, j = shapely.STRtree(old_shapes).query(new_shapes, predicate="intersects")
    share = shapely.area(shapely.intersection(new_shapes[i], old_shapes[j])) / np.maximum(shapely.area(new_shapes[i]), 1e-9)
    keep = np.ones(len(base.label), dtype=np.bool_)
    keep[j[share > FUSED_SHARE]] = False
    return _both(base.part(keep), new)


def _both(one: Found, two: Found) -> Found:
    return Found(
        np.concatenate([one.centroid, two.centroid]),
        [*one.outlines, *two.outlines],
        [*one.label, *two.label],
        np.concatenate([one.prob, two.prob]),
    )


def owned(found: Found, tile: Tile) -> Found:
    """Return the nuclei whose centroid lies in the tile, its left and upper edge included."""
    x, y = found.centroid.T
    return found.part(np.asarray((x >= tile.x0 - 0.5) & (x < tile.x1 - 0.5) & (y >= tile.y0 - 0.5) & (y < tile.y1 - 0.5)))


def on_slide(found: Found, grid: Grid) -> pa.Table:
    """Return the nuclei as rows (SCHEMA), in pixels of level 0; a pixel's centre is a whole number in both."""
    scale, origin = np.array(grid.scale), np.array(grid.origin)
    shift = origin + 0.5 * (scale - 1)
    centroid = found.centroid * scale + shift
    points = np.concatenate(found.outlines) * scale + shift if found.outlines else np.empty((0, 2))
    ends = np.r_[0, np.cumsum([2 * len(ring) for ring in found.outlines], dtype=np.int64)].astype(np.int32)
    columns: list[Any] = [
        pa.array(centroid[:, 0]),
        pa.array(centroid[:, 1]),
        pa.array(found.label, pa.string()),
        pa.array(found.prob.astype(np.float32), mask=np.isnan(found.prob)),
        pa.ListArray.from_arrays(pa.array(ends), pa.array(points.ravel())),
        *(_measure(found, name) for name in SCHEMA.names[5:]),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def _measure(found: Found, name: str) -> pa.Array:
    if name not in found.measures:
        return pa.nulls(len(found.label), pa.float64())
    values = found.measures[name].astype(np.float64)
    return pa.array(values, mask=np.isnan(values))


def find_membranes(slide: Slide, grid: Grid, tile: Tile, mpp: float, white: NDArray[np.float64], factor: float) -> Found:
    """Return the cells of a HER2 tile and its margin, with their membranes' numbers; an outline is the nucleus's (decision 0039).

    mpp      micrometres per pixel of level 0
    factor   of the batch's calibration
    """
    from her2ladder.ingest.segmentation.membranes import segment_tile

    x0, y0, x1, y1 = seen(grid, tile)
    rgb = read_mirrored(slide, grid, x0, y0, x1, y1)
    cells = segment_tile(rgb, mpp * grid.scale[0], white, factor)
    at = np.array([x0, y0], dtype=np.float64)
    keep = np.array([len(ring) >= 3 for ring in cells.nuclei], dtype=np.bool_)
    measures = {"membrane_completeness": cells.completeness, "membrane_od": cells.membrane_od, "cytoplasm_od": cells.cytoplasm_od}
    places = np.column_stack([cells.x_px, cells.y_px]).reshape(-1, 2) + at
    label: list[str | None] = list(cells.classes(factor))
    return Found(places, [ring + at for ring in cells.nuclei], label, np.full(len(label), np.nan), measures).part(keep)
