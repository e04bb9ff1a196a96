"""A slide's image beneath its cells: pixels, and where they lie in micrometres."""

from __future__ import annotations

import base64
import io
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

JPEG_QUALITY = 85
DOT_SHARE = 0.35  # of the usual dot: on an image the nucleus beneath must be seen


class Over(NamedTuple):
    """rgb (H, W, 3) uint8; extent_um: left, top, right, bottom."""

    rgb: NDArray[np.uint8]
    extent_um: tuple[float, float, float, float]


def as_data_url(over: Over) -> str:
    """Return the image as a JPEG in a data: address."""
    from PIL import Image

    sink = io.BytesIO()
    Image.fromarray(over.rgb).save(sink, "JPEG", quality=JPEG_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(sink.getvalue()).decode()}"


def under(over: Over, corner_um: tuple[float, float], scale: float, width: int, height: int) -> NDArray[np.uint8]:
    """Return the part of the image that lies beneath a picture, at the picture's scale; white where there is none.

    corner_um   of the picture's left upper pixel
    scale       the picture's pixels a micrometre
    returns     (height, width, 4) RGBA
    """
    left, top, right, bottom = over.extent_um
    rows, columns = over.rgb.shape[:2]
    x = np.floor((corner_um[0] + (np.arange(width) + 0.5) / scale - left) / (right - left) * columns).astype(np.int64)
    y = np.floor((corner_um[1] + (np.arange(height) + 0.5) / scale - top) / (bottom - top) * rows).astype(np.int64)
    out = np.full((height, width, 4), 255, dtype=np.uint8)
    has_x, has_y = (x >= 0) & (x < columns), (y >= 0) & (y < rows)
    out[np.ix_(has_y, has_x, [0, 1, 2])] = over.rgb[np.ix_(y[has_y], x[has_x])]
    return out
