"""A run: the frame in which a stage reads the store and writes back, all of it or nothing.

Leaving the frame publishes the rows and one row of table `run` in one transaction: stage, arguments, `{query: sha256}`, hashes of the
inputs, versions, seed, seconds, rows and an order-free fingerprint. Every row written names its run.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import duckdb
import pyarrow as pa

from her2ladder.errors import LostRaceError, StageError
from her2ladder.queries.catalog import query
from her2ladder.schema.contract import Table, quoted, rows_of
from her2ladder.schema.duck import arrow_table
from her2ladder.schema.store import FIRST_RUN, LakeReader, Store
from her2ladder.schema.tables import RUN_TABLE

PACKAGES = (
    "her2ladder",
    "duckdb",
    "pyarrow",
    "numpy",
    "scipy",
    "numba",
    "pandas",
    "scikit-learn",
    "xgboost-cpu",
    "lifelines",
    "statsmodels",
)
RACES = 10  # times that a publish is tried while other machines publish to the same store
_NOT_IN_FINGERPRINT = {"run", "started", "seconds", "created"}


_RECORDED: ContextVar[bool] = ContextVar("recorded", default=True)


@contextmanager
def recording(wanted: bool) -> Iterator[None]:
    """Within, runs publish what they computed, or (False) nothing: a question that leaves no trace in the store."""
    token = _RECORDED.set(wanted)
    try:
        yield
    finally:
        _RECORDED.reset(token)


class Run:
    """What a stage does inside `run(...)`: fetch by named query, append rows. `id` is known after the frame is left."""

    def __init__(self, store: Store, stage: str, arguments: Mapping[str, object], con: duckdb.DuckDBPyConnection) -> None:
        self.store, self.stage, self.arguments, self.con = store, stage, arguments, con
        self.inputs: dict[str, str] = {}
        self.seed: int | None = None
        self.n_lake_rows = 0
        self.id = ""
        self.fingerprint = ""
        self._queries: dict[str, str] = {}
        self._keys: list[tuple[Table, pa.Table]] = []
        self._facts: list[tuple[Table, pa.Table]] = []

    def fetch(self, name: str, **parameters: object) -> pa.Table:
        """Return the rows of a named query, as Arrow; the run remembers the query's hash."""
        asked = query(name)
        self._queries[name] = asked.sha256
        return arrow_table(self.con, asked.sql, parameters)

    def append(self, table: Table, rows: pa.Table | Iterable[dict[str, Any]]) -> None:
        """Add rows to a table of facts; the column `run` is filled in when the run is published."""
        self._facts.append((table, _arrow(table, rows)))

    def insert_new(self, table: Table, rows: pa.Table | Iterable[dict[str, Any]]) -> None:
        """Add rows to a key table; rows whose key is there already are left alone."""
        self._keys.append((table, _arrow(table, rows)))

    def publish(self, started: datetime, seconds: float) -> None:
        """Write everything in one transaction; called once, on leaving the frame."""
        snapshot = _last_run(self.con, "ladder.base.run")
        written = [*self._keys, *self._facts]
        self.fingerprint = fingerprint(written)
        for left in reversed(range(RACES)):
            try:
                return self._insert(started, seconds, snapshot, written)
            except LostRaceError:
                if not left:
                    raise
        return None

    def _insert(self, started: datetime, seconds: float, snapshot: str, written: list[tuple[Table, pa.Table]]) -> None:
        with self.store.publishing() as con:
            self.id = _next_run(_last_run(con, "base.run"))
            record = {
                "run": self.id,
                "stage": self.stage,
                "arguments": to_json(self.arguments),
                "queries": to_json(self._queries),
                "inputs": to_json(self.inputs),
                "versions": to_json(versions()),
                "seed": self.seed,
                "started": started.replace(tzinfo=None),
                "seconds": seconds,
                "n_rows": sum(rows.num_rows for _, rows in written) + self.n_lake_rows,
                "fingerprint": self.fingerprint,
                "snapshot": snapshot,
            }
            insert(con, RUN_TABLE, rows_of(RUN_TABLE, [record]), self.id)
            for table, rows in _joined(self._keys):
                insert(con, table, rows, self.id, or_ignore=True)
            for table, rows in _joined(self._facts):
                insert(con, table, rows, self.id)


