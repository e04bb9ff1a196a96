"""CellViT: cells.json, cell_detection.json, and its GeoJSON, a list of one MultiPolygon or MultiPoint a class.

cells.json says the slide's micrometres per pixel: coordinates are level-0 pixels there, already rescaled where the network looked at
another magnification. A type is a number, with its name in `type_map`; a label map may use either.
source   TIO-IKIM/CellViT cell_detection.py; CellViT-Inference inference.py
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

from her2ladder.ingest.readers import geojson
from her2ladder.ingest.readers.base import BadRecord, CellBatch, Ints, ReadOptions
from her2ladder.ingest.readers.geojson_sniff import sniff
from her2ladder.ingest.readers.hovernet import Nucleus, contour_reason, rings
from her2ladder.ingest.readers.json_records import Records, no_gc
from her2ladder.ingest.readers.members import ItemStream
from her2ladder.ingest.readers.packed import head_of, unpacked

NAME = "cellvit"
TAKES_FOLDERS = False
SAYS_MPP = True
WANTS = "CellViT's JSON (an object with the keys wsi_metadata and cells) or GeoJSON (a list of one MultiPolygon or MultiPoint a class)"
_JSON = re.compile(rb'^\s*\{\s*"(wsi_metadata|processed_patches|type_map|cells)"\s*:')
_NUCLEI = Records(Nucleus)


def detect(path: Path) -> str:
    if _JSON.match(head_of(path, 2000).removeprefix(b"\xef\xbb\xbf")):
        return "an object with wsi_metadata and cells, as CellViT writes"
    told = sniff(path)
    if told is None or not told.is_classes:
        return ""
    return f"{told.holder}, each a {' or '.join(sorted(told.kinds))} of many cells, as CellViT writes"


def read(path: Path, options: ReadOptions) -> Iterator[CellBatch]:
    """Yield the cells, a chunk at a time.

    raises   InputError: neither of CellViT's formats, or truncated
    """
    if sniff(path) is not None:
        yield from geojson.read(path, options, explodes=True)
        return
    with unpacked(path, options) as source:
        stream = ItemStream(path, source, options.chunk_bytes, ("cells",))
        first = 0
        for buf, items in stream:
            batch = _batch(path, buf, items, first, stream.others)
            first += batch.n_records
            yield batch


def _batch(path: Path, buf: bytes, items: Ints, first: int, told: Mapping[str, bytes]) -> CellBatch:
    bad: list[BadRecord] = []
    with no_gc():
        nuclei, kept = _NUCLEI.decode(path, buf, items, lambda at: f"cell {first + at}", "cell", bad, first)
        points, n_points, shaped = rings([nucleus.contour for nucleus in nuclei])
        for i in np.flatnonzero(~shaped):
            at = first + int(kept[i])
            bad.append(BadRecord(at, f"cell {at}", contour_reason(nuclei[i].contour)))
        if not shaped.all():
            nuclei = [nucleus for nucleus, good in zip(nuclei, shaped, strict=True) if good]
            kept, n_points = kept[shaped], n_points[shaped]
        names = _names(told.get("type_map", b"null"))
        types = [None if nucleus.type is None else str(nucleus.type) for nucleus in nuclei]
        labels = list(dict.fromkeys(types))
        number = {name: i if name is not None else -1 for i, name in enumerate(labels)}
        nowhere = (np.nan, np.nan)
        place = np.array([nucleus.centroid or nowhere for nucleus in nuclei], dtype=np.float64).reshape(-1, 2)
        prob = np.array([np.nan if nucleus.type_prob is None else nucleus.type_prob for nucleus in nuclei], dtype=np.float32)
        label = np.array([number[name] for name in types], dtype=np.int32)
    shown = [names.get(str(name), str(name)) for name in labels]
    return CellBatch(
        n_records=len(items),
        record=first + kept,
        source_id=pa.nulls(len(nuclei), pa.string()),
        label=label,
        label_names=tuple(shown),
        aliases={name: str(number) for name, number in zip(shown, labels, strict=True) if name != number},
        unit="px",
        x=place[:, 0].copy(),
        y=place[:, 1].copy(),
        class_prob=prob,
        points=points,
        n_points=n_points,
        has_outlines=False,  # cell_detection.json has centroids alone
        bad=tuple(sorted(bad)),
        file_mpp=_mpp(told.get("wsi_metadata", b"null")),
    )


def _names(raw: bytes) -> dict[str, str]:
    """Return number -> name, from {name: number} (CellViT) or {number: name} (CellViT++)."""
    told = _object(raw)
    pairs = {str(key): value for key, value in told.items()}
    if all(isinstance(value, int) and not isinstance(value, bool) for value in pairs.values()):
        return {str(value): key for key, value in pairs.items()}
    return {key: str(value) for key, value in pairs.items() if isinstance(value, str) and value}


def _mpp(raw: bytes) -> float:
    value = _object(raw).get("base_mpp")
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else 0.0


def _object(raw: bytes) -> dict[object, object]:
    try:
        told = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
