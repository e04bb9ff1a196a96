"""The demo: the same commands that a user types, one after the other, on a synthetic cohort."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from her2ladder.cli.demo_sections import can_read_sections, run_sections
from her2ladder.cli.demo_slides import can_segment, run_slides
from her2ladder.cli.output import say
from her2ladder.errors import InputError, StageError

MARK = ".ladder-demo"  # only a folder that a demo made is ever replaced
MODEL = "ladder-demo"
Ladder = Callable[..., Any]


def run_demo(ladder: Ladder, folder: Path, seed: int, workers: int) -> None:
    """Simulate, ingest, compute, train, score, analyse and report; print each command before it runs.

    ladder   the command `ladder` as a function of its arguments

    raises   InputError where `folder` holds something that no demo made; StageError where a command fails
    """
    _fresh(folder)
    started = time.monotonic()
    for step in _steps(folder, seed, workers):
        clock = time.monotonic()
        say(f"$ ladder {' '.join(_shown(word) for word in step)}")
        _call(ladder, step)
        say(f"  {time.monotonic() - clock:.1f} s")
    if can_segment():
        run_slides(lambda step: _told(ladder, step), folder / "slides", seed)
    else:
        say("  slides are not segmented: that needs the extra [segment] (pip install 'her2ladder[segment]')")
    if can_read_sections():
        run_sections(lambda step: _told(ladder, step), folder / "sections", seed)
    else:
        say("  in-situ sections are left out: they need the extra [xenium] (pip install 'her2ladder[xenium]')")
    say(f"done in {time.monotonic() - started:.0f} s; everything here is SYNTHETIC")
    say(f"  the store     {folder / 'store'}   (ladder --store {folder / 'store'} sql 'SELECT * FROM score_current')")
    say(f"  the page      {folder / 'results' / 'report.html'}")
    say(f"  the figures   {folder / 'results'}")


def _steps(folder: Path, seed: int, workers: int) -> list[list[str]]:
    data, store, results = folder / "data", folder / "store", folder / "results"
    at = ["--store", str(store)]
    many = ["--workers", str(workers)]
    return [
        ["simulate", str(data), "--seed", str(seed), *many],
        ["init", str(store)],
        [*at, "ingest", "cells", str(data / "manifest.csv"), *many],
        [*at, "ingest", "clinical", str(data / "clinical.csv")],
        [*at, "features", *many],
        [*at, "map", "SYN-0001-HE", "-o", str(results / "map.png")],
        [*at, "map", "SYN-0001-HE", "-o", str(results / "map.html")],
        [*at, "train", "--name", MODEL, "--seed", str(seed), "--budget", "3", "--repeats", "1", *many],
        [*at, "score", "--model", MODEL],
        [*at, "compare", "--score", MODEL, "--by", "band,regimen", "--as", "paper", "-o", str(results / "compare")],
        [*at, "survival", "--score", MODEL, "--endpoint", "dfs", "--cohort", "adjuvant", "-o", str(results / "survival")],
        [*at, "report", "-o", str(results / "report.html")],
        [*at, "check"],
    ]


def _told(ladder: Ladder, step: list[str]) -> None:
    say(f"$ ladder {' '.join(_shown(word) for word in step)}")
    _call(ladder, step)


def _call(ladder: Ladder, step: list[str]) -> None:
    """Run one command in this process, its table left out: the demo shows the commands, the store holds the rows."""
    import contextlib
    import io

    with contextlib.redirect_stdout(io.StringIO()):
        try:
            code = ladder(step, standalone_mode=False)
        except SystemExit as left:
            code = left.code
    if code not in (None, 0):
        raise StageError(f"demo: `ladder {' '.join(step)}` ended with exit code {code}")
    sys.stdout.flush()


def _fresh(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).is_file():
            raise InputError(f"{folder}: wanted a new or empty folder, or one of an earlier demo; found other files")
        shutil.rmtree(folder)
    (folder / "results").mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text("made by `ladder demo`: replaced by the next one\n")


def _shown(word: str) -> str:
    return f"'{word}'" if " " in word else word
