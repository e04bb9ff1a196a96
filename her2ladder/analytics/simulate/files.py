"""Write a slide's cells as a segmenter would: HoVer-Net's whole-slide JSON, or a Parquet point table."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from her2ladder.analytics.simulate.field import Floats
from her2ladder.analytics.simulate.outline import outlines
from her2ladder.analytics.simulate.tissue import Cells

MPP_UM = 0.25
MAGNIFICATION = 40
CHUNK = 50_000  # cells made and encoded at a time: memory stays flat at any size


def write_hovernet_json(
    path: Path,
    x_um: Floats,
    y_um: Floats,
    names: NDArray[np.str_],
    type_ids: Mapping[str, int | str],
    seed: int | list[int],
    mpp_um: float = MPP_UM,
    mag: int = MAGNIFICATION,
) -> None:
    """Write cells with outlines in the layout of HoVer-Net's `wsi` mode.

    x_um, y_um   (n,) centroids; names (n,) class names; type_ids: class name -> the segmenter's number or name for it
    mpp_um       micrometres per pixel of the file's coordinates; mag is the magnification written at the top
    source       HoVer-Net, infer/wsi.py: {"mag": 40, "nuc": {"1": {"bbox": [[top, left], [bottom, right]], "centroid": [x, y],
                 "contour": [[x, y], …], "type_prob": p, "type": t}}}, with json.dump's spaces
    """
    rng = np.random.default_rng(seed)
    with _collector_off(), path.open("wb") as file:
        file.write(b'{"mag": %d, "nuc": {' % mag)
        for start in range(0, len(x_um), CHUNK):
            part = slice(start, start + CHUNK)
            file.write(b", " if start else b"")
            file.write(_records(start + 1, x_um[part] / mpp_um, y_um[part] / mpp_um, names[part], type_ids, mpp_um, rng))
        file.write(b"}}")


@contextmanager
def _collector_off() -> Iterator[None]:
    """Keep the cycle collector away from the many short lists here, none of which is cyclic: it took half of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _records(
    first_id: int,
    x_px: Floats,
    y_px: Floats,
    names: NDArray[np.str_],
    type_ids: Mapping[str, int | str],
    mpp_um: float,
    rng: np.random.Generator,
) -> bytes:
    """Return the members of `nuc` for a run of cells, without the braces around them."""
    ring = outlines(names, x_px, y_px, mpp_um, rng)
    starts = np.concatenate([[0], ring.ends[:-1]])
    # Rows of (top, left), (bottom, right): HoVer-Net's boxes are row first, and end one past the last pixel.
    low, high = (edge.reduceat(ring.points[:, ::-1], starts, axis=0) for edge in (np.minimum, np.maximum))
    boxes = np.stack([low, high + 1], axis=1).tolist()
    centroids = np.round(np.stack([x_px, y_px], axis=1), 2).tolist()
    kinds, of = np.unique(names, return_inverse=True)
    types = np.array([type_ids[str(kind)] for kind in kinds], dtype=object)[of].tolist()
    certainties = np.round(rng.beta(12.0, 1.5, len(names)), 4).tolist()
    points, cuts = ring.points.tolist(), [0, *ring.ends.tolist()]
    cells = {
        str(first_id + i): {
            "bbox": boxes[i],
            "centroid": centroids[i],
            "contour": points[cuts[i] : cuts[i + 1]],
            "type_prob": certainties[i],
            "type": types[i],
        }
        for i in range(len(names))
    }
    # No name here holds a comma or ends in a quote before a colon, so json.dump's spaces can be put in afterwards.
    return msgspec.json.encode(cells)[1:-1].replace(b",", b", ").replace(b'":', b'": ')


def write_points_parquet(path: Path, cells: Cells, seed: int | list[int]) -> None:
    """Write cells as a point table: cell_id, cell_class, class_prob, x_um, y_um, and on HER2 the membrane's two measures."""
    rng = np.random.default_rng(seed)
    columns = {
        "cell_id": pa.array([str(i + 1) for i in range(len(cells))]),
        "cell_class": pa.array(cells.names()).dictionary_encode(),
        "class_prob": pa.array(np.round(rng.beta(12.0, 1.5, len(cells)), 4), pa.float32()),
        "x_um": pa.array(np.round(cells.x_um, 4)),
        "y_um": pa.array(np.round(cells.y_um, 4)),
    }
    if cells.membrane_completeness is not None and cells.membrane_od is not None:
        columns["membrane_completeness"] = pa.array(np.round(cells.membrane_completeness, 4), pa.float32())
        columns["membrane_od"] = pa.array(np.round(cells.membrane_od, 4), pa.float32())
    pq.write_table(pa.table(columns), path, compression="zstd")
