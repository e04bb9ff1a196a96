"""Which formats there are, and which one a file is of: told from its content, never guessed."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from her2ladder.errors import InputError
from her2ladder.ingest.readers import hovernet, points
from her2ladder.ingest.readers.base import Reader
from her2ladder.ingest.readers.packed import head_of

READERS: dict[str, Reader] = {module.NAME: cast(Reader, module) for module in (hovernet, points)}
AUTO = "auto"


def reader_for(path: Path, name: str = AUTO) -> Reader:
    """Return the reader of a format by name, or the one that knows the file.

    raises   InputError: no such format; a file that no reader knows, or that two know
    """
    if name != AUTO:
        if name not in READERS:
            raise InputError(f"no format called {name!r}; there is {', '.join([AUTO, *READERS])}")
        return READERS[name]
    if not path.is_file():
        raise InputError(f"{path}: wanted a file of cells, found {'a folder' if path.is_dir() else 'nothing'}")
    found = [reader for reader in READERS.values() if reader.detect(path)]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"{path}: could be {' or '.join(reader.NAME for reader in found)}: say which by --format")
    start = head_of(path, 40).decode("utf-8", "replace").replace("\n", " ")
    wanted = ", or ".join(reader.WANTS for reader in READERS.values())
    raise InputError(f"{path}: wanted {wanted}, found a file that begins {repr(start)[:60]}")
