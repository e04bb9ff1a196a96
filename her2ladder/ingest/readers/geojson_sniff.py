"""What a GeoJSON file begins with: its first features, told from its first 64 KB."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from her2ladder.ingest.readers import json_lists
from her2ladder.ingest.readers import json_scan as scan
from her2ladder.ingest.readers.geojson_types import Feature
from her2ladder.ingest.readers.packed import head_of

_COLLECTION = re.compile(rb'"features"\s*:\s*\[')
_FEATURE = re.compile(rb'"type"\s*:\s*"Feature"')
_GEOMETRY = re.compile(rb'"type"\s*:\s*"((?:Multi)?(?:Point|Polygon|LineString))"')
_MAX_FEATURES = 200


@dataclass(frozen=True)
class Sniffed:
    """The start of a GeoJSON file.

    holder     what the features are in, as words
    features   those that are whole within the first bytes
    kinds      geometry types of those, and of the one that goes on beyond them
    text       the bytes looked at
    """

    holder: str
    features: list[Feature]
    kinds: set[str]
    text: bytes

    @property
    def object_types(self) -> set[str]:
        return {feature.object_type() for feature in self.features} - {""}

    @property
    def is_classes(self) -> bool:
        """Features are the classes of CellViT: each holds many cells, and none is a QuPath cell."""
        many = bool(self.kinds) and self.kinds <= {"MultiPolygon", "MultiPoint"}
        return many and not self.object_types & {"cell", "detection"} and b"nucleusGeometry" not in self.text

    @property
    def is_instanseg(self) -> bool:
        """InstanSeg's Python export: the class is a plain string, and the only measurement is the label."""
        words = [f.properties.classification for f in self.features if f.properties is not None]
        return any(isinstance(word, str) for word in words) and b'"Label"' in self.text

    @property
    def is_lines(self) -> bool:
        """HoVer-NeXt writes each outline as a closed line."""
        return self.kinds == {"LineString"}


def sniff(path: Path) -> Sniffed | None:
    """Return how a file begins, where it begins as GeoJSON features."""
    head = head_of(path)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"["):
        holder, begin = "a list of GeoJSON features", 1
        if not _FEATURE.search(text) and not _GEOMETRY.search(text):
            return None
    elif text.startswith(b"{") and (found := _COLLECTION.search(text)):
        holder, begin = "a GeoJSON FeatureCollection", found.end()
    else:
        return None
    view = np.frombuffer(bytearray(text), dtype=np.uint8)
    json_lists.quote_words(view)
    text = view.tobytes()
    items = np.empty((_MAX_FEATURES, 2), dtype=np.int64)
    _, count, at, _ = json_lists.scan_items(view, begin, len(view), scan.FIRST, items)
    features, kinds = [], set()
    for item_begin, item_end in items[:count].tolist():
        try:
            features.append(msgspec.json.decode(text[item_begin:item_end], type=Feature))
        except (msgspec.DecodeError, RecursionError):
            continue
    kinds = {str(feature.geometry.type) for feature in features if feature.geometry is not None}
    if count < _MAX_FEATURES and (rest := _GEOMETRY.search(text[at:])):
        kinds.add(rest.group(1).decode())
    return Sniffed(holder, features, kinds, text)
