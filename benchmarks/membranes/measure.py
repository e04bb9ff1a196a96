"""Are the five classes and the completeness right? Drawn tiles of many looks, ours beside the plain algorithm, without and with JPEG, without and with a factor.

    python benchmarks/membranes/measure.py [TILES]        # tiles a layout and scale; default 6, about 5 CPU minutes
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable

import numpy as np
from plain import plain

from her2ladder.errors import InputError
from her2ladder.ingest.segmentation.membranes import MembraneCells, drawn, segment_tile
from her2ladder.ingest.segmentation.membranes.control import read_control

FIRST_SEED = 1000  # seeds below were looked at while the algorithm was written
SIDE_UM = 100
WAYS: dict[str, Callable[..., MembraneCells]] = {"ours": segment_tile, "plain": plain}


def main(n_tiles: int) -> None:
    results: dict[tuple[object, ...], list[tuple[bool, float, bool]]] = defaultdict(list)
    seconds: dict[str, float] = defaultdict(float)
    area = 0.0
    for layout in drawn.LAYOUTS:
        for mpp in (0.25, 0.5):
            for seed in range(FIRST_SEED, FIRST_SEED + n_tiles):
                rng = np.random.default_rng([seed, drawn.LAYOUTS.index(layout)])
                look = drawn.any_look(rng, layout, mpp)
                rgb, truth = drawn.draw_tile(rng, look, round(SIDE_UM / mpp))
                control, _ = drawn.draw_tile(rng, look, round(SIDE_UM / mpp), classes=("HER2strong_complete",))
                area += (SIDE_UM / 1000) ** 2
                for jpeg in (False, True):
                    tile, known = (drawn.as_jpeg(rgb), drawn.as_jpeg(control)) if jpeg else (rgb, control)
                    white = np.array(look.white)
                    for name, way in WAYS.items():
                        for factor in (1.0, _factor(way, known, mpp, white)):
                            begin = time.process_time()
                            cells = way(tile, mpp, white, factor)
                            seconds[name] += (time.process_time() - begin) / 4
                            key = (layout, mpp, "Q85" if jpeg else "none", "control" if factor != 1 else "1", name)
                            results[key] += _held(cells, truth, mpp, factor)
    print("| layout | um/px | JPEG | c | way | cells | found | right | 95 % | completeness off by |\n|---|---|---|---|---|---|---|---|---|---|")
    for key, cells_ in sorted(results.items(), key=str):
        right, off, found = (np.array(column, dtype=float) for column in zip(*cells_, strict=True))
        low, high = _interval(right)
        row = [*map(str, key), str(len(right)), f"{found.mean():.3f}", f"{right.mean():.3f}", f"{low:.3f} to {high:.3f}", f"{np.nanmean(off):.3f}"]
        print(f"| {' | '.join(row)} |")
    print("\nCPU seconds a mm2:", ", ".join(f"{name} {s / area:.1f}" for name, s in seconds.items()))


def _factor(way: Callable[..., MembraneCells], control: np.ndarray, mpp: float, white: np.ndarray) -> float:
    try:
        return read_control(lambda c: [way(control, mpp, white, c)], "strong").factor + 1e-12
    except InputError as error:
        print("no factor:", error, file=sys.stderr)
        return 1.0 + 1e-12


def _held(cells: MembraneCells, truth: list[drawn.DrawnCell], mpp: float, factor: float) -> list[tuple[bool, float, bool]]:
    """For each cell drawn whole: right, how far off its completeness is, found within 3 um."""
    words, held = cells.classes(factor), []
    for cell in truth:
        if cell.is_whole:
            distance = np.hypot(cells.x_px - cell.x_px, cells.y_px - cell.y_px) * mpp
            i = int(distance.argmin())
            found = bool(distance[i] < 3)
            off = abs(float(cells.completeness[i]) - cell.completeness) if found else float("nan")
            held.append((found and words[i] == cell.cell_class, off, found))
    return held


def _interval(right: np.ndarray) -> tuple[float, float]:
    """Wilson's 95 %."""
    n, p, z = len(right), right.mean(), 1.96
    middle, half = (p + z * z / 2 / n) / (1 + z * z / n), z * np.sqrt(p * (1 - p) / n + z * z / 4 / n / n) / (1 + z * z / n)
    return middle - half, middle + half


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 6)
