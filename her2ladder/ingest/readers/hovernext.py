"""HoVer-NeXt: class_inst.json, {id: [class, [y, x]]} in pixels of the network (0.5 um with Lizard weights, 0.25 um with PanNuke's);
and a folder with pred_<class>.tsv, one table a class, in level-0 pixels. (Its poly.geojson is read as GeoJSON.)

source   digitalpathologybern/hover_next_inference post_process.py, viz_utils.py, constants.py
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

from her2ladder.errors import InputError
from her2ladder.ingest.readers import json_scan as scan
from her2ladder.ingest.readers import table
from her2ladder.ingest.readers.base import CellBatch, Ints, ReadOptions
from her2ladder.ingest.readers.json_records import no_gc, plain
from her2ladder.ingest.readers.members import Member, MemberStream
from her2ladder.ingest.readers.packed import head_of, unpacked

NAME = "hovernext"
TAKES_FOLDERS = True
SAYS_MPP = False
WANTS = 'HoVer-NeXt\'s class_inst.json ({"1": [class, [y, x]], …}), or a folder with its pred_<class>.tsv'
TABLES = "pred_*.tsv"
_FIRST = re.compile(rb'^\s*\{\s*"\d+"\s*:\s*\[\s*\d+\s*,\s*\[\s*-?[\d.]')
_CELLS = msgspec.json.Decoder(list[tuple[int, tuple[float, float]]])


def detect(path: Path) -> str:
    if path.is_dir():
        return "a folder with pred_<class>.tsv, as HoVer-NeXt writes" if any(path.glob(TABLES)) else ""
    return "an object of [class, [y, x]], as HoVer-NeXt writes" if _FIRST.match(head_of(path, 2000)) else ""


def files(folder: Path) -> list[Path]:
    """Return the tables of a folder."""
    return sorted(folder.glob(TABLES))


def read(path: Path, options: ReadOptions) -> Iterator[CellBatch]:
    """Yield the cells, a chunk at a time."""
    if path.is_dir():
        yield from _tables(path, options)
        return
    with unpacked(path, options) as source:
        first = 0
        for buf, members in MemberStream(path, source, options.chunk_bytes, inside=None):
            yield _batch(path, buf, members, first)
            first += len(members)


def _tables(folder: Path, options: ReadOptions) -> Iterator[CellBatch]:
    first = 0
    for path in files(folder):
        n = 0
        for batch in table.read(path, options):
            n += batch.n_records
            yield replace(batch, record=batch.record + first, bad=tuple(one._replace(record=one.record + first) for one in batch.bad))
        first += n
    if not first:
        raise InputError(f"{folder}: wanted cells in {TABLES}, found none")


def _batch(path: Path, buf: bytes, members: Ints, first: int) -> CellBatch:
    begin, end = int(members[0, scan.KEY]) - 1, int(members[-1, scan.VALUE_END])
    part = np.frombuffer(bytearray(b"[" + buf[begin:end] + b"]"), dtype=np.uint8)
    scan.blank_keys(part, members, begin - 1)
    with no_gc():
        try:
            cells = _CELLS.decode(part.data)
        except (msgspec.DecodeError, RecursionError) as error:
            raise InputError(f"{path}: after cell {first}: wanted [class, [y, x]] for every cell, found: {plain(str(error))}") from None
        kinds = np.array([kind for kind, _ in cells], dtype=np.int64)
        place = np.array([where for _, where in cells], dtype=np.float64).reshape(-1, 2)
    numbers, label = np.unique(kinds, return_inverse=True)
    names = tuple(str(number) for number in numbers)
    return CellBatch(
        n_records=len(cells),
        record=first + np.arange(len(cells)),
        source_id=pa.array([Member(buf, row).key for row in members], pa.string()),
        label=label.astype(np.int32),
        label_names=names,
        unit="px",
        x=place[:, 1].copy(),
        y=place[:, 0].copy(),
        class_prob=np.full(len(cells), np.nan, dtype=np.float32),
        points=np.empty((0, 2)),
        n_points=np.zeros(len(cells), dtype=np.int64),
        has_outlines=False,
    )
