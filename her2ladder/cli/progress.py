"""A progress bar on stderr for long work: done, rate, time left. Silent where stderr is not a terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, ClassVar


class Progress:
    """Counts items (slides) and units (cells); call it with (done, total, units so far).

    keeps   what is done stays when the command is stopped, and is not done again
    kept    (done, total, items) of the last call, where that holds: what a stop tells
    """

    kept: ClassVar[tuple[int, int, str] | None] = None

    def __init__(self, items: str, units: str, *, keeps: bool = False) -> None:
        self.items, self.units, self.keeps = items, units, keeps
        self._bar: Any = None
        self._task: Any = None
        self._start = time.monotonic()

    def __enter__(self) -> Progress:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(),
            )
            self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task(self.items, total=None, rate="")
        return self

    def __call__(self, done: int, total: int, units: int = 0) -> None:
        if self.keeps:
            Progress.kept = (done, total, self.items)
        if self._bar is not None:
            rate = f"{units / max(time.monotonic() - self._start, 1e-9):,.0f} {self.units}/s" if units else ""
            self._bar.update(self._task, completed=done, total=total, rate=rate)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()
