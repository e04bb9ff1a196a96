"""GeoJSON, one feature a cell: QuPath's exports, and those of HoVer-NeXt, TIAToolbox, Cellpose and `ladder export cells`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from her2ladder.ingest.readers import geojson
from her2ladder.ingest.readers.base import CellBatch, ReadOptions
from her2ladder.ingest.readers.geojson_sniff import sniff

NAME = "qupath"
TAKES_FOLDERS = False
SAYS_MPP = False
WANTS = "GeoJSON (a FeatureCollection, or a list of features)"


def detect(path: Path) -> str:
    """Tell a file of features that are cells: not CellViT's classes, nor InstanSeg's."""
    told = sniff(path)
    if told is None or told.is_classes or told.is_instanseg:
        return ""
    kinds = " and ".join(sorted(told.object_types)) or ("closed lines, as HoVer-NeXt writes" if told.is_lines else "")
    return f"{told.holder}, one a cell" + (f" ({kinds})" if kinds else "")


def read(path: Path, options: ReadOptions) -> Iterator[CellBatch]:
    """Yield the cells: see geojson.read."""
    return geojson.read(path, options)
