"""The records of one object or list inside a JSON file, a chunk at a time, with memory that does not grow with the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from her2ladder.errors import InputError
from her2ladder.ingest.readers import json_scan as scan
from her2ladder.ingest.readers.base import Ints
from her2ladder.ingest.readers.json_stream import JsonStream
from her2ladder.ingest.readers.packed import Unpacked

_SHOWN_KEY = 60


class Member:
    """One member of an object: its key as text and its value as bytes."""

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
    """Iterates over (bytes, members in them) of the object under the key `inside`, or of the top's own where there is none.

    others   the top's other values as bytes
    raises   InputError: not a JSON object, truncated, more after its end, no such key, the key twice, or one member beyond 64 MB
    """

    def __init__(self, path: Path, source: Unpacked, chunk_bytes: int, inside: str | None) -> None:
        self.stream = JsonStream(path, source, chunk_bytes)
        self._inside = inside
        self.others: dict[str, bytes] = {}

    def __iter__(self) -> Iterator[tuple[bytes, Ints]]:
        if self._inside is None:
            yield from self.stream.members()
            _end(self.stream)
        else:
            yield from _under(self.stream, (self._inside,), b"{", self.stream.members, self.others)


class ItemStream:
    """Iterates over (bytes, items in them) of the list at the top, or of the one under the first of the keys `inside` that holds a list.

    giant_bytes   see JsonStream.items
    others        the top's other values as bytes
    raises        InputError: neither, truncated, more after its end, the key twice, or one value beyond 64 MB
    """

    def __init__(self, path: Path, source: Unpacked, chunk_bytes: int, inside: tuple[str, ...], giant_bytes: int = 0) -> None:
        self.stream = JsonStream(path, source, chunk_bytes)
        self._inside, self._giant = inside, giant_bytes
        self.others: dict[str, bytes] = {}

    def __iter__(self) -> Iterator[tuple[bytes, Ints]]:
        if self.stream.peek() == b"[":
            yield from self._items()
            _end(self.stream)
        else:
            yield from _under(self.stream, self._inside, b"[", self._items, self.others)

    def _items(self) -> Iterator[tuple[bytes, Ints]]:
        return self.stream.items(self._giant)


def _under(
    stream: JsonStream, inside: tuple[str, ...], opens: bytes, records: Callable[[], Iterator[tuple[bytes, Ints]]], others: dict[str, bytes]
) -> Iterator[tuple[bytes, Ints]]:
    what = "object" if opens == b"{" else "list"
    found = ""
    for key in stream.each_key():
        if key in inside and not found and stream.peek() == opens:
            found = key
            yield from records()
        elif key == found:
            raise stream.wrong(f"the key {key!r} stands twice")
        elif key in inside and not found:
            raise stream.wrong(f"wanted one {what} under the key {key!r}")
        else:
            others[key] = stream.value()
    _end(stream)
    if not found:
        wanted = " or ".join(repr(key) for key in inside)
        keys = ", ".join(repr(key[:_SHOWN_KEY]) for key in list(others)[:10]) or "none"
        raise InputError(f"{stream.path}: wanted the key {wanted}, found the keys {keys}")


def _end(stream: JsonStream) -> None:
    if stream.peek():
        raise stream.wrong("wanted the end of the file")
