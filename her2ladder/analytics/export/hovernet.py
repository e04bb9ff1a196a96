"""HoVer-Net JSON: {"mag": null, "nuc": {id: {bbox, centroid, contour, type_prob, type}}}; pixels of the source.

A type is a number there: the source's own where it was one, else the place of the class among the slide's, from 1; `type_info` says which.
Ingested again with the same mpp, the cells have the same places and outlines to the last digit.
source   vqdang/hover_net infer/tile.py
"""

from __future__ import annotations

import json
from typing import IO

import numpy as np
import pyarrow as pa

from her2ladder.analytics.export.json_text import ring_texts
from her2ladder.analytics.export.rows import OUTLINE_COLUMNS, SlideFile, place_px, rings_of

_COLUMNS = (*OUTLINE_COLUMNS, "x_min_px", "y_min_px", "x_max_px", "y_max_px")


def write(slide: SlideFile, out: IO[bytes]) -> int:
    """Write one slide; return how many cells. A cell without an outline has an empty contour, as HoVer-Net never writes it."""
    types = _types(slide)
    info = {str(number): label for label, number in types.items()}
    out.write(b'{"mag": null, "type_info": ' + json.dumps(info).encode() + b', "nuc": {\n')
    n = 0
    for rows in slide.batches(_COLUMNS):
        out.write((",\n" if n else "").encode() + b",\n".join(_members(rows, slide, types)))
        n += rows.num_rows
    out.write(b"\n}}\n")
    return n


def _types(slide: SlideFile) -> dict[str, int]:
    """Return source label -> number; classes stand for themselves where a label is no number."""
    labels = slide.labels
    if all(label.isdecimal() for label in labels):
        return {label: int(label) for label in labels}
    return {label: i + 1 for i, label in enumerate(labels)}


def _members(rows: pa.Table, slide: SlideFile, types: dict[str, int]) -> list[bytes]:
    rings = rings_of(rows, slide)
    texts = ring_texts(rings.points, rings.n_points, closed=False)
    where = place_px(rows).tolist()
    boxes = np.column_stack([rows.column(f"{axis}_{end}_px").fill_null(0).to_numpy() for end in ("min", "max") for axis in "yx"]).tolist()
    keys = [
        json.dumps(one if one is not None else str(number + 1)).encode()
        for one, number in zip(rows.column("source_id").to_pylist(), rows.column("cell_id").to_pylist(), strict=True)
    ]
    probs = [b"null" if one is None else b"%.9g" % one for one in rows.column("class_prob").to_pylist()]
    kinds = [types[label] for label in rows.column("source_label").to_pylist()]
    return [
        b'%s:{"bbox":[[%d,%d],[%d,%d]],"centroid":[%r,%r],"contour":%s,"type_prob":%s,"type":%d}' % (key, *box, *place, ring, prob, kind)
        for key, box, place, ring, prob, kind in zip(keys, boxes, where, texts, probs, kinds, strict=True)
    ]
