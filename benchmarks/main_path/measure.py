"""The main path at size: ingest, features and SQL over a store of many cells, each figure a whole process or a query on an open store.

Two stores of seeded HoVer-Net JSON with outlines (benchmarks/ingest/made.py; 5,000 cells a square millimetre, five classes alike):
one slide of a million cells, and twenty of half a million. Start-up is `ladder features` where there is nothing left to do.
Beside the SQL: the same answers from the same files by polars (counts) and by pandas + scipy's cKDTree (near).

    python benchmarks/main_path/measure.py [--folder DIR] [--write]
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
MADE = HERE.parent / "ingest" / "made.py"
LADDER = [str(Path(sys.executable).with_name("ladder"))]
RUNS = 7


def process(*words: object) -> tuple[float, float, float]:
    """Run a command; return wall seconds, CPU seconds with children, and peak MiB of its largest process."""
    watched = (
        "import json,resource,subprocess,sys,time;t=time.monotonic();subprocess.run(sys.argv[1:],check=True,stdout=subprocess.DEVNULL,"
        "stderr=subprocess.DEVNULL);u=resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(json.dumps([time.monotonic()-t,u.ru_utime+u.ru_stime,u.ru_maxrss/1024]))"
    )
    done = subprocess.run([sys.executable, "-c", watched, *map(str, words)], check=True, capture_output=True, text=True)
    wall, cpu, peak = json.loads(done.stdout)
    return wall, cpu, peak


def slides(folder: Path, n_slides: int, n_cells: int) -> list[Path]:
    paths = [folder / f"S{n_cells}_{number:02d}.json" for number in range(n_slides)]
    for number, path in enumerate(paths):
        if not path.exists():
            subprocess.run([sys.executable, MADE, path, str(n_cells), "--seed", str(number)], check=True)
    return paths


def line(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def features_of_a_million(folder: Path) -> list[str]:
    store = folder / "million"
    source = slides(folder, 1, 1_000_000)
    process(*LADDER, "--store", store, "init")
    ingest = process(*LADDER, "--store", store, "ingest", "cells", *source, "--stain", "HE", "--mpp", 0.25, "--label-map", "pannuke")
    command = [*LADDER, "--store", store, "features", "--workers", 1]
    process(*command)  # numba's cache is warm from here on
    runs = [process(*command, "--force") for _ in range(5)]
    idle = [process(*command) for _ in range(5)]
    cpu, start, peak = (statistics.median(v) for v in ([r[1] for r in runs], [r[1] for r in idle], [r[2] for r in runs]))
    return [
        "## One slide of 1,000,000 cells",
        "",
        line("command", "CPU s", "beyond start-up", "peak MiB"),
        "|---|--:|--:|--:|",
        line("ladder ingest cells", f"{ingest[1]:.2f}", "", f"{ingest[2]:,.0f}"),
        line("ladder features (15 pairs, default rule, median of 5)", f"{cpu:.2f}", f"{cpu - start:.2f}", f"{peak:,.0f}"),
        line("ladder features, nothing to do (start-up)", f"{start:.2f}", "", ""),
        "",
    ]


def of_twenty(folder: Path, n_cells: int) -> list[str]:
    store, n = folder / "twenty", 20 * n_cells
    process(*LADDER, "--store", store, "init")
    source = slides(folder, 20, n_cells)
    ingest = process(
        *LADDER, "--store", store, "ingest", "cells", *source, "--stain", "HE", "--mpp", 0.25, "--label-map", "pannuke", "--workers", 2
    )
    profiled = process(*LADDER, "--store", store, "features", "--workers", 2)
    on_disk = {kind: sum(p.stat().st_size for p in (store / kind).rglob("*.parquet")) / n for kind in ("cells", "cell_pairs")}
    paper = 1_249 * 2 * 117_000
    hours = (ingest[0] + profiled[0]) * paper / n / 3600
    lines = [
        f"## Twenty slides of {n_cells:,} cells, two workers",
        "",
        line("command", "wall s", "CPU s", "cells a CPU s", "peak MiB a process", "bytes a cell"),
        "|---|--:|--:|--:|--:|--:|",
    ]
    for name, cost, kind in (("ladder ingest cells", ingest, "cells"), ("ladder features", profiled, "cell_pairs")):
        lines.append(line(name, f"{cost[0]:.0f}", f"{cost[1]:.0f}", f"{n / cost[1]:,.0f}", f"{cost[2]:,.0f}", f"{on_disk[kind]:.1f}"))
    lines += [
        "",
        f"At these rates the paper's {paper / 1e6:.0f} M cells (1,249 patients, two slides of 117,000) take {hours:.2f} h wall on this machine.",
        "",
    ]
    return lines + queries(store, n)


def queries(store: Path, n: int) -> list[str]:
    asked = json.loads(subprocess.run([sys.executable, __file__, "--ask", store], check=True, capture_output=True, text=True).stdout)
    lines = [
        f"## SQL over {n:,} cells",
        "",
        f"Median and slowest of {RUNS} on a store that is open; the same through the sandbox is a whole `ladder sql` or `ladder query run` process.",
        "",
        line("question", "way", "median s", "slowest s", "whole sandboxed process, wall s"),
        "|---|---|--:|--:|--:|",
    ]
    through = {
        "counts by class": ["sql", COUNTS],
        "256 um window with outlines": ["query", "run", "cells/window", *_params(WINDOW)],
        "Lymph within 30 um of Neutro, 20 slides": ["query", "run", "cells/near", *_params(NEAR)],
    }
    for question, way, median, slowest in asked:
        whole = ""
        if way == "ladder":
            whole = f"{statistics.median(process(*LADDER, '--store', store, *through[question])[0] for _ in range(3)):.2f}"
        lines.append(line(question, way, f"{median:.3f}", f"{slowest:.3f}", whole))
    return [*lines, ""]


COUNTS = "SELECT cell_class, count(*) AS n FROM cell GROUP BY cell_class ORDER BY cell_class"
WINDOW = {"slide_id": "S500000_07", "stain": "HE", "x_um": 1000.0, "y_um": 1000.0, "size_um": 256.0}
NEAR = {"stain": "HE", "of_class": "Lymph", "near_class": "Neutro", "radius_um": 30.0}


def _params(values: dict[str, Any]) -> list[object]:
    return [word for name, value in values.items() for word in ("--param", f"{name}={value}")]


def timed(ask: Callable[[], Any]) -> tuple[Any, float, float]:
    seconds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        answer = ask()
        seconds.append(time.perf_counter() - start)
    return answer, statistics.median(seconds), max(seconds)


def ask_all(root: Path) -> list[tuple[str, str, float, float]]:
    """The child's part: every question by every way, answers compared."""
    from her2ladder.queries.catalog import query
    from her2ladder.schema.store import Store

    files = sorted(map(str, (root / "cells").rglob("*.parquet")))
    with Store(root).reading() as con:
        counts = timed(lambda: con.execute(COUNTS).fetchall())
        window = timed(lambda: con.execute(query("cells/window").sql, WINDOW).fetchall())
        near = timed(lambda: con.execute(query("cells/near").sql, NEAR).fetchall())
    assert len(window[0]) > 100
    theirs, others = timed(lambda: polars_counts(files)), timed(lambda: kd_tree_near(files))
    assert theirs[0] == dict(counts[0])
    assert others[0] == [(slide, n_near) for slide, _, n_near, _ in near[0]]
    names = ("counts by class", "256 um window with outlines", "Lymph within 30 um of Neutro, 20 slides")
    return [
        (names[0], "ladder", *counts[1:]),
        (names[0], "polars", *theirs[1:]),
        (names[1], "ladder", *window[1:]),
        (names[2], "ladder", *near[1:]),
        (names[2], "pandas + cKDTree", *others[1:]),
    ]


