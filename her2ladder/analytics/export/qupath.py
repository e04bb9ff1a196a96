"""GeoJSON for QuPath: cells with their nucleus, our colours, measurements and UUIDs; pixels of the source.

The store has one outline a cell, the nucleus'. It stands as the cell's geometry and as its nucleusGeometry, so that QuPath shows cells
and measures nuclei. A cell without an outline is a point.
source   QuPath QuPathTypeAdapters.java
"""

from __future__ import annotations

import hashlib
import json
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc

from her2ladder.analytics.export.json_text import ring_texts
from her2ladder.analytics.export.rows import OUTLINE_COLUMNS, SlideFile, place_px, rings_of
from her2ladder.analytics.figures.palette import class_colours

_UUID = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
_MEASURES = {
    "area_um2": "Nucleus: Area \u00b5m^2",
    "class_prob": "Class probability",
    "membrane_completeness": "Membrane: Completeness",
    "membrane_od": "Membrane: DAB OD mean",
    "cytoplasm_od": "Cytoplasm: DAB OD median",
}


def write(slide: SlideFile, out: IO[bytes]) -> int:
    """Write one slide as a FeatureCollection; return how many cells."""
    out.write(b'{"type":"FeatureCollection","features":[\n')
    n = 0
    for rows in slide.batches(OUTLINE_COLUMNS):
        out.write((",\n" if n else "").encode() + b",\n".join(_features(rows, slide)))
        n += rows.num_rows
    out.write(b"\n]}\n")
    return n


def _features(rows: pa.Table, slide: SlideFile) -> list[bytes]:
    rings = rings_of(rows, slide)
    texts = ring_texts(rings.points, rings.n_points, closed=True)
    where = place_px(rows).tolist()
    classes, ids = rows.column("cell_class").to_pylist(), uuids(rows, slide)
    kinds = {word: _kind(word, colour) for word, colour in class_colours(slide.classes).items()}
    names = _names(rows.column("source_id"))
    probs = [b"" if one is None else b',"class_prob":%.7g' % one for one in rows.column("class_prob").to_pylist()]
    told = _measurements(rows)
    features = []
    for i, (uuid, ring, kind, name, prob, measures) in enumerate(zip(ids, texts, classes, names, probs, told, strict=True)):
        if len(ring) > 2:
            shape = b'{"type":"Polygon","coordinates":[%s]}' % ring
            what, geometry = b"cell", b'"geometry":%s,"nucleusGeometry":%s' % (shape, shape)
        else:
            what, geometry = b"detection", b'"geometry":{"type":"Point","coordinates":[%r,%r]}' % tuple(where[i])
        features.append(
            b'{"type":"Feature","id":"%s",%s,"properties":{"objectType":"%s"%s%s,%s,"measurements":{%s}}}'
            % (uuid, geometry, what, name, prob, kinds[kind], measures)
        )
    return features


def _names(source_id: pa.ChunkedArray) -> list[bytes]:
    is_plain = pc.all(pc.match_substring_regex(source_id.drop_null(), "^[0-9A-Za-z_.:-]*$")).as_py()
    if is_plain is False:
        return [b"" if one is None else b',"name":' + json.dumps(one).encode() for one in source_id.to_pylist()]
    return [b"" if one is None else b',"name":"%s"' % one.encode() for one in source_id.to_pylist()]


def _kind(word: str, colour: str) -> bytes:
    rgb = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
    return b'"classification":' + json.dumps({"name": word, "color": rgb}).encode()


def uuids(rows: pa.Table, slide: SlideFile) -> list[bytes]:
    """The source's own ids where they are UUIDs, else ids that the slide, its stain and the cell's number make: the same in each export."""
    start = hashlib.sha256(f"{slide.slide_id}\0{slide.stain}".encode()).hexdigest()
    prefix = f"{start[:8]}-{start[8:12]}-8{start[12:15]}-a{start[15:18]}-"
    source = rows.column("source_id")
    is_uuid = pc.fill_null(pc.match_substring_regex(source, _UUID), False).to_pylist()
    numbers = rows.column("cell_id").to_pylist()
    return [
        str(one).encode() if own else f"{prefix}{number:012x}".encode()
        for own, one, number in zip(is_uuid, source.to_pylist(), numbers, strict=True)
    ]


def _measurements(rows: pa.Table) -> list[bytes]:
    """Return each cell's measurements as the inside of a JSON object; what a cell does not have is left out."""
    parts = [[b'"cell_id":%d' % number] for number in rows.column("cell_id").to_pylist()]
    for column, name in _MEASURES.items():
        values = rows.column(column)
        if values.null_count == len(values):
            continue
        key = json.dumps(name, ensure_ascii=False).encode() + b":"
        for part, value in zip(parts, values.to_pylist(), strict=True):
            if value is not None:
                part.append(b"%s%.7g" % (key, value))
    return [b",".join(part) for part in parts]
