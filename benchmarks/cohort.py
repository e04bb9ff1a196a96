"""What a cohort costs as it grows: ingest, features and SQL at several sizes, the slope, and what it says of the paper's 290 million cells.

A slide is seeded HoVer-Net JSON with outlines (benchmarks/ingest/made.py). A few distinct slides are made, and a manifest names each under
as many slide ids as the size asks for: every one is read, judged, written and profiled on its own. Each figure is a whole `ladder` process.

    python benchmarks/cohort.py --slides 20 60 180 --cells 117000 [--workers 2] [--folder DIR]
    python benchmarks/cohort.py --share 12                one process and two: what the coordinator does itself
    python benchmarks/cohort.py --giant 10000000          one slide: features all pairs at once, and pair by pair
"""

from __future__ import annotations

import argparse
import csv
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

MADE = Path(__file__).parent / "ingest" / "made.py"
LADDER = str(Path(sys.executable).with_name("ladder"))
DISTINCT = 4
PAPER_CELLS, PAPER_SLIDES = 290_000_000, 2_498
WATCH = """
import json, resource, subprocess, sys, time
t = time.monotonic()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
u = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([time.monotonic() - t, u.ru_utime + u.ru_stime, u.ru_maxrss / 1024]))
"""
QUERIES = {
    "counts by class": ("sql", "SELECT cell_class, count(*) FROM cell GROUP BY 1"),
    "cells of one slide": ("query", "run", "cells/of_slide", "-p", "slide_id=s0000", "-p", "stain=HE"),
    "Lymph within 30 um of Neutro": ("query", "run", "cells/near", "-p", "stain=HE", "-p", "of_class=Lymph", "-p", "near_class=Neutro",
                                     "-p", "radius_um=30"),
}  # fmt: skip


def process(*words: object) -> tuple[float, float, float]:
    """Run a command; return wall seconds, CPU seconds with children, and peak MiB of its largest process."""
    done = subprocess.run([sys.executable, "-c", WATCH, *map(str, words)], check=True, capture_output=True, text=True)
    wall, cpu, peak = json.loads(done.stdout)
    return wall, cpu, peak


def sources(folder: Path, n_cells: int) -> list[Path]:
    made = [folder / f"made-{n_cells}-{seed}.json" for seed in range(DISTINCT)]
    for seed, path in enumerate(made):
        if not path.exists():
            subprocess.run([sys.executable, MADE, path, str(n_cells), "--seed", str(seed)], check=True, stdout=subprocess.DEVNULL)
    return made


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def cohort(folder: Path, n_slides: int, n_cells: int, workers: int) -> dict[str, Any]:
    """Ingest, profile and ask a cohort of one size."""
    made, store = sources(folder, n_cells), folder / f"store-{n_slides}"
    manifest = folder / f"manifest-{n_slides}.csv"
    with manifest.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["path", "slide_id", "patient_id", "stain", "mpp", "label_map"])
        rows.writerows([made[i % DISTINCT].name, f"s{i:04d}", f"p{i // 2:04d}", "HE", 0.25, "pannuke"] for i in range(n_slides))
    process(LADDER, "--store", store, "init")
    found: dict[str, Any] = {"slides": n_slides, "cells": n_slides * n_cells}
    found["ingest"] = process(LADDER, "--store", store, "ingest", "cells", manifest, "--workers", workers)
    found["features"] = process(LADDER, "--store", store, "features", "--workers", workers)
    for name, words in QUERIES.items():
        found[name] = process(LADDER, "--store", store, *words)
    found["lake_bytes"] = size_of(store / "cells") + size_of(store / "cell_pairs")
    found["catalog_bytes"] = (store / "catalog.duckdb").stat().st_size
    asked = subprocess.run([LADDER, "--store", store, "--json", "sql", "SELECT count(*) AS n FROM cell"], capture_output=True, text=True)
    assert json.loads(asked.stdout) == [{"n": found["cells"]}], asked
    return found


OWN = """
import resource, sys
from her2ladder.cli.main import main
try:
    main()
finally:
    own, workers = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    sys.stderr.write(f"\\n{own.ru_utime + own.ru_stime} {workers.ru_utime + workers.ru_stime}")
"""


