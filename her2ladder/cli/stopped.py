"""Ctrl-C: what is in the store stays, what was half done is swept, and one line says both and how to go on. A second Ctrl-C ends at once."""

from __future__ import annotations

import signal
import sys
from types import FrameType

from her2ladder.cli.context import last_globals
from her2ladder.cli.progress import Progress


class Stopped(BaseException):
    """The user pressed Ctrl-C. Not a KeyboardInterrupt, which typer answers itself with nothing but "Aborted."."""


def listen() -> None:
    """Raise Stopped at the first Ctrl-C; the next one ends the process as it stands, which leaves the store whole too."""
    signal.signal(signal.SIGINT, _stop)


def _stop(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    raise Stopped


def tidy() -> str:
    """End our worker processes, sweep what they left half done, and return what to tell the user."""
    if "multiprocessing" in sys.modules:
        import multiprocessing

        for child in multiprocessing.active_children():
            child.terminate()
        for child in multiprocessing.active_children():
            child.join(5)
    swept = f"; {n} unfinished files were swept" if (n := _sweep()) else ""
    kept = Progress.kept
    if kept is None:
        return f"stopped: nothing of this command was kept{swept}; the same command begins again"
    done, total, items = kept
    return f"stopped: {done} of {total} {items} are done and stay{swept}; the same command goes on from there"


def _sweep() -> int:
    """Remove the files that no row names yet, unless another command is writing."""
    from her2ladder.errors import LadderError
    from her2ladder.queries.check import sweep
    from her2ladder.schema.store import Store

    asked = last_globals()
    if asked is None or asked.store is None or asked.as_of is not None:
        return 0
    try:
        return sweep(Store(asked.store))
    except (LadderError, OSError):  # no store there yet, or none that we may write: nothing of ours to sweep
        return 0
