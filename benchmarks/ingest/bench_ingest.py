"""How long does a HoVer-Net JSON of n cells with outlines take to become a file one can query, in how much memory and disk?

Ways, each a process of its own over the same seeded file: ours (write_cells: read, judged, sorted, written, synced), json.load + shapely +
geopandas.to_parquet, and json.load + TIAToolbox's SQLiteStore. Equality comes first: the same number of cells and the same total area.
CPU seconds and peak memory are the whole process's, imports and all; compiled code comes from the cache, as in every run but the first.

    python benchmarks/ingest/bench_ingest.py --n 200000 1000000 [--big 10000000] [--tiatoolbox PYTHON] [--write]
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PX2_TO_UM2 = 0.25**2


@dataclass(frozen=True)
class Measured:
    """One way over one file; area_um2 is the sum over all cells."""

    way: str
    n: int
    cpu_seconds: float
    peak_mb: float
    bytes_a_cell: float
    area_um2: float

    @property
    def line(self) -> str:
        rate = self.n / self.cpu_seconds
        return f"| {self.way} | {self.n:,} | {self.cpu_seconds:.1f} | {rate:,.0f} | {self.peak_mb:,.0f} | {self.bytes_a_cell:.1f} |"


def ladder(source: Path, out: Path) -> tuple[int, int]:
    from her2ladder.ingest.cellfile import CellSource, write_cells
    from her2ladder.schema.labels import load_label_map

    written = write_cells(source, out, CellSource("S", "P", "HE", 0.25, 0.25, load_label_map("pannuke", "HE")))
    return written.n_rows, written.n_bytes


def geopandas(source: Path, out: Path) -> tuple[int, int]:
    import geopandas as gpd
    import shapely

    nuc = json.loads(source.read_bytes())["nuc"]
    columns = {
        "source_id": list(nuc),
        "type": [record["type"] for record in nuc.values()],
        "type_prob": [record["type_prob"] for record in nuc.values()],
        "x_px": [record["centroid"][0] for record in nuc.values()],
        "y_px": [record["centroid"][1] for record in nuc.values()],
    }
    frame = gpd.GeoDataFrame(columns, geometry=[shapely.Polygon(record["contour"]) for record in nuc.values()])
    path = out / "cells.parquet"
    frame.to_parquet(path, compression="zstd")
    return len(frame), path.stat().st_size


def tiatoolbox(source: Path, out: Path) -> tuple[int, int]:
    import shapely
    from tiatoolbox.annotation.storage import Annotation, SQLiteStore

    nuc = json.loads(source.read_bytes())["nuc"]
    path = out / "cells.db"
    store = SQLiteStore(path)
    store.append_many(
        [
            Annotation(shapely.Polygon(record["contour"]), {"type": record["type"], "type_prob": record["type_prob"], "id": name})
            for name, record in nuc.items()
        ]
    )
    store.commit()
    n = len(store)
    store.close()
    return n, path.stat().st_size


WAYS = {"ladder": ladder, "geopandas": geopandas, "tiatoolbox": tiatoolbox}


def total_area(way: str, out: Path) -> float:
    """Return the total area of all cells, by each way's own file."""
    if way == "tiatoolbox":
        import sqlite3

        with sqlite3.connect(out / "cells.db") as con:
            return float(con.execute("SELECT sum(area) FROM annotations").fetchone()[0]) * PX2_TO_UM2
    if way == "geopandas":
        import geopandas as gpd

        return float(gpd.read_parquet(out / "cells.parquet").area.sum()) * PX2_TO_UM2
    import duckdb

    (path,) = out.glob(".cells-*.parquet")
    return float(duckdb.execute("SELECT sum(area_um2) FROM read_parquet(?)", [str(path)]).fetchall()[0][0])


