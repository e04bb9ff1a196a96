"""Ask the store in SQL: the parent's side of the sandbox. Returns Arrow batches; the child is killed when its time is over."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from her2ladder.errors import SandboxDied, SandboxError, SandboxTimeout
from her2ladder.queries.sandbox.bring import bring
from her2ladder.queries.sandbox.process import Child, start
from her2ladder.schema.remote import RemoteStore

MEMORY_BYTES = 4 << 30
Begin = Callable[[dict[str, Any]], tuple[Child, int]]


class Address(Protocol):
    """Which store, and as of which run: a `Store`, or what a command knows before it opens one."""

    @property
    def root(self) -> Path: ...

    @property
    def as_of(self) -> str | None: ...

    @property
    def catalog_file(self) -> str: ...


@contextmanager
def ask(
    store: Address,
    sql: str,
    *,
    parameters: Mapping[str, object] | None = None,
    timeout_seconds: float = 300.0,
    memory_bytes: int = MEMORY_BYTES,
    begin: Begin = start,
) -> Iterator[pa.RecordBatchReader]:
    """Yield the answer to one SELECT as a stream of record batches.

    parameters       values of `$name` in the query
    timeout_seconds  wall seconds until the child is killed
    memory_bytes     what the query may use
    begin            who starts the child: this process, or a server's warm parent
    raises           SandboxError: refused or failed; SandboxTimeout: stopped; SandboxDied: killed; the message is one line
    """
    if isinstance(store, RemoteStore):
        bring(store, sql, parameters or {})
    order = {
        "store": str(store.root.absolute()),
        "as_of": store.as_of,
        "catalog_file": store.catalog_file,
        "sql": sql,
        "parameters": dict(parameters or {}),
        "memory_bytes": memory_bytes,
        "cpu_seconds": max(1, int(timeout_seconds * (os.cpu_count() or 1)) + 1),
    }
    since = time.monotonic()
    child, read_end = begin(order)
    timer = threading.Timer(timeout_seconds, child.kill)
    timer.start()
    said: list[bytes] = []
    listener = threading.Thread(target=lambda: said.append(child.stderr.read()))
    listener.start()
    try:
        with os.fdopen(read_end, "rb") as stream:
            try:
                yield pa.ipc.open_stream(stream)
            except pa.ArrowInvalid as error:  # the stream ends early when the child refuses or dies
                raise _refusal(child, listener, said, timeout_seconds, since) from error
        if child.wait() != 0:
            raise _refusal(child, listener, said, timeout_seconds, since)
    finally:
        timer.cancel()
        child.kill()
        child.wait()
        listener.join()
        child.stderr.close()


def _refusal(child: Child, listener: threading.Thread, said: list[bytes], timeout_seconds: float, since: float) -> SandboxError:
    code = child.wait()
    listener.join()
    words = (said[0].decode("utf-8", "replace") if said else "").strip()
    is_late = time.monotonic() - since >= timeout_seconds
    if code == -signal.SIGXCPU or (code == -signal.SIGKILL and is_late):
        return SandboxTimeout(f"stopped: the query ran longer than {timeout_seconds:g} s (--timeout gives it more)")
    if code < 0 or not words:
        return SandboxDied(
            f"the query's process died ({signal.Signals(-code).name if code < 0 else code}): it asked for more than it may have"
        )
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    if lines[0].startswith("Traceback"):
        return SandboxError(f"the query failed: {lines[-1][:400]}")
    return SandboxError(" ".join(lines)[:600])
