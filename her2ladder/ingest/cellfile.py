"""One source file of cells in, one finished Parquet file out: read, judged, sorted by tile, written, synced; the caller publishes it."""

from __future__ import annotations

import errno
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from her2ladder.errors import CellRowError, InputError, StageError
from her2ladder.ingest.cellparquet import ROW_GROUP, CellsFile, Constants
from her2ladder.ingest.cellrows import UNLABELLED, Frame, Judge, checked_mpp
from her2ladder.ingest.ids import IdIndex
from her2ladder.ingest.readers.base import CellBatch, ReadOptions
from her2ladder.ingest.readers.registry import AUTO, reader_for
from her2ladder.ingest.runs import RUN_BYTES, Block, TileSorter, in_groups_of, without
from her2ladder.schema.labels import LabelMap
from her2ladder.schema.lake import sha256_of
from her2ladder.schema.vocabulary import MPP_PLAUSIBLE_UM

MAX_BAD_SHARE = 0.01
# A 40x file is at about 0.25 um/px, a 20x one at 0.5: micrometres per pixel x magnification = 10. Scanners differ by a tenth.
MAG_TIMES_MPP = 10.0
MAG_TOLERANCE = 1.5


@dataclass(frozen=True)
class CellSource:
    """What slide a file is, and how to read it.

    mpp_x, mpp_y        micrometres per pixel of the file's own coordinates; None only for a table in micrometres
    columns             ours -> theirs, for point tables
    width_px, height_px size of the slide in the file's coordinates: cells beyond it are bad
    max_bad_share       more bad records than this, and the slide is refused
    slide_mpp           micrometres per pixel at level 0, where known
    source_sha256       of the file, where the caller has it already
    """

    slide_id: str
    patient_id: str
    stain: str
    mpp_x: float | None
    mpp_y: float | None
    label_map: LabelMap
    format: str = AUTO
    columns: Mapping[str, str] = field(default_factory=dict)
    width_px: int | None = None
    height_px: int | None = None
    max_bad_share: float = MAX_BAD_SHARE
    slide_mpp: float | None = None
    source_sha256: str | None = None
    options: ReadOptions = field(default_factory=ReadOptions)
    run_bytes: int = RUN_BYTES


@dataclass(frozen=True)
class WrittenCells:
    """A finished file under a name of its own; the caller renames it into place or deletes it.

    counts        class -> cells
    quarantined   (record's name in the source, reason), in file order; at most 100,000: n_quarantined is the number
    n_records     records in the source: n_rows + n_dropped (label map: drop) + n_quarantined
    """

    path: Path
    sha256: str
    n_rows: int
    n_bytes: int
    counts: dict[str, int]
    quarantined: list[tuple[str, str]]
    n_quarantined: int
    n_dropped: int
    n_records: int
    source_sha256: str
    source_format: str
    mpp_x: float
    mpp_y: float
    quanta_per_px: int
    mag: float
    seconds: float


def write_cells(source: Path, out_dir: Path, spec: CellSource) -> WrittenCells:
    """Write the cells of one file as one Parquet file in out_dir, in tile order; the same input gives the same bytes.

    raises   InputError: the file is damaged, of no known format, has a label that the map lacks, or no cells;
             CellRowError: too many bad records (it knows the first);
             StageError: the disk is full, or out_dir cannot be written. Nothing is left behind.
    source   design 3 and 4
    """
    started = time.perf_counter()
    _check_spec(source, spec)
    before = _stamp(source)
    reader = reader_for(source, spec.format)
    source_sha256 = spec.source_sha256 or sha256_of(source)
    options = ReadOptions(**{**spec.options.__dict__, "columns": spec.columns})
    draft = out_dir / f".cells-{uuid.uuid4().hex}.parquet"
    mag = _Mag(source, spec)
    with _draft(draft, out_dir), closing(TileSorter(out_dir, spec.run_bytes)) as sorter, closing(IdIndex(out_dir)) as ids:
        judge = Judge(source, spec.label_map, Frame(spec.mpp_x, spec.mpp_y, spec.width_px, spec.height_px), ids)
        for block, tiles in judge.blocks(mag.checked(reader.read(source, options))):
            sorter.add(block, tiles)
        counts, n_rows, constants = _write(draft, source, spec, judge, sorter)
        if _stamp(source) != before:
            raise InputError(f"{source}: changed while it was read: read it again")
    return WrittenCells(
        path=draft,
        sha256=sha256_of(draft),
        n_rows=n_rows,
        n_bytes=draft.stat().st_size,
        counts=counts,
        quarantined=[(bad.name, bad.reason) for bad in sorted(judge.bad)],
        n_quarantined=judge.n_bad,
        n_dropped=judge.n_dropped,
        n_records=judge.n_records,
        source_sha256=source_sha256,
        source_format=reader.NAME,
        mpp_x=constants.mpp[0],
        mpp_y=constants.mpp[1],
        quanta_per_px=constants.quanta_per_px,
        mag=mag.value,
        seconds=time.perf_counter() - started,
    )


