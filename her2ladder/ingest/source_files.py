"""The files that a source of cells consists of: one, or those of a folder that a reader takes as a whole."""

from __future__ import annotations

import hashlib
from pathlib import Path

from her2ladder.errors import InputError
from her2ladder.ingest.readers.base import Reader
from her2ladder.ingest.readers.registry import AUTO, reader_for
from her2ladder.schema.lake import sha256_of

Stamp = tuple[tuple[int, int, int], ...]


def files_of(path: Path, format_: str = AUTO) -> list[Path]:
    """Return the files of a source, sorted.

    raises   InputError: no such source, or a folder that no reader takes
    """
    if path.is_file():
        return [path]
    reader, _ = reader_for(path, format_)
    if not (path.is_dir() and reader.TAKES_FOLDERS):
        raise InputError(f"{path}: wanted a file of cells, found {'a folder' if path.is_dir() else 'nothing'}")
    return reader.files(path)


def sha256_of_source(path: Path, format_: str = AUTO) -> str:
    """Return the sha256 of a file; of a folder, that of its files' names and hashes."""
    if path.is_file():
        return sha256_of(path)
    told = [f"{file.relative_to(path).as_posix()} {sha256_of(file)}\n" for file in files_of(path, format_)]
    return hashlib.sha256("".join(told).encode()).hexdigest()


def stamp_of(path: Path, reader: Reader) -> Stamp:
    """Return what changes where a file of the source is written to."""
    told = [file.stat() for file in ([path] if path.is_file() else reader.files(path))]
    return tuple((one.st_ino, one.st_size, one.st_mtime_ns) for one in told)
