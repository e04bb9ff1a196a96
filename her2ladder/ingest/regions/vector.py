"""Regions in any file that geopandas reads: GeoPackage, Shapefile, FlatGeobuf, GeoParquet; in pixels of level 0, not in degrees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from her2ladder.errors import InputError
from her2ladder.ingest.regions.drawn import MAX_BYTES, Drawn, Read, RegionMap

ENDINGS = (".gpkg", ".shp", ".fgb", ".parquet", ".geoparquet")
_CLASS = ("region_class", "classification", "class", "label", "type")
_NAME = ("name", "title")


def read_vector(path: Path, told: RegionMap) -> Read:
    """raises   InputError: not readable, in degrees, or without the column that the map names"""
    import geopandas

    if not path.is_file():
        raise InputError(f"{path}: wanted a file of regions, found {'a folder' if path.is_dir() else 'nothing'}")
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path}: wanted at most {MAX_BYTES // 2**20} MiB of regions, found more")
    try:
        if path.suffix.lower() in (".parquet", ".geoparquet"):
            frame = geopandas.read_parquet(path)
        else:
            frame = geopandas.read_file(path, engine="pyogrio")
    except Exception as error:  # GDAL and pyarrow raise many kinds
        raise InputError(f"{path}: wanted a file that geopandas reads, found: {' '.join(str(error).split())[:200]}") from error
    if frame.crs is not None and frame.crs.is_geographic:
        raise InputError(f"{path}: wanted pixels of the slide, found degrees ({frame.crs.name}): write it without a coordinate system")
    class_column = _column(path, frame, told.columns.get("region_class"), _CLASS)
    name_column = _column(path, frame, told.columns.get("name"), _NAME)
    read = Read()
    for at, (shape, row) in enumerate(zip(frame.geometry, frame.drop(columns=frame.geometry.name).to_dict("records"), strict=True)):
        read.regions.append(Drawn(f"row {at + 1}", _text(row, class_column), _text(row, name_column), shape))
    return read


def _column(path: Path, frame: Any, named: str | None, usual: tuple[str, ...]) -> str | None:
    if named is not None and named not in frame.columns:
        raise InputError(f"{path}: wanted the column {named!r} that the map names, found {', '.join(map(str, frame.columns))}")
    known = {str(name).lower(): str(name) for name in frame.columns}
    return named or next((known[word] for word in usual if word in known), None)


def _text(row: dict[Any, Any], name: str | None) -> str | None:
    value = row.get(name) if name else None
    return None if value is None or value != value or value == "" else str(value)
