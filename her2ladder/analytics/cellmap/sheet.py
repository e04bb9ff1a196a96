"""A sheet of paper in pixels that grows downwards, for pictures laid out by hand: text, boxes and images, written as a PNG."""

from __future__ import annotations

from bisect import bisect_left
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.transforms import IdentityTransform
from numpy.typing import NDArray

from her2ladder.analytics.cellmap.files import whole_file
from her2ladder.analytics.cellmap.labels import plain_text

INK = "#16181d"


class Sheet:
    """A page that grows downwards: things are noted with their distance from the top, and drawn when the height is known."""

    def __init__(self, width_in: float, dpi: int) -> None:
        self.dpi = dpi
        self.point = dpi / 72 * min(width_in / 7.0, 2.0)  # text shrinks with a narrower sheet
        self.width = round(width_in * dpi)
        self.margin = round(10 * self.point)
        self.inner = self.width - 2 * self.margin
        self.top = float(self.margin)
        self._notes: list[tuple[str, dict[str, Any]]] = []
        self._ruler = FigureCanvasAgg(Figure(dpi=dpi)).get_renderer()
        self._fonts = Figure(dpi=dpi)

    def down(self, points: float) -> None:
        """Move the pen down."""
        self.top += points * self.point

    def measure(self, words: str, size: float, weight: str = "normal") -> float:
        """Return the width of a line of text in pixels."""
        text = self._fonts.text(0, 0, words, fontsize=size * self.point * 72 / self.dpi, weight=weight, parse_math=False)
        width = float(text.get_window_extent(self._ruler).width)
        text.remove()
        return width

    def text(
        self,
        left: float,
        words: str,
        *,
        size: float,
        colour: str = INK,
        weight: str = "normal",
        align: str = "left",
        fit: float | None = None,
    ) -> float:
        """Note a line of text whose top is at the pen, cut with an ellipsis to `fit` pixels; return its width."""
        words = plain_text(words)
        if fit is not None and self.measure(words, size, weight) > fit:
            keep = bisect_left(range(len(words)), True, key=lambda n: self.measure(words[: n + 1] + "…", size, weight) > fit)
            words = words[:keep] + "…"
        note = {"left": self.margin + left, "top": self.top, "words": words, "size": size * self.point * 72 / self.dpi}
        self._notes.append(("text", {**note, "colour": colour, "weight": weight, "align": align}))
        return self.measure(words, size, weight)

    def box(self, left: float, top: float, width: float, height: float, **look: Any) -> None:
        """Note a rectangle; `left` and `top` from the margin and the pen."""
        self._notes.append(("box", {"left": self.margin + left, "top": self.top + top, "width": width, "height": height, **look}))

    def image(self, left: float, rgba: NDArray[np.uint8]) -> None:
        """Note a picture, pixel for pixel, its top at the pen."""
        self._notes.append(("image", {"left": round(self.margin + left), "top": round(self.top), "rgba": rgba}))

    def save(self, path: Path, metadata: dict[str, str]) -> None:
        """Draw what was noted and put the file in place whole."""
        height = ceil(self.top + self.margin)
        figure = Figure(figsize=(self.width / self.dpi, height / self.dpi), dpi=self.dpi, facecolor="white")
        canvas = FigureCanvasAgg(figure)
        for kind, note in self._notes:
            _DRAW[kind](figure, height, **note)
        with whole_file(path) as place:
            canvas.print_png(place, metadata={k: v for k, v in metadata.items() if v})


def _draw_text(
    figure: Figure, page: int, *, left: float, top: float, words: str, size: float, colour: str, weight: str, align: str
) -> None:
    look: dict[str, Any] = {"fontsize": size, "color": colour, "weight": weight, "ha": align, "va": "top", "parse_math": False}
    figure.text(left, page - top, words, transform=IdentityTransform(), **look)


def _draw_box(figure: Figure, page: int, *, left: float, top: float, width: float, height: float, **look: Any) -> None:
    figure.add_artist(Rectangle((left, page - top - height), width, height, transform=IdentityTransform(), **look))


def _draw_image(figure: Figure, page: int, *, left: int, top: int, rgba: NDArray[np.uint8]) -> None:
    figure.figimage(rgba, left, page - top - rgba.shape[0], origin="upper")


_DRAW: dict[str, Any] = {"text": _draw_text, "box": _draw_box, "image": _draw_image}
