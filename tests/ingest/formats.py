"""One slide written as each tool writes it: WRITERS maps a name to a function of a folder and a slide that returns the path to ingest."""

from __future__ import annotations

import gzip
import json
import sqlite3
import uuid
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

KINDS = ("Neoplastic", "Inflammatory", "Connective")


@dataclass(frozen=True)
class Slide:
    """Cells of three kinds: centroids (n, 2) px, kinds (n,) 0..2, outlines as closed rings of whole pixels."""

    place: NDArray[np.float64]
    kind: NDArray[np.int64]
    rings: list[list[list[float]]]
    prob: NDArray[np.float64]


def made_slide(n: int, seed: int) -> Slide:
    """Return n cells that do not overlap: convex outlines of whole pixels on a jittered grid; the centroids are those of the outlines."""
    rng = np.random.default_rng(seed)
    side = int(np.ceil(np.sqrt(n)))
    corner = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2)[:n] * 40 + 30 + rng.integers(0, 8, (n, 2))
    rings, place = [], []
    for x, y in corner.tolist():
        angle = np.sort(rng.uniform(0, 2 * np.pi, 14))
        cloud = np.column_stack([x + 11 * np.cos(angle), y + 9 * np.sin(angle)]).round()
        box = [[x - 9, y - 3], [x + 9, y + 3], [x - 3, y + 8], [x + 3, y - 8]]
        hull = shapely.convex_hull(shapely.MultiPoint(np.vstack([cloud, box])))
        rings.append([list(point) for point in hull.exterior.coords])
        place.append(hull.centroid.coords[0])
    return Slide(np.array(place), rng.integers(0, 3, n), rings, rng.integers(0, 100, n) / 100)


def _write(path: Path, told: Any, **how: Any) -> Path:
    path.write_text(json.dumps(told, **how))
    return path


def _features(slide: Slide, kind: Callable[[int], Any], geometry: Callable[[int], Any], **more: Any) -> list[dict[str, Any]]:
    return [
        {"type": "Feature", "id": str(uuid.UUID(int=i)), "geometry": geometry(i), "properties": {"classification": kind(i), **more}}
        for i in range(len(slide.kind))
    ]


def _polygon(slide: Slide) -> Callable[[int], Any]:
    return lambda i: {"type": "Polygon", "coordinates": [slide.rings[i]]}


def hovernet(folder: Path, slide: Slide) -> Path:
    nuc = {
        str(i + 1): {
            "bbox": [[0, 0], [0, 0]],
            "centroid": slide.place[i].tolist(),
            "contour": slide.rings[i][:-1],
            "type_prob": slide.prob[i],
            "type": int(slide.kind[i]) + 1,
        }
        for i in range(len(slide.kind))
    }
    return _write(folder / "hovernet.json", {"mag": None, "nuc": nuc})


def qupath(folder: Path, slide: Slide) -> Path:
    """QuPath 0.5: a region above the cells, cells with a nucleus, a NaN among the measurements."""
    cells = _features(slide, lambda i: {"name": KINDS[slide.kind[i]], "color": [200, 0, 0]}, _polygon(slide), objectType="cell")
    for i, cell in enumerate(cells):
        outer = shapely.Polygon(slide.rings[i]).buffer(6)
        cell["nucleusGeometry"] = cell["geometry"]
        cell["geometry"] = {"type": "Polygon", "coordinates": [list(map(list, outer.exterior.coords))]}
        cell["properties"]["measurements"] = {"Nucleus: Area µm^2": float("nan"), "Cell: DAB OD mean": 0.25}
    region = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [9999, 0], [9999, 9999], [0, 0]]]}}
    region["properties"] = {"objectType": "annotation", "classification": {"name": "Tumor bed", "color": [0, 0, 0]}}  # type: ignore[assignment]
    return _write(folder / "qupath.geojson", {"type": "FeatureCollection", "features": [region, *cells]})


def qupath_old(folder: Path, slide: Slide) -> Path:
    """QuPath 0.2: a bare list, the object type in the id, measurements as a list, a class with colorRGB."""
    cells = _features(slide, lambda i: {"name": KINDS[slide.kind[i]], "colorRGB": -377}, _polygon(slide), isLocked=False)
    for cell in cells:
        cell["id"] = "PathDetectionObject"
        cell["properties"]["measurements"] = [{"name": "Nucleus: Area", "value": 12.5}]
    return _write(folder / "old.json", cells, indent=2)


def cellvit(folder: Path, slide: Slide) -> Path:
    cells = [
        {
            "bbox": [[0, 0], [1, 1]],
            "centroid": slide.place[i].tolist(),
            "contour": slide.rings[i][:-1],
            "type_prob": slide.prob[i],
            "type": int(slide.kind[i]) + 1,
            "patch_coordinates": [1, 2],
            "edge_information": {"position": [0, 1]},
        }
        for i in range(len(slide.kind))
    ]
    types = {"Background": 0, **{kind: i + 1 for i, kind in enumerate(KINDS)}}
    told = {"wsi_metadata": {"base_mpp": 0.25}, "processed_patches": ["1_2"], "type_map": types, "cells": cells}
    return _write(folder / "cells.json", told, indent=2)


