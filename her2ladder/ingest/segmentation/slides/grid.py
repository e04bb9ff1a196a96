"""Tiles of a slide at the scale that a network works at: each owns the nuclei whose centroid lies in it, and sees a margin around itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from her2ladder.errors import InputError
from her2ladder.ingest.segmentation.slides.info import SlideInfo
from her2ladder.ingest.segmentation.slides.tissue import TissueMap

TILE_PX = 1024
MARGIN_PX = {"HE": 64, "HER2": 96}  # chosen: 16 um at 0.25 um/px holds a nucleus, 24 um a cell with its membrane and neighbour
WHOLE_PX = 2048  # a plain image up to this size is one tile, as HoVer-Net's tile mode has it
AS_IT_IS = 1.1  # a slide whose scale is within this factor of the network's is not scaled


class Tile(NamedTuple):
    """A box in network pixels, and its place in the grid."""

    row: int
    column: int
    x0: int
    y0: int
    x1: int
    y1: int


class Roi(NamedTuple):
    """A box in pixels of level 0."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Grid:
    """How network pixels lie on the slide.

    scale          level-0 pixels per network pixel, x and y
    width, height  of the scanned part in network pixels
    origin         level-0 place of network pixel 0, 0
    """

    origin: tuple[float, float]
    scale: tuple[float, float]
    width: int
    height: int
    margin: int


def scale_for(mpp: tuple[float, float], network_mpp: float) -> tuple[float, float]:
    """Return level-0 pixels per network pixel; 1 where the slide's scale is near the network's, since scaling costs sharpness."""
    ratio = (network_mpp / mpp[0], network_mpp / mpp[1])
    return (1.0, 1.0) if all(1 / AS_IT_IS <= one <= AS_IT_IS for one in ratio) else ratio


def lay_tiles(
    info: SlideInfo, tissue: TissueMap, scale: tuple[float, float], roi: Roi | None = None, stain: str = "HE"
) -> tuple[Grid, list[Tile]]:
    """Return how network pixels lie on the slide, and its tiles that have tissue, row by row.

    roi      only cells whose centroid lies in it; in pixels of level 0
    raises   InputError where the roi lies outside the slide
    """
    width, height = max(round(info.width_px / scale[0]), 1), max(round(info.height_px / scale[1]), 1)
    x0, y0, x1, y1 = _box(info, roi, scale, width, height)
    whole = info.is_plain and max(x1 - x0, y1 - y0) <= WHOLE_PX
    side = WHOLE_PX if whole else TILE_PX
    tiles = []
    for row in range(math.ceil((y1 - y0) / side)):
        for column in range(math.ceil((x1 - x0) / side)):
            left, top = x0 + column * side, y0 + row * side
            tile = Tile(row, column, left, top, min(left + side, x1), min(top + side, y1))
            corners = (
                info.x_px + left * scale[0],
                info.y_px + top * scale[1],
                info.x_px + tile.x1 * scale[0],
                info.y_px + tile.y1 * scale[1],
            )
            if tissue.share(*corners) > 0:
                tiles.append(tile)
    return Grid((info.x_px, info.y_px), scale, width, height, MARGIN_PX[stain]), tiles


def _box(info: SlideInfo, roi: Roi | None, scale: tuple[float, float], width: int, height: int) -> tuple[int, int, int, int]:
    """Return the region in network pixels."""
    if roi is None:
        return 0, 0, width, height
    x0, y0 = round((roi.x - info.x_px) / scale[0]), round((roi.y - info.y_px) / scale[1])
    x1, y1 = round((roi.x + roi.width - info.x_px) / scale[0]), round((roi.y + roi.height - info.y_px) / scale[1])
    box = (max(x0, 0), max(y0, 0), min(x1, width), min(y1, height))
    if box[0] >= box[2] or box[1] >= box[3]:
        raise InputError(
            f"{info.path}: --roi {roi.x:g},{roi.y:g},{roi.width:g},{roi.height:g}: wanted a box (x, y, width, height in pixels of level 0) on the "
            f"slide, which spans x {info.x_px} to {info.x_px + info.width_px}, y {info.y_px} to {info.y_px + info.height_px}"
        )
    return box


def parse_roi(text: str) -> Roi:
    """Return the box of `x,y,width,height`.

    raises   InputError
    """
    try:
        x, y, width, height = (float(part) for part in text.split(","))
    except ValueError:
        x = y = width = height = math.nan
    if not all(math.isfinite(one) for one in (x, y, width, height)) or width <= 0 or height <= 0:
        raise InputError(f"--roi: wanted x,y,width,height in pixels of level 0 (1000,2000,4096,4096), found {text[:60]!r}")
    return Roi(x, y, width, height)
