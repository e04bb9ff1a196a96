"""Judge a slide's records: which are cells, of what class and where, and why the others are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from her2ladder.errors import InputError, shell_word
from her2ladder.ingest import outline_kernel, outlines
from her2ladder.ingest.ids import IdIndex
from her2ladder.ingest.origin import AT_ZERO, MAX_PX, Span
from her2ladder.ingest.readers.base import MEMBRANE, BadRecord, CellBatch, Floats, Ints
from her2ladder.ingest.runs import FIXED, Block, tiles_of
from her2ladder.schema.labels import NO_LABEL, LabelMap, presets_with
from her2ladder.schema.vocabulary import DROP, MPP_PLAUSIBLE_UM

OUTLINE_PIXEL_UM = 0.25  # chosen: a 40x scan's; an eighth of it is 31 nm
MAX_KEPT_REASONS = 100_000
MAX_SHOWN_LABELS = 20
UNLABELLED = "wanted a label, found none"
MAX_CELLS = 2**31 - 1  # cell_id has 32 bits


@dataclass(frozen=True)
class Frame:
    """Where the cells of a file lie: micrometres per pixel of its coordinates, and the slide's size in them where it is known.

    origin   place of the file, in its own unit, that becomes (0, 0)
    """

    mpp_x: float | None
    mpp_y: float | None
    width_px: int | None = None
    height_px: int | None = None
    origin: tuple[float, float] = AT_ZERO


def checked_mpp(path: Path, frame: Frame, unit: str, file_mpp: float = 0.0, has_outlines: bool = False) -> tuple[float, float]:
    """Return micrometres per pixel, x and y; 1.0 for a table in micrometres that gives none: its pixel is the micrometre.

    file_mpp       what the file says of its coordinates, 0 = nothing; taken where the frame gives none
    has_outlines   of a file in micrometres: its pixel is then a quarter micrometre, since outlines are kept in eighths of a pixel

    raises   InputError where they are needed and not given, or implausible
    """
    low, high = MPP_PLAUSIBLE_UM
    if frame.mpp_x is None and unit == "um":
        return (OUTLINE_PIXEL_UM, OUTLINE_PIXEL_UM) if has_outlines else (1.0, 1.0)
    if frame.mpp_x is None and not file_mpp:
        raise InputError(
            f"{path}: no mpp: coordinates are in pixels; give micrometres per pixel of the file's own coordinates "
            "(--mpp 0.25, or a manifest column mpp)"
        )
    x = file_mpp if frame.mpp_x is None else frame.mpp_x
    pair = (x, x if frame.mpp_y is None else frame.mpp_y)
    if not all(low <= value <= high for value in pair):
        raise InputError(
            f"{path}: mpp must be {low} to {high} micrometres per pixel, found {pair[0]:g}, {pair[1]:g}; give the right one by --mpp 0.25"
        )
    return pair


@dataclass
class Judge:
    """Turns batches into blocks of cells; keeps what was left out, and why.

    n_records, n_dropped    records seen; those that the label map drops
    notes                   what the reader did that changes no record -> how often
    span                    where the cells lie
    origin_um               what is taken from the places of the file
    class_of                (labels,) number of the class that each label of the map has
    bad, n_bad              the first of the bad records, and how many there are in all
    """

    path: Path
    label_map: LabelMap
    frame: Frame
    ids: IdIndex
    n_records: int = 0
    n_dropped: int = 0
    n_bad: int = 0
    bad: list[BadRecord] = field(default_factory=list)
    is_whole: bool = True
    mpp: tuple[float, float] | None = None
    file_mpp: float = 0.0
    notes: Counter[str] = field(default_factory=Counter)
    span: Span = field(default_factory=Span)
    origin_um: tuple[float, float] = AT_ZERO
    _unmapped: dict[str, tuple[str, int]] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._number = {label: i for i, label in enumerate(self.label_map.labels)}
        words = list(self.label_map.labels.values())
        classes = list(dict.fromkeys(words))
        self.class_of = np.array([classes.index(word) for word in words], dtype=np.int16)
        self._is_dropped = np.array([word == DROP for word in words], dtype=np.bool_)

    def blocks(self, batches: Iterator[CellBatch]) -> Iterator[tuple[Block, Ints]]:
        """Yield the cells of each batch, and the tile of each.

        raises   InputError: a label that the map does not have (named when the whole file was seen), no cells at all, no mpp
        """
        for batch in batches:
            self.file_mpp = self.file_mpp or batch.file_mpp
            self.mpp = self.mpp or checked_mpp(self.path, self.frame, batch.unit, self.file_mpp, has_outlines=bool(len(batch.points)))
            step = self.mpp if batch.unit == "px" else (1.0, 1.0)
            self.origin_um = (self.frame.origin[0] * step[0], self.frame.origin[1] * step[1])
            self.n_records += batch.n_records
            self.notes.update(batch.notes)
            self._put_down(list(batch.bad))
            if self.n_records > MAX_CELLS:
                raise InputError(f"{self.path}: wanted at most {MAX_CELLS:,} cells on a slide, found more")
            label, mapped = self._labels(batch)
            if self._unmapped:
                if len(self._unmapped) > MAX_SHOWN_LABELS:
                    break
                continue  # read on only to name every label that is missing
            yield self._cells(batch, label, mapped, self.mpp)
        self._refuse_unmapped()
        if not self.n_records:
            raise InputError(f"{self.path}: wanted cells, found none")

    def put_down_duplicates(self, found: list[tuple[int, str]]) -> None:
        self._put_down([BadRecord(record, name, "wanted an id of its own, found the id of an earlier record") for record, name in found])

    def _put_down(self, bad: list[BadRecord]) -> None:
        self.n_bad += len(bad)
        self.bad += bad[: max(MAX_KEPT_REASONS - len(self.bad), 0)]

    def _labels(self, batch: CellBatch) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
        """Return (n,) the number of each label in the map, and which records have one; labels that the map lacks are noted."""
        numbers = [self._number.get(name, self._number.get(batch.aliases.get(name, name), -1)) for name in batch.label_names]
        numbers.append(self._number.get(NO_LABEL, -1))
        label = np.array(numbers, dtype=np.int16)[batch.label]
        counts = np.bincount(batch.label[batch.label >= 0], minlength=len(batch.label_names))
        for i in np.flatnonzero(counts):
            name = batch.label_names[i]
            self._seen.add(name)
            if numbers[i] < 0:
                at = int(np.argmax(batch.label == i))
                first, before = self._unmapped.get(name, (_name(batch, at), 0))
                self._unmapped[name] = (first, before + int(counts[i]))
        return label, label >= 0

    def _refuse_unmapped(self) -> None:
        if not self._unmapped:
            return
        shown = [f"{name[:60]!r} (cell {first}, {n:,} in all)" for name, (first, n) in list(self._unmapped.items())[:MAX_SHOWN_LABELS]]
        what = "label" if len(shown) == 1 else "labels"
        have = list(self.label_map.labels)
        more = f" … ({len(have)} in all)" if len(have) > MAX_SHOWN_LABELS else ""
        fitting = presets_with(self._seen, self.label_map.stain) if len(self._unmapped) <= MAX_SHOWN_LABELS else []
        raise InputError(
            f"{self.path}: {what} {', '.join(shown)}: not in label map {self.label_map.name}, which has "
            f"{', '.join(have[:MAX_SHOWN_LABELS])}{more}: "
            + (f"--label-map {' or '.join(fitting)} knows every label of the file; or " if fitting else "")
            + f"add a line to the map (a class, Other or drop); `ladder labels {shell_word(self.path)}` shows all labels and every preset"
        )

    def _cells(self, batch: CellBatch, label: NDArray[np.int16], mapped: NDArray[np.bool_], mpp: tuple[float, float]) -> tuple[Block, Ints]:
        dropped = mapped & self._is_dropped[label]
        self.n_dropped += int(dropped.sum())
        verdict = _Verdict(batch, dropped)
        verdict.refuse(~mapped & ~dropped, lambda i: UNLABELLED)
        scale = np.array(mpp)
        place = np.column_stack([batch.x, batch.y]) - self.frame.origin
        place_um = place * scale if batch.unit == "px" else place
        verdict.refuse(np.asarray(np.isinf(place_um).any(axis=1)), lambda i: "wanted a finite centroid, found an infinite one")
        keep = verdict.good
        starts = batch.n_points.copy()
        if not keep.all():  # outlines of records that are out already are not judged
            starts[~keep] = 0
        points = batch.points if keep.all() else batch.points[np.repeat(keep, batch.n_points)]
        points = points if self.frame.origin == AT_ZERO else points - self.frame.origin
        if batch.unit == "um":
            points = points / scale
        encoded = outlines.encode_outlines(points, starts, place_um / scale, mpp)
        for code in np.unique(encoded.verdict):
            if code == outline_kernel.GOOD or (code == outline_kernel.NO_OUTLINE and not batch.has_outlines):
                continue
            verdict.refuse(encoded.verdict == code, lambda i: outlines.reason(int(encoded.verdict[i]), int(batch.n_points[i])))
        absent = np.isnan(place_um)
        place_um = np.where(absent, encoded.centroid * scale, place_um)
        self._refuse_outside(verdict, place_um, scale)
        self._put_down(verdict.bad)
        good = verdict.good
        self.is_whole = self.is_whole and bool(encoded.whole[good].all())
        block = _block(batch, label, encoded, place_um, scale, good)
        self.span.add(place_um[good])
        has_id = block.fixed["n_id"] >= 0
        self.ids.add(block.ids, block.fixed["n_id"][has_id].astype(np.int64), block.fixed["cell_id"][has_id])
        place_px = place_um[good] / scale
        return block, tiles_of(place_px[:, 0], place_px[:, 1])

    def _refuse_outside(self, verdict: _Verdict, place_um: Floats, scale: Floats) -> None:
        """Where the slide's size is known, a cell lies on it; where it is not, it may lie left of the origin or far from it."""
        size = (self.frame.width_px, self.frame.height_px)
        low = np.array([-MAX_PX if edge is None else 0.0 for edge in size]) * scale
        high = np.array([MAX_PX if edge is None else float(edge) for edge in size]) * scale
        outside = np.asarray(((place_um < low) | (place_um > high)).any(axis=1))

        def why(i: int) -> str:
            x, y = place_um[i] / scale
            to = [f"{a:,.0f} to {b:,.0f} px" for a, b in zip(low / scale, high / scale, strict=True)]
            return f"wanted a centroid on the slide ({to[0]}, {to[1]}), found {x:g}, {y:g}"

        verdict.refuse(outside, why)