def share(folder: Path, n_slides: int, n_cells: int) -> list[str]:
    """CPU seconds of the coordinator and of its workers, with one worker (the same process) and with two."""
    made = sources(folder, n_cells)
    manifest = folder / "share.csv"
    lines = "".join(f"{made[i % DISTINCT].name},s{i:04d},p{i:04d},HE,0.25,pannuke\n" for i in range(n_slides))
    manifest.write_text("path,slide_id,patient_id,stain,mpp,label_map\n" + lines)
    found = [
        f"{n_slides} slides of {n_cells:,} cells.",
        "",
        "| command | workers | coordinator, CPU s | workers, CPU s | coordinator, ms a slide | workers, s a slide |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for workers in (1, 2):
        store = folder / f"share-{workers}"
        process(LADDER, "--store", store, "init")
        for name, words in (("ingest", ("ingest", "cells", manifest)), ("features", ("features",))):
            done = subprocess.run(
                [sys.executable, "-c", OWN, "--store", store, *words, "--workers", str(workers)], capture_output=True, text=True, check=True
            )
            own, others = map(float, done.stderr.split("\n")[-1].split())
            found.append(f"| {name} | {workers} | {own:.1f} | {others:.1f} | {own / n_slides * 1000:.0f} | {others / n_slides:.2f} |")
    idle = subprocess.run(
        [sys.executable, "-c", OWN, "--store", folder / "share-1", "features", "--workers", "1"], capture_output=True, text=True, check=True
    )
    return [*found, "", f"A command with nothing to do: {idle.stderr.split(chr(10))[-1].split()[0]} CPU s."]


def slope(x: list[float], y: list[float]) -> tuple[float, float]:
    """Return intercept and slope of the least-squares line."""
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    rise = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / sum((a - mean_x) ** 2 for a in x)
    return mean_y - rise * mean_x, rise


def told(found: list[dict[str, Any]], workers: int) -> list[str]:
    lines = [
        f"{workers} workers.",
        "",
        "| slides | cells | command | wall s | CPU s | cells a CPU s | peak MiB a process |",
        "|--:|--:|---|--:|--:|--:|--:|",
    ]
    names = ["ingest", "features", *QUERIES]
    for one in found:
        for name in names:
            wall, cpu, peak = one[name]
            rate = f"{one['cells'] / cpu:,.0f}" if name in ("ingest", "features") else ""
            lines.append(f"| {one['slides']} | {one['cells']:,} | {name} | {wall:.1f} | {cpu:.1f} | {rate} | {peak:,.0f} |")
    lines += ["", "| slides | lake, bytes a cell | catalog MB |", "|--:|--:|--:|"]
    lines += [f"| {one['slides']} | {one['lake_bytes'] / one['cells']:.1f} | {one['catalog_bytes'] / 1e6:.1f} |" for one in found]
    if len(found) > 1:
        lines += [
            "",
            f"| command | wall s = a + b x million cells | CPU s = a + b x million cells | at {PAPER_CELLS / 1e6:.0f} million cells: wall, CPU |",
            "|---|---|---|---|",
        ]
        millions = [one["cells"] / 1e6 for one in found]
        for name in names:
            (wall_a, wall_b), (cpu_a, cpu_b) = (slope(millions, [one[name][k] for one in found]) for k in (0, 1))
            wall, cpu = (a + b * PAPER_CELLS / 1e6 for a, b in ((wall_a, wall_b), (cpu_a, cpu_b)))
            lines.append(f"| {name} | {wall_a:.2f} + {wall_b:.3f} | {cpu_a:.2f} + {cpu_b:.3f} | {wall:,.0f} s, {cpu:,.0f} s |")
    return lines


def giant(folder: Path, n_cells: int) -> list[str]:
    """One slide: features with every pair at once, and pair by pair, which must give the same bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from her2ladder.analytics.simulate.bench import slide
    from her2ladder.schema.vocabulary import CLASSES

    x, y, number = slide(n_cells, 1)
    words = pa.DictionaryArray.from_arrays(pa.array(number, pa.int32()), pa.array(CLASSES["HE"]))
    pq.write_table(
        pa.table({"cell_id": pa.array(range(n_cells)), "cell_class": words.cast(pa.string()), "x_um": x, "y_um": y}),
        folder / "giant.parquet",
    )
    store = folder / "giant"
    process(LADDER, "--store", store, "init")
    ingest = process(LADDER, "--store", store, "ingest", "cells", folder / "giant.parquet", "--stain", "HE", "--workers", 1)
    lines = [f"One slide of {n_cells:,} cells.", "", "| command | wall s | CPU s | peak MiB |", "|---|--:|--:|--:|"]
    lines.append("| ingest cells (points) | {:.1f} | {:.1f} | {:,.0f} |".format(*ingest))
    files = set()
    for name, limit in (("features, pair by pair", n_cells - 1), ("features, all pairs at once", n_cells + 1)):
        code = f"import her2ladder.analytics.features.giant as g; g.GIANT = {limit}; from her2ladder.cli.main import main; main()"
        done = process(sys.executable, "-c", code, "--store", store, "features", "--workers", 1, "--force")
        lines.append("| {} | {:.1f} | {:.1f} | {:,.0f} |".format(name, *done))
        files |= {path.name for path in (store / "cell_pairs").rglob("*.parquet")}
    assert len(files) == 1, files
    return [*lines, "", "Both ways wrote the same bytes."]


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--slides", type=int, nargs="+", default=[20, 60, 180])
    asked.add_argument("--cells", type=int, default=117_000, help="cells a slide")
    asked.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    asked.add_argument("--giant", type=int, help="one slide of so many cells instead")
    asked.add_argument("--share", type=int, help="so many slides with one process and with two instead")
    asked.add_argument("--folder", type=Path)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        packages = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("duckdb", "pyarrow", "numba"))
        print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {packages}.\n")
        if given.giant:
            lines = giant(folder, given.giant)
        elif given.share:
            lines = share(folder, given.share, given.cells)
        else:
            lines = told([cohort(folder, n, given.cells, given.workers) for n in given.slides], given.workers)
        print("\n".join(lines))


if __name__ == "__main__":
    main()
