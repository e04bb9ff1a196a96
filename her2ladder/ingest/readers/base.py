"""What a reader of cells promises: which files are its own, and their records as batches of plain columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MEMBRANE = ("membrane_completeness", "membrane_od", "cytoplasm_od", "membrane_mean_od", "membrane_gap_um")
MEASURES = ("area_um2", *MEMBRANE)  # of the contract, where a source has them
CHUNK_BYTES = 8_000_000
MAX_UNPACKED_BYTES = 200_000_000_000
MAX_UNPACK_RATIO = 100.0  # HoVer-Net JSON packs 4 to 8 times, a zip bomb 1,000 times


class BadRecord(NamedTuple):
    """A record that cannot be a cell: its number in the file from 0, its own name, and why."""

    record: int
    name: str
    reason: str


@dataclass(frozen=True)
class ReadOptions:
    """How to read.

    outline            nucleus | cell: which outline to take of a cell that has two
    columns            ours -> theirs, for tables whose columns have other names
    chunk_bytes        how much of the file is looked at together; changes no value
    allow_pickle       read pickled files, with a restricted unpickler
    max_unpacked_bytes, max_unpack_ratio   a packed file that grows beyond these is refused
    said         what was found about the file as a whole -> how often: filled while it is read
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    outline: Literal["nucleus", "cell"] = "nucleus"
    allow_pickle: bool = False
    chunk_bytes: int = CHUNK_BYTES
    max_unpacked_bytes: int = MAX_UNPACKED_BYTES
    max_unpack_ratio: float = MAX_UNPACK_RATIO
    said: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class CellBatch:
    """Records of one file in their order, n of them readable.

    n_records    records that this batch stands for, the bad ones included
    record       (n,) number of the record in the file, from 0
    source_id    (n,) string array, NULL where the source has no name for the cell
    label        (n,) index into label_names; -1 = the record has no label
    unit         of x, y and points: px (the file's own pixels) or um
    x, y         (n,) centroid; NaN = the source gives none
    points, n_points   outlines one after the other: (P, 2) x and y, and (n,) how many points each cell has
    has_outlines       a cell of this format without an outline is a bad record
    class_prob   (n,) float32, NaN = none
    measures     contract column -> (n,) float64, NaN = none: area_um2 and the membrane's measures
    mag          magnification that the file says its coordinates are at, 0 = it says none
    file_mpp     micrometres per pixel that the file says its coordinates are at, 0 = it says none
    aliases      label -> another word of the file for it, which a label map may use instead (a number for a name)
    notes        what was done that changes no record (a hole filled, an object that is no cell left out) -> how often
    """

    n_records: int
    record: Ints
    source_id: pa.Array
    label: NDArray[np.int32]
    label_names: tuple[str, ...]
    unit: Literal["px", "um"]
    x: Floats
    y: Floats
    class_prob: NDArray[np.float32]
    points: Floats
    n_points: Ints
    has_outlines: bool
    measures: Mapping[str, Floats] = field(default_factory=dict)
    bad: tuple[BadRecord, ...] = ()
    mag: float = 0.0
    file_mpp: float = 0.0
    aliases: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, int] = field(default_factory=dict)


class Reader(Protocol):
    """A module of this folder: one source format."""

    NAME: str
    TAKES_FOLDERS: bool  # a source of this format may be a folder
    SAYS_MPP: bool  # a file may say its micrometres per pixel, or be in micrometres
    WANTS: str  # what a file of this format is, for error messages

    def detect(self, path: Path) -> str:
        """Return what speaks for this format in the file's first bytes, as words for people; "" where it is another's."""

    def files(self, folder: Path) -> list[Path]:
        """Return the files that a folder of this format consists of; only where TAKES_FOLDERS."""

    def read(self, path: Path, options: ReadOptions) -> Iterator[CellBatch]:
        """Yield the file's records in their order.

        raises   InputError where the file as a whole is damaged or not of this format
        """
