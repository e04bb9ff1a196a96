"""Records of a JSON list decoded into typed objects: all at once, or one by one where one is wrong, so that it alone is left out."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

import msgspec
import numpy as np

from her2ladder.errors import InputError
from her2ladder.ingest.readers import json_lists
from her2ladder.ingest.readers.base import BadRecord, Ints

Record = TypeVar("Record")
_NAN_WORDS = ("NaN", "Infinity")
_MAX_REREAD_BYTES = 1_000_000


class Records(Generic[Record]):
    """Decodes items of a list as one type. NaN and Infinity, which Python and Java write into JSON, are read as words that are no numbers."""

    def __init__(self, record: type[Record]) -> None:
        self._list, self._one = msgspec.json.Decoder(list[record]), msgspec.json.Decoder(record)  # type: ignore[valid-type]

    def decode(
        self, path: Path, buf: bytes, items: Ints, name: Callable[[int], str], what: str, bad: list[BadRecord], first: int = 0
    ) -> tuple[list[Record], Ints]:
        """Return the items that are of the type, and their places among the items; the others are put into `bad` as record first + place.

        name     what an item is called in messages, by its place
        raises   InputError where the file is not JSON there
        """
        part = buf[int(items[0, 0]) : int(items[-1, 1])]
        try:
            return self._list.decode(b"[" + part + b"]"), np.arange(len(items))
        except (msgspec.DecodeError, RecursionError):
            pass
        if any(word.encode() in part for word in _NAN_WORDS):
            quoted = np.frombuffer(bytearray(buf), dtype=np.uint8)
            json_lists.quote_words(quoted[items[0, 0] : items[-1, 1]])
            buf = quoted.tobytes()
            try:
                return self._list.decode(b"[" + buf[int(items[0, 0]) : int(items[-1, 1])] + b"]"), np.arange(len(items))
            except (msgspec.DecodeError, RecursionError):
                pass
        found, kept = [], []
        for at, (begin, end) in enumerate(items.tolist()):
            try:
                found.append(self._one.decode(buf[begin:end]))
                kept.append(at)
            except RecursionError:
                bad.append(BadRecord(first + at, name(at), f"wanted a {what}, found lists or objects nested without end"))
            except msgspec.ValidationError as error:
                bad.append(BadRecord(first + at, name(at), plain(str(error))))
            except msgspec.DecodeError as error:
                raise InputError(f"{path}: {name(at)}: wanted JSON, found: {inside(error)}") from None
        return found, np.array(kept, dtype=np.int64)


@contextmanager
def no_gc() -> Iterator[None]:
    """Decoding makes many objects that hold no cycles: looking for garbage among them costs a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def plain(text: str) -> str:
    """msgspec's words, `Expected A, got B - at `$.key``, as ours."""
    what, _, where = text.partition(" - at `$.")
    return f"{where.rstrip('`')}: {what}".removeprefix(": ").replace("Expected", "wanted").replace(", got ", ", found ")


def inside(error: Exception) -> str:
    return str(error).removeprefix("JSON is malformed: ").replace("(byte ", "(in the record, byte ")


def not_finite(where: str, value: bytes, error: Exception) -> str:
    """Python writes NaN and Infinity into JSON, which has neither: that spoils the record. Anything else spoils the file.

    where    file and record, for the message
    raises   InputError
    """
    words = [word for word in _NAN_WORDS if word.encode() in value]
    try:
        if not words or len(value) > _MAX_REREAD_BYTES:
            raise ValueError
        told = json.loads(value, parse_int=float, parse_constant=lambda word: word)
        if not isinstance(told, dict):
            raise ValueError
    except (ValueError, RecursionError):
        raise InputError(f"{where}: wanted JSON, found: {inside(error)}") from None
    key = next((key for key, value in told.items() if any(word in json.dumps(value) for word in words)), "record")
    return f"{key}: wanted finite numbers, found {words[0]}"