def _write(draft: Path, source: Path, spec: CellSource, judge: Judge, sorter: TileSorter) -> tuple[dict[str, int], int, Constants]:
    dropped = judge.ids.later_twins()
    assert judge.mpp is not None
    constants = Constants(spec.slide_id, spec.patient_id, spec.stain, judge.mpp, spec.label_map, judge.is_whole)
    doubled: list[tuple[int, str]] = []
    n_rows = 0
    with draft.open("xb") as sink:
        with CellsFile(sink, constants) as file:
            for block in in_groups_of(_distinct(sorter.blocks(), dropped, doubled), ROW_GROUP):
                file.write(block)
                n_rows += len(block.fixed)
        sink.flush()
        os.fsync(sink.fileno())
    judge.put_down_duplicates(doubled)
    _check_share(source, spec, judge, n_rows)
    return file.counts, n_rows, constants


def _distinct(
    blocks: Iterator[Block], dropped: np.ndarray[tuple[int], np.dtype[np.int64]], doubled: list[tuple[int, str]]
) -> Iterator[Block]:
    """Leave out the records whose id came before, and name them."""
    for block in blocks:
        if not len(dropped):
            yield block
            continue
        cuts = np.r_[0, np.cumsum(np.maximum(block.fixed["n_id"], 0), dtype=np.int64)]
        for i in np.flatnonzero(np.isin(block.fixed["cell_id"], dropped)):
            doubled.append((int(block.fixed["cell_id"][i]), block.ids[cuts[i] : cuts[i + 1]].tobytes().decode("utf-8", "replace")))
        yield without(block, dropped)


def _check_share(source: Path, spec: CellSource, judge: Judge, n_rows: int) -> None:
    if judge.n_bad > spec.max_bad_share * judge.n_records:
        first = min(judge.bad)
        no_label = any(bad.reason == UNLABELLED for bad in judge.bad)
        to_other = '; a label map with the line "" = "Other" under [labels] keeps cells without a label' if no_label else ""
        raise CellRowError(
            f"{source}: cell {first.name}: {first.reason} ({judge.n_bad:,} of {judge.n_records:,} records are bad, "
            f"at most {spec.max_bad_share:g} of them may be): the slide was refused; --max-bad-share lets more be left out{to_other}",
            file=str(source),
            record=first.name,
        )
    if not n_rows:
        raise InputError(f"{source}: wanted cells, found none that label map {spec.label_map.name} does not drop")


def _check_spec(source: Path, spec: CellSource) -> None:
    if spec.label_map.stain != spec.stain:
        raise InputError(f"{source}: label map {spec.label_map.name} is for stain {spec.label_map.stain}, asked for {spec.stain}")
    if spec.mpp_x is not None:
        checked_mpp(source, Frame(spec.mpp_x, spec.mpp_y), "px")
    low, high = MPP_PLAUSIBLE_UM
    if spec.slide_mpp is not None and not low <= spec.slide_mpp <= high:
        raise InputError(f"{source}: slide mpp must be {low} to {high} micrometres per pixel, found {spec.slide_mpp:g}")
    if not source.is_file():
        raise InputError(f"{source}: wanted a file of cells, found {'a folder' if source.is_dir() else 'nothing'}")


class _Mag:
    """The magnification a file says it is at, against the mpp that we were given.

    Many files say 40 whatever they are at, so it is only held against an mpp where the slide's own mpp is given too (design 4).
    """

    def __init__(self, source: Path, spec: CellSource) -> None:
        self._source, self._spec, self.value = source, spec, 0.0

    def checked(self, batches: Iterator[CellBatch]) -> Iterator[CellBatch]:
        for batch in batches:
            if batch.mag and batch.mag != self.value:
                self.value = batch.mag
                self._check()
            yield batch

    def _check(self) -> None:
        mpp, slide_mpp = self._spec.mpp_x, self._spec.slide_mpp
        if mpp is None or slide_mpp is None:
            return
        if not 1 / MAG_TOLERANCE <= mpp * self.value / MAG_TIMES_MPP <= MAG_TOLERANCE:
            raise InputError(
                f"{self._source}: the file says {self.value:g}x (about {MAG_TIMES_MPP / self.value:g} um/px), mpp says {mpp:g} "
                f"and the slide's level 0 is at {slide_mpp:g}: give as mpp what the file's own coordinates are in"
            )


def _stamp(path: Path) -> tuple[int, int, int]:
    told = path.stat()
    return told.st_ino, told.st_size, told.st_mtime_ns


@contextmanager
def _draft(draft: Path, out_dir: Path) -> Iterator[None]:
    """Whatever goes wrong, no draft is left; a disk that is full says so.

    raises   StageError
    """
    try:
        yield
    except OSError as error:
        _remove(draft)
        why = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else (error.strerror or str(error))
        raise StageError(f"{out_dir}: cells could not be written: {why}") from error
    except BaseException:
        _remove(draft)
        raise


def _remove(draft: Path) -> None:
    with suppress(OSError):
        draft.unlink(missing_ok=True)
