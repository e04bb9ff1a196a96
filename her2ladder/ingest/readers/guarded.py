"""Arrays of HDF5 and zarr files from outside, with an end to what they may ask of the machine.

Such a file can point at other files of the machine (external and virtual data), claim more values than it stores, or name a codec that
runs code (pickle): each is refused before a value is read.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from her2ladder.errors import InputError

MAX_RATIO = 2000  # gzip packs constant bytes 1,030 times, and numbers of one value are stored in 8 bytes each
ALWAYS_ALLOWED_BYTES = 256_000_000
_CODECS = {"blosc", "zlib", "gzip", "zstd", "lz4", "bz2", "lzma", "shuffle", "delta", "bytes", "crc32c", "vlen-utf8"}
_MAX_METADATA_BYTES = 1_000_000


def dataset(group: Any, name: str, source: str, file_bytes: int) -> Any:
    """Return a dataset of an open HDF5 file that lies in this very file and is no larger than the file can tell.

    raises   InputError; KeyError where there is none
    """
    import h5py

    here = group
    for part in name.split("/"):
        link = here.get(part, getlink=True) if isinstance(here, h5py.Group) else None
        if link is None:
            raise KeyError(name)
        if not isinstance(link, h5py.HardLink):
            raise InputError(f"{source}: {name} points at another place or file: refused")
        here = here[part]
    if not isinstance(here, h5py.Dataset):
        raise KeyError(name)
    if here.is_virtual or here.external:
        raise InputError(f"{source}: {name} lies in another file: refused")
    _bounded(source, name, here.size or 0, here.dtype.itemsize, file_bytes)
    return here


def checked_zarr_zip(path: Path, source: str) -> None:
    """Look at the metadata of every array of a packed zarr store before zarr opens it.

    raises   InputError: a codec or data type that could run code, or more values than the file can tell
    """
    size = path.stat().st_size
    try:
        with zipfile.ZipFile(path) as packed:
            for info in packed.infolist():
                if info.filename.rpartition("/")[2] not in (".zarray", "zarr.json"):
                    continue
                if info.file_size > _MAX_METADATA_BYTES:
                    raise InputError(f"{source}: {info.filename}: wanted small metadata, found {info.file_size:,} bytes")
                told = json.loads(packed.read(info))
                if isinstance(told, dict) and ("shape" in told):
                    _check_array(source, info.filename, told, size)
    except (zipfile.BadZipFile, ValueError, RecursionError, OSError, NotImplementedError, RuntimeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{source}: wanted the counts of a Xenium bundle in zarr, found: {str(error).splitlines()[0][:200]}") from error


def _check_array(source: str, name: str, told: dict[str, Any], file_bytes: int) -> None:
    listed = told.get("codecs") or [*(told.get("filters") or []), told.get("compressor")]
    codecs = {str(one.get("id", one.get("name"))) for one in listed if isinstance(one, dict)}
    odd = sorted(codecs - _CODECS)
    if odd:
        raise InputError(f"{source}: {name}: wanted a codec of {', '.join(sorted(_CODECS))}, found {odd[0][:40]!r}: refused")
    kind = told.get("dtype", told.get("data_type"))
    if isinstance(kind, str) and kind.lstrip("<>|=").startswith("O") and "vlen-utf8" not in codecs:
        raise InputError(f"{source}: {name}: wanted numbers, found objects: refused")
    grid = told.get("chunk_grid") or {}
    chunk = told.get("chunks") or (grid.get("configuration") or {}).get("chunk_shape") or []
    for lengths in (told["shape"], chunk):
        n = 1
        for one in lengths:
            n *= max(int(one), 1)
        _bounded(source, name, n, 8, file_bytes)


def _bounded(source: str, name: str, n: int, item_bytes: int, file_bytes: int) -> None:
    if n * item_bytes > max(ALWAYS_ALLOWED_BYTES, MAX_RATIO * file_bytes):
        raise InputError(f"{source}: {name} claims {n:,} values, more than {MAX_RATIO:,} times the file's {file_bytes:,} bytes: refused")


def texts(values: NDArray[Any]) -> list[str]:
    """Return text of an array of bytes or text."""
    return [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values.tolist()]


def line_of(error: BaseException) -> str:
    """Return the first line of what an error says."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
