"""The store of a server: its state, its own questions, and questions in SQL from outside, each in a process of its own."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Collection, Mapping

import pyarrow as pa

from her2ladder.queries.sandbox.ask import ask
from her2ladder.queries.sandbox.warm import WarmParent
from her2ladder.schema.duck import arrow_table
from her2ladder.schema.store import Store
from her2ladder.serve.answers import Refused, taken
from her2ladder.serve.settings import Settings


class ServedStore:
    """What the endpoints ask. Every call opens the store anew, so that it sees what was published last, and nothing half done."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = Store(settings.store)
        self._warm = WarmParent()
        self._turns = threading.BoundedSemaphore(settings.parallel)
        self._waiting = threading.BoundedSemaphore(settings.parallel + settings.waiting)

    def etag(self) -> str:
        """A name of the store's state: another after every publish."""
        told = self.store.catalog.stat()
        return '"' + hashlib.sha256(f"{told.st_ino} {told.st_size} {told.st_mtime_ns}".encode()).hexdigest()[:24] + '"'

    def own(self, sql: str, parameters: Mapping[str, object], slides: Collection[str] | None = None) -> pa.Table:
        """Answer a question that is written in this package."""
        with self.store.reading(slides=slides) as con:
            return arrow_table(con, sql, dict(parameters))

    def ask(self, sql: str, parameters: Mapping[str, object], timeout_seconds: float | None = None) -> pa.Table:
        """Answer a question from outside, sandboxed.

        raises   SandboxError and its kinds; Refused (413: too many rows, 503: too many questions)
        """
        if not self._waiting.acquire(blocking=False):
            raise Refused(503, "too many questions at once: ask again in a moment")
        seconds = min(timeout_seconds or self.settings.timeout_seconds, self.settings.timeout_seconds)
        try:
            with (
                self._turns,
                ask(
                    self.store, sql, parameters=parameters, timeout_seconds=seconds, memory_bytes=self.settings.memory_bytes,
                    begin=self._warm.start,
                ) as reader,
            ):  # fmt: skip
                return taken(reader, self.settings.most_rows)
        finally:
            self._waiting.release()

    def close(self) -> None:
        """End the process that answers questions."""
        self._warm.close()
