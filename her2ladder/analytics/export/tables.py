"""Cells as tables: CSV and Parquet for R and pandas, GeoParquet for GeoPandas and QGIS."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from her2ladder.analytics.export.rows import OUTLINE_COLUMNS, TABLE_COLUMNS, SlideFile, rings_of
from her2ladder.schema.outlines import to_wkb

UNIT_KEY = b"ladder_unit"  # the reader of GeoParquet knows our own files by it


def csv(slides: Sequence[SlideFile], out: IO[bytes]) -> int:
    """Write the cells of slides one after the other; return how many."""
    import polars as pl

    n = 0
    for slide in slides:
        for rows in slide.batches(TABLE_COLUMNS):
            frame = pl.DataFrame(pl.from_arrow(rows))
            frame.write_csv(out, include_header=n == 0)
            n += frame.height
    return n


def parquet(slides: Sequence[SlideFile], out: IO[bytes]) -> int:
    """Write the cells of slides one after the other; return how many."""
    writer: pq.ParquetWriter | None = None
    n = 0
    for slide in slides:
        for rows in slide.batches((*TABLE_COLUMNS, "mpp_x", "mpp_y")):
            writer = writer or pq.ParquetWriter(out, rows.schema, compression="zstd")
            writer.write_table(rows)
            n += rows.num_rows
    if writer is not None:
        writer.close()
    return n


def geoparquet(slide: SlideFile, out: IO[bytes]) -> int:
    """Write one slide's outlines in micrometres; `crs` is null, since a missing one would mean longitude and latitude."""
    told = {
        "version": "1.1.0",
        "primary_column": "geometry",
        "columns": {"geometry": {"encoding": "WKB", "geometry_types": ["Polygon"], "crs": None}},
    }
    writer: pq.ParquetWriter | None = None
    n = 0
    for rows in slide.batches(OUTLINE_COLUMNS):
        table = rows.select(list(TABLE_COLUMNS)).append_column("geometry", to_wkb(rings_of(rows, slide, "um")))
        table = table.replace_schema_metadata({b"geo": json.dumps(told).encode(), UNIT_KEY: b"um"})
        writer = writer or pq.ParquetWriter(out, table.schema, compression="zstd")
        writer.write_table(table)
        n += rows.num_rows
    if writer is not None:
        writer.close()
    return n


def rows_of(slides: Sequence[SlideFile]) -> pa.Table:
    """Return the cells of slides as one table, with their mpp: for formats that hold a slide as a whole."""
    return pa.concat_tables([rows for slide in slides for rows in slide.batches((*TABLE_COLUMNS, "mpp_x", "mpp_y"))])
