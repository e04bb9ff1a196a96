"""The lake's cells file: blocks of cells as Parquet row groups, with encodings that keep a cell within 60 bytes.

The same cells give the same bytes: row groups are cut at 16,384 rows whatever came in which batch, and dictionaries have a fixed order.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from her2ladder.ingest.outline_kernel import QUANTA_PER_PX
from her2ladder.ingest.readers.base import MEMBRANE
from her2ladder.ingest.runs import Block
from her2ladder.schema.labels import LabelMap
from her2ladder.schema.tables import CELL, SCHEMA_VERSION
from her2ladder.schema.vocabulary import DROP, OTHER

ROW_GROUP = 16_384
ZSTD_LEVEL = 5  # outline offsets 25.7 bytes a cell against 29.5 at level 3, for 3 % more CPU
QUANTA_KEY = "quanta_per_px"
ORIGIN_KEY = "origin_um"  # x, y that --origin shift took from the source's places
# Few distinct values, or few enough that 12-bit numbers for them beat 8 bytes each (areas of whole-pixel outlines; outline offsets).
_DICTIONARY = [
    "slide_id",
    "patient_id",
    "stain",
    "cell_class",
    "source_label",
    "class_prob",
    "mpp_x",
    "mpp_y",
    "calibration",
    "calibration_factor",
    "area_um2",
    "contour.list.element",
]
# Floats are plain: Spark 4 and Iceberg for Spark cannot read BYTE_STREAM_SPLIT (decision 0021).
_ENCODING = {
    "cell_id": "DELTA_BINARY_PACKED",
    "source_id": "DELTA_BYTE_ARRAY",
    "x_min_px": "DELTA_BINARY_PACKED",
    "y_min_px": "DELTA_BINARY_PACKED",
    "x_max_px": "DELTA_BINARY_PACKED",
    "y_max_px": "DELTA_BINARY_PACKED",
}
_BOX = ("x_min_px", "y_min_px", "x_max_px", "y_max_px")


@dataclass(frozen=True)
class Constants:
    """What is the same for every cell of a file. Labels and classes are numbered in the label map's order."""

    slide_id: str
    patient_id: str
    stain: str
    mpp: tuple[float, float]
    label_map: LabelMap
    is_whole: bool
    calibration: str | None = None
    calibration_factor: float | None = None
    origin_um: tuple[float, float] = (0.0, 0.0)  # what was taken from the file's coordinates

    @property
    def quanta_per_px(self) -> int:
        return 1 if self.is_whole else QUANTA_PER_PX


def cells_writer(sink: IO[bytes], schema: pa.Schema) -> pq.ParquetWriter:
    """Return the writer of a cells file: its compression and encodings."""
    return pq.ParquetWriter(
        sink,
        schema,
        version="2.6",
        compression="zstd",
        compression_level=ZSTD_LEVEL,
        use_dictionary=_DICTIONARY,
        column_encoding=_ENCODING,
        write_statistics=[name for name in CELL.names if name != "contour"],
    )


class CellsFile:
    """Writes blocks of cells, each a row group; leaving the context finishes the file.

    counts   class -> cells
    """

    def __init__(self, sink: IO[bytes], constants: Constants) -> None:
        self._told = constants
        told = constants.label_map
        self._classes = [*told.classes, OTHER]
        self._labels = list(told.labels)
        self._class_of = np.array([-1 if word == DROP else self._classes.index(word) for word in told.labels.values()], dtype=np.int16)
        self._totals = np.zeros(len(self._classes), dtype=np.int64)
        metadata = {"contract": CELL.name, "schema_version": str(SCHEMA_VERSION), QUANTA_KEY: str(constants.quanta_per_px)}
        if constants.origin_um != (0.0, 0.0):
            metadata[ORIGIN_KEY] = ",".join(repr(v) for v in constants.origin_um)
        self._schema = CELL.arrow.with_metadata(metadata)
        self._writer = cells_writer(sink, self._schema)

    @property
    def counts(self) -> dict[str, int]:
        return {word: int(n) for word, n in zip(self._classes, self._totals, strict=True) if n}

    def write(self, block: Block) -> None:
        self._writer.write_table(self._table(block), row_group_size=len(block.fixed))

    def __enter__(self) -> CellsFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._writer.close()
            return
        with suppress(Exception):  # the first error is the one to tell
            self._writer.close()
        self._writer.is_open = False  # or it tries again when it is forgotten

    def _table(self, block: Block) -> pa.Table:
        fixed, told, n = block.fixed, self._told, len(block.fixed)
        classes = self._class_of[fixed["label"]]
        self._totals += np.bincount(classes, minlength=len(self._classes))
        has_outline = fixed["n_quanta"] > 0
        columns: dict[str, pa.Array] = {
            "slide_id": _same(told.slide_id, n),
            "patient_id": _same(told.patient_id, n),
            "stain": _same(told.stain, n),
            "cell_id": pa.array(_column(fixed, "cell_id")),
            "source_id": _texts(block.ids, fixed["n_id"]),
            "cell_class": pa.DictionaryArray.from_arrays(pa.array(classes), pa.array(self._classes)),
            "source_label": pa.DictionaryArray.from_arrays(pa.array(_column(fixed, "label")), pa.array(self._labels)),
            "mpp_x": pa.array(np.full(n, told.mpp[0])),
            "mpp_y": pa.array(np.full(n, told.mpp[1])),
            "contour": self._contours(block, has_outline),
            "calibration": _same(told.calibration, n),
            "calibration_factor": pa.array([told.calibration_factor] * n, pa.float64()),
        }
        for name in ("x_um", "y_um", "area_um2", "class_prob", *MEMBRANE):
            values = _column(fixed, name)
            columns[name] = pa.array(values, mask=np.isnan(values))
        for i, name in enumerate(_BOX):
            columns[name] = pa.array(np.ascontiguousarray(fixed["box"][:, i]), mask=~has_outline)
        return pa.Table.from_arrays([columns[name] for name in CELL.names], schema=self._schema)

    def _contours(self, block: Block, has_outline: NDArray[np.bool_]) -> pa.Array:
        quanta = block.quanta // np.int16(QUANTA_PER_PX) if self._told.is_whole else block.quanta
        ends = np.r_[0, np.cumsum(block.fixed["n_quanta"], dtype=np.int64)].astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(ends), pa.array(quanta), mask=pa.array(~has_outline))


def _column(fixed: NDArray[Any], name: str) -> NDArray[Any]:
    return np.ascontiguousarray(fixed[name])


def _same(text: str | None, n: int) -> pa.Array:
    if text is None:
        return pa.nulls(n, pa.dictionary(pa.int16(), pa.string()))
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, dtype=np.int16)), pa.array([text]))


def _texts(data: NDArray[np.uint8], lengths: NDArray[np.int32]) -> pa.Array:
    """Return a string array from bytes one after the other; length -1 = NULL."""
    ends = np.r_[0, np.cumsum(np.maximum(lengths, 0), dtype=np.int64)].astype(np.int32)
    valid = lengths >= 0
    bitmap = None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.StringArray.from_buffers(len(lengths), pa.py_buffer(ends), pa.py_buffer(np.ascontiguousarray(data)), bitmap)
