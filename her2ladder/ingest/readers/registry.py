"""Which formats there are, and which one a file is of: told from its content, never guessed. A new format is one module in READERS."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, cast

from her2ladder.errors import InputError
from her2ladder.ingest.readers import cellvit, hovernet, hovernext, instanseg, mat, qupath, spatialdata, stardist, table, tiatoolbox, xenium
from her2ladder.ingest.readers.base import Reader
from her2ladder.ingest.readers.packed import head_of

_MODULES = (hovernet, qupath, cellvit, tiatoolbox, hovernext, instanseg, stardist, mat, spatialdata, xenium, table)
READERS: dict[str, Reader] = {module.NAME: cast(Reader, module) for module in _MODULES}
AUTO = "auto"
OTHER_NAMES = {"points": "table", "geojson": "qupath"}  # what a format was called before, or is called by many


class Found(NamedTuple):
    """The reader of a file, and what spoke for it."""

    reader: Reader
    why: str


def reader_for(path: Path, name: str = AUTO) -> Found:
    """Return the reader of a format by name, or the one that knows the file.

    raises   InputError: no such format; a file that no reader knows, or that two know
    """
    if name != AUTO:
        name = OTHER_NAMES.get(name, name)
        if name not in READERS:
            raise InputError(f"no format called {name!r}; there is {', '.join([AUTO, *READERS])}")
        return Found(READERS[name], "as asked for")
    if not path.exists():
        raise InputError(f"{path}: wanted a file of cells, found nothing")
    readers = [reader for reader in READERS.values() if path.is_file() or reader.TAKES_FOLDERS]
    found = [Found(reader, why) for reader in readers if (why := reader.detect(path))]
    if len(found) == 1:
        return found[0]
    if found:
        could = " or ".join(f"{one.reader.NAME} ({one.why})" for one in found)
        raise InputError(f"{path}: could be {could}: say which by --format")
    if path.is_dir():
        wanted = ", or ".join(reader.WANTS for reader in readers)
        raise InputError(f"{path}: wanted {wanted}, found another folder")
    start = head_of(path, 40).decode("utf-8", "replace").replace("\n", " ")
    raise InputError(
        f"{path}: wanted a file of cells ({', '.join(reader.NAME for reader in readers)}; docs/input_files.md shows each), "
        f"found a file that begins {repr(start)[:60]}"
    )
