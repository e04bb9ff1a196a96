"""Label images in MATLAB files: Lizard (inst_map, id, class, centroid), CoNSeP and HoVer-Net (inst_map, inst_type, inst_centroid, type_map).

Rows are matched to instances by their id (`id`, `inst_uid`), never by their order, where the file has one: in Lizard they differ. An
outline runs along the pixels' edges, so that its area is the number of pixels. The file is held as a whole: it is a tile.
source   Lizard's README ("match by id"); vqdang/hover_net infer/tile.py
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from her2ladder.errors import InputError
from her2ladder.ingest.compiled import compiled
from her2ladder.ingest.readers.base import BadRecord, CellBatch, Floats, Ints, ReadOptions
from her2ladder.ingest.readers.packed import head_of

NAME = "mat"
TAKES_FOLDERS = False
SAYS_MPP = False
WANTS = "a MATLAB file with inst_map (Lizard, CoNSeP, HoVer-Net)"
MAX_BYTES = 2_000_000_000
_ID, _KIND, _PLACE = ("id", "inst_uid"), ("class", "inst_type"), ("centroid", "inst_centroid")


def detect(path: Path) -> str:
    head = head_of(path, 128)
    if head.startswith(b"MATLAB 5.0 MAT-file"):
        return "a MATLAB file"
    return "a MATLAB 7.3 file" if head.startswith(b"MATLAB 7.3") else ""


def read(path: Path, options: ReadOptions) -> Iterator[CellBatch]:
    """Yield the instances of a tile as one batch.

    raises   InputError: not such a file, no inst_map, or rows that cannot be matched to instances
    """
    told = _load(path)
    image = np.asarray(told["inst_map"])
    if image.ndim != 2 or image.dtype.kind not in "iuf":
        raise InputError(f"{path}: inst_map: wanted a picture of numbers, found {image.dtype} of shape {image.shape}")
    image = np.ascontiguousarray(image, dtype=np.int64)
    ids = np.unique(image)
    ids = ids[ids > 0]
    row = _rows_of(path, told, ids)
    kinds, place = _kinds(path, told, image, ids, row), _places(told, ids, row)
    points, n_points, found = _outlines(image, ids)
    names, label = np.unique(kinds[kinds >= 0], return_inverse=True)
    labels = np.full(len(ids), -1, dtype=np.int32)
    labels[kinds >= 0] = label
    place = np.where(np.isnan(place), found, place)
    lost = _lost(told, ids)
    yield CellBatch(
        n_records=len(ids) + len(lost),
        record=np.arange(len(ids)),
        source_id=pa.array([str(one) for one in ids.tolist()], pa.string()),
        label=labels,
        label_names=tuple(str(name) for name in names),
        unit="px",
        x=place[:, 0].copy(),
        y=place[:, 1].copy(),
        class_prob=np.full(len(ids), np.nan, dtype=np.float32),
        points=points,
        n_points=n_points,
        has_outlines=True,
        bad=tuple(BadRecord(len(ids) + k, str(one), "has a row, but no pixel in inst_map") for k, one in enumerate(lost)),
    )


def _load(path: Path) -> Mapping[str, Any]:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path}: wanted a tile of at most {MAX_BYTES:,} bytes, found {path.stat().st_size:,}")
    try:
        told: dict[str, Any] = loadmat(path)
    except NotImplementedError:
        raise InputError(f"{path}: a MATLAB 7.3 file, which is not read: save it with -v7") from None
    except (MatReadError, ValueError, TypeError, OSError, KeyError, IndexError, EOFError) as error:
        raise InputError(f"{path}: wanted a whole MATLAB file, found a damaged one: {str(error)[:200]}") from error
    except Exception as error:  # zlib.error, and whatever else a damaged block leads to
        raise InputError(f"{path}: wanted a whole MATLAB file, found a damaged one: {type(error).__name__}") from error
    if "inst_map" not in told:
        names = ", ".join(name for name in told if not name.startswith("__")) or "nothing"
        raise InputError(f"{path}: wanted the variable inst_map, found {names}")
    return told


def _first(told: Mapping[str, Any], names: tuple[str, ...]) -> NDArray[Any] | None:
    name = next((name for name in names if name in told), None)
    return None if name is None else np.asarray(told[name])


def _flat(values: NDArray[Any] | None) -> Floats | None:
    return None if values is None else np.asarray(values, dtype=np.float64).reshape(-1)


def _rows_of(path: Path, told: Mapping[str, Any], ids: Ints) -> Ints:
    """Return (instances,) the row that is each instance's, -1 = none."""
    row_ids = _flat(_first(told, _ID))
    if row_ids is None:
        kinds = _flat(_first(told, _KIND))
        if kinds is not None and len(kinds) != len(ids):
            raise InputError(
                f"{path}: {len(kinds):,} rows of classes and {len(ids):,} instances, and no ids (id, inst_uid) that say which is whose"
            )
        return np.arange(len(ids))
    order = np.argsort(row_ids, kind="stable")
    at = np.minimum(np.searchsorted(row_ids[order], ids), len(order) - 1)
    return np.where(row_ids[order][at] == ids, order[at], -1)


