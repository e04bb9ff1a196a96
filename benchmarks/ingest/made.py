"""Seeded HoVer-Net JSON with outlines, any size, memory flat: for the benchmark, and for the tests of the reader.

Records as json.dump writes HoVer-Net's: nuclei of 20 to 30 whole-pixel points around centroids of full precision, 5,000 a square
millimetre at 0.25 um/px, numbered from 1, in bands as a whole slide is segmented. bbox holds zeros: no reader may use it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

CELLS_PER_PX2 = 5_000 / 4_000**2
CHUNK = 20_000
MARGIN_PX = 40


def records(n: int, seed: int, first: int = 0, of: int | None = None) -> dict[str, dict[str, Any]]:
    """Return n records numbered from first + 1, those of a slide of `of` cells."""
    rng = np.random.default_rng([seed, first])
    side = np.sqrt((of or n) / CELLS_PER_PX2) + 1
    x = MARGIN_PX + rng.uniform(0, side, n)
    y = MARGIN_PX + rng.uniform(first, first + n, n) / (of or n) * side
    n_points = rng.integers(20, 31, n)
    points = _points(x, y, n_points, rng).tolist()
    cuts = [0, *np.cumsum(n_points).tolist()]
    kind = rng.integers(1, 6, n).tolist()
    prob = (rng.integers(150, 400, n) / 400).tolist()
    return {
        str(first + i + 1): {
            "bbox": [[0, 0], [0, 0]],
            "centroid": [float(x[i]), float(y[i])],
            "contour": points[cuts[i] : cuts[i + 1]],
            "type_prob": prob[i],
            "type": kind[i],
        }
        for i in range(n)
    }


def _points(x: NDArray[np.float64], y: NDArray[np.float64], n_points: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    n = len(x)
    cell = np.repeat(np.arange(n), n_points)
    at = np.arange(len(cell)) - np.repeat(np.cumsum(n_points) - n_points, n_points)
    angle = 2 * np.pi * at / n_points[cell]
    long = rng.uniform(10, 20, n)
    short = long * rng.uniform(0.6, 1, n)
    tilt = rng.uniform(0, np.pi, n)
    lobes = 1 + 0.06 * np.cos(3 * angle + tilt[cell])
    along, across = long[cell] * lobes * np.cos(angle), short[cell] * lobes * np.sin(angle)
    turned = (
        x[cell] + along * np.cos(tilt)[cell] - across * np.sin(tilt)[cell],
        y[cell] + along * np.sin(tilt)[cell] + across * np.cos(tilt)[cell],
    )
    return np.rint(np.column_stack(turned)).astype(np.int64)


def write_hovernet(path: Path, n: int, seed: int) -> None:
    """Write n cells."""
    with path.open("wb") as file:
        file.write(b'{"mag": 40, "nuc": {')
        for first in range(0, n, CHUNK):
            part = msgspec.json.encode(records(min(CHUNK, n - first), seed, first, n))[1:-1]
            # No string here holds a comma or a colon, so json.dump's spaces can be put in afterwards.
            file.write((b", " if first else b"") + part.replace(b",", b", ").replace(b":", b": "))
        file.write(b"}}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("n", type=int)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    write_hovernet(args.path, args.n, args.seed)
