"""Regions in GeoJSON as QuPath writes annotations: a FeatureCollection, a bare array, or one feature; cells and detections are left alone."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any

import msgspec

from her2ladder.errors import InputError
from her2ladder.ingest.regions.drawn import MAX_BYTES, Drawn, Read

CELLS = ("cell", "detection", "tile", "tma_core")


def read_geojson(path: Path) -> Read:
    """raises   InputError: not JSON, cut short, or nothing that is a feature"""
    import shapely

    try:
        told = msgspec.json.decode(bounded(path))
    except msgspec.DecodeError as error:
        raise InputError(f"{path}: wanted GeoJSON, found: {error}") from error
    features = told.get("features", [told]) if isinstance(told, dict) else told
    if not isinstance(features, list):
        raise InputError(f"{path}: wanted a FeatureCollection or a list of features, found {type(told).__name__}")
    read, n_cells = Read(), 0
    for at, feature in enumerate(features):
        record = _name(feature, at)
        if not isinstance(feature, dict) or not isinstance(feature.get("geometry"), dict):
            read.bad.append((record, "wanted a feature with a geometry"))
            continue
        properties = feature.get("properties") or {}
        if str(properties.get("objectType", "")) in CELLS:
            n_cells += 1
            continue
        try:
            shape = shapely.from_geojson(msgspec.json.encode(feature["geometry"]))
        except (shapely.errors.ShapelyError, ValueError, TypeError) as error:
            read.bad.append((record, f"its geometry cannot be read: {' '.join(str(error).split())[:150]}"))
            continue
        read.regions.append(Drawn(record, _class(properties), _text(properties.get("name")), shape))
    if n_cells and not read.regions and not read.bad:
        raise InputError(f"{path}: wanted annotations, found {n_cells:,} cells: `ladder ingest cells` reads these")
    return read


def bounded(path: Path) -> bytes:
    """Return a file's bytes, unpacked where it is gzip.

    raises   InputError: not there, damaged, or larger than regions can be
    """
    try:
        with path.open("rb") as plain:
            packed = plain.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rb") if packed else path.open("rb") as handle:
            content = handle.read(MAX_BYTES + 1)
    except IsADirectoryError as error:
        raise InputError(f"{path}: wanted a file of regions, found a folder") from error
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: wanted a file of regions, found {getattr(error, 'strerror', None) or error}") from error
    if len(content) > MAX_BYTES:
        raise InputError(f"{path}: wanted at most {MAX_BYTES // 2**20} MiB of regions, found more")
    return content.removeprefix(b"\xef\xbb\xbf")


def _name(feature: Any, at: int) -> str:
    told = feature.get("id") if isinstance(feature, dict) else None
    return f"feature {at + 1}" + (f" ({told})" if isinstance(told, str | int) and str(told) != "PathAnnotationObject" else "")


def _class(properties: dict[str, Any]) -> str | None:
    told = properties.get("classification", properties.get("class", properties.get("label")))
    if isinstance(told, dict):
        told = told.get("name") or ": ".join(map(str, told.get("names") or ()))
    return _text(told)


def _text(value: Any) -> str | None:
    return None if value is None or value == "" or isinstance(value, dict | list) else str(value)