def _lost(told: Mapping[str, Any], ids: Ints) -> list[int]:
    row_ids = _flat(_first(told, _ID))
    return [] if row_ids is None else [int(one) for one in row_ids if one not in set(ids.tolist())]


def _kinds(path: Path, told: Mapping[str, Any], image: Ints, ids: Ints, row: Ints) -> Ints:
    """Return (instances,) the class number, -1 = none: by row, else the commonest of the instance's pixels in type_map."""
    kinds = _flat(_first(told, _KIND))
    if kinds is not None:
        return np.where(row >= 0, kinds[np.maximum(row, 0)], -1).astype(np.int64) if len(kinds) else np.full(len(ids), -1)
    if "type_map" not in told:
        return np.full(len(ids), -1)
    types = np.asarray(told["type_map"], dtype=np.int64)
    if types.shape != image.shape:
        raise InputError(f"{path}: type_map: wanted the shape of inst_map, {image.shape}, found {types.shape}")
    mine = image > 0
    n_types = int(types.max()) + 1
    votes = np.zeros((len(ids), n_types), dtype=np.int64)
    np.add.at(votes, (np.searchsorted(ids, image[mine]), types[mine]), 1)
    return np.asarray(votes.argmax(axis=1))


def _places(told: Mapping[str, Any], ids: Ints, row: Ints) -> Floats:
    place = _first(told, _PLACE)
    if place is None or place.ndim != 2 or place.shape[1] != 2 or not len(place) or len(place) <= int(row.max(initial=-1)):
        return np.full((len(ids), 2), np.nan)
    return np.where((row >= 0)[:, None], place.astype(np.float64)[np.maximum(row, 0)], np.nan)


def _outlines(image: Ints, ids: Ints) -> tuple[Floats, Ints, Floats]:
    """Return outlines (of the largest part of each instance), how many points each has, and the mean of the instance's pixels, x and y."""
    from scipy import ndimage

    boxes = ndimage.find_objects(np.searchsorted(ids, image) * (image > 0) + (image > 0)) if len(ids) else []
    rings, centres = [], []
    for one, box in zip(ids.tolist(), boxes, strict=True):
        mask = image[box] == one
        parts, n = ndimage.label(mask)
        if n > 1:
            mask = parts == 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
        corner = np.array([box[1].start, box[0].start])
        y, x = np.nonzero(mask)
        centres.append(corner + np.array([x.mean(), y.mean()]))
        rings.append(trace(mask) + corner - 0.5)  # a pixel's place is its middle, as in the file's centroids
    n_points = np.array([len(ring) for ring in rings], dtype=np.int64)
    return np.concatenate([np.empty((0, 2)), *rings]), n_points, np.array(centres).reshape(-1, 2)


@compiled
def trace(mask: NDArray[np.bool_]) -> Floats:
    """Return the corners (x, y) of the outer border of the one connected part of a mask, an open ring along its pixels' edges."""
    height, width = mask.shape
    start = 0
    while not mask[0, start]:
        start += 1
    corners = np.empty((4 * mask.size + 4, 2))
    n, y, x, going = 0, 0, start, 0  # right, down, left, up
    dy, dx = (0, 1, 0, -1), (1, 0, -1, 0)
    # The pixels ahead of a corner, to the left and to the right of the way.
    left_y, left_x, right_y, right_x = (-1, 0, 0, -1), (0, 0, -1, -1), (0, 0, -1, -1), (0, -1, -1, 0)
    while True:
        y, x = y + dy[going], x + dx[going]
        ly, lx, ry, rx = y + left_y[going], x + left_x[going], y + right_y[going], x + right_x[going]
        left = 0 <= ly < height and 0 <= lx < width and mask[ly, lx]
        right = 0 <= ry < height and 0 <= rx < width and mask[ry, rx]
        turn = 1 if not right else (3 if left else 0)
        if turn:
            corners[n, 0], corners[n, 1] = x, y
            n += 1
            going = (going + turn) % 4
        if y == 0 and x == start and going == 0:
            return corners[:n].copy()
