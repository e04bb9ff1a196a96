"""The cell map as a PNG for a paper or a slide: true aspect, y down, scale bar, legend with counts, what it is and where it came from.

Laid out in pixels from the upper left corner. The default sheet is 7 inches wide with 12 point text, so that it still reads when a
journal sets it in one column (3.5 inches, 6 point).
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from her2ladder.analytics.cellmap.cells import NUCLEUS_UM, MapCells, dot_um, map_cells
from her2ladder.analytics.cellmap.labels import NO_VALUE_COLOUR, length_label, plain_text, ramp_colours, scale_bar_um, summary, value_range
from her2ladder.analytics.cellmap.over import DOT_SHARE, Over, under
from her2ladder.analytics.cellmap.raster import paint
from her2ladder.analytics.cellmap.sheet import INK, Sheet
from her2ladder.analytics.figures.palette import class_colours
from her2ladder.errors import InputError

MUTED, FRAME, BADGE = "#5b616b", "#c9cdd4", "#8a4b00"
_MAX_PICTURE_IN = 40.0
_TALLEST = 1.25  # height of the map over the sheet's width


def write_png(
    path: str | os.PathLike[str],
    x_um: ArrayLike,
    y_um: ArrayLike,
    cls: Any,
    classes: Sequence[str],
    title: str,
    *,
    stain: str = "",
    provenance: str = "",
    is_synthetic: bool = False,
    value: ArrayLike | None = None,
    value_name: str = "",
    extent_um: tuple[float, float, float, float] | None = None,
    width_in: float = 7.0,
    dpi: int = 300,
    seed: int = 0,
    over: Over | None = None,
) -> None:
    """Write the map of a slide's cells, all of them, as a PNG; see `cells.map_cells` for the arrays.

    title         slide id, as plain text: nothing in it is read as mathematics
    is_synthetic  puts a SYNTHETIC badge beside the title
    value         colours cells by a number instead of by class
    seed          of the order in which cells are painted over each other
    over          the slide's image, to be drawn beneath the cells
    raises        InputError for bad arrays or a sheet outside 2..40 inches
    """
    if not (2.0 <= width_in <= _MAX_PICTURE_IN and 50 <= dpi <= 1200):
        raise InputError(f"cell map: a picture is 2..{_MAX_PICTURE_IN:g} inches wide at 50..1200 dpi, got {width_in} at {dpi}")
    cells = map_cells(x_um, y_um, cls, classes, value=value, value_name=value_name, extent_um=extent_um)
    with warnings.catch_warnings():  # a slide id in a script that the font lacks shows boxes; the map is still right
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from", category=UserWarning)
        sheet = Sheet(width_in, dpi)
        _header(sheet, cells, title, stain, is_synthetic)
        _ground(sheet, cells, seed, over)
        _legend(sheet, cells)
        _footer(sheet, provenance)
        sheet.save(Path(path), {"Title": plain_text(title), "Description": plain_text(provenance)})


def _footer(sheet: Sheet, provenance: str) -> None:
    """Where the cells came from, over as many as three lines."""
    sheet.down(2)
    words = plain_text(provenance).split()
    for last in (False, False, True):
        line = 0
        while line < len(words) and (last or sheet.measure(" ".join(words[: line + 1]), 8) <= sheet.inner):
            line += 1
        line = line or len(words)  # one endless word is cut instead
        if words:
            sheet.text(0, " ".join(words[:line]), size=8, colour=MUTED, fit=sheet.inner)
            sheet.down(11)
        words = words[line:]


def _header(sheet: Sheet, cells: MapCells, title: str, stain: str, is_synthetic: bool) -> None:
    """Title and badge; below it stain, number of cells, size of the ground."""
    badge = "SYNTHETIC"
    badge_width = sheet.measure(badge, 9, "bold") + 10 * sheet.point if is_synthetic else 0.0
    sheet.text(0, title, size=15, weight="bold", fit=sheet.inner - badge_width - 8 * sheet.point)
    if is_synthetic:
        left = sheet.inner - badge_width
        sheet.box(left, 1 * sheet.point, badge_width, 15 * sheet.point, facecolor="#fff3dc", edgecolor=BADGE, linewidth=0.8)
        sheet.top += 4 * sheet.point
        sheet.text(left + 5 * sheet.point, badge, size=9, weight="bold", colour=BADGE)
        sheet.top -= 4 * sheet.point
    sheet.down(21)
    sheet.text(0, summary(cells, stain), size=12, colour=MUTED, fit=sheet.inner)
    sheet.down(20)


def _ground(sheet: Sheet, cells: MapCells, seed: int, over: Over | None) -> None:
    """The cells, framed, and the scale bar below."""
    left, top, right, bottom = cells.extent_um
    pad = round(5 * sheet.point)
    for _ in range(2):  # a second time where the dots at the border need more room than the first gave
        scale = min((sheet.inner - 2 * pad) / (right - left), (_TALLEST * sheet.inner - 2 * pad) / (bottom - top))  # pixels a micrometre
        diameter = float(np.clip(dot_um(cells) * scale * (DOT_SHARE if over else 1), 1.6, max(2.2 * sheet.point, NUCLEUS_UM * scale)))
        pad = max(pad, ceil(diameter / 2) + 1)
    width, height = round((right - left) * scale) + 2 * pad, round((bottom - top) * scale) + 2 * pad
    indent = (sheet.inner - width) // 2
    colours = _cell_colours(cells)
    picture = paint((cells.x_um - left) * scale + pad, (cells.y_um - top) * scale + pad, colours, width, height, diameter, seed)
    if over is not None:
        sheet.image(indent, under(over, (left - pad / scale, top - pad / scale), scale, width, height))
    sheet.image(indent, picture)
    sheet.box(indent, 0, width, height, fill=False, edgecolor=FRAME, linewidth=0.6)
    if not len(cells.x_um):
        sheet.top += height / 2
        sheet.text(indent + width / 2, "no cells on this slide", size=12, colour=MUTED, align="center")
        sheet.top -= height / 2
    sheet.top += height
    sheet.down(7)
    bar = scale_bar_um(0.25 * width / scale)
    sheet.box(indent, 3 * sheet.point, bar * scale, 3 * sheet.point, facecolor=INK, linewidth=0)
    sheet.text(indent + bar * scale + 6 * sheet.point, length_label(bar), size=12)
    sheet.down(20)


def _cell_colours(cells: MapCells) -> NDArray[np.uint8]:
    """Return (n, 3) RGB of each cell: by its class, or along the ramp by its value."""
    if cells.value is None:
        table = np.array([_rgb(colour) for colour in class_colours(cells.classes).values()], dtype=np.uint8).reshape(-1, 3)
        return np.asarray(table[cells.code])
    low, high = value_range(cells.value)
    table = np.array([_rgb(colour) for colour in (*ramp_colours(), NO_VALUE_COLOUR)], dtype=np.uint8)
    known = np.isfinite(cells.value)
    place = np.full(len(cells.code), len(table) - 1)
    place[known] = np.clip(np.rint((cells.value[known] - low) / (high - low) * (len(table) - 2)), 0, len(table) - 2).astype(np.int64)
    return np.asarray(table[place])


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _legend(sheet: Sheet, cells: MapCells) -> None:
    """Classes with counts and shares in two columns; with a value, its ramp before them and no swatches."""
    if cells.value is not None:
        _ramp(sheet, cells)
    colours, total = class_colours(cells.classes), max(cells.n_total, 1)
    counts = [f"{count:,} ({100 * count / total:.1f} %)" for count in cells.counts]
    line, swatch, gap = 17 * sheet.point, 10 * sheet.point, 14 * sheet.point
    columns, size, width = _legend_columns(sheet, cells.classes, counts, 24 * sheet.point)
    rows = ceil(len(cells.classes) / columns)
    start = sheet.top
    for position, name in enumerate(cells.classes):
        column, row = divmod(position, rows)
        left = column * (width + gap)
        sheet.top = start + row * line
        ink = INK if cells.counts[position] else MUTED
        if cells.value is None:
            sheet.box(left, 1.5 * sheet.point, swatch, swatch, facecolor=colours[name], linewidth=0)
        taken = sheet.text(left + width, counts[position], size=size, align="right", colour=ink)
        sheet.text(left + 16 * sheet.point, name, size=size, colour=ink, fit=width - taken - 22 * sheet.point)
    sheet.top = start + rows * line


def _legend_columns(sheet: Sheet, names: Sequence[str], counts: Sequence[str], beside: float) -> tuple[int, float, float]:
    """Return columns, text size and column width so that the names fit whole: two columns if 10 points or more do, else one."""
    two = (sheet.inner - 14 * sheet.point) / 2
    for size in (12.0, 11.0, 10.0):
        widest = max((sheet.measure(n, size) + sheet.measure(c, size) for n, c in zip(names, counts, strict=True)), default=0.0) + beside
        if widest <= two:
            return 2, size, two
        if size == 12.0:
            one = min(sheet.inner, widest + 20 * sheet.point)
    return 1, 12.0, one


def _ramp(sheet: Sheet, cells: MapCells) -> None:
    """The colour ramp with its ends and the number of cells that have no value."""
    assert cells.value is not None
    low, high = value_range(cells.value)
    missing = int((~np.isfinite(cells.value)).sum())
    name = cells.value_name or "value"
    sheet.text(0, f"{name}   ≤ {low:.4g}", size=12)
    begin = sheet.measure(f"{name}   ≤ {low:.4g}", 12) + 8 * sheet.point
    colours = ramp_colours()
    length = min(180 * sheet.point, sheet.inner * 0.3)
    for step, colour in enumerate(colours):
        sheet.box(begin + step * length / 256, 1.5 * sheet.point, length / 256 + 1, 10 * sheet.point, facecolor=colour, linewidth=0)
    end = begin + length + 8 * sheet.point
    end += sheet.text(end, f"≥ {high:.4g}", size=12) + 14 * sheet.point
    if missing:
        sheet.box(end, 1.5 * sheet.point, 10 * sheet.point, 10 * sheet.point, facecolor=NO_VALUE_COLOUR, linewidth=0)
        sheet.text(end + 16 * sheet.point, f"none: {missing:,}", size=12)
    sheet.down(22)
