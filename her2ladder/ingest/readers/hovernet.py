"""HoVer-Net JSON, tile and WSI mode, plain or .gz: {"mag": 40, "nuc": {id: {bbox, centroid, contour, type, type_prob}}}.

Streamed: members of `nuc` are split at their ends, a chunk of them is decoded at a time. bbox is not read (HoVer-Net's WSI mode writes it
wrong); the centroid is kept as it is. Coordinates are pixels at `mag`, which for whole slides need not be level 0.
source   vqdang/hover_net infer/tile.py, infer/wsi.py
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

from her2ladder.errors import InputError
from her2ladder.ingest.readers import json_scan as scan
from her2ladder.ingest.readers.base import BadRecord, CellBatch, Ints, ReadOptions
from her2ladder.ingest.readers.json_records import no_gc, not_finite, plain
from her2ladder.ingest.readers.members import Member, MemberStream
from her2ladder.ingest.readers.packed import head_of, unpacked

NAME = "hovernet"
TAKES_FOLDERS = False
SAYS_MPP = False
WANTS = 'HoVer-Net JSON (an object with the key "nuc")'
MAX_POINT_BYTES = 6  # `[1,2],`: the shortest a point can be


class Nucleus(msgspec.Struct, gc=False):
    """One record; the contour stays bytes until a compiled scanner reads it, bbox and keys that we do not know are skipped."""

    centroid: tuple[float, float] | None = None
    contour: msgspec.Raw = msgspec.Raw(b"null")
    type: int | str | None = None
    type_prob: float | None = None


_LIST, _ONE = msgspec.json.Decoder(list[Nucleus]), msgspec.json.Decoder(Nucleus)
_POINTS = msgspec.json.Decoder(list[tuple[float, float]])


def detect(path: Path) -> str:
    """Tell whether the file begins as a JSON object that has the key `nuc` within its first 64 KB."""
    head = head_of(path).removeprefix(b"\xef\xbb\xbf").lstrip()
    return 'a JSON object with the key "nuc"' if head.startswith(b"{") and b'"nuc"' in head else ""


def read(path: Path, options: ReadOptions) -> Iterator[CellBatch]:
    """Yield the nuclei of a file, a chunk at a time.

    raises   InputError: not JSON, truncated, without `nuc`, or packed and growing without end
    """
    with unpacked(path, options) as source:
        stream = MemberStream(path, source, options.chunk_bytes, inside="nuc")
        first, told = 0, 0.0
        for buf, members in stream:
            told = _mag(path, stream)
            batch = _batch(path, buf, members, first, told)
            first += batch.n_records
            yield batch
        if (mag := _mag(path, stream)) != told:  # it stands after the nuclei
            yield _no_cells(mag)


def _mag(path: Path, stream: MemberStream) -> float:
    raw = stream.others.get("mag", b"null")
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        value = raw
    if value is None:
        return 0.0
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1000:
        raise InputError(f"{path}: mag: wanted a magnification or null, found {raw[:40].decode('utf-8', 'replace')}")
    return float(value)


def _batch(path: Path, buf: bytes, members: Ints, first: int, mag: float) -> CellBatch:
    n = len(members)
    bad: list[BadRecord] = []
    with no_gc():
        nuclei, kept = _decode(path, buf, members, first, bad)
        points, n_points, shaped = rings([nucleus.contour for nucleus in nuclei])
        for i in np.flatnonzero(~shaped):
            at = int(kept[i])
            bad.append(BadRecord(first + at, Member(buf, members[at]).key, contour_reason(nuclei[i].contour)))
        if not shaped.all():
            nuclei = [nucleus for nucleus, good in zip(nuclei, shaped, strict=True) if good]
            kept, n_points = kept[shaped], n_points[shaped]
        types = [nucleus.type for nucleus in nuclei]
        names = list(dict.fromkeys(types))
        number = {name: i if name is not None else -1 for i, name in enumerate(names)}
        nowhere = (np.nan, np.nan)
        centroid = np.array([nucleus.centroid or nowhere for nucleus in nuclei], dtype=np.float64).reshape(-1, 2)
        prob = np.array([np.nan if nucleus.type_prob is None else nucleus.type_prob for nucleus in nuclei], dtype=np.float32)
        label = np.array([number[name] for name in types], dtype=np.int32)
    return CellBatch(
        n_records=n,
        record=first + kept,
        source_id=_ids(buf, members[kept]),
        label=label,
        label_names=tuple(str(name) for name in names),
        unit="px",
        x=centroid[:, 0].copy(),
        y=centroid[:, 1].copy(),
        class_prob=prob,
        points=points,
        n_points=n_points,
        has_outlines=True,
        bad=tuple(sorted(bad)),
        mag=mag,
    )


def _no_cells(mag: float) -> CellBatch:
    return CellBatch(
        n_records=0,
        record=np.empty(0, dtype=np.int64),
        source_id=pa.array([], pa.string()),
        label=np.empty(0, dtype=np.int32),
        label_names=(),
        unit="px",
        x=np.empty(0),
        y=np.empty(0),
        class_prob=np.empty(0, dtype=np.float32),
        points=np.empty((0, 2)),
        n_points=np.empty(0, dtype=np.int64),
        has_outlines=True,
        mag=mag,
    )


def _decode(path: Path, buf: bytes, members: Ints, first: int, bad: list[BadRecord]) -> tuple[list[Nucleus], Ints]:
    """Return the records that have the right types and their places among the members; all at once, or one by one where one is wrong."""
    begin, end = int(members[0, scan.KEY]) - 1, int(members[-1, scan.VALUE_END])
    part = np.frombuffer(bytearray(b"[" + buf[begin:end] + b"]"), dtype=np.uint8)
    scan.blank_keys(part, members, begin - 1)
    if not members[:, scan.DOUBLED].any():
        try:
            return _LIST.decode(part.data), np.arange(len(members))
        except (msgspec.DecodeError, RecursionError):
            pass
    nuclei, kept = [], []
    for at, row in enumerate(members):
        member = Member(buf, row)
        try:
            nuclei.append(_decode_one(path, member))
            kept.append(at)
        except ValueError as error:
            if isinstance(error, InputError):
                raise
            bad.append(BadRecord(first + at, member.key, str(error)))
    return nuclei, np.array(kept, dtype=np.int64)


def _decode_one(path: Path, member: Member) -> Nucleus:
    """Return one record.

    raises   ValueError with a reason where it is JSON but not a nucleus; InputError where the file is not JSON here
    """
    try:
        nucleus = _ONE.decode(member.value)
    except RecursionError:
        raise ValueError("wanted a nucleus, found lists or objects nested without end") from None
    except msgspec.ValidationError as error:
        raise ValueError(plain(str(error))) from None
    except msgspec.DecodeError as error:
        raise ValueError(not_finite(f"{path}: cell {member.key}", member.value, error)) from None
    if member.doubled and (twice := _doubled_key(member)):
        raise ValueError(f"key {twice!r} stands twice in the record")
    return nucleus


def _doubled_key(member: Member) -> str | None:
    found: list[str] = []

    def pairs(items: list[tuple[str, object]]) -> None:
        keys = [key for key, _ in items]
        found[:] = [key for key in dict.fromkeys(keys) if keys.count(key) > 1]  # the outermost object is read last

    json.loads(member.value, object_pairs_hook=pairs, parse_int=float)
    return found[0] if found else None


def rings(
    contours: list[msgspec.Raw],
) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.float64]], Ints, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Return the contours' points, how many each has, and which contours are lists of pairs of numbers (a missing one has 0 points)."""
    joined = np.frombuffer(b"".join(contours), dtype=np.uint8)
    ends = np.cumsum(np.fromiter((len(memoryview(raw)) for raw in contours), dtype=np.int64, count=len(contours)))
    points = np.empty((len(joined) // MAX_POINT_BYTES + 1 + len(contours), 2))
    n_points, says = np.zeros(len(contours), dtype=np.int64), np.zeros(len(contours), dtype=np.int8)
    used = scan.parse_rings(joined, ends, points, n_points, says)
    points, good = points[:used], says == scan.GOOD
    if good.all():
        return points, n_points, good
    slow: dict[int, list[tuple[float, float]]] = {}
    for i in np.flatnonzero(~good):
        try:
            raw = bytes(contours[i])
            slow[int(i)] = [] if raw == b"null" else _POINTS.decode(raw)
            good[i] = True
        except (msgspec.DecodeError, RecursionError):
            pass
    starts = np.cumsum(n_points) - n_points
    parts = [np.array(slow[i]).reshape(-1, 2) if i in slow else points[starts[i] : starts[i] + n_points[i]] for i in range(len(contours))]
    n_points = np.array([len(part) for part in parts], dtype=np.int64)
    return np.concatenate(parts), n_points, good


def contour_reason(raw: msgspec.Raw) -> str:
    text = bytes(raw)
    found = text[:40].decode("utf-8", "replace") + (" …" if len(text) > 40 else "")
    return f"contour: wanted a list of points [[x, y], …], found {found}"


def _ids(buf: bytes, members: Ints) -> pa.Array:
    """Return the members' keys."""
    if members[:, scan.ESCAPED].any():
        return pa.array([Member(buf, row).key for row in members], pa.string())
    ends = np.zeros(len(members) + 1, dtype=np.int32)
    data = np.empty(int((members[:, scan.KEY_END] - members[:, scan.KEY]).sum()), dtype=np.uint8)
    scan.gather_keys(np.frombuffer(buf, dtype=np.uint8), members, data, ends)
    ids = pa.StringArray.from_buffers(len(members), pa.py_buffer(ends), pa.py_buffer(data))
    try:
        ids.validate(full=True)
    except pa.ArrowInvalid:
        return pa.array([Member(buf, row).key for row in members], pa.string())
    return ids
