"""Bytes of a source file, gunzipped where they are packed, with an end to how far they may grow."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from her2ladder.errors import InputError
from her2ladder.ingest.readers.base import ReadOptions

GZIP_MAGIC = b"\x1f\x8b"
TRAILING = "bytes behind the end of the gzip file that are none of it, left out as gzip does"
_GZIP = 31  # zlib's word for: a gzip header, and its checksum
_PACKED_BYTES = 262_144
ALWAYS_ALLOWED_BYTES = 64_000_000  # the ratio is not looked at before


class Unpacked:
    """A file read forward in blocks.

    raises   InputError (from read) where it is damaged or grows beyond what the options allow
    """

    closed = False  # Arrow asks before it reads; the file is closed by `unpacked`

    def __init__(self, path: Path, raw: IO[bytes], options: ReadOptions) -> None:
        self.path, self._raw, self._options = path, raw, options
        self.is_packed = raw.read(2) == GZIP_MAGIC
        raw.seek(0)
        self._bytes: IO[bytes] | _Gunzipped = _Gunzipped(raw) if self.is_packed else raw
        self.n_read = 0

    def read(self, n: int) -> bytes:
        """Return the next n bytes, fewer only at the end."""
        try:
            block = self._bytes.read(n)
        except (EOFError, zlib.error) as error:
            raise InputError(f"{self.path}: wanted a whole gzip file, found a damaged one: {error}") from error
        if isinstance(self._bytes, _Gunzipped) and self._bytes.has_trailing:
            self._options.said[TRAILING] = 1
        self.n_read += len(block)
        if self.is_packed:
            self._check_growth()
        return block

    def skip(self, n: int) -> None:
        """Leave out the next n bytes."""
        if not isinstance(self._bytes, _Gunzipped):
            self.n_read = self._bytes.seek(self.n_read + n)
            return
        end = self.n_read + n
        while self.n_read < end and self.read(min(end - self.n_read, 1_000_000)):
            pass

    def _check_growth(self) -> None:
        packed = max(self._raw.tell(), 1)
        ratio = self.n_read / packed
        if self.n_read > self._options.max_unpacked_bytes:
            raise InputError(f"{self.path}: unpacks to more than {self._options.max_unpacked_bytes:,} bytes: refused")
        if self.n_read > ALWAYS_ALLOWED_BYTES and ratio > self._options.max_unpack_ratio:
            raise InputError(
                f"{self.path}: unpacks to {ratio:,.0f} times its size (cells pack about 8 times, at most "
                f"{self._options.max_unpack_ratio:g} is read): a zip bomb, refused"
            )


class _Gunzipped:
    """The bytes of a gzip file, one member after the other; whatever else stands behind the last one is left out.

    raises   EOFError, zlib.error (from read) where a member is damaged
    """

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw, self._member, self._packed = raw, zlib.decompressobj(_GZIP), b""
        self._is_over = self.has_trailing = False

    def read(self, n: int) -> bytes:
        parts: list[bytes] = []
        while n > 0 and not self._is_over:
            packed = self._packed or self._raw.read(_PACKED_BYTES)
            block = self._member.decompress(packed, n)
            self._packed = self._member.unconsumed_tail
            parts.append(block)
            n -= len(block)
            if self._member.eof:
                self._next_member(self._member.unused_data)
            elif not packed and not block:
                raise EOFError("it ends before its end")
        return b"".join(parts)

    def _next_member(self, rest: bytes) -> None:
        """Go to the next member; zeros that fill up a tape may stand before it."""
        rest = rest.lstrip(b"\0")
        while len(rest) < len(GZIP_MAGIC) and (more := self._raw.read(_PACKED_BYTES)):
            rest = (rest + more).lstrip(b"\0")
        self._is_over = not rest.startswith(GZIP_MAGIC)
        self.has_trailing = self._is_over and bool(rest)
        self._member, self._packed = zlib.decompressobj(_GZIP), rest


@contextmanager
def unpacked(path: Path, options: ReadOptions) -> Iterator[Unpacked]:
    """Open a file, packed or not.

    raises   InputError where it cannot be opened or is empty
    """
    try:
        raw = path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    with raw:
        if raw.seek(0, 2) == 0:
            raise InputError(f"{path}: wanted cells, found an empty file (0 bytes)")
        raw.seek(0)
        yield Unpacked(path, raw, options)


def head_of(path: Path, n: int = 65_536) -> bytes:
    """Return the first bytes, unpacked; fewer where the file is short or damaged behind them.

    raises   InputError where nothing can be read
    """
    head = b""
    with unpacked(path, ReadOptions()) as source:
        try:
            while len(head) < n and (block := source.read(min(n - len(head), 1024))):
                head += block
        except InputError:
            if not head:
                raise
    return head
