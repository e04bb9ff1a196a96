"""Shapes as GeoParquet: of GeoPandas, of `ladder export cells --format geoparquet`, and inside a SpatialData store (shapes/NAME/shapes.parquet).

A row is a cell: a polygon, or a point. The class is a column (cell_class, cell_type, …, or the one that --columns names). Coordinates are
the file's own: --mpp is micrometres per unit of them. `ladder`'s own files say that they are in micrometres.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from her2ladder.errors import InputError
from her2ladder.ingest.readers.arrow_columns import floats_of, series_of, text_of
from her2ladder.ingest.readers.base import BadRecord, CellBatch, Floats, ReadOptions
from her2ladder.ingest.readers.labels_column import labels
from her2ladder.ingest.readers.packed import head_of

NAME = "spatialdata"
TAKES_FOLDERS = True
SAYS_MPP = True
WANTS = "GeoParquet, or a SpatialData store (.zarr) with shapes"
UNIT_KEY = b"ladder_unit"  # of the file's metadata: um
_PARQUET = b"PAR1"
_ROWS = 20_000
_LABEL = ("cell_class", "cell_type", "classification", "class", "label", "type")
_NAME = ("source_id", "cell_id", "id", "__index_level_0__", "index")
_PROB = ("class_prob", "prob", "type_prob")


def detect(path: Path) -> str:
    if path.is_dir():
        found = files(path)
        return f"a SpatialData store with the shapes {found[0].parent.name}" if found else ""
    return "GeoParquet" if head_of(path, 4) == _PARQUET and is_geoparquet(path) else ""


def is_geoparquet(path: Path) -> bool:
    """Tell whether a Parquet file says where its geometries are."""
    try:
        return b"geo" in (pq.read_schema(path).metadata or {})
    except (pa.ArrowException, OSError):
        return False


def files(folder: Path) -> list[Path]:
    """Return the shapes of a SpatialData store."""
    return sorted([*folder.glob("shapes/*/shapes.parquet"), *folder.glob("shapes.parquet")])


def read(path: Path, options: ReadOptions) -> Iterator[CellBatch]:
    """Yield the shapes as cells, some thousand at a time.

    raises   InputError: several elements in a store, no class, geometries that are no WKB, or a damaged file
    """
    source = path
    if path.is_dir():
        found = files(path)
        if len(found) != 1:
            names = ", ".join(str(one) for one in found) or "none"
            raise InputError(f"{path}: wanted one element of shapes, found {names}: name one of these files")
        source = found[0]
    try:
        file = pq.ParquetFile(source)
        columns = _Columns(source, file.schema_arrow, options)
        first = 0
        for block in file.iter_batches(batch_size=_ROWS, columns=columns.names, use_threads=False):
            if block.num_rows:
                yield columns.batch(block, first)
                first += block.num_rows
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{source}: wanted a whole Parquet file, found a damaged one: {str(error).splitlines()[0][:200]}") from error


class _Columns:
    """Which columns of a file are ours.

    raises   InputError where there is no geometry or no class
    """

    def __init__(self, path: Path, schema: pa.Schema, options: ReadOptions) -> None:
        told = schema.metadata or {}
        geo = _geo(path, told)
        self.path, self.geometry = path, str(geo.get("primary_column", "geometry"))
        about = geo.get("columns", {}).get(self.geometry, {})
        if self.geometry not in schema.names or str(about.get("encoding", "WKB")).upper() != "WKB":
            raise InputError(f"{path}: column {self.geometry!r}: wanted geometries as WKB, found {about.get('encoding', 'no such column')}")
        self.unit = "um" if told.get(UNIT_KEY) == b"um" else "px"
        self.label = self._named("cell_class", _LABEL, schema, options)
        self.id = self._named("cell_id", _NAME, schema, options)
        self.prob = self._named("class_prob", _PROB, schema, options)
        if self.label is None:
            have = ", ".join(name for name in schema.names if name != self.geometry) or "no other column"
            raise InputError(f"{path}: wanted the column cell_class, found {have}: name yours by --columns cell_class=NAME")

    def _named(self, ours: str, usual: tuple[str, ...], schema: pa.Schema, options: ReadOptions) -> str | None:
        asked = options.columns.get(ours)
        if asked is not None and asked not in schema.names:
            raise InputError(f"{self.path}: no column {asked!r} as the mapping says; found {', '.join(schema.names[:40])}")
        return asked or next((name for name in usual if name in schema.names), None)

    @property
    def names(self) -> list[str]:
        return [name for name in (self.geometry, self.label, self.id, self.prob) if name is not None]

    def batch(self, block: pa.RecordBatch, first: int) -> CellBatch:
        import shapely

        from her2ladder.ingest.readers.wkb import outlines_of

        blobs = block.column(self.geometry).cast(pa.binary()).to_pylist()
        shapes = outlines_of(blobs)
        n = block.num_rows
        wrong = {**{i: "wanted a geometry, found none" for i in range(n) if blobs[i] is None}, **shapes.wrong}
        bare = np.flatnonzero(shapes.n_points == 0)
        place = np.full((n, 2), np.nan)
        points = shapely.from_wkb(np.array([blobs[i] for i in bare], dtype=object), on_invalid="ignore")
        place[bare] = np.column_stack([shapely.get_x(points), shapely.get_y(points)])
        kept = np.array([i for i in range(n) if i not in wrong], dtype=np.int64)
        is_kept = np.zeros(n, dtype=np.bool_)
        is_kept[kept] = True
        label, names = _words(self._text(block, self.label).gather(kept))
        ids = self._text(block, self.id)
        prob = np.full(n, np.nan) if self.prob is None else self._numbers(block, self.prob)
        return CellBatch(
            n_records=n,
            record=first + kept,
            source_id=ids.gather(kept).to_arrow().cast(pa.string()),
            label=label,
            label_names=names,
            unit="um" if self.unit == "um" else "px",
            x=place[kept, 0],
            y=place[kept, 1],
            class_prob=prob[kept].astype(np.float32),
            points=shapes.points[np.repeat(is_kept, shapes.n_points)],
            n_points=shapes.n_points[kept],
            has_outlines=False,
            bad=tuple(BadRecord(first + i, ids[i] or f"row {first + i + 1}", why) for i, why in sorted(wrong.items())),
            notes=shapes.notes,
        )

    def _text(self, block: pa.RecordBatch, name: str | None) -> pl.Series:
        if name is None:
            return pl.Series([None] * block.num_rows, dtype=pl.String)
        return text_of(series_of(block.column(name), f"{self.path}: column {name!r}"))

    def _numbers(self, block: pa.RecordBatch, name: str) -> Floats:
        series = floats_of(series_of(block.column(name), f"{self.path}: column {name!r}"))
        return np.array(series.fill_null(float("nan")).to_numpy(), dtype=np.float64)


def _geo(path: Path, told: dict[bytes, bytes]) -> dict[str, Any]:
    try:
        geo = json.loads(told[b"geo"])
    except (KeyError, ValueError, RecursionError):
        geo = None
    if not isinstance(geo, dict) or not isinstance(geo.get("columns", {}), dict):
        raise InputError(f"{path}: wanted GeoParquet, found a Parquet file that does not say where its geometries are")
    return geo


def _words(text: pl.Series) -> tuple[np.ndarray[tuple[int], np.dtype[np.int32]], tuple[str, ...]]:
    return labels(text)