def cellvit_detection(folder: Path, slide: Slide) -> Path:
    cells = [
        {"bbox": [[0, 0], [1, 1]], "centroid": slide.place[i].tolist(), "type": int(slide.kind[i]) + 1} for i in range(len(slide.kind))
    ]
    types = {str(i + 1): kind for i, kind in enumerate(KINDS)}
    return _write(folder / "cell_detection.json", {"wsi_metadata": {"base_mpp": 0.25}, "type_map": types, "cells": cells})


def _classes(slide: Slide, geometry: str, of: Callable[[int], Any]) -> list[dict[str, Any]]:
    return [
        {
            "type": "Feature",
            "id": str(uuid.UUID(int=k)),
            "geometry": {"type": geometry, "coordinates": [of(int(i)) for i in np.flatnonzero(slide.kind == k)]},
            "properties": {"objectType": "annotation", "classification": {"name": KINDS[k], "color": [1, 2, 3]}},
        }
        for k in range(3)
    ]


def cellvit_geojson(folder: Path, slide: Slide) -> Path:
    return _write(folder / "cells.geojson", _classes(slide, "MultiPolygon", lambda i: [slide.rings[i]]), indent=2)


def cellvit_points(folder: Path, slide: Slide) -> Path:
    return _write(folder / "cell_detection.geojson", _classes(slide, "MultiPoint", lambda i: slide.place[i].tolist()))


def tiatoolbox(folder: Path, slide: Slide) -> Path:
    path = folder / "slide.db"
    con = sqlite3.connect(path)
    con.execute("CREATE TABLE metadata (key TEXT UNIQUE, value TEXT)")
    con.executemany("INSERT INTO metadata VALUES (?, ?)", [("version", '"1.0.1"'), ("compression", '"zlib"'), ("compression_level", "9")])
    con.execute(
        "CREATE TABLE annotations(id INTEGER PRIMARY KEY, key TEXT UNIQUE, objtype TEXT, cx INTEGER NOT NULL, cy INTEGER NOT NULL, "
        "geometry BLOB, properties TEXT, area INTEGER NOT NULL)"
    )
    for i, ring in enumerate(slide.rings):
        told = json.dumps({"prob": slide.prob[i], "type": KINDS[slide.kind[i]]}, separators=(",", ":"))
        packed = zlib.compress(shapely.Polygon(ring).wkb, level=9)
        row = (str(uuid.UUID(int=i)), "Polygon", *slide.place[i].astype(int).tolist(), packed, told, 100)
        con.execute("INSERT INTO annotations VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)", row)
    con.commit()
    con.close()
    return path


def tiatoolbox_geojson(folder: Path, slide: Slide) -> Path:
    told = _features(slide, lambda i: None, _polygon(slide))
    for i, feature in enumerate(told):
        feature["properties"] = {"prob": slide.prob[i], "type": KINDS[slide.kind[i]]}
    return _write(folder / "store.geojson", {"type": "FeatureCollection", "features": told})


def tiatoolbox_dat(folder: Path, slide: Slide) -> Path:
    import joblib

    told = {
        str(uuid.UUID(int=i)): {
            "box": np.zeros(4, dtype=np.int32),
            "centroid": slide.place[i],
            "contour": np.array(slide.rings[i][:-1], dtype=np.int32),
            "prob": slide.prob[i],
            "type": int(slide.kind[i]) + 1,
        }
        for i in range(len(slide.kind))
    }
    joblib.dump(told, folder / "0.dat")
    return folder / "0.dat"


def hovernext(folder: Path, slide: Slide) -> Path:
    """Pixels of the network, here those of the slide."""
    told = {str(i + 1): [int(slide.kind[i]) + 1, slide.place[i][::-1].tolist()] for i in range(len(slide.kind))}
    return _write(folder / "class_inst.json", told)


def hovernext_tables(folder: Path, slide: Slide) -> Path:
    for k, kind in enumerate(KINDS):
        rows = "".join(f"{x}\t{y}\t{kind}\t-256\n" for x, y in slide.place[slide.kind == k].tolist())
        (folder / f"pred_{kind}.tsv").write_text("x\ty\tname\tcolor\n" + rows)
    return folder


def hovernext_geojson(folder: Path, slide: Slide) -> Path:
    lines = _features(
        slide,
        lambda i: {"name": KINDS[slide.kind[i]], "color": [0, 255, 0]},
        lambda i: {"type": "LineString", "coordinates": slide.rings[i]},
        Name="Nuc 1",
        Type="Polygon",
    )
    for line in lines:
        del line["id"]
    return _write(folder / "poly.geojson", {"type": "FeatureCollection", "features": lines})


def instanseg(folder: Path, slide: Slide) -> Path:
    told = _features(slide, lambda i: KINDS[slide.kind[i]], _polygon(slide), object_type="detection")
    for i, feature in enumerate(told):
        del feature["id"]
        feature["properties"]["measurements"] = [{"name": "Label", "value": i}]
    return _write(folder / "instanseg.geojson", {"type": "FeatureCollection", "features": told})


