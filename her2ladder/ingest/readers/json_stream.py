"""JSON read forward a chunk at a time: keys and values at the top, and the members of one large object or the items of one large list."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np

from her2ladder.errors import InputError
from her2ladder.ingest.readers import json_lists
from her2ladder.ingest.readers import json_scan as scan
from her2ladder.ingest.readers.base import Ints
from her2ladder.ingest.readers.packed import Unpacked

MAX_VALUE_BYTES = 64_000_000  # one record, or one other value at the top; beyond it the file is not what it says it is
_MAX_ITEMS = 200_000


class JsonStream:
    """A place in a JSON file that only moves forward.

    raises   InputError wherever the file is not JSON there, or ends too early
    """

    def __init__(self, path: Path, source: Unpacked, chunk_bytes: int) -> None:
        self.path, self._source, self._chunk = path, source, chunk_bytes
        self.buf, self._at, self._n_before, self._ended = b"", 0, source.n_read, False

    @property
    def offset(self) -> int:
        """Bytes of the (unpacked) file before this place."""
        return self._n_before + self._at

    def peek(self) -> bytes:
        """Return the next byte that is not white space, b"" at the end of the file."""
        while True:
            self._at = scan.skip_space(self._view(), self._at, len(self.buf))
            if self._at < len(self.buf):
                return self.buf[self._at : self._at + 1]
            if self._ended or not self._fill():
                return b""

    def take(self, byte: bytes, wanted: str) -> None:
        if self.peek() != byte:
            raise self.wrong(wanted)
        self._at += 1

    def each_key(self) -> Iterator[str]:
        """Yield the keys of the object that begins here; the caller takes each value before the next key."""
        self.take(b"{", "wanted a JSON object")
        if self.peek() == b"}":
            self._at += 1
            return
        while True:
            if self.peek() != b'"':
                raise self.wrong("wanted a key in quotes")
            raw = self._until(lambda view, at: scan.string_end(view, at, len(view))[0])
            try:
                key = msgspec.json.decode(raw, type=str)
            except (msgspec.DecodeError, UnicodeDecodeError):
                raise self.wrong("wanted a key in quotes") from None
            self.take(b":", "wanted : after a key")
            yield key
            byte = self.peek()
            if byte not in (b",", b"}"):
                raise self.wrong("wanted , or }")
            self._at += 1
            if byte == b"}":
                return

    def value(self) -> bytes:
        """Take the value that begins here."""
        self.peek()
        raw = self._until(lambda view, at: scan.value_end(view, at, len(view))[0])
        try:
            msgspec.json.decode(raw, type=msgspec.Raw)
        except (msgspec.DecodeError, RecursionError) as error:
            raise self.wrong(f"wanted JSON ({error})") from None
        return raw

    def skip(self) -> None:
        """Leave out the value that begins here, however long it is."""
        if self.peek() not in (b"[", b"{"):
            self.value()
            return
        depth, text = 1, 0
        self._at += 1
        while depth:
            self._at, depth, text = json_lists.skip_nested(self._view(), self._at, len(self.buf), depth, text)
            if depth:
                self._more(keeps=False)

    def members(self) -> Iterator[tuple[bytes, Ints]]:
        """Yield (bytes, members in them) of the object that begins here: see json_scan.scan_members."""
        self.take(b"{", "wanted a JSON object")
        yield from self._found(scan.scan_members, 6, 0)

    def items(self, giant_bytes: int = 0) -> Iterator[tuple[bytes, Ints]]:
        """Yield (bytes, items in them) of the list that begins here: see json_lists.scan_items.

        giant_bytes   where more than this does not hold one item whole, no items are yielded; the caller takes the item from the stream
        """
        self.take(b"[", "wanted a JSON list")
        yield from self._found(json_lists.scan_items, 2, giant_bytes)

    def _found(self, scanner: Callable[..., tuple[int, int, int, int]], width: int, giant_bytes: int) -> Iterator[tuple[bytes, Ints]]:
        state = scan.FIRST
        room = np.empty((min(_MAX_ITEMS, self._chunk // 8 + 16), width), dtype=np.int64)
        while True:
            view = self._view()
            what, count, self._at, state = scanner(view, self._at, len(view), state, room)
            if count:
                yield self.buf, room[:count].copy()
            if what == scan.END:
                return
            if what == scan.BROKEN:
                raise self.wrong("wanted JSON")
            if what == scan.MORE and giant_bytes and state != scan.AFTER and len(self.buf) - self._at > giant_bytes:
                yield self.buf, room[:0].copy()
                state = scan.AFTER
            elif what == scan.MORE:
                self._more()

    def _view(self) -> scan.Bytes:
        return np.frombuffer(self.buf, dtype=np.uint8)

    def _until(self, ends: Callable[[scan.Bytes, int], int]) -> bytes:
        while True:
            end = ends(self._view(), self._at)
            if end >= 0:
                raw, self._at = self.buf[self._at : end], end
                return raw
            if end != -1:
                raise self.wrong("wanted a JSON value")
            self._more()

    def _more(self, keeps: bool = True) -> None:
        """Read on with what is left of the chunk kept.

        raises   InputError at the end of the file
        """
        if keeps and len(self.buf) - self._at > MAX_VALUE_BYTES:
            raise self.wrong(f"wanted one record within {MAX_VALUE_BYTES:,} bytes")
        if not self._fill():
            raise InputError(
                f"{self.path}: wanted the end of the JSON, found the end of the file at byte {self._n_before + len(self.buf):,}: truncated"
            )

    def _fill(self) -> bool:
        left = self.buf[self._at :]
        # A record longer than a chunk: read as much again as there is, so that it is not scanned from its start too often.
        block = self._source.read(max(self._chunk, len(left), 4))
        if not self._n_before and block.startswith(b"\xef\xbb\xbf"):  # a byte order mark, as Windows programs write it
            block, self._n_before = block[3:], 3
        self._ended = not block
        self._n_before, self.buf, self._at = self._n_before + self._at, left + block, 0
        return bool(block)

    def wrong(self, wanted: str) -> InputError:
        found = self.buf[self._at : self._at + 40].decode("utf-8", "replace").replace("\n", " ") or "the end of the file"
        if not self.buf[self._at : self._at + 1]:
            return InputError(f"{self.path}: {wanted}, found the end of the file at byte {self.offset:,}: truncated")
        return InputError(f"{self.path}: not JSON: {wanted} at byte {self.offset:,}, found {found!r}")
