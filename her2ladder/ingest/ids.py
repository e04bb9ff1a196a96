"""Which records of a file have an id that an earlier record has, with memory that does not grow with the file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from her2ladder.ingest.compiled import compiled
from her2ladder.ingest.readers.base import Ints

IDS_HELD = 2_000_000  # ids looked at together; more are put aside in a file without a name
_PLAIN_DIGITS = 18
_PAIR = np.dtype([("key", "i8"), ("record", "i4")])


class IdIndex:
    """Collects ids in file order."""

    def __init__(self, folder: Path, held: int = IDS_HELD) -> None:
        self._folder, self._limit = folder, held
        self._open: list[NDArray[np.void]] = []
        self._n_open = self._n = 0
        self._file: IO[bytes] | None = None

    def add(self, ids: NDArray[np.uint8], lengths: Ints, record: Ints) -> None:
        """Take the ids that lie one after the other in `ids`, and the number of the record of each."""
        pairs = np.empty(len(lengths), dtype=_PAIR)
        keys = np.empty(len(lengths), dtype=np.int64)
        id_keys(ids, lengths, keys)
        pairs["key"], pairs["record"] = keys, record
        self._open.append(pairs)
        self._n_open += len(pairs)
        self._n += len(pairs)
        if self._n_open >= self._limit:
            self._put_aside()

    def later_twins(self) -> Ints:
        """Return the records whose id an earlier record has, ascending."""
        n_parts = 1 + self._n // self._limit
        found = [self._twins_of(part, n_parts) for part in range(n_parts)] if self._n else []
        return np.sort(np.concatenate(found)) if found else np.empty(0, dtype=np.int64)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _twins_of(self, part: int, n_parts: int) -> Ints:
        """Twins share a key, and so a remainder: each part of the remainders is looked at on its own."""
        pairs = np.concatenate([block[block["key"] % n_parts == part] for block in self._blocks()])
        order = np.argsort(pairs["key"], kind="stable")  # of equal keys the earlier record first
        keys = pairs["key"][order]
        return np.asarray(pairs["record"][order[1:][keys[1:] == keys[:-1]]], dtype=np.int64)

    def _blocks(self) -> Iterator[NDArray[np.void]]:
        if self._file is not None:
            self._file.flush()
            self._file.seek(0)
            while raw := self._file.read(self._limit // 8 * _PAIR.itemsize or _PAIR.itemsize):
                yield np.frombuffer(raw, dtype=_PAIR)
        yield from self._open

    def _put_aside(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._folder, prefix=".ingest-")  # noqa: SIM115  (closed by close)
        for pairs in self._open:
            self._file.write(pairs.tobytes())
        self._open, self._n_open = [], 0


@compiled
def id_keys(data: NDArray[np.uint8], lengths: Ints, out: Ints) -> None:
    """Write a number for each id: its own value where it is a plain whole number below 10^18, else a 62-bit hash made negative.

    Two different ids share a hash once in about 5 x 10^18 pairs: at a million worded ids, one false alarm in 10^7 slides.
    """
    begin = 0
    for i in range(len(lengths)):
        end = begin + lengths[i]
        plain = 0 < lengths[i] <= _PLAIN_DIGITS and (data[begin] != 48 or lengths[i] == 1)
        value, mixed = np.int64(0), np.uint64(14695981039346656037)
        for at in range(begin, end):
            plain = plain and 48 <= data[at] <= 57
            value = value * 10 + (np.int64(data[at]) - 48)
            mixed = (mixed ^ np.uint64(data[at])) * np.uint64(1099511628211)
            mixed ^= mixed >> np.uint64(29)
        out[i] = value if plain else -1 - np.int64(mixed >> np.uint64(2))
        begin = end
