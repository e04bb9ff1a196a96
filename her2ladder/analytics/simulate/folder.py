"""A new folder that appears whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from her2ladder.errors import InputError, StageError


def check_new(out: Path) -> None:
    """Hold that nothing lies where a folder is to be written.

    raises   InputError for a file, or a folder that holds something
    """
    if out.is_symlink() or (out.exists() and (not out.is_dir() or any(out.iterdir()))):
        raise InputError(f"{out}: wanted a new or empty folder for what is simulated, found one that holds something; name another")


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Give a folder beside `out` to write into; on success its contents move into `out`, on failure it goes and `out` is as it was.

    raises   InputError where `out` holds something; StageError where the disk does not take it
    """
    check_new(out)
    partial = out.absolute().parent / f".{out.absolute().name}.partial-{os.getpid()}"
    try:
        partial.mkdir(parents=True)
        yield partial
        out.mkdir(exist_ok=True)
        for entry in sorted(partial.iterdir()):
            os.replace(entry, out / entry.name)
    except OSError as error:
        raise StageError(f"{out}: cannot be written: {error.strerror or error}; nothing was left there") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