def polars_counts(files: list[str]) -> dict[str, int]:
    import polars as pl

    found = pl.scan_parquet(files).select(pl.col("cell_class").cast(pl.String)).group_by("cell_class").len().collect()
    return dict(found.iter_rows())


def kd_tree_near(files: list[str]) -> list[tuple[str, int]]:
    import pandas as pd
    from scipy.spatial import cKDTree

    found = []
    for file in files:
        cells = pd.read_parquet(file, columns=["slide_id", "cell_class", "x_um", "y_um"])
        place = {name: cells.loc[cells.cell_class == name, ["x_um", "y_um"]].to_numpy() for name in ("Lymph", "Neutro")}
        distance, _ = cKDTree(place["Neutro"]).query(place["Lymph"])
        found.append((str(cells.slide_id.iloc[0]), int((distance < 30.0).sum())))
    return sorted(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where slides and stores are made; slides that are there are kept")
    parser.add_argument("--write", action="store_true", help="write RESULTS.md beside this file")
    parser.add_argument("--ask", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.ask:
        print(json.dumps(ask_all(args.ask)))
        return
    with tempfile.TemporaryDirectory() as made:
        folder = args.folder or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("duckdb", "numba", "pyarrow", "polars", "scipy"))
        text = "\n".join([
            "# The main path at size",
            "",
            f"{datetime.date.today()}, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}.",
            f"One run of `{' '.join(['python', *sys.argv])}`.",
            "",
            *features_of_a_million(folder),
            *of_twenty(folder, 500_000),
        ])  # fmt: skip
    print(text)
    if args.write:
        (HERE / "RESULTS.md").write_text(text)


if __name__ == "__main__":
    main()