def run_one(way: str, source: Path, out: Path) -> None:
    """The child's part: print what it cost, as JSON."""
    n, n_bytes = WAYS[way](source, out)
    used = resource.getrusage(resource.RUSAGE_SELF)
    cost = {"n": n, "cpu": used.ru_utime + used.ru_stime, "mb": used.ru_maxrss * 1024 / 1e6, "bytes": n_bytes}
    print(json.dumps({**cost, "area": total_area(way, out)}))


def measure(way: str, source: Path, python: str) -> Measured:
    with tempfile.TemporaryDirectory(dir=source.parent) as out:
        command = [python, __file__, "--way", way, "--source", str(source), "--out", out]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    told = json.loads(done.stdout.splitlines()[-1])
    return Measured(way, told["n"], told["cpu"], told["mb"], told["bytes"] / told["n"], told["area"])


def compare(source: Path, tiatoolbox_python: str | None) -> list[Measured]:
    pythons = {"ladder": sys.executable, "geopandas": sys.executable, "tiatoolbox": tiatoolbox_python}
    found = [measure(way, source, python) for way, python in pythons.items() if python]
    for other in found[1:]:
        assert other.n == found[0].n, f"{other.way}: {other.n} cells, ours {found[0].n}"
        assert abs(other.area_um2 / found[0].area_um2 - 1) < 1e-9, f"{other.way}: total area {other.area_um2}, ours {found[0].area_um2}"
    return found


def made_file(n: int, folder: Path) -> Path:
    path = folder / f"{n}.json"
    subprocess.run([sys.executable, str(HERE / "made.py"), str(path), str(n)], check=True)
    return path


def report(lines: list[Measured], sizes: dict[int, int], command: str) -> str:
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("msgspec", "numba", "pyarrow", "shapely", "geopandas"))
    text = [
        "# Ingest: HoVer-Net JSON with outlines to a file one can query",
        "",
        f"{datetime.date.today()}, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}.",
        "One run of:",
        "",
        f"    {command}",
        "",
        "Whole processes, imports included; JSON takes "
        + ", ".join(f"{size / n:,.0f} bytes a cell at {n:,}" for n, size in sizes.items())
        + ".",
        "",
        "| way | cells | CPU s | cells a CPU s | peak MB | bytes a cell on disk |",
        "|---|---:|---:|---:|---:|---:|",
        *(one.line for one in lines),
        "",
        "Each way's file holds the same number of cells and, to 1e-9, the same total area. Ours also judges every record (finite, on the",
        "slide, outline that does not cross itself, id of its own), sorts by tile, and keeps the source's centroid exactly.",
    ]
    return "\n".join(text) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, nargs="+", default=[200_000])
    parser.add_argument("--big", type=int, help="a size for ours alone")
    parser.add_argument(
        "--tiatoolbox", help="python of an environment with tiatoolbox, its sqlite3 able to load extensions (a distribution's Python is)"
    )
    parser.add_argument("--write", action="store_true", help="write RESULTS.md beside this file")
    parser.add_argument("--way", choices=WAYS)
    parser.add_argument("--source", type=Path)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if args.way:
        run_one(args.way, args.source, args.out)
        return
    with tempfile.TemporaryDirectory() as folder:
        measure("ladder", made_file(100, Path(folder)), sys.executable)  # fills the cache of compiled code
        sizes = {}
        lines = []
        for n in args.n:
            source = made_file(n, Path(folder))
            sizes[n] = source.stat().st_size
            lines += compare(source, args.tiatoolbox)
            source.unlink()
        if args.big:
            source = made_file(args.big, Path(folder))
            sizes[args.big] = source.stat().st_size
            lines.append(measure("ladder", source, sys.executable))
    told = [f"--n {' '.join(map(str, args.n))}", f"--big {args.big}" if args.big else "", "--tiatoolbox PYTHON" if args.tiatoolbox else ""]
    text = report(lines, sizes, " ".join(["python benchmarks/ingest/bench_ingest.py", *filter(None, told)]))
    print(text)
    if args.write:
        (HERE / "RESULTS.md").write_text(text)


if __name__ == "__main__":
    main()