def packed(folder: Path, slide: Slide) -> Path:
    path = folder / "packed.geojson.gz"
    path.write_bytes(gzip.compress(cellvit_geojson(folder, slide).read_bytes()))
    return path


def _stardist(slide: Slide) -> dict[str, Any]:
    """Outlines of the same number of points each: corners repeated."""
    most = max(len(ring) for ring in slide.rings)
    coord = np.array([(ring[:-1] + [ring[0]] * most)[:most] for ring in slide.rings])
    return {
        "coord": coord[:, :, ::-1].transpose(0, 2, 1),
        "points": slide.place[:, ::-1],
        "prob": slide.prob,
        "class_id": slide.kind + 1,
    }


def stardist(folder: Path, slide: Slide) -> Path:
    return _write(folder / "details.json", {key: values.tolist() for key, values in _stardist(slide).items()})


def stardist_npz(folder: Path, slide: Slide) -> Path:
    np.savez_compressed(folder / "details.npz", **_stardist(slide))
    return folder / "details.npz"


def _instances(slide: Slide, ids: NDArray[np.int64]) -> NDArray[np.int32]:
    size = int(slide.place.max()) + 30
    image = np.zeros((size, size), dtype=np.int32)
    for ring, one in zip(slide.rings, ids.tolist(), strict=True):
        low = np.floor(np.min(ring, axis=0)).astype(int)
        high = np.ceil(np.max(ring, axis=0)).astype(int) + 1
        y, x = np.mgrid[low[1] : high[1], low[0] : high[0]]
        inside = shapely.contains_xy(shapely.Polygon(ring), x, y)
        image[low[1] : high[1], low[0] : high[0]][inside] = one
    return image


def lizard(folder: Path, slide: Slide) -> Path:
    """Rows in another order than the ids, which have gaps."""
    from scipy.io import savemat

    rng = np.random.default_rng(2)
    ids = rng.permutation(3 * len(slide.kind))[: len(slide.kind)] + 1
    row = rng.permutation(len(ids))
    told = {
        "inst_map": _instances(slide, ids),
        "id": ids[row][:, None],
        "class": slide.kind[row][:, None] + 1,
        "centroid": slide.place[row],
    }
    savemat(folder / "lizard.mat", told, do_compression=True)
    return folder / "lizard.mat"


def consep(folder: Path, slide: Slide) -> Path:
    """No ids: rows in the order of the instances; type_map beside."""
    from scipy.io import savemat

    ids = np.arange(1, len(slide.kind) + 1)
    image = _instances(slide, ids)
    types = np.r_[0, slide.kind + 1][image]
    told = {
        "inst_map": image.astype(float),
        "type_map": types.astype(float),
        "inst_type": slide.kind[:, None] + 1.0,
        "inst_centroid": slide.place,
    }
    savemat(folder / "consep.mat", told)
    return folder / "consep.mat"


def geoparquet(folder: Path, slide: Slide) -> Path:
    import geopandas

    frame = geopandas.GeoDataFrame(
        {"cell_type": [KINDS[kind] for kind in slide.kind]}, geometry=[shapely.Polygon(ring) for ring in slide.rings]
    )
    frame.to_parquet(folder / "shapes.parquet")
    return folder / "shapes.parquet"


def spatialdata(folder: Path, slide: Slide) -> Path:
    element = folder / "slide.zarr" / "shapes" / "nuclei"
    element.mkdir(parents=True)
    geoparquet(element, slide)
    (element / ".zattrs").write_text('{"axes": ["x", "y"]}')
    return folder / "slide.zarr"


WRITERS: dict[str, Callable[[Path, Slide], Path]] = {
    function.__name__: function
    for function in (
        *(hovernet, qupath, qupath_old, cellvit, cellvit_detection, cellvit_geojson, cellvit_points, tiatoolbox, tiatoolbox_geojson),
        *(tiatoolbox_dat, hovernext, hovernext_tables, hovernext_geojson, instanseg, packed, stardist, stardist_npz),
        *(lizard, consep, geoparquet, spatialdata),
    )
}
READ_AS = {
    **dict.fromkeys(("qupath", "qupath_old", "tiatoolbox_geojson", "hovernext_geojson"), "qupath"),
    **dict.fromkeys(("cellvit", "cellvit_detection", "cellvit_geojson", "cellvit_points", "packed"), "cellvit"),
    **dict.fromkeys(("tiatoolbox", "tiatoolbox_dat"), "tiatoolbox"),
    **dict.fromkeys(("hovernext", "hovernext_tables"), "hovernext"),
    **dict.fromkeys(("stardist", "stardist_npz"), "stardist"),
    **dict.fromkeys(("lizard", "consep"), "mat"),
    **dict.fromkeys(("geoparquet", "spatialdata"), "spatialdata"),
    "hovernet": "hovernet",
    "instanseg": "instanseg",
}
