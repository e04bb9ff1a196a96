"""Every error raised on purpose, so that callers catch by kind and never parse text.

LadderError
  InputError (ValueError)       a file or argument from outside is wrong: the user can mend it
    TableError                  rows of a table are wrong; knows .faults
    CellRowError                one segmented cell is unusable; knows .file .record .column
  MissingError (LookupError)    a table, query, run, model or slide asked for by name is not there
  StageError                    a stage could not finish; nothing of it was written
    StoreBusyError              another process holds the write lock longer than we wait
      LostRaceError             another machine published meanwhile
  SandboxError                  user SQL asked for what the sandbox does not give
    SandboxTimeout              it took longer than it may
    SandboxDied                 its process was killed

A message says where, what was wanted, what was found and what to do, in one line.
"""

from __future__ import annotations

import shlex


class LadderError(Exception):
    """Base of every error that LADDER raises on purpose; the CLI prints its one line and exits 1."""

    def __str__(self) -> str:
        """What was said, in one line: a name or value from outside can hold line ends and terminal commands."""
        return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in super().__str__())


class InputError(LadderError, ValueError):
    """A file or argument from outside is wrong: the user can mend it."""


class CellRowError(InputError):
    """One segmented cell is unusable; `file`, `record` and `column` say which."""

    def __init__(self, message: str, *, file: str = "", record: str = "", column: str = "") -> None:
        super().__init__(message)
        self.file = file
        self.record = record
        self.column = column


class TableError(InputError):
    """Rows of a table are wrong; `faults` holds one row a fault: column, fault, n rows, the first of them."""

    def __init__(self, message: str, faults: list[dict[str, object]]) -> None:
        super().__init__(message)
        self.faults = faults


class MissingError(LadderError, LookupError):
    """Something asked for by name is not there."""


class StageError(LadderError):
    """A stage could not finish; nothing of it was written."""


class StoreBusyError(StageError):
    """Another process holds the write lock of the store."""


class LostRaceError(StoreBusyError):
    """Another machine published to the store in the meantime; nothing of ours was, and it may be tried again."""


class SandboxError(LadderError):
    """User SQL asked for something that the read-only sandbox does not give."""


class SandboxTimeout(SandboxError):
    """A question took longer than it may."""


class SandboxDied(SandboxError):
    """A question's process was killed, by the kernel for its memory or from outside."""


def shell_word(value: object) -> str:
    """Return a path or word as it must be typed in a shell, quoted where it has blanks or signs: for the hints of a message."""
    return shlex.quote(str(value))