@contextmanager
def run(
    store: Store,
    stage: str,
    arguments: Mapping[str, object],
    *,
    seed: int | None = None,
    since: float | None = None,
    lake: LakeReader | None = None,
) -> Iterator[Run]:
    """Yield a run over the store's state now; leaving the frame without an error publishes it.

    A stage that fails leaves no row and no run; within `recording(False)` none does, and the run has no id.
    since    monotonic clock at which the work began, where it began before the frame
    lake     how to scan files, see Store.reading
    """
    clock = time.monotonic() if since is None else since
    started = datetime.now(UTC) - timedelta(seconds=time.monotonic() - clock)
    with store.reading(lake) as con:
        this = Run(store, stage, arguments, con)
        this.seed = seed
        yield this
        if not _RECORDED.get():
            return
        this.publish(started, time.monotonic() - clock)


def insert(con: duckdb.DuckDBPyConnection, table: Table, rows: pa.Table, run_id: str, *, or_ignore: bool = False) -> None:
    """Insert rows of a contract into the catalog, naming their run."""
    names = [name for name in table.names if name != "run"]
    chosen = ", ".join(quoted(name) for name in names)
    con.register("rows_in", rows.select(names))
    distinct = "DISTINCT " if or_ignore else ""
    verb = "INSERT OR IGNORE INTO" if or_ignore else "INSERT INTO"
    con.execute(f"{verb} base.{quoted(table.name)} ({chosen}, run) SELECT {distinct}{chosen}, ? FROM rows_in", [run_id])
    con.unregister("rows_in")


def fingerprint(written: Iterable[tuple[Table, pa.Table]]) -> str:
    """Return a hash of rows that does not depend on their order, run ids and times left out: sum of row hashes mod 2^256."""
    total = 0
    for table, rows in written:
        names = [name for name in table.names if name not in _NOT_IN_FINGERPRINT]
        columns = [rows.column(name).to_pylist() for name in names]
        for values in zip(*columns, strict=True):
            text = json.dumps([table.name, *values], default=str)
            total += int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
    return f"{total % (1 << 256):064x}"


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that compute."""
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def to_json(value: object) -> str:
    """Return JSON with sorted keys: equal values give equal text."""
    return json.dumps(value, sort_keys=True, default=str)


def _arrow(table: Table, rows: pa.Table | Iterable[dict[str, Any]]) -> pa.Table:
    """Rows as the contract wants them; `run` holds a placeholder until the run has its id."""
    if isinstance(rows, pa.Table):
        filled = rows if "run" in rows.column_names else rows.append_column("run", pa.array([""] * rows.num_rows, pa.string()))
        return table.cast(filled)
    return rows_of(table, ({"run": "", **row} for row in rows))


def _joined(written: list[tuple[Table, pa.Table]]) -> list[tuple[Table, pa.Table]]:
    """Rows of one table together, tables in the order they were first written: one insert each."""
    parts: dict[str, tuple[Table, list[pa.Table]]] = {}
    for table, rows in written:
        parts.setdefault(table.name, (table, []))[1].append(rows)
    return [(table, pa.concat_tables(rows)) for table, rows in parts.values()]


def _last_run(con: duckdb.DuckDBPyConnection, table: str) -> str:
    return str(con.execute(f"SELECT coalesce(max(run), '{FIRST_RUN}') FROM {table}").fetchall()[0][0])


def _next_run(last: str) -> str:
    number = int(last[1:]) + 1
    if number > 999_999:
        raise StageError("the store holds a million runs: export it into a new one")
    return f"r{number:06d}"
