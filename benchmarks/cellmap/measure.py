"""What does a map of a million cells cost to write, to send and to open, beside the plain ways of doing it?

Run: `python benchmarks/cellmap/measure.py` (each way in a process of its own; one thread). Prints the first table of RESULTS.md.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CLASSES = ("Tumor", "Stroma", "Neutro", "Lymph", "Macro")
Cells = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.uint8]]


def slide(n: int, seed: int = 1, cells_per_mm2: float = 5000.0) -> Cells:
    """Return a seeded slide: round nests of tumour in stroma with immune cells, 5,000 cells/mm2."""
    rng = np.random.default_rng(seed)
    side = 1000 * (n / cells_per_mm2) ** 0.5
    x, y = rng.uniform(0, side, n), rng.uniform(0, side, n)
    nest = np.floor(x / 700) * 700 + 350, np.floor(y / 700) * 700 + 350
    inside = np.hypot(x - nest[0], y - nest[1]) < 250
    mixed = rng.choice(5, n, p=[0.05, 0.5, 0.02, 0.35, 0.08])
    return x, y, np.where(inside & (rng.random(n) < 0.85), 0, mixed).astype(np.uint8)


def ladder_html(cells: Cells, path: Path) -> None:
    """The page of this package."""
    from her2ladder.analytics.cellmap.page import write_html

    write_html(path, *cells, CLASSES, "BENCH", stain="HE", is_synthetic=True)


def raw_html(cells: Cells, path: Path) -> None:
    """The same 5 bytes a cell, unsorted, base64: what packing saves."""
    x, y, code = cells
    q = [np.rint((v - v.min()) / np.ptp(v) * 65535).astype("<u2") for v in (x, y)]
    path.write_bytes(base64.b64encode(q[0].tobytes() + q[1].tobytes() + code.tobytes()))


def gzip_html(cells: Cells, path: Path) -> None:
    """The same bytes, unsorted, gzipped, base64: what sorting saves."""
    x, y, code = cells
    q = [np.rint((v - v.min()) / np.ptp(v) * 65535).astype("<u2") for v in (x, y)]
    path.write_bytes(base64.b64encode(gzip.compress(q[0].tobytes() + q[1].tobytes() + code.tobytes(), 9, mtime=0)))


def json_html(cells: Cells, path: Path) -> None:
    """Numbers as text, a tenth of a micrometre, as plotting libraries embed them."""
    x, y, code = cells
    path.write_text(json.dumps([np.round(x, 1).tolist(), np.round(y, 1).tolist(), code.tolist()]))


def ladder_png(cells: Cells, path: Path) -> None:
    """The picture of this package."""
    from her2ladder.analytics.cellmap.picture import write_png

    write_png(path, *cells, CLASSES, "BENCH", stain="HE", is_synthetic=True)


def scatter_png(cells: Cells, path: Path) -> None:
    """matplotlib's scatter on the same sheet: 7 inches at 300 dpi, same dots."""
    from matplotlib.figure import Figure

    x, y, code = cells
    figure = Figure(figsize=(7, 7), dpi=300)
    axes = figure.add_axes((0, 0, 1, 1))
    colours = np.array(["#C4161C", "#4CBDB5", "#A311AA", "#2446F0", "#D0A21C"])[code]
    axes.scatter(x, y, s=(1.6 * 72 / 300) ** 2, c=colours, linewidths=0)
    axes.set_aspect("equal")
    axes.invert_yaxis()
    figure.savefig(path)


WAYS: dict[str, Callable[[Cells, Path], None]] = {
    "html ladder": ladder_html,
    "html 5 bytes a cell, base64": raw_html,
    "html 5 bytes a cell, gzip, base64": gzip_html,
    "html JSON text": json_html,
    "png ladder": ladder_png,
    "png matplotlib scatter": scatter_png,
}


def once(way: str, n: int, path: Path) -> dict[str, float]:
    """Return CPU seconds of writing (imports and a warm-up of 1,000 cells not counted), peak MiB of the whole process, bytes."""
    cells = slide(n)
    WAYS[way](slide(1000), path)
    start = time.process_time()
    WAYS[way](cells, path)
    cpu = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"cpu_s": cpu, "peak_mib": peak / 1024, "bytes": path.stat().st_size}


def main() -> None:
    """Print a table: each way at two sizes, each in its own process."""
    print("| way | cells | CPU s | peak RSS, MiB | file, MB | bytes a cell |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for way in WAYS:
            for n in (100_000, 1_000_000):
                command = [sys.executable, __file__, way, str(n), str(Path(folder) / "out")]
                got = json.loads(
                    subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}).stdout
                )
                row = f"| {way} | {n:,} | {got['cpu_s']:.2f} | {got['peak_mib']:.0f} | {got['bytes'] / 1e6:.2f} | {got['bytes'] / n:.2f} |"
                print(row, flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 4:
        suffix = ".png" if sys.argv[1].startswith("png") else ".html"
        print(json.dumps(once(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3] + suffix))))
    else:
        main()
