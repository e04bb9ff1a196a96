"""What a map says about itself, the same on paper and on a page: number of cells, lengths, the colour ramp of a value."""

from __future__ import annotations

from math import floor, log10

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex
from numpy.typing import NDArray

from her2ladder.analytics.cellmap.cells import MapCells

NO_VALUE_COLOUR = "#B8BCC4"
RAMP = "viridis"  # even steps to the eye, and still ordered to colour-blind eyes and in grey
STAIN_LABELS = {"HE": "H&E"}


def summary(cells: MapCells, stain: str) -> str:
    """Return `H&E · 1,000,000 cells · 14.1 × 14.1 mm`; a slide without cells has no size to tell."""
    left, top, right, bottom = cells.extent_um
    unit, per = ("mm", 1000.0) if max(right - left, bottom - top) >= 999.5 else ("µm", 1.0)
    size = "" if not cells.n_total else f"{(right - left) / per:.3g} × {(bottom - top) / per:.3g} {unit}"
    number = f"{cells.n_total:,} cell{'' if cells.n_total == 1 else 's'}"
    return " · ".join(part for part in (STAIN_LABELS.get(stain, stain), number, size) if part)


def ramp_colours() -> list[str]:
    """Return the ramp's 256 colours from low to high."""
    return [to_hex(colormaps[RAMP](step)).upper() for step in range(256)]


def value_range(value: NDArray[np.float64]) -> tuple[float, float]:
    """Return the ends of the colour ramp: 2nd and 98th percentile (*chosen*: a few far cells must not flatten it)."""
    known = value[np.isfinite(value)]
    if not known.size:
        return (0.0, 1.0)
    low, high = (float(q) for q in np.quantile(known, (0.02, 0.98)))
    return (low, high) if high > low else (low, low + 1.0)


def scale_bar_um(longest_um: float) -> float:
    """Return the longest of 1, 2, 5 x 10^k micrometres that is at most `longest_um` (> 0)."""
    power = 10.0 ** floor(log10(longest_um))
    return max(step * power for step in (1, 2, 5) if step * power <= longest_um * (1 + 1e-9))


def length_label(length_um: float) -> str:
    """Return a length for a reader: `200 µm`, `2 mm`."""
    return f"{length_um / 1000:g} mm" if length_um >= 1000 else f"{length_um:g} µm"


def plain_text(text: str) -> str:
    """Return text from outside on one line: control and other unprintable characters become the replacement character."""
    return "".join(c if c.isprintable() else "\ufffd" for c in str(text).replace("\n", " ").replace("\t", " "))
