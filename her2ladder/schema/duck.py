"""What the two DuckDBs that we run on (1.5.5 and 2.0) do differently: how a query with parameters becomes Arrow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

# 1.5 makes a relation with parameters seventy times slower than a statement; 2.0 copies a statement's rows once more and warns of it.
BY_RELATION = int(duckdb.__version__.split(".")[0]) >= 2


def arrow_table(con: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, object] | Sequence[object] | None = None) -> pa.Table:
    """Return a query's rows as one Arrow table."""
    return _pending(con, sql, parameters).to_arrow_table()


def arrow_reader(
    con: duckdb.DuckDBPyConnection, statement: object, parameters: Mapping[str, object] | None, batch_size: int
) -> pa.RecordBatchReader:
    """Return a query's rows as a stream of Arrow batches; the connection is busy until it is read to its end."""
    return _pending(con, statement, parameters).to_arrow_reader(batch_size)


def _pending(con: duckdb.DuckDBPyConnection, statement: Any, parameters: Any) -> Any:
    asked = parameters or None
    return con.sql(statement, params=asked) if BY_RELATION else con.execute(statement, asked)
