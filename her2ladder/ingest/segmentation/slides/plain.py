"""One image that is no slide of OpenSlide: TIFF, PNG, JPEG, held whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from her2ladder.errors import InputError
from her2ladder.ingest.segmentation.slides.info import PLAIN, Level, Pixels, SlideInfo, on_white, plainly, plausible

MAX_PLAIN_PX = 200_000_000  # a plain image is held whole: 600 MB


# ------------------------------------------------------------------------------------------------ plain images
class _Plain:
    def __init__(self, pixels: Pixels) -> None:
        self._pixels = pixels

    def read(self, level: int, x0: float, y0: float, width: int, height: int) -> Pixels:
        out = np.full((height, width, 3), 255, dtype=np.uint8)
        x, y = round(x0), round(y0)
        part = self._pixels[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)]
        if part.size:
            top, left = max(-y, 0), max(-x, 0)
            out[top : top + part.shape[0], left : left + part.shape[1]] = part
        return out

    def close(self) -> None:
        pass


def open_plain(path: Path) -> tuple[_Plain, SlideInfo]:
    """Open one image that is no slide of OpenSlide's.

    raises   InputError: not an image, damaged, or too large to be held whole
    """
    from PIL import Image

    if path.is_dir():
        raise InputError(f"{path}: wanted a slide, found a folder")
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None  # ours is told in one line
    try:
        with Image.open(path, formats=("PNG", "JPEG", "TIFF")) as image:
            width, height = image.size
            if width * height > MAX_PLAIN_PX:
                raise InputError(
                    f"{path}: an image of {width:,} x {height:,} px without a pyramid, of which at most {MAX_PLAIN_PX:,} px are read: "
                    "write it as a tiled pyramidal TIFF"
                )
            said = _resolution(image)
            pixels = _rgb(image)
    except InputError:
        raise
    except Exception as error:  # PIL raises many kinds on damaged files
        known = "a damaged image" if path.suffix.lower() in (".png", ".jpg", ".jpeg", ".tif", ".tiff") else "no file of these"
        raise InputError(
            f"{path}: wanted a slide that OpenSlide reads, or a TIFF, PNG or JPEG image; found {known} ({plainly(error)})"
        ) from None
    finally:
        Image.MAX_IMAGE_PIXELS = limit
    mpp = plausible(said)
    level = Level(width, height, 1.0, 1.0)
    return _Plain(pixels), SlideInfo(path, PLAIN, 0, 0, width, height, (level,), mpp[0], mpp[1], said)


def _rgb(image: Any) -> Pixels:
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        raise ValueError(f"pixels of kind {image.mode}: wanted 8 bits a colour")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        return on_white(np.asarray(image.convert("RGBA")))
    return np.array(image.convert("RGB"))


def _resolution(image: Any) -> tuple[float, float] | None:
    """Return micrometres per pixel from a TIFF's own resolution tags; PNG and JPEG hold dots per inch of paper, which are not read."""
    tags = getattr(image, "tag_v2", None)
    unit = {2: 25_400.0, 3: 10_000.0}.get(int(tags.get(296, 2))) if tags is not None else None
    if not unit or tags is None or not tags.get(282) or not tags.get(283):
        return None
    return unit / float(tags[282]), unit / float(tags[283])