class _Verdict:
    """Which records of a batch still stand; the first reason against one counts."""

    def __init__(self, batch: CellBatch, dropped: NDArray[np.bool_]) -> None:
        self._batch = batch
        self.good = ~dropped
        self.bad: list[BadRecord] = []

    def refuse(self, against: NDArray[np.bool_], why: Callable[[int], str]) -> None:
        for i in np.flatnonzero(against & self.good):
            self.bad.append(BadRecord(int(self._batch.record[i]), _name(self._batch, int(i)), why(int(i))))
            self.good[i] = False


def _name(batch: CellBatch, i: int) -> str:
    told = batch.source_id[i].as_py()
    return str(told) if told is not None else f"record {int(batch.record[i]) + 1}"


def _block(
    batch: CellBatch,
    label: NDArray[np.int16],
    encoded: outlines.EncodedOutlines,
    place_um: Floats,
    scale: Floats,
    good: NDArray[np.bool_],
) -> Block:
    source_id = batch.source_id if good.all() else batch.source_id.filter(pa.array(good))
    id_bytes, n_id = _id_bytes(source_id)
    fixed = np.zeros(len(n_id), dtype=FIXED)
    fixed["cell_id"] = batch.record[good]
    fixed["label"] = label[good]
    fixed["x_um"], fixed["y_um"] = place_um[good].T
    fixed["class_prob"] = batch.class_prob[good]
    fixed["area_um2"] = encoded.area_px2[good] * (scale[0] * scale[1])
    for name in MEMBRANE:
        fixed[name] = batch.measures[name][good] if name in batch.measures else np.nan
    if "area_um2" in batch.measures:  # only where there is no outline to compute it from
        own = batch.measures["area_um2"][good]
        fixed["area_um2"] = np.where(np.isnan(fixed["area_um2"]), own, fixed["area_um2"])
    fixed["box"] = encoded.box_px[good]
    fixed["n_quanta"], fixed["n_id"] = encoded.n_quanta[good], n_id
    quanta = encoded.quanta if good.all() else encoded.quanta[np.repeat(good, encoded.n_quanta)]
    return Block(fixed, quanta, id_bytes)


def _id_bytes(ids: pa.Array) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Return the ids' bytes one after the other, and the length of each; -1 = NULL.

    ids   strings of any Arrow type, sliced or not; a NULL slot may hold bytes (a CSV's `NaN` does), which are not part of the answer
    """
    n = len(ids)
    ids = ids.cast(pa.string())  # so that the ends are int32, and a dictionary's own NULL is one
    if not n or ids.null_count == n:
        return np.empty(0, dtype=np.uint8), np.full(n, -1, dtype=np.int32)
    null = ids.is_null().to_numpy(zero_copy_only=False)
    if ids.null_count:
        ids = ids.fill_null("")  # a new buffer, in which NULL slots are empty
    _, ends, data = ids.buffers()
    cuts = np.frombuffer(ends, dtype=np.int32)[ids.offset : ids.offset + n + 1]
    raw = np.frombuffer(data, dtype=np.uint8)[cuts[0] : cuts[-1]] if data is not None else np.empty(0, dtype=np.uint8)
    lengths = np.where(null, -1, np.diff(cuts))
    return raw, lengths.astype(np.int32)
