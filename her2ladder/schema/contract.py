"""What a table contract is: one object that gives DDL, Arrow schema, data dictionary and validation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pyarrow as pa

from her2ladder.errors import InputError

DUCKDB_TYPES: dict[pa.DataType, str] = {
    pa.string(): "VARCHAR",
    pa.bool_(): "BOOLEAN",
    pa.int8(): "TINYINT",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.timestamp("us"): "TIMESTAMP",
    pa.binary(): "BLOB",
    pa.list_(pa.int16()): "SMALLINT[]",
    pa.dictionary(pa.int16(), pa.string()): "VARCHAR",
}


def quoted(name: str) -> str:
    """Return `name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return `text` as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True)
class Column:
    """One column: its name carries its unit, `meaning` says what a value is, `check` what the store refuses.

    since   schema version that brought it: files of the lake that are older lack it, and it is NULL for them
    """

    name: str
    type: pa.DataType
    meaning: str
    required: bool = False
    check: str = ""
    since: int = 1

    @property
    def sql_type(self) -> str:
        return DUCKDB_TYPES[self.type]


@dataclass(frozen=True)
class Table:
    """A table contract: what a row is, its columns, its key, and the keys of others that it points to."""

    name: str
    row: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    refers: tuple[tuple[tuple[str, ...], str], ...] = ()
    in_lake: bool = False
    _arrow: list[pa.Schema] = field(default_factory=list, repr=False, compare=False)

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def arrow(self) -> pa.Schema:
        """The Arrow schema; column meanings ride along as field metadata."""
        if not self._arrow:
            fields = [pa.field(c.name, c.type, nullable=not c.required, metadata={"meaning": c.meaning}) for c in self.columns]
            self._arrow.append(pa.schema(fields))
        return self._arrow[0]

    def ddl(self, schema: str) -> list[str]:
        """Return CREATE TABLE and COMMENT statements for the catalog."""
        lines = []
        for c in self.columns:
            line = f"{quoted(c.name)} {c.sql_type}"
            line += " NOT NULL" if c.required else ""
            line += f" CHECK ({c.check})" if c.check else ""
            lines.append(line)
        if self.key:
            lines.append(f"PRIMARY KEY ({', '.join(map(quoted, self.key))})")
        for columns, target in self.refers:
            names = ", ".join(map(quoted, columns))
            lines.append(f"FOREIGN KEY ({names}) REFERENCES {schema}.{quoted(target)} ({names})")
        name = f"{schema}.{quoted(self.name)}"
        comments = [f"COMMENT ON TABLE {name} IS {literal(self.row)}"]
        comments += [f"COMMENT ON COLUMN {name}.{quoted(c.name)} IS {literal(c.meaning)}" for c in self.columns]
        return [f"CREATE TABLE {name} (\n  " + ",\n  ".join(lines) + "\n)", *comments]

    def cast(self, rows: pa.Table) -> pa.Table:
        """Return `rows` in this contract's column order and types.

        Columns that may be NULL and are missing become NULL.
        raises   InputError where a required column is missing or a value does not fit
        """
        arrays = []
        for c in self.columns:
            if c.name in rows.column_names:
                arrays.append(rows.column(c.name).cast(c.type) if rows.column(c.name).type != c.type else rows.column(c.name))
            elif c.required:
                raise InputError(f"table {self.name}: column {c.name} is missing; found {', '.join(rows.column_names)}")
            else:
                arrays.append(pa.chunked_array([pa.nulls(rows.num_rows, c.type)]))
            if c.required and arrays[-1].null_count:
                raise InputError(f"table {self.name}: column {c.name} must not be NULL, found {arrays[-1].null_count} NULLs")
        return pa.Table.from_arrays(arrays, schema=self.arrow)


def rows_of(table: Table, rows: Iterable[dict[str, object]]) -> pa.Table:
    """Return dictionaries as an Arrow table of the contract; keys that are missing are NULL."""
    listed = list(rows)
    return table.cast(pa.table({c.name: pa.array([row.get(c.name) for row in listed], c.type) for c in table.columns}))
