"""A progress bar on stderr for long work: done, rate, time left. Silent where stderr is not a terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any


class Progress:
    """Counts items (slides) and units (cells); call it with (done, total, units so far)."""

    def __init__(self, items: str, units: str) -> None:
        self.items, self.units = items, units
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
        if self._bar is not None:
            rate = f"{units / max(time.monotonic() - self._start, 1e-9):,.0f} {self.units}/s" if units else ""
            self._bar.update(self._task, completed=done, total=total, rate=rate)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()
