"""Reads a page back from the layout in the docstring of points.py alone: an independent answer to what its script unpacks."""

from __future__ import annotations

import base64
import gzip
import html.parser
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray


class _Elements(html.parser.HTMLParser):
    """Every start tag with its attributes, and the text of each script."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.text = ""
        self._open: dict[str, str | None] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self._open = dict(attrs)
            self.scripts.append((self._open, ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._open = None

    def handle_data(self, data: str) -> None:
        if self._open is None:
            self.text += data
        else:
            self.scripts[-1] = (self.scripts[-1][0], self.scripts[-1][1] + data)


def parse(page: str) -> _Elements:
    """Return the page as a browser's parser sees it, nearly."""
    elements = _Elements()
    elements.feed(page)
    elements.close()
    return elements


def heads(page: str) -> list[dict[str, Any]]:
    """Return what each map of the page tells its script."""
    return [json.loads(text) for attrs, text in parse(page).scripts if attrs.get("class") == "cmap-head-data"]


def cells_of(page: str, which: int = 0) -> dict[str, NDArray[Any]]:
    """Return x_um, y_um, code and, where there is one, value of a map's cells, sorted by (x, y, code)."""
    head = heads(page)[which]
    packed = [text for attrs, text in parse(page).scripts if attrs.get("class") == "cmap-points"][which]
    raw = gzip.decompress(base64.b64decode(packed, validate=True))
    n, bands = head["n"], head["bands"]
    counts = np.frombuffer(raw, "<u4", bands).astype(np.int64)
    planes = np.frombuffer(raw, np.uint8, offset=4 * bands).reshape(-1, n).astype(np.int64) if n else np.zeros((7, 0), dtype=np.int64)
    band = np.repeat(np.arange(bands), counts)
    step = planes[0] + 256 * planes[1]
    x = np.concatenate([np.cumsum(part) for part in np.split(step, np.cumsum(counts)[:-1])])
    y = band * (65536 // bands) + planes[2] + 256 * planes[3]
    got: dict[str, NDArray[Any]] = {"x_um": head["x0"] + x * head["stepX"], "y_um": head["y0"] + y * head["stepY"], "code": planes[4]}
    if head["value"]:
        value = planes[5] + 256 * planes[6]
        got["value"] = np.where(value == 65535, np.nan, head["value"]["lowest"] + value * head["value"]["step"])
    return got
