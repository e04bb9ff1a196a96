"""Cells out of the store with their outlines: GeoJSON for QuPath, GeoParquet for GeoPandas and QGIS, or plain tables."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from her2ladder.errors import InputError, MissingError
from her2ladder.schema.outlines import QUANTA_KEY, decode_outlines, to_geojson_features, to_wkb
from her2ladder.schema.store import Store

FORMATS = ("geojson", "geoparquet", "csv", "parquet")
TABLE_COLUMNS = ("slide_id", "patient_id", "stain", "cell_id", "source_id", "cell_class", "source_label", "class_prob", "x_um", "y_um",
                 "area_um2", "membrane_completeness", "membrane_od", "cytoplasm_od")  # fmt: skip
OUTLINE_COLUMNS = (*TABLE_COLUMNS, "mpp_x", "mpp_y", "contour")


def export_cells(store: Store, slide_id: str | None, stain: str | None, format_: str, output: Path | None) -> int:
    """Write cells to a file, or to stdout (geojson and csv); return how many.

    slide_id   one slide; None = all, for csv and parquet only
    geojson    a FeatureCollection in pixels of the source: a polygon a cell, a point where it has no outline
    geoparquet polygons in micrometres, `crs` null: a slide has no place on Earth
    raises     MissingError where there is no such slide; InputError for what does not go together
    """
    if format_ not in FORMATS:
        raise InputError(f"--format: wanted one of {', '.join(FORMATS)}, found {format_!r}")
    if output is None and format_ in ("geoparquet", "parquet"):
        raise InputError(f"--format {format_} is not text: name a file with -o")
    files = _files(store, slide_id, stain)
    if format_.startswith("geo") and len(files) != 1:
        raise InputError(f"--format {format_}: wanted one slide and stain, found {len(files)}: name them with --slide-id and --stain")
    writer = {"geojson": _geojson, "geoparquet": _geoparquet, "csv": _csv, "parquet": _parquet}[format_]
    with _sink(output) as out:
        return writer(files, out)


def _files(store: Store, slide_id: str | None, stain: str | None) -> list[Path]:
    with store.reading() as con:
        rows = con.execute(
            "SELECT path FROM slide WHERE slide_id = coalesce(?, slide_id) AND stain = coalesce(?, stain) ORDER BY slide_id, stain",
            [slide_id, stain],
        ).fetchall()
    if not rows:
        asked = ("" if slide_id is None else f" {slide_id!r}") + ("" if stain is None else f" of stain {stain!r}")
        raise MissingError(f'no slide{asked} in the store; `ladder sql "SELECT slide_id, stain FROM slide"` lists them')
    return [store.root / path for (path,) in rows]


def _read(path: Path, columns: tuple[str, ...]) -> pa.Table:
    """Cells of one file in the order of the source."""
    return pq.read_table(path, columns=list(columns), partitioning=None).sort_by("cell_id")


def _quanta_per_px(path: Path) -> int:
    return int(pq.read_schema(path).metadata[QUANTA_KEY])


def _geojson(files: list[Path], out: IO[bytes]) -> int:
    rows = _read(files[0], OUTLINE_COLUMNS)
    rings = decode_outlines(rows, _quanta_per_px(files[0]), "px")
    centroid = np.column_stack([rows.column(f"{axis}_um").to_numpy() / rows.column(f"mpp_{axis}").to_numpy() for axis in "xy"])
    out.write(b'{"type": "FeatureCollection", "features": [\n')
    told = rows.select(["cell_id", "source_id", "cell_class", "class_prob", "area_um2"]).to_pylist()
    properties = [
        {
            "objectType": "detection",
            "classification": {"name": row["cell_class"]},
            "name": row["source_id"],
            "measurements": {"cell_id": row["cell_id"], "class_prob": row["class_prob"], "area_um2": row["area_um2"]},
        }
        for row in told
    ]
    out.write(",\n".join(to_geojson_features(rings, properties, centroid)).encode())
    out.write(b"\n]}\n")
    return int(rows.num_rows)


def _geoparquet(files: list[Path], out: IO[bytes]) -> int:
    rows = _read(files[0], OUTLINE_COLUMNS)
    geometry = to_wkb(decode_outlines(rows, _quanta_per_px(files[0]), "um"))
    told = {
        "version": "1.1.0",
        "primary_column": "geometry",
        "columns": {"geometry": {"encoding": "WKB", "geometry_types": ["Polygon"], "crs": None}},  # a missing crs would mean lon/lat
    }
    table = rows.select(list(TABLE_COLUMNS)).append_column("geometry", geometry)
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(told)}), out, compression="zstd")
    return int(rows.num_rows)


def _csv(files: list[Path], out: IO[bytes]) -> int:
    import polars as pl

    n = 0
    for path in files:
        frame = pl.from_arrow(_read(path, TABLE_COLUMNS))
        assert isinstance(frame, pl.DataFrame)
        frame.write_csv(out, include_header=n == 0)
        n += frame.height
    return n


def _parquet(files: list[Path], out: IO[bytes]) -> int:
    n = 0
    writer: pq.ParquetWriter | None = None
    for path in files:
        rows = _read(path, (*TABLE_COLUMNS, "mpp_x", "mpp_y")).unify_dictionaries()
        plain = pa.table(
            {
                name: rows.column(name).cast(pa.string()) if pa.types.is_dictionary(rows.schema.field(name).type) else rows.column(name)
                for name in rows.column_names
            }
        )
        writer = writer or pq.ParquetWriter(out, plain.schema, compression="zstd")
        writer.write_table(plain)
        n += rows.num_rows
    if writer is not None:
        writer.close()
    return n


@contextmanager
def _sink(output: Path | None) -> Iterator[IO[bytes]]:
    """A file that appears whole or not at all, or stdout."""
    if output is None:
        yield sys.stdout.buffer
        return
    draft = output.with_name(f".{output.name}.draft")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as out:
            yield out
        os.replace(draft, output)
    except OSError as error:
        raise InputError(f"{output}: cannot be written: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)
