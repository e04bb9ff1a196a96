"""What every section of the report is made with: its command line, its pictures, an estimate in words."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from her2ladder.analytics.figures.words import p_equals
from her2ladder.analytics.report.captions import caption
from her2ladder.analytics.report.parts import Picture, Section
from her2ladder.analytics.report.tables import estimate

Rows = Sequence[dict[str, Any]]


def left_out(done: str, counted: Mapping[str, int]) -> list[str]:
    return [f"Not {done}: " + "; ".join(f"{n} patients: {why}" for why, n in counted.items())] if counted else []


def command_line(name: str, **options: str | None) -> str:
    """Return the command line that makes a section's rows again; options that are None are left out."""
    words = [word for option, value in options.items() if value is not None for word in (f"--{option}", value)]
    return shlex.join(["ladder", *name.split(), *words])


def section_of(anchor: str, title: str, command: str, run_id: str, written: Sequence[Path]) -> Section:
    return Section(anchor, title, pictures=_pictures(written), runs=[run_id], command=command)


def _pictures(written: Sequence[Path]) -> list[Picture]:
    """The PNG of each figure: vector files with thousands of marks would make the page heavy."""
    pictures = []
    for path in written:
        if path.suffix == ".png":
            pictures.append(Picture(path, caption(path.stem), is_wide=_width_px(path) > 1200))
    return pictures


def _width_px(path: Path) -> int:
    return int.from_bytes(path.read_bytes()[16:20], "big")  # PNG: the header's first field


def found(row: dict[str, Any]) -> str:
    p = f"; {p_equals(row['p'])}" if row["p"] is not None else ""
    return f"{estimate(row)}{p}; n = {row['n']:,}"
