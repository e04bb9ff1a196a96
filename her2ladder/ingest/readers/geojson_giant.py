"""A GeoJSON feature that is too long to be held as a whole: its other keys are read ahead, then its coordinates a chunk at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from her2ladder.ingest.readers import coordinates
from her2ladder.ingest.readers.base import BadRecord, CellBatch, Ints
from her2ladder.ingest.readers.geojson_shapes import CellShapes, polygons
from her2ladder.ingest.readers.geojson_types import Feature
from her2ladder.ingest.readers.json_records import plain
from her2ladder.ingest.readers.json_stream import JsonStream
from her2ladder.ingest.readers.packed import unpacked

if TYPE_CHECKING:
    from her2ladder.ingest.readers.geojson import _Reader

_TYPE = {"MultiPolygon": coordinates.POLYGON, "MultiPoint": coordinates.POINT}
_POINTS = msgspec.json.Decoder(list[tuple[float, float]])


def cells(reader: _Reader, stream: JsonStream) -> Iterator[CellBatch]:
    """Yield the cells of the feature that begins here, and leave the stream behind it."""
    feature, kind, problem = _ahead(reader, stream.offset)
    notes: Counter[str] = Counter()
    name = f"feature {reader.n_features + 1}"
    reader.n_features += 1
    if not problem and not reader.is_cell(feature, notes):
        stream.skip()
        yield _batch(reader, feature, _none(), [], notes)
        return
    if not problem and (kind not in _TYPE or (kind == "MultiPolygon" and not reader.explodes)):
        problem = f"geometry: wanted the outline of a cell, found a {kind or 'geometry'} of millions of bytes"
    if problem:
        stream.skip()
        yield _batch(reader, feature, _none(), [BadRecord(0, name, problem)], notes)
        return
    for key in stream.each_key():
        if key != "geometry" or stream.peek() != b"{":
            stream.skip()
            continue
        for inner in stream.each_key():
            if inner != "coordinates" or stream.peek() != b"[":
                stream.skip()
                continue
            for buf, items in stream.items():
                yield _batch(reader, feature, *_chunk(kind, buf, items, name, notes), notes)
                notes = Counter()


def _chunk(kind: str, buf: bytes, items: Ints, name: str, notes: Counter[str]) -> tuple[CellShapes, list[BadRecord]]:
    view = np.frombuffer(buf, dtype=np.uint8)
    if kind == "MultiPolygon":
        points, n_points, good = polygons(view, items, notes)
        nowhere = np.full(len(n_points), np.nan)
        shapes = CellShapes(
            np.zeros(len(n_points), dtype=np.int64), nowhere, nowhere.copy(), points, n_points, np.ones(1, dtype=np.bool_), []
        )
    else:
        told = coordinates.parse_shapes(view, items[:, 0], items[:, 1], np.full(len(items), coordinates.POINT, dtype=np.int8))
        where, good = told.points, told.verdict != coordinates.NOT_PAIRS
        if (told.verdict == coordinates.INEXACT).any() and good.all():
            where = np.array(_POINTS.decode(b"[" + buf[int(items[0, 0]) : int(items[-1, 1])] + b"]"))
        none = np.zeros(len(where), dtype=np.int64)
        shapes = CellShapes(none, where[:, 0].copy(), where[:, 1].copy(), np.empty((0, 2)), none.copy(), np.ones(1, dtype=np.bool_), [])
    bad = [BadRecord(0, name, f"coordinates: wanted points [x, y], found {_text(buf, items[i])}") for i in np.flatnonzero(~good)]
    return shapes, bad


def _batch(reader: _Reader, feature: Feature, shapes: CellShapes, bad: list[BadRecord], notes: Counter[str]) -> CellBatch:
    return reader.as_batch([feature], np.zeros(1, dtype=np.int64), shapes, bad, notes)


def _none() -> CellShapes:
    none = np.empty(0, dtype=np.int64)
    return CellShapes(none, np.empty(0), np.empty(0), np.empty((0, 2)), none.copy(), np.ones(1, dtype=np.bool_), [])


def _text(buf: bytes, item: Ints) -> str:
    return buf[int(item[0]) : int(item[1])][:40].decode("utf-8", "replace")


def _ahead(reader: _Reader, offset: int) -> tuple[Feature, str, str]:
    """Return (the feature without its coordinates, the type of its geometry, why it is no cell or "")."""
    told: dict[str, bytes] = {}
    kind = ""
    with unpacked(reader.path, reader.options) as source:
        source.skip(offset)
        stream = JsonStream(reader.path, source, reader.options.chunk_bytes)
        if stream.peek() != b"{":
            return Feature(), "", "wanted a feature, found something else of millions of bytes"
        for key in stream.each_key():
            if key == "geometry" and stream.peek() == b"{":
                for inner in stream.each_key():
                    if inner == "type":
                        kind = str(msgspec.json.decode(stream.value()))
                    else:
                        stream.skip()
            elif key in ("id", "properties"):
                told[key] = stream.value()
            else:
                stream.skip()
    text = b"{" + b",".join(b'"%s":%s' % (key.encode(), value) for key, value in told.items()) + b"}"
    try:
        return msgspec.json.decode(text, type=Feature), kind, ""
    except msgspec.ValidationError as error:
        return Feature(), kind, plain(str(error))
