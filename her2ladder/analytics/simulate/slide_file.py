"""A picture as a slide file: a tiled, pyramidal TIFF that OpenSlide reads as a scanner's (extra [segment])."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from her2ladder.errors import InputError

TILE_PX = 256
LEVELS = 3  # each a quarter of the one before, in both directions


def write_slide(path: Path, rgb: NDArray[np.uint8], mpp: float, *, times: tuple[int, int] = (1, 1)) -> None:
    """Write a picture, repeated `times` across and down, as an Aperio slide; memory does not grow with the repeats.

    raises   InputError where the extra [segment] is not installed
    """
    try:
        import tifffile
    except ImportError as error:
        raise InputError(f"a slide file needs the extra [segment]: pip install 'her2ladder[segment]' ({error})") from error
    said = f"Aperio Image Library, drawn by LADDER |AppMag = {round(10 / mpp)}|MPP = {mpp:g}"
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for level in range(LEVELS):
            part = rgb[:: 4**level, :: 4**level] if level == 0 else _smaller(rgb, 4**level)
            height, width = part.shape[0] * times[1], part.shape[1] * times[0]
            if level and min(height, width) < TILE_PX:
                break
            file.write(
                _tiles(part, height, width),
                shape=(height, width, 3),
                dtype="uint8",
                photometric="rgb",
                tile=(TILE_PX, TILE_PX),
                compression="deflate",
                description=said if level == 0 else None,
                subfiletype=1 if level else 0,
                metadata=None,
            )


def _smaller(rgb: NDArray[np.uint8], by: int) -> NDArray[np.uint8]:
    """Return the mean of each by x by pixels; what is left over at the end is left out."""
    height, width = (side // by for side in rgb.shape[:2])
    cut = rgb[: height * by, : width * by].reshape(height, by, width, by, 3)
    return np.asarray(cut.mean(axis=(1, 3)).round().astype(np.uint8))


def _tiles(part: NDArray[np.uint8], height: int, width: int) -> Iterator[NDArray[np.uint8]]:
    """Yield the tiles of the repeated picture, row by row; the last ones are filled up with white."""
    for top in range(0, height, TILE_PX):
        rows = np.arange(top, min(top + TILE_PX, height)) % part.shape[0]
        for left in range(0, width, TILE_PX):
            columns = np.arange(left, min(left + TILE_PX, width)) % part.shape[1]
            tile = np.full((TILE_PX, TILE_PX, 3), 255, dtype=np.uint8)
            tile[: len(rows), : len(columns)] = part[np.ix_(rows, columns)]
            yield tile
