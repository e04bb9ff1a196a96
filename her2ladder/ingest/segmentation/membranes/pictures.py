"""Tiles in files (PNG, JPEG, TIFF): read with bounded memory, on white where they are transparent."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from her2ladder.errors import InputError
from her2ladder.schema.vocabulary import MPP_PLAUSIBLE_UM

MAX_PIXELS = 50_000_000
FORMATS = ("PNG", "JPEG", "TIFF")


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Return (H, W, 3) RGB.

    raises   InputError: no such file, not a picture of these formats, damaged, or of more than 50 million pixels
    """
    from PIL import Image

    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        with Image.open(path, formats=FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise InputError(f"{path}: wanted a tile of at most {MAX_PIXELS:,} pixels, found {picture.width} x {picture.height}")
            if "A" in picture.getbands():
                white = Image.new("RGBA", picture.size, "white")
                return np.asarray(Image.alpha_composite(white, picture.convert("RGBA")).convert("RGB"))
            return np.asarray(picture.convert("RGB"))
    except InputError:
        raise
    except Exception as error:  # Pillow's decoders raise many kinds for a damaged file
        raise InputError(f"{path}: wanted a tile as {', '.join(FORMATS)}, found: {str(error).splitlines()[0][:200]}") from error


def mpp_of_picture(path: Path) -> float | None:
    """Return the micrometres per pixel that a picture says: Aperio's description, or its resolution where that can be a scanner's.

    None where it says none: 72 dots an inch, as many programs write, are 353 um/px and no scanner.
    """
    from PIL import Image

    try:
        with Image.open(path, formats=FORMATS) as picture:
            told = re.search(r"MPP\s*=\s*([0-9.]+)", str(getattr(picture, "tag_v2", {}).get(270, "")))
            dots = picture.info.get("dpi")
            found = float(told.group(1)) if told else 25_400 / float(dots[0]) if dots and dots[0] else 0.0
    except Exception:  # whoever reads the picture says what is wrong with it
        return None
    return found if MPP_PLAUSIBLE_UM[0] <= found <= MPP_PLAUSIBLE_UM[1] else None
