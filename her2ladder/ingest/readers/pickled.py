"""TIAToolbox's pickled nuclei (`.dat`, as joblib writes it): {id: {"centroid", "contour", "type", "prob", …}}.

A pickle may call anything. This unpickler builds numbers, text, lists, dictionaries and arrays of numbers, and refuses all else. The
file is held as a whole: a pickle has no records that could be read one by one.
source   joblib/numpy_pickle.py: the bytes of an array follow its wrapper in the stream
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np
import pyarrow as pa

from her2ladder.errors import InputError
from her2ladder.ingest.readers.base import BadRecord, CellBatch, ReadOptions
from her2ladder.ingest.readers.packed import head_of

_PICKLE = b"\x80"
_CELLS = 20_000


def is_dat(path: Path) -> bool:
    return path.name.lower().endswith(".dat") and head_of(path, 1) == _PICKLE


def cells_of_dat(path: Path, options: ReadOptions) -> Iterator[CellBatch]:
    """Yield the nuclei of a pickled dictionary.

    raises   InputError: not asked for by --allow-pickle, not such a dictionary, or a pickle of anything else
    """
    if not is_dat(path):
        raise InputError(f"{path}: wanted TIAToolbox's annotation store (.db) or nuclei (.dat), found another file")
    if not options.allow_pickle:
        raise InputError(
            f"{path}: a .dat file is a pickle: --allow-pickle reads it, arrays and numbers alone; a store (.db) needs no such word"
        )
    nuclei = _load(path)
    names = list(nuclei)
    for first in range(0, len(names), _CELLS):
        yield _batch(nuclei, names[first : first + _CELLS], first)


def _load(path: Path) -> dict[Any, Any]:
    try:
        with path.open("rb") as file:
            told = _Unpickler(file).load()
    except InputError:
        raise
    except Exception as error:  # a damaged pickle may fail in any way
        raise InputError(f"{path}: wanted a whole pickle of nuclei, found a damaged one: {type(error).__name__}: {error}"[:300]) from error
    if not isinstance(told, dict) or not all(isinstance(one, dict) for one in told.values()):
        raise InputError(f"{path}: wanted a dictionary of nuclei, found {type(told).__name__}")
    return told


class _Array:
    """joblib's stand-in for an array whose bytes come next."""

    shape: tuple[int, ...] = ()
    order = "C"
    dtype: np.dtype[Any] = np.dtype("f8")
    numpy_array_alignment_bytes: int | None = None

    def read(self, file: IO[bytes]) -> np.ndarray[Any, np.dtype[Any]]:
        if self.dtype.hasobject or self.dtype.kind not in "biuf":
            raise InputError(f"{getattr(file, 'name', 'pickle')}: wanted arrays of numbers, found {self.dtype}")
        if self.numpy_array_alignment_bytes is not None:
            file.read(int.from_bytes(file.read(1), "little"))
        size = int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize
        raw = file.read(size)
        if len(raw) != size:
            raise EOFError("the file ends within an array")
        return np.frombuffer(raw, dtype=self.dtype).reshape(self.shape, order="F" if self.order == "F" else "C")


_ALLOWED = {
    ("numpy", "dtype"): np.dtype,
    ("numpy", "ndarray"): np.ndarray,
    ("collections", "OrderedDict"): OrderedDict,
    ("joblib.numpy_pickle", "NumpyArrayWrapper"): _Array,
}
_NUMPY = ("numpy.core.multiarray", "numpy._core.multiarray")


_Base: Any = pickle._Unpickler  # type: ignore[attr-defined]  # the one in C cannot be told of arrays between


class _Unpickler(_Base):  # type: ignore[misc]
    """Knows a few harmless types, and joblib's arrays."""

    dispatch: ClassVar[dict[int, Any]] = dict(_Base.dispatch)

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self._bytes = file

    def find_class(self, module: str, name: str) -> Any:
        if module in _NUMPY and name in ("_reconstruct", "scalar"):
            from numpy._core import multiarray

            return getattr(multiarray, name)
        if (module, name) not in _ALLOWED:
            raise InputError(f"{self._bytes.name}: a pickle that asks for {module}.{name}, which no file of nuclei needs: refused")
        return _ALLOWED[module, name]

    def load_build(self) -> None:
        super().load_build()
        if isinstance(self.stack[-1], _Array):
            self.stack.append(self.stack.pop().read(self._bytes))

    dispatch[pickle.BUILD[0]] = load_build


def _batch(nuclei: dict[Any, Any], names: list[Any], first: int) -> CellBatch:
    kept, bad, contours, places, kinds, probs = [], [], [], [], [], []
    for i, name in enumerate(names):
        told = nuclei[name]
        try:
            contour = np.asarray(told.get("contour", ()), dtype=np.float64).reshape(-1, 2)
            centre = told.get("centroid")
            place = (np.nan, np.nan) if centre is None else tuple(float(v) for v in np.asarray(centre, dtype=np.float64).reshape(2))
            kind, prob = told.get("type"), told.get("prob")
            probs.append(np.nan if prob is None else float(prob))
        except (TypeError, ValueError):
            bad.append(BadRecord(first + i, str(name), "wanted a nucleus with centroid [x, y], contour [[x, y], …] and prob"))
            continue
        kept.append(first + i)
        contours.append(contour)
        places.append(place)
        kinds.append(None if kind is None else str(kind.item() if isinstance(kind, np.generic) else kind))
    words = list(dict.fromkeys(kinds))
    number = {word: i if word is not None else -1 for i, word in enumerate(words)}
    place_px = np.array(places, dtype=np.float64).reshape(-1, 2)
    return CellBatch(
        n_records=len(names),
        record=np.array(kept, dtype=np.int64),
        source_id=pa.array([str(names[i - first]) for i in kept], pa.string()),
        label=np.array([number[kind] for kind in kinds], dtype=np.int32),
        label_names=tuple(str(word) for word in words),
        unit="px",
        x=place_px[:, 0].copy(),
        y=place_px[:, 1].copy(),
        class_prob=np.array(probs, dtype=np.float32),
        points=np.concatenate([np.empty((0, 2)), *contours]),
        n_points=np.array([len(contour) for contour in contours], dtype=np.int64),
        has_outlines=False,
        bad=tuple(bad),
    )
