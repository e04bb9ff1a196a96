"""Seeded slides as QuPath, CellViT and TIAToolbox write them, any size, memory flat: for the benchmark.

The nuclei are those of benchmarks/ingest/made.py (20 to 30 whole-pixel points, 5,000 a square millimetre at 0.25 um/px); QuPath's have two
decimals, a class and five measurements, as StarDist in QuPath leaves them.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sqlite3
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import shapely

CHUNK = 20_000
KINDS = ("Neoplastic", "Inflammatory", "Connective", "Dead", "Epithelial")
_SPEC = importlib.util.spec_from_file_location("made_hovernet", Path(__file__).parents[1] / "ingest" / "made.py")
assert _SPEC is not None
assert _SPEC.loader is not None
hovernet = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(hovernet)


def nuclei(n: int, seed: int) -> Iterator[list[dict[str, Any]]]:
    """Yield nuclei, some thousand at a time."""
    for first in range(0, n, CHUNK):
        yield list(hovernet.records(min(CHUNK, n - first), seed, first, n).values())


def write_qupath(path: Path, n: int, seed: int) -> None:
    """Write n detections as a FeatureCollection, with measurements."""
    rng = np.random.default_rng(seed)
    with path.open("w") as file:
        file.write('{"type":"FeatureCollection","features":[')
        begun = False
        for part in nuclei(n, seed):
            for told in part:
                ring = (np.array(told["contour"]) + rng.integers(0, 99, 2) / 100).round(2).tolist()
                feature = {
                    "type": "Feature",
                    "id": str(uuid.UUID(bytes=rng.bytes(16), version=4)),
                    "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]},
                    "properties": {
                        "objectType": "detection",
                        "classification": {"name": KINDS[told["type"] - 1], "color": [200, 0, 0]},
                        "measurements": {
                            f"Nucleus: {what}": round(float(rng.random()), 4)
                            for what in ("Area", "Length", "Circularity", "Solidity", "Max diameter")
                        },
                    },
                }
                file.write("," * begun + json.dumps(feature, separators=(",", ":")))
                begun = True
        file.write("]}")


def write_cellvit(path: Path, n: int, seed: int) -> None:
    """Write n cells as a list of one MultiPolygon a class."""
    with path.open("w") as file:
        for k, kind in enumerate(KINDS):
            head = {"type": "Feature", "id": str(uuid.UUID(int=k)), "geometry": {"type": "MultiPolygon", "coordinates": []}}
            start, _, end = json.dumps(head)[:-1].partition("[]")
            file.write(("[" if not k else ",") + start + "[")
            begun = False
            for part in nuclei(n, seed):
                for told in part:
                    if told["type"] == k + 1:
                        ring = told["contour"]
                        file.write("," * begun + json.dumps([[*ring, ring[0]]]))
                        begun = True
            told = {"objectType": "annotation", "classification": {"name": kind, "color": [1, 2, 3]}}
            file.write("]" + end + ', "properties": ' + json.dumps(told) + "}")
        file.write("]")


def write_tiatoolbox(path: Path, n: int, seed: int) -> None:
    """Write n cells as an AnnotationStore with its R-tree, as SQLiteStore does."""
    con = sqlite3.connect(path)
    con.execute("CREATE TABLE metadata (key TEXT UNIQUE, value TEXT)")
    con.executemany("INSERT INTO metadata VALUES (?, ?)", [("version", '"1.0.1"'), ("compression", '"zlib"'), ("compression_level", "9")])
    con.execute("CREATE VIRTUAL TABLE rtree USING rtree_i32(id, min_x, max_x, min_y, max_y)")
    con.execute(
        "CREATE TABLE annotations(id INTEGER PRIMARY KEY, key TEXT UNIQUE, objtype TEXT, cx INTEGER NOT NULL, cy INTEGER NOT NULL, "
        "geometry BLOB, properties TEXT, area INTEGER NOT NULL)"
    )
    rng, at = np.random.default_rng(seed), 0
    for part in nuclei(n, seed):
        shapes = [shapely.Polygon(told["contour"]) for told in part]
        rows, boxes = [], []
        for told, shape, wkb in zip(part, shapes, shapely.to_wkb(np.array(shapes)), strict=True):
            at += 1
            properties = json.dumps({"prob": told["type_prob"], "type": KINDS[told["type"] - 1]}, separators=(",", ":"))
            key = str(uuid.UUID(bytes=rng.bytes(16), version=4))
            x, y = (int(v) for v in told["centroid"])
            rows.append((at, key, "Polygon", x, y, zlib.compress(wkb, 9), properties, int(shape.area)))
            x0, y0, x1, y1 = shape.bounds
            boxes.append((at, x0, x1, y0, y1))
        con.executemany("INSERT INTO annotations VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        con.executemany("INSERT INTO rtree VALUES (?, ?, ?, ?, ?)", boxes)
    con.commit()
    con.close()


WRITERS = {"qupath": write_qupath, "cellvit": write_cellvit, "tiatoolbox": write_tiatoolbox, "hovernet": hovernet.write_hovernet}
ENDINGS = {"qupath": ".geojson", "cellvit": ".cells.geojson", "tiatoolbox": ".db", "hovernet": ".json"}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("format", choices=list(WRITERS))
    parser.add_argument("path", type=Path)
    parser.add_argument("n", type=int)
    args = parser.parse_args()
    WRITERS[args.format](args.path, args.n, 1)
