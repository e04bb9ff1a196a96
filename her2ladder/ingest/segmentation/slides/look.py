"""What `ladder slides` says of a file: size, levels, scale, tissue, and what is missing for segmentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from her2ladder.errors import InputError, LadderError
from her2ladder.ingest.segmentation.slides.info import SlideInfo
from her2ladder.ingest.segmentation.slides.slide import open_slide
from her2ladder.ingest.segmentation.slides.tissue import find_tissue

GUESSED_MPP = 0.25  # to find tissue on a slide that says no scale: the map's pixel is then about 8 um


MAX_IMAGE_PX = 4096


def image_of(
    path: Path, mpp: tuple[float, float], extent_um: tuple[float, float, float, float]
) -> tuple[NDArray[np.uint8], tuple[float, float, float, float]]:
    """Return RGB of a box of a slide (left, top, right, bottom in micrometres), a little widened, and the box it covers.

    mpp      of level 0, as the store has it
    raises   InputError: not a slide, or one that does not reach so far
    """
    with open_slide(path, mpp) as slide:
        info = slide.info
        x0, y0, x1, y1 = (place / mpp[axis % 2] for axis, place in enumerate(extent_um))
        wider = 0.02 * max(x1 - x0, y1 - y0) + 40
        left, top = max(x0 - wider, info.x_px), max(y0 - wider, info.y_px)
        right, bottom = min(x1 + wider, info.x_px + info.width_px), min(y1 + wider, info.y_px + info.height_px)
        if right <= left or bottom <= top:
            raise InputError(f"{path}: wanted the slide that the cells were found on, found one that ends before them")
        step = max((right - left) / MAX_IMAGE_PX, (bottom - top) / MAX_IMAGE_PX, 1.0)
        width, height = max(round((right - left) / step), 1), max(round((bottom - top) / step), 1)
        rgb = slide.read(round(left), round(top), width, height, (step, step))
        x, y = round(left), round(top)
        return rgb, (x * mpp[0], y * mpp[1], (x + width * step) * mpp[0], (y + height * step) * mpp[1])


def look_at(path: Path) -> dict[str, Any]:
    """Return one row for a file; one that cannot be read has the reason in `missing`."""
    try:
        with open_slide(path) as slide:
            info = slide.info
            mpp = (info.mpp_x, info.mpp_y) if info.mpp_x and info.mpp_y else None
            tissue = find_tissue(slide, mpp or (GUESSED_MPP, GUESSED_MPP))
            return _row(info) | {
                "tissue_share": round(float(tissue.is_tissue.mean()), 4),
                "tissue_mm2": round(tissue.area_mm2(mpp), 3) if mpp else None,
                "missing": "; ".join(_missing(info, tissue.n_px)),
                "readable": True,
            }
    except LadderError as error:
        return {"file": path.name, "missing": str(error), "readable": False}


def _row(info: SlideInfo) -> dict[str, Any]:
    return {
        "file": info.path.name,
        "vendor": info.vendor,
        "width_px": info.width_px,
        "height_px": info.height_px,
        "x_px": info.x_px,
        "y_px": info.y_px,
        "levels": len(info.levels),
        "downsamples": [round(level.downsample_x, 4) for level in info.levels],
        "mpp_x": info.mpp_x,
        "mpp_y": info.mpp_y,
        "objective": info.objective or None,
    }


def _missing(info: SlideInfo, n_tissue: int) -> list[str]:
    found = []
    if info.mpp_x is None:
        said = f"it says {info.said_mpp[0]:g}, which cannot be" if info.said_mpp else "it says none"
        found.append(f"mpp ({said}): give it by --mpp")
    if not n_tissue:
        found.append("tissue")
    if len(info.levels) == 1 and info.width_px * info.height_px > 100_000_000:
        found.append("smaller levels: reading will be slow")
    return found
