"""One source file of cells in, one finished Parquet file out: read, judged, sorted by tile, written, synced; the caller publishes it."""

from __future__ import annotations

import errno
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from her2ladder.errors import CellRowError, InputError, StageError
from her2ladder.ingest.cellparquet import ROW_GROUP, CellsFile, Constants
from her2ladder.ingest.cellrows import UNLABELLED, Frame, Judge, checked_mpp
from her2ladder.ingest.duplicates import Doubles, find_doubles
from her2ladder.ingest.ids import IdIndex
from her2ladder.ingest.origin import AT_ZERO, lowest_of
from her2ladder.ingest.plausible import NuclearAreas
from her2ladder.ingest.readers.base import Ints, Reader, ReadOptions
from her2ladder.ingest.readers.registry import AUTO, reader_for
from her2ladder.ingest.runs import RUN_BYTES, Block, TileSorter, in_groups_of, without
from her2ladder.ingest.said_scale import SaidScale
from her2ladder.ingest.source_files import sha256_of_source, stamp_of
from her2ladder.schema.labels import LabelMap
from her2ladder.schema.lake import sha256_of
from her2ladder.schema.vocabulary import MPP_PLAUSIBLE_UM

MAX_BAD_SHARE = 0.01


@dataclass(frozen=True)
class CellSource:
    """What slide a file is, and how to read it.

    mpp_x, mpp_y        micrometres per pixel of the file's own coordinates; None where the file says them, or is in micrometres
    mpp_as_given        mpp_x holds even where the file says another
    columns             ours -> theirs, for point tables
    width_px, height_px size of the slide in the file's coordinates: cells beyond it are bad
    origin              keep | shift: leave the file's origin, or let the smallest x and y lie at 0
    duplicates          what to do with nuclei that stand in the file twice
    max_bad_share       more bad records than this, and the slide is refused
    slide_mpp           micrometres per pixel at level 0, where known
    source_sha256       of the file, where the caller has it already
    calibration, calibration_factor   what HER2 membranes were measured with; stands in every row
    reader              the reader of the source, where it is not one of the registry's
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
    mpp_as_given: bool = False
    origin: Literal["keep", "shift"] = "keep"
    duplicates: Literal["keep", "drop", "refuse"] = "keep"
    source_sha256: str | None = None
    reader: Reader | None = None
    options: ReadOptions = field(default_factory=ReadOptions)
    run_bytes: int = RUN_BYTES
    calibration: str | None = None
    calibration_factor: float | None = None


@dataclass(frozen=True)
class WrittenCells:
    """A finished file under a name of its own; the caller renames it into place or deletes it.

    counts        class -> cells
    quarantined   (record's name in the source, reason), in file order; at most 100,000: n_quarantined is the number
    n_records     records in the source: n_rows + n_dropped (label map: drop) + n_quarantined + n_duplicates where those are dropped
    n_duplicates  cells that repeat another; `duplicates` names those that were dropped, and why, as quarantined does
    source_format, why   the reader, and what spoke for it
    notes         what a reader of the result should know, as sentences
    """

    path: Path
    sha256: str
    n_rows: int
    n_bytes: int
    counts: dict[str, int]
    quarantined: list[tuple[str, str]]
    n_quarantined: int
    n_dropped: int
    n_duplicates: int
    duplicates: list[tuple[str, str]]
    n_records: int
    source_sha256: str
    source_format: str
    why: str
    notes: tuple[str, ...]
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
    reader, why = (spec.reader, "as we wrote it") if spec.reader else reader_for(source, spec.format)
    before = stamp_of(source, reader)
    source_sha256 = spec.source_sha256 or sha256_of_source(source, spec.format)
    options = replace(spec.options, columns=spec.columns, said={})
    draft = out_dir / f".cells-{uuid.uuid4().hex}.parquet"
    mag, areas = SaidScale(source, spec.mpp_x, spec.slide_mpp, mpp_as_given=spec.mpp_as_given), NuclearAreas()
    origin = lowest_of(reader.read(source, options), source) if spec.origin == "shift" else AT_ZERO
    with _draft(draft, out_dir), closing(TileSorter(out_dir, spec.run_bytes)) as sorter, closing(IdIndex(out_dir)) as ids:
        judge = Judge(source, spec.label_map, Frame(spec.mpp_x, spec.mpp_y, spec.width_px, spec.height_px, origin), ids)
        for block, tiles in judge.blocks(mag.checked(reader.read(source, options))):
            areas.add(block)
            sorter.add(block, tiles)
        judge.notes.update(options.said)
        counts, n_rows, constants, doubles, repeats = _write(draft, source, spec, judge, sorter)
        if stamp_of(source, reader) != before:
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
        n_duplicates=len(doubles),
        duplicates=repeats,
        n_records=judge.n_records,
        source_sha256=source_sha256,
        source_format=reader.NAME,
        why=why,
        notes=_notes(judge, areas.doubt(constants.mpp), doubles, spec),
        mpp_x=constants.mpp[0],
        mpp_y=constants.mpp[1],
        quanta_per_px=constants.quanta_per_px,
        mag=mag.value,
        seconds=time.perf_counter() - started,
    )


def _write(
    draft: Path, source: Path, spec: CellSource, judge: Judge, sorter: TileSorter
) -> tuple[dict[str, int], int, Constants, Doubles, list[tuple[str, str]]]:
    twins = judge.ids.later_twins()
    assert judge.mpp is not None
    constants = Constants(
        spec.slide_id,
        spec.patient_id,
        spec.stain,
        judge.mpp,
        spec.label_map,
        judge.is_whole,
        spec.calibration,
        spec.calibration_factor,
        judge.origin_um,
    )
    doubles = find_doubles((without(block, twins) for block in sorter.blocks()), judge.class_of, judge.mpp)
    if len(doubles) and spec.duplicates == "refuse":
        raise InputError(f"{source}: {_doubled(doubles)}: the slide was refused; --duplicates drop leaves the repeats out")
    dropped = np.union1d(twins, doubles.ids) if spec.duplicates == "drop" else twins
    left_out: list[tuple[int, str]] = []
    n_rows = 0
    with draft.open("xb") as sink:
        with CellsFile(sink, constants) as file:
            for block in in_groups_of(_distinct(sorter.blocks(), dropped, left_out), ROW_GROUP):
                file.write(block)
                n_rows += len(block.fixed)
        sink.flush()
        os.fsync(sink.fileno())
    same_id = set(twins.tolist())
    judge.put_down_duplicates([(record, name) for record, name in left_out if record in same_id])
    repeats = [
        (name or f"record {record + 1}", f"repeats record {doubles.counts[record] + 1}, which overlaps it and has its class")
        for record, name in sorted(left_out)
        if record not in same_id
    ]
    _check_share(source, spec, judge, n_rows)
    return file.counts, n_rows, constants, doubles, repeats


def _doubled(doubles: Doubles) -> str:
    first, counts = next(iter(sorted(doubles.counts.items())))
    cells = "cell repeats" if len(doubles) == 1 else "cells repeat"
    return f"{len(doubles):,} {cells} a cell of the same class (the first is record {first + 1}, which repeats record {counts + 1})"


def _distinct(blocks: Iterator[Block], dropped: Ints, left_out: list[tuple[int, str]]) -> Iterator[Block]:
    """Leave out the records that are dropped, and name them."""
    for block in blocks:
        if not len(dropped):
            yield block
            continue
        cuts = np.r_[0, np.cumsum(np.maximum(block.fixed["n_id"], 0), dtype=np.int64)]
        for i in np.flatnonzero(np.isin(block.fixed["cell_id"], dropped)):
            left_out.append((int(block.fixed["cell_id"][i]), block.ids[cuts[i] : cuts[i + 1]].tobytes().decode("utf-8", "replace")))
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
    if not source.exists():
        raise InputError(f"{source}: wanted a file of cells, found nothing")


def _notes(judge: Judge, doubt: str, doubles: Doubles, spec: CellSource) -> tuple[str, ...]:
    told = [f"{n:,} x {what}" for what, n in judge.notes.items()]
    if spec.mpp_x is None and judge.mpp is not None and judge.file_mpp:
        told.append(f"the file says {judge.mpp[0]:g} micrometres per pixel, which were taken")
    if judge.frame.origin != AT_ZERO:
        x, y = judge.frame.origin
        told.append(f"the origin was moved: {x:,.12g}, {y:,.12g} of the file is 0, 0 now, as asked for by --origin shift")
    told += judge.span.notes()
    if len(doubles):
        kept = "they were left out" if spec.duplicates == "drop" else "they were kept; --duplicates drop leaves them out"
        told.append(f"{_doubled(doubles)}: {kept}")
    return (*told, doubt) if doubt else tuple(told)


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
