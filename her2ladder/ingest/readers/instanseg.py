"""InstanSeg's GeoJSON: staircase outlines, the class a plain string, nuclei and cells in one file and not linked.

A label map says what the strings mean; where a file has both, the cells repeat the nuclei: preset `instanseg` drops them.
source   instanseg/utils/utils.py, labels_to_features
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from her2ladder.ingest.readers import geojson
from her2ladder.ingest.readers.base import CellBatch, ReadOptions
from her2ladder.ingest.readers.geojson_sniff import sniff

NAME = "instanseg"
TAKES_FOLDERS = False
SAYS_MPP = False
WANTS = "InstanSeg's GeoJSON (features whose classification is a string, with the measurement Label)"


def detect(path: Path) -> str:
    told = sniff(path)
    if told is None or told.is_classes or not told.is_instanseg:
        return ""
    return f"{told.holder} with a plain classification and the measurement Label, as InstanSeg writes"


def read(path: Path, options: ReadOptions) -> Iterator[CellBatch]:
    """Yield the cells: see geojson.read."""
    return geojson.read(path, options)
