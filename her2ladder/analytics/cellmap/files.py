"""Puts a file in place whole: a reader never sees half a map, and a failed run leaves the old one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from her2ladder.errors import InputError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; on leaving without an error it becomes `path`.

    raises   InputError where the folder does not exist
    """
    if not path.parent.is_dir():
        raise InputError(f"{path}: the folder must exist, and there is no {path.parent}; make it first")
    handle, name = tempfile.mkstemp(suffix=path.suffix, prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    try:
        yield Path(name)
        os.chmod(name, 0o644)  # mkstemp gives 0o600, and maps are for showing
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
