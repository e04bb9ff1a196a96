"""TIAToolbox: an AnnotationStore `.db` (SQLite; geometry as zlib WKB, a point as cx, cy), and the nucleus engine's pickled `.dat`.

Read without tiatoolbox. The class is the property `type`, its probability `prob`. A `.dat` is a pickle: only behind --allow-pickle, and
then by an unpickler that knows numbers, text, lists, dictionaries and arrays alone.
source   tiatoolbox/annotation/storage.py, SQLiteStore; tiatoolbox/models/engine/nucleus_instance_segmentor.py
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from her2ladder.errors import InputError
from her2ladder.ingest.readers.base import BadRecord, CellBatch, Floats, Ints, ReadOptions
from her2ladder.ingest.readers.json_records import no_gc
from her2ladder.ingest.readers.packed import head_of
from her2ladder.ingest.readers.pickled import cells_of_dat, is_dat

NAME = "tiatoolbox"
TAKES_FOLDERS = False
SAYS_MPP = False
WANTS = "TIAToolbox's annotation store (.db)"
_SQLITE = b"SQLite format 3\0"
_ROWS = 20_000
_MAX_BLOB = 10_000_000  # an outline of 4,096 points has 66 KB
_TRUSTED_BLOB = 64_000  # zlib unpacks at most 1,032 times
_CELLS = "SELECT key, cx, cy, geometry, properties FROM annotations ORDER BY id"


class Properties(msgspec.Struct, gc=False):
    """What TIAToolbox says of a nucleus."""

    type: str | int | float | None = None
    prob: float | None = None
    type_prob: float | None = None


_LIST, _ONE = msgspec.json.Decoder(list[Properties]), msgspec.json.Decoder(Properties)


def detect(path: Path) -> str:
    """Tell whether the file is a SQLite database with the table `annotations`, or a pickle with the ending .dat."""
    if head_of(path, 16) != _SQLITE:
        return "a pickled dictionary of nuclei (.dat)" if is_dat(path) else ""
    try:
        with closing(_open(path)) as con:
            return "a SQLite database with the table annotations" if _tables(con) >= {"annotations"} else ""
    except sqlite3.Error:
        return "a SQLite database, which is damaged"


def read(path: Path, options: ReadOptions) -> Iterator[CellBatch]:
    """Yield the annotations as cells, some thousand at a time.

    raises   InputError: not a whole database, another table; a .dat without --allow-pickle
    """
    if head_of(path, 16) != _SQLITE:
        yield from cells_of_dat(path, options)
        return
    try:
        with closing(_open(path)) as con:
            if "annotations" not in _tables(con):
                raise InputError(f"{path}: wanted the table annotations, found {', '.join(sorted(_tables(con))) or 'no table'}")
            packed = _compression(path, con)
            rows, first = con.execute(_CELLS), 0
            while found := rows.fetchmany(_ROWS):
                yield _batch(found, first, packed)
                first += len(found)
    except (sqlite3.Error, OverflowError) as error:
        raise InputError(f"{path}: wanted a whole annotation store of TIAToolbox, found a damaged one: {error}") from error


def _open(path: Path) -> sqlite3.Connection:
    """Open a database that may be hostile: read-only, nothing of its schema is run, no value beyond 10 MB."""
    con = sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1", uri=True)
    con.execute("PRAGMA trusted_schema = OFF")
    con.execute("PRAGMA query_only = ON")
    con.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_BLOB)
    return con


def _tables(con: sqlite3.Connection) -> set[str]:
    return {name for (name,) in con.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _compression(path: Path, con: sqlite3.Connection) -> bool:
    """Tell whether geometries are packed."""
    if "metadata" not in _tables(con):
        return True
    told = dict(con.execute("SELECT key, value FROM metadata WHERE key = 'compression'").fetchall()).get("compression", '"zlib"')
    word = str(told).strip('"')
    if word not in ("zlib", "null", "None"):
        raise InputError(f"{path}: wanted geometries packed by zlib or not at all, found {word!r}")
    return word == "zlib"


def _batch(rows: list[Any], first: int, packed: bool) -> CellBatch:
    from her2ladder.ingest.readers.wkb import outlines_of  # shapely: only where there is a store to read

    bad: dict[int, str] = {}
    with no_gc():
        told = _properties([row[4] for row in rows], bad)
        blobs = [_unpacked(row[3], packed, i, bad) for i, row in enumerate(rows)]
    shapes = outlines_of(blobs)
    bad.update({i: why for i, why in shapes.wrong.items() if i not in bad})
    is_place = np.array([blob is None for blob in blobs], dtype=np.bool_)
    place = np.array([_place(row, i, bad) if is_place[i] else (np.nan, np.nan) for i, row in enumerate(rows)], dtype=np.float64)
    kept = np.array([i for i in range(len(rows)) if i not in bad], dtype=np.int64) if bad else np.arange(len(rows))
    points, n_points = _kept_points(shapes.points, shapes.n_points, kept)
    kinds = [told[i].type for i in kept.tolist()]
    kinds = [int(kind) if isinstance(kind, float) and kind.is_integer() else kind for kind in kinds]
    names = list(dict.fromkeys(kinds))
    number = {name: i if name is not None and name != "" else -1 for i, name in enumerate(names)}
    probs = [told[i].type_prob if told[i].prob is None else told[i].prob for i in kept.tolist()]
    keys = [None if row[0] is None else str(row[0]) for row in rows]
    return CellBatch(
        n_records=len(rows),
        record=first + kept,
        source_id=pa.array(keys, pa.string()).take(pa.array(kept)),
        label=np.array([number[kind] for kind in kinds], dtype=np.int32),
        label_names=tuple(str(name) for name in names),
        unit="px",
        x=place[kept, 0],
        y=place[kept, 1],
        class_prob=np.array([np.nan if prob is None else prob for prob in probs], dtype=np.float32),
        points=points,
        n_points=n_points,
        has_outlines=False,
        bad=tuple(BadRecord(first + i, keys[i] or f"record {first + i + 1}", why) for i, why in sorted(bad.items())),
        notes=shapes.notes,
    )


def _properties(texts: list[Any], bad: dict[int, str]) -> list[Properties]:
    try:
        return _LIST.decode("[" + ",".join(texts) + "]")
    except (msgspec.DecodeError, RecursionError, TypeError):
        pass
    told = []
    for i, text in enumerate(texts):
        try:
            told.append(_ONE.decode(text))
        except (msgspec.DecodeError, RecursionError, TypeError):
            bad[i] = f"properties: wanted an object with type and prob, found {str(text)[:40]!r}"
            told.append(Properties())
    return told


def _unpacked(blob: Any, packed: bool, i: int, bad: dict[int, str]) -> bytes | None:
    if blob is None:
        return None
    try:
        if not packed:
            return bytes(blob)
        if len(blob) <= _TRUSTED_BLOB:
            return zlib.decompress(blob)
        raw = zlib.decompressobj().decompress(blob, _MAX_BLOB + 1)
        if len(raw) <= _MAX_BLOB:
            return raw
        bad[i] = f"geometry: unpacks to more than {_MAX_BLOB:,} bytes"
    except (zlib.error, TypeError) as error:
        bad[i] = f"geometry: wanted WKB packed by zlib, found something else ({error})"
    return b""


def _place(row: Any, i: int, bad: dict[int, str]) -> tuple[float, float]:
    try:
        return float(row[1]), float(row[2])
    except (TypeError, ValueError):
        bad.setdefault(i, f"cx, cy: wanted numbers, found {str(row[1:3])[:40]}")
        return float("nan"), float("nan")


def _kept_points(points: Floats, n_points: Ints, kept: Ints) -> tuple[Floats, Ints]:
    if len(kept) == len(n_points):
        return points, n_points
    is_kept: NDArray[np.bool_] = np.zeros(len(n_points), dtype=np.bool_)
    is_kept[kept] = True
    return points[np.repeat(is_kept, n_points)], n_points[kept]
