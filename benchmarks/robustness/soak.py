"""Kill an ingest and a features run at random moments, over and over; then let the machine run out of space at many sizes.

After each: the store opens, `ladder check` is clean or `--mend` makes it so, the same command completes, and the facts have the hash of a
store that was never disturbed.

    python benchmarks/robustness/soak.py [--kills 20] [--seed 0] [--write]
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import os
import platform
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import duckdb

LADDER = str(Path(sys.executable).with_name("ladder"))
CLASSES = ("Tumor", "Stroma", "Neutro", "Lymph", "Macro")
# Everything a reader sees of the cells and features, run ids and times left out.
FACTS = {
    "manifest": "SELECT kind, slide_id, stain, path, sha256, n_rows, parameters FROM manifest_current ORDER BY ALL",
    "cells": "SELECT slide_id, cell_id, cell_class, x_um, y_um FROM cell ORDER BY ALL",
    "values": "SELECT slide_id, stain, feature, rule, value FROM slide_feature ORDER BY ALL",
}


def slides(folder: Path, n_slides: int, n_cells: int, seed: int) -> Path:
    """Write tables of cells and the manifest that names them; return the manifest."""
    rng = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(n_slides):
        rows = (f"{j},{rng.choice(CLASSES)},{rng.uniform(0, 900):.3f},{rng.uniform(0, 900):.3f}\n" for j in range(n_cells))
        (folder / f"S{i:02d}.csv").write_text("cell_id,cell_class,x_um,y_um\n" + "".join(rows))
    lines = "".join(f"S{i:02d}.csv,S{i:02d},P{i:02d},HE\n" for i in range(n_slides))
    (folder / "manifest.csv").write_text("path,slide_id,patient_id,stain\n" + lines)
    return folder / "manifest.csv"


def start(store: Path, *words: object, file_bytes: int | None = None) -> subprocess.Popen[str]:
    """Start the command in a process group of its own; `file_bytes` is the size at which every file of it stops growing."""

    def bounded() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY if file_bytes is None else file_bytes, resource.RLIM_INFINITY))

    return subprocess.Popen(
        [LADDER, "--store", str(store), *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=bounded if file_bytes is not None else None,
    )


def finish(store: Path, *words: object, file_bytes: int | None = None) -> tuple[int, str]:
    """Run the command to its end; return exit code and stderr."""
    process = start(store, *words, file_bytes=file_bytes)
    _, err = process.communicate()
    return process.returncode, err


def kill_after(store: Path, words: Sequence[object], seconds: float) -> bool:
    """Start the command and kill its whole group after some seconds; tell whether it was still at work."""
    process = start(store, *words)
    try:
        process.communicate(timeout=seconds)
        return False
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return True


def facts(store: Path) -> str:
    """Return one hash of what a plain DuckDB sees through open.sql."""
    con = duckdb.connect()
    here = Path.cwd()
    os.chdir(store)
    try:
        con.execute((store / "open.sql").read_text())
        found = hashlib.sha256()
        for sql in FACTS.values():
            found.update(repr(con.sql(sql).fetchall()).encode())
        return found.hexdigest()
    finally:
        os.chdir(here)
        con.close()


def recovered(store: Path, words: Sequence[object], whole: str) -> str:
    """Check, mend where needed, run the command again; return what it took, or raise AssertionError."""
    code, err = finish(store, "check")
    assert "Traceback" not in err, err
    state = "clean" if code == 0 else "mended"
    if code:
        code, err = finish(store, "check", "--mend")
        assert code == 0, err
    code, err = finish(store, *words)
    assert code == 0, err
    assert finish(store, "check")[0] == 0
    assert facts(store) == whole, "another state than that of a store that was never disturbed"
    return state


def undisturbed(work: Path, manifest: Path, workers: int) -> dict[str, tuple[Path, list[object], str, float]]:
    """For each command: the store before it, its words, the hash of the store after it, and its seconds."""
    ingest: list[object] = ["ingest", "cells", manifest, "--workers", workers]
    features: list[object] = ["features", "--workers", workers]
    empty, read, done = work / "empty", work / "read", work / "done"
    assert finish(empty, "init")[0] == 0
    stages: dict[str, tuple[Path, list[object], str, float]] = {}
    for name, before, after, words in (("ingest cells", empty, read, ingest), ("features", read, done, features)):
        shutil.copytree(before, after)
        begin = time.monotonic()
        code, err = finish(after, *words)
        assert code == 0, err
        stages[name] = (before, words, facts(after), time.monotonic() - begin)
    return stages


def soak_kills(work: Path, stages: dict[str, tuple[Path, list[object], str, float]], n: int, rng: random.Random) -> list[str]:
    lines = [
        "| command | killed at work | finished before | clean at once | mended | same facts after a second run |",
        "|---|---|---|---|---|---|",
    ]
    for name, (before, words, whole, seconds) in stages.items():
        killed, finished, found = 0, 0, {"clean": 0, "mended": 0}
        while killed < n:
            store = work / "victim"
            shutil.copytree(before, store)
            if kill_after(store, words, rng.uniform(0, seconds)):
                killed += 1
                found[recovered(store, words, whole)] += 1
            else:
                finished += 1
            shutil.rmtree(store)
        lines.append(f"| {name} | {n} | {finished} | {found['clean']} | {found['mended']} | {n} |")
        print(lines[-1], flush=True)
    return lines


def soak_full(work: Path, stages: dict[str, tuple[Path, list[object], str, float]], sizes: Sequence[int]) -> list[str]:
    """No file may grow beyond a size: the write fails as on a full disk, wherever in the run it is."""
    lines = ["| command | largest file | exit | what it said | after space came back |", "|---|---|---|---|---|"]
    for name, (before, words, whole, _) in stages.items():
        for size in sizes:
            store = work / "victim"
            shutil.copytree(before, store)
            code, err = finish(store, *words, file_bytes=size)
            assert "Traceback" not in err, err
            assert code == 0 or err.count("\n") == 1, err
            said = err.strip().replace(str(work), "…").replace("|", "\\|")[:160]
            state = recovered(store, words, whole)
            lines.append(f"| {name} | {size:,} B | {code} | {said} | {state}, same facts |")
            print(lines[-1], flush=True)
            shutil.rmtree(store)
    return lines


def report(parts: Sequence[tuple[str, list[str]]], command: str) -> str:
    when = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    tools = ", ".join(f"{name} {version(name)}" for name in ("duckdb", "pyarrow", "numpy"))
    head = [
        "# What a kill and a full disk leave behind",
        "",
        f"{when}; {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, {tools}. By `{command}`.",
        "",
        "Each time: the store opens, `ladder check` is clean or `--mend` makes it so, the same command completes, and manifest, cells and",
        "feature values have the hash of a store that was never disturbed. SIGKILL goes to the whole process group, at a moment drawn evenly",
        "from the seconds that the undisturbed run takes. A full disk is a limit on the size of every file (RLIMIT_FSIZE).",
    ]
    for title, lines in parts:
        head += ["", f"## {title}", "", *lines]
    return "\n".join(head) + "\n"


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--kills", type=int, default=20)
    told.add_argument("--seed", type=int, default=0)
    told.add_argument("--slides", type=int, default=36)
    told.add_argument("--cells", type=int, default=2000)
    told.add_argument("--workers", type=int, default=2)
    told.add_argument("--write", action="store_true", help="write RESULTS.md beside this file")
    asked = told.parse_args()
    with tempfile.TemporaryDirectory(prefix="ladder-soak-") as folder:
        work = Path(folder)
        manifest = slides(work / "slides", asked.slides, asked.cells, asked.seed)
        stages = undisturbed(work, manifest, asked.workers)
        steps: list[tuple[str, Callable[[], list[str]]]] = [
            ("kill -9", lambda: soak_kills(work, stages, asked.kills, random.Random(asked.seed))),
            ("No space left", lambda: soak_full(work, stages, [0, 1000, 50_000, 1_000_000, 2_000_000, 3_500_000])),
        ]
        parts = [(title, step()) for title, step in steps]
    text = report(parts, f"python benchmarks/robustness/soak.py --kills {asked.kills} --seed {asked.seed}")
    if asked.write:
        (Path(__file__).parent / "RESULTS.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
