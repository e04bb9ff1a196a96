"""StarDist's details, as predict_instances returns them and people save them: coord (n, 2, rays), points (n, 2), prob (n,), class_id (n,).

JSON (lists) or .npz (numpy.savez). Every pair is y, x. `coord` is read some thousand cells at a time.
source   stardist/models/model2d.py, _instances_from_prediction
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from her2ladder.errors import InputError
from her2ladder.ingest.compiled import compiled
from her2ladder.ingest.readers.base import CellBatch, Floats, Ints, ReadOptions
from her2ladder.ingest.readers.coordinates import NOT_PAIRS, number
from her2ladder.ingest.readers.json_stream import JsonStream
from her2ladder.ingest.readers.packed import head_of, unpacked

NAME = "stardist"
TAKES_FOLDERS = False
SAYS_MPP = False
WANTS = "StarDist's details as JSON or .npz (coord, points, prob)"
_KEYS = ("points", "prob", "class_id", "class_prob")
_FIRST = re.compile(rb'^\s*\{\s*"(coord|points|prob|class_id|class_prob|dist|rays|rays_vertices)"\s*:\s*\[')
_ZIP = b"PK\x03\x04"
_CELLS = 20_000
_LISTS = msgspec.json.Decoder(list[float | list[float]])


def detect(path: Path) -> str:
    head = head_of(path, 2000)
    if _FIRST.match(head):
        return "an object with coord, points and prob, as StarDist returns"
    if head.startswith(_ZIP) and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as packed:
            return "arrays coord and points (.npz), as StarDist returns" if "coord.npy" in packed.namelist() else ""
    return ""


def read(path: Path, options: ReadOptions) -> Iterator[CellBatch]:
    """Yield the cells, some thousand at a time.

    raises   InputError: no `coord`, arrays of different lengths, objects in a .npz, or a damaged file
    """
    if head_of(path, 4) == _ZIP:
        yield from _npz(path)
        return
    told: dict[str, NDArray[Any]] = {}
    with unpacked(path, options) as source:
        stream = JsonStream(path, source, options.chunk_bytes)
        for key in stream.each_key():
            if key in _KEYS:
                told[key] = _array(path, key, stream.value())
            else:
                stream.skip()
    with unpacked(path, options) as source:
        stream, first, found = JsonStream(path, source, options.chunk_bytes), 0, False
        for key in stream.each_key():
            if key != "coord" or found:
                stream.skip()
                continue
            found = True
            for buf, items in stream.items():
                yield _batch(path, _rays(path, buf, items, first), first, told)
                first += len(items)
    if not found:
        raise InputError(f"{path}: wanted the key 'coord', found {', '.join(told) or 'none of StarDist'}")
    _check_lengths(path, first, told)


def _array(path: Path, key: str, raw: bytes) -> NDArray[Any]:
    try:
        return np.array(_LISTS.decode(raw), dtype=np.float64)
    except (msgspec.DecodeError, ValueError) as error:
        raise InputError(f"{path}: {key}: wanted a list of numbers a cell, found {raw[:40].decode('utf-8', 'replace')}") from error


def _rays(path: Path, buf: bytes, items: Ints, first: int) -> list[Floats]:
    view = np.frombuffer(buf, dtype=np.uint8)
    values, counts = np.empty(len(buf) // 2 + 1), np.empty(len(items), dtype=np.int64)
    bad = gather_numbers(view, items, values, counts)
    if bad >= 0 or (counts % 2).any():
        at = bad if bad >= 0 else int(np.flatnonzero(counts % 2)[0])
        raise InputError(
            f"{path}: coord: cell {first + at}: wanted [[y, …], [x, …]], found {buf[items[at, 0] :][:40].decode('utf-8', 'replace')}"
        )
    cuts = np.r_[0, np.cumsum(counts)]
    return [values[cuts[i] : cuts[i + 1]].reshape(2, -1) for i in range(len(items))]


@compiled
def gather_numbers(buf: NDArray[np.uint8], items: Ints, out: Floats, counts: Ints) -> int:
    """Write the numbers of each item, one after the other, and how many it has; returns the first item with something else, or -1."""
    used = 0
    for i in range(len(items)):
        at, begin = items[i, 0], used
        while at < items[i, 1]:
            c = buf[at]
            if c == 45 or 48 <= c <= 57:
                value, at, says = number(buf, at, items[i, 1])
                if says == NOT_PAIRS:
                    return i
                out[used] = value
                used += 1
            elif c in (91, 93, 44, 32, 10, 13, 9):
                at += 1
            else:
                return i
        counts[i] = used - begin
    return -1


def _npz(path: Path) -> Iterator[CellBatch]:
    try:
        with np.load(path, allow_pickle=False) as packed:
            told = {key: packed[key] for key in _KEYS if key in packed.files}
        with zipfile.ZipFile(path) as whole, whole.open("coord.npy") as member:
            shape, dtype = _header(path, member)
            for first in range(0, shape[0], _CELLS):
                n = min(_CELLS, shape[0] - first)
                raw = member.read(n * 2 * shape[2] * dtype.itemsize)
                rays = np.frombuffer(raw, dtype=dtype).reshape(n, 2, shape[2]).astype(np.float64)
                yield _batch(path, list(rays), first, told)
    except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: wanted StarDist's arrays, whole and without objects, found: {error}") from error
    _check_lengths(path, shape[0], told)


def _header(path: Path, member: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(member)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read_header(member)
    if len(shape) != 3 or shape[1] != 2 or fortran or dtype.kind not in "fiu":
        raise InputError(f"{path}: coord: wanted numbers of shape (cells, 2, rays), found {dtype} of shape {shape}")
    return shape, dtype


def _check_lengths(path: Path, n: int, told: dict[str, NDArray[Any]]) -> None:
    for key, values in told.items():
        if len(values) != n:
            raise InputError(f"{path}: {key} has {len(values):,} cells, coord has {n:,}")


def _batch(path: Path, rays: list[Floats], first: int, told: dict[str, NDArray[Any]]) -> CellBatch:
    n = len(rays)
    part = {key: values[first : first + n] for key, values in told.items()}
    if any(len(values) != n for values in part.values()):
        raise InputError(f"{path}: coord has more cells than {next(key for key, values in part.items() if len(values) != n)}")
    place = part["points"].astype(np.float64) if "points" in part else np.full((n, 2), np.nan)
    if place.shape != (n, 2):
        raise InputError(f"{path}: points: wanted [y, x] a cell, found the shape {told['points'].shape}")
    names: tuple[str, ...] = ()
    label = np.full(n, -1, dtype=np.int32)
    if "class_id" in part:
        kinds, where = np.unique(part["class_id"].astype(np.int64), return_inverse=True)
        names, label = tuple(str(kind) for kind in kinds), where.astype(np.int32)
    prob = part["prob"] if "prob" in part else np.full(n, np.nan)
    return CellBatch(
        n_records=n,
        record=first + np.arange(n),
        source_id=pa.nulls(n, pa.string()),
        label=label,
        label_names=names,
        unit="px",
        x=place[:, 1].copy(),
        y=place[:, 0].copy(),
        class_prob=np.asarray(prob, dtype=np.float32),
        points=np.concatenate([ray[::-1].T for ray in rays]) if rays else np.empty((0, 2)),
        n_points=np.array([ray.shape[1] for ray in rays], dtype=np.int64),
        has_outlines=True,
    )
