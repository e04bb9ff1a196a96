"""Reading the runs of a store."""

from __future__ import annotations

from typing import Any

from her2ladder.errors import MissingError
from her2ladder.schema.store import Store


def list_runs(store: Store, last: int) -> list[dict[str, Any]]:
    """Return the newest runs, oldest of them first."""
    with store.reading() as con:
        rows = con.execute("SELECT * FROM (SELECT * FROM run ORDER BY run DESC LIMIT ?) ORDER BY run", [last])
        return _rows(rows)


def one_run(store: Store, run: str) -> dict[str, Any]:
    """Return one run, whole.

    raises   MissingError
    """
    with store.reading() as con:
        rows = _rows(con.execute("SELECT * FROM run WHERE run = ?", [run]))
    if not rows:
        raise MissingError(f"no run called {run!r}; `ladder runs` lists them")
    return rows[0]


def _rows(cursor: Any) -> list[dict[str, Any]]:
    names = [column[0] for column in cursor.description]
    return [
        dict(zip(names, (str(v) if name == "started" else v for name, v in zip(names, row, strict=True)), strict=True))
        for row in cursor.fetchall()
    ]
