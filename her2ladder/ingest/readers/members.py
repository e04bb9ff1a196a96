"""The members of one object inside a JSON file, a chunk at a time, with memory that does not grow with the file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from her2ladder.errors import InputError
from her2ladder.ingest.readers import json_scan as scan
from her2ladder.ingest.readers.base import Ints
from her2ladder.ingest.readers.packed import Unpacked

MAX_MEMBER_BYTES = 64_000_000  # one record, or one other value at the top; beyond it the file is not what it says it is
_MAX_MEMBERS = 200_000
_SHOWN_KEY = 60


class Member:
    """One member: its key as text and its value as bytes."""

    def __init__(self, buf: bytes, row: Ints) -> None:
        self._buf, self._row = buf, row

    @property
    def key(self) -> str:
        raw = self._buf[self._row[scan.KEY] - 1 : self._row[scan.KEY_END] + 1]
        try:
            return msgspec.json.decode(raw, type=str)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return raw[1:-1].decode("utf-8", "replace")

    @property
    def value(self) -> bytes:
        return self._buf[self._row[scan.VALUE] : self._row[scan.VALUE_END]]

    @property
    def doubled(self) -> bool:
        """Two of the value's own keys may be the same."""
        return bool(self._row[scan.DOUBLED])


class MemberStream:
    """Iterates over (bytes, members in them) of the object under the key `inside`; `others` holds the top's other values as bytes.

    raises   InputError: not a JSON object, truncated, more after its end, no such key, the key twice, or one member beyond 64 MB
    """

    def __init__(self, path: Path, source: Unpacked, chunk_bytes: int, inside: str) -> None:
        self._path, self._source, self._chunk, self._inside = path, source, chunk_bytes, inside
        self.others: dict[str, bytes] = {}
        self._buf, self._at, self._n_before, self._ended = b"", 0, 0, False

    def __iter__(self) -> Iterator[tuple[bytes, Ints]]:
        if self._peek() != b"{":
            raise self._wrong("wanted a JSON object")
        self._at += 1
        state, found = scan.FIRST, False
        while True:
            byte = self._peek()
            if byte == b"}" and state != scan.NEXT:
                break
            if state == scan.AFTER:
                self._take(b",", "wanted , or }")
                state = scan.NEXT
                continue
            key = self._key()
            if key == self._inside and not found and self._peek() == b"{":
                found = True
                self._at += 1
                yield from self._members()
            elif key == self._inside:
                raise self._wrong(f"wanted one object under the key {key!r}" if not found else f"the key {key!r} stands twice")
            else:
                self.others[key] = self._value()
            state = scan.AFTER
        self._at += 1
        if self._peek():
            raise self._wrong("wanted the end of the file")
        if not found:
            keys = ", ".join(repr(key[:_SHOWN_KEY]) for key in list(self.others)[:10]) or "none"
            raise InputError(f"{self._path}: wanted the key {self._inside!r}, found the keys {keys}")

    def _members(self) -> Iterator[tuple[bytes, Ints]]:
        state = scan.FIRST
        room = np.empty((min(_MAX_MEMBERS, self._chunk // 8 + 16), 6), dtype=np.int64)
        while True:
            view = np.frombuffer(self._buf, dtype=np.uint8)
            what, count, at, state = scan.scan_members(view, self._at, len(view), state, room)
            self._at = at
            if count:
                yield self._buf, room[:count].copy()
            if what == scan.END:
                return
            if what == scan.BROKEN:
                raise self._wrong("wanted JSON")
            if what == scan.MORE:
                self._more()

    def _key(self) -> str:
        if self._peek() != b'"':
            raise self._wrong("wanted a key in quotes")
        raw = self._until(lambda view, at: scan.string_end(view, at, len(view))[0])
        try:
            key = msgspec.json.decode(raw, type=str)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise self._wrong("wanted a key in quotes") from None
        self._take(b":", "wanted : after a key")
        return key

    def _value(self) -> bytes:
        self._peek()
        raw = self._until(lambda view, at: scan.value_end(view, at, len(view))[0])
        try:
            msgspec.json.decode(raw, type=msgspec.Raw)
        except (msgspec.DecodeError, RecursionError) as error:
            raise self._wrong(f"wanted JSON ({error})") from None
        return raw

    def _until(self, ends: object) -> bytes:
        while True:
            end = ends(np.frombuffer(self._buf, dtype=np.uint8), self._at)  # type: ignore[operator]
            if end >= 0:
                raw, self._at = self._buf[self._at : end], end
                return raw
            if end != -1:
                raise self._wrong("wanted a JSON value")
            self._more()

    def _take(self, byte: bytes, wanted: str) -> None:
        if self._peek() != byte:
            raise self._wrong(wanted)
        self._at += 1

    def _peek(self) -> bytes:
        """Return the next byte that is not white space, b"" at the end of the file."""
        while True:
            self._at = scan.skip_space(np.frombuffer(self._buf, dtype=np.uint8), self._at, len(self._buf))
            if self._at < len(self._buf):
                return self._buf[self._at : self._at + 1]
            if self._ended or not self._fill():
                return b""

    def _more(self) -> None:
        """Read on with what is left of the chunk kept.

        raises   InputError at the end of the file
        """
        if len(self._buf) - self._at > MAX_MEMBER_BYTES:
            raise self._wrong(f"wanted one record within {MAX_MEMBER_BYTES:,} bytes")
        if not self._fill():
            raise InputError(
                f"{self._path}: wanted the end of the JSON object, found the end of the file at byte "
                f"{self._n_before + len(self._buf):,}: truncated"
            )

    def _fill(self) -> bool:
        left = self._buf[self._at :]
        # A record longer than a chunk: read as much again as there is, so that it is not scanned from its start too often.
        block = self._source.read(max(self._chunk, len(left)))
        self._ended = not block
        self._n_before, self._buf, self._at = self._n_before + self._at, left + block, 0
        return bool(block)

    def _wrong(self, wanted: str) -> InputError:
        found = self._buf[self._at : self._at + 40].decode("utf-8", "replace").replace("\n", " ") or "the end of the file"
        if not self._buf[self._at : self._at + 1]:
            return InputError(f"{self._path}: {wanted}, found the end of the file at byte {self._n_before + self._at:,}: truncated")
        return InputError(f"{self._path}: not JSON: {wanted} at byte {self._n_before + self._at:,}, found {found!r}")
