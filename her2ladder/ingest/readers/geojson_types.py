"""What a GeoJSON feature of a cell may hold, as the tools write it, and what its parts mean."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from her2ladder.ingest.readers.base import ReadOptions
from her2ladder.ingest.readers.packed import unpacked

NO_CELLS = ("annotation", "tile", "tma_core", "root")
# QuPath's names of object types, today's and those before 0.4.
_OBJECT_TYPES = {
    **{word: word for word in (*NO_CELLS, "cell", "detection")},
    "tmacore": "tma_core",
    "pathcellobject": "cell",
    "pathdetectionobject": "detection",
    "pathtileobject": "tile",
    "pathannotationobject": "annotation",
    "tmacoreobject": "tma_core",
    "pathrootobject": "root",
    "unknown": "annotation",
}
_A_CELL = re.compile(rb'"(?:objectType|object_type|id)"\s*:\s*"(?:cell|detection|PathCellObject|PathDetectionObject)"')
_SEARCHED_BYTES, _OVERLAP = 8_000_000, 80


_NULL = msgspec.Raw(b"null")


class Geometry(msgspec.Struct, gc=False):
    """The coordinates stay bytes until a compiled scanner reads them."""

    type: str | None = None
    coordinates: msgspec.Raw = _NULL


class Classification(msgspec.Struct, gc=False):
    """QuPath's class: one name, or since 0.4 the names of a derived class."""

    name: str | None = None
    names: list[str] | None = None


class Properties(msgspec.Struct, gc=False):
    objectType: str | None = None
    object_type: str | None = None
    classification: Classification | str | None = None
    nucleusGeometry: Geometry | None = None
    measurements: msgspec.Raw = _NULL
    type: msgspec.Raw = _NULL
    cell_class: msgspec.Raw = _NULL
    prob: msgspec.Raw = _NULL
    type_prob: msgspec.Raw = _NULL
    class_prob: msgspec.Raw = _NULL


class Feature(msgspec.Struct, gc=False):
    geometry: Geometry | None = None
    nucleusGeometry: Geometry | None = None
    properties: Properties | None = None
    id: str | int | None = None

    def outline(self, which: str) -> Geometry | None:
        """Return the nucleus' outline where there is one and it is asked for, else the feature's own."""
        if which == "nucleus":
            own = self.nucleusGeometry
            if own is None and self.properties is not None:
                own = self.properties.nucleusGeometry
            if own is not None and own.type is not None:
                return own
        return self.geometry

    def object_type(self) -> str:
        """Return QuPath's object type as a word of today's; "" = the feature has none."""
        told = self.properties and (self.properties.objectType or self.properties.object_type)
        told = told or (self.id if isinstance(self.id, str) else "")
        return _OBJECT_TYPES.get(told.lower(), "")

    def label(self) -> str | None:
        """Return the class: QuPath's classification, else TIAToolbox's or our own property; None = none."""
        told = self.properties
        if told is None:
            return None
        kind = told.classification
        if isinstance(kind, Classification):
            kind = ": ".join(kind.names) if kind.names else kind.name
        if kind is not None:
            return kind or None
        word = _word(told.cell_class)
        if word is None:
            word = _word(told.type)
            word = None if word is not None and word.lower() in _OBJECT_TYPES else word
        return word

    def prob(self) -> float:
        told = self.properties
        if told is not None:
            for raw in (told.class_prob, told.type_prob, told.prob):
                value = None if raw is _NULL else _value(raw)
                if isinstance(value, int | float) and not isinstance(value, bool):
                    return float(value)
        return float("nan")

    def source_id(self) -> str | None:
        return None if self.id is None or str(self.id).lower() in _OBJECT_TYPES else str(self.id)

    def name(self) -> str:
        return self.source_id() or ""

    def measurements(self) -> dict[str, float]:
        """Return QuPath's measurements by name: an object of today's files, a list of name and value before 0.4."""
        told = _value(self.properties.measurements) if self.properties is not None else None
        if isinstance(told, list):
            told = {one.get("name"): one.get("value") for one in told if isinstance(one, dict)}
        if not isinstance(told, dict):
            return {}
        return {str(key): float(value) for key, value in told.items() if isinstance(value, int | float)}


def _value(raw: msgspec.Raw) -> object:
    return msgspec.json.decode(raw) if bytes(raw) != b"null" else None


def _word(raw: msgspec.Raw) -> str | None:
    if raw is _NULL:
        return None
    value = _value(raw)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) and value != "" else None


def has_cells(path: Path, options: ReadOptions) -> bool:
    """Tell whether a GeoJSON file has objects of type cell or detection."""
    with unpacked(path, options) as source:
        tail = b""
        while block := source.read(_SEARCHED_BYTES):
            if _A_CELL.search(tail + block):
                return True
            tail = block[-_OVERLAP:]
    return False
