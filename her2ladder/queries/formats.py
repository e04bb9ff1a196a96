"""An answer as bytes: csv, json, parquet or arrow; nested values and wide integers made fit for each."""

from __future__ import annotations

import decimal
import json
import math
from collections.abc import Iterator
from typing import IO, Any

import pyarrow as pa

FORMATS = ("table", "csv", "json", "parquet", "arrow")


def write(reader: pa.RecordBatchReader, format_: str, out: IO[bytes]) -> int:
    """Write an answer to a binary stream; return the number of rows."""
    return {"csv": _csv, "json": _json, "parquet": _parquet, "arrow": _arrow, "xlsx": _xlsx}[format_](reader, out)


def rows(reader: pa.RecordBatchReader) -> Iterator[dict[str, Any]]:
    """Yield rows as dictionaries of plain Python values."""
    for batch in reader:
        for row in batch.to_pylist():
            yield {name: plain(value) for name, value in row.items()}


def plain(value: Any) -> Any:
    """Return a value that JSON can hold: whole decimals are integers, NaN and infinity are None."""
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, bytes):
        return value.hex()
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _csv(reader: pa.RecordBatchReader, out: IO[bytes]) -> int:
    import polars as pl

    n, header = 0, True
    for batch in reader:
        frame = pl.from_arrow(_flat(pa.Table.from_batches([batch])))
        assert isinstance(frame, pl.DataFrame)
        frame.write_csv(out, include_header=header)
        n, header = n + batch.num_rows, False
    if header:
        frame = pl.from_arrow(_flat(reader.schema.empty_table()))
        assert isinstance(frame, pl.DataFrame)
        frame.write_csv(out)
    return n


def _xlsx(reader: pa.RecordBatchReader, out: IO[bytes]) -> int:
    """A workbook of one sheet; text stays text: a cell that begins with = is no formula."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    book = Workbook(write_only=True)
    sheet = book.create_sheet("answer")
    sheet.append(reader.schema.names)
    n = 0
    for row in rows(reader):
        cells = []
        for value in row.values():
            cell = WriteOnlyCell(sheet, value=json.dumps(value) if isinstance(value, list | dict) else value)
            if isinstance(value, str):
                cell.data_type = "s"
            cells.append(cell)
        sheet.append(cells)
        n += 1
    book.save(out)
    return n


def _json(reader: pa.RecordBatchReader, out: IO[bytes]) -> int:
    n = 0
    out.write(b"[")
    for row in rows(reader):
        out.write((",\n" if n else "").encode() + json.dumps(row, ensure_ascii=False).encode())
        n += 1
    out.write(b"]\n")
    return n


def _parquet(reader: pa.RecordBatchReader, out: IO[bytes]) -> int:
    import pyarrow.parquet as pq

    n = 0
    with pq.ParquetWriter(out, reader.schema, compression="zstd") as writer:
        for batch in reader:
            writer.write_batch(batch)
            n += batch.num_rows
    return n


def _arrow(reader: pa.RecordBatchReader, out: IO[bytes]) -> int:
    n = 0
    with pa.ipc.new_stream(out, reader.schema) as stream:
        for batch in reader:
            stream.write_batch(batch)
            n += batch.num_rows
    return n


def _flat(table: pa.Table) -> pa.Table:
    """Nested columns become JSON text, binaries hexadecimal text, 128-bit integers what CSV can hold."""
    for i, field in enumerate(table.schema):
        if pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type):
            table = table.set_column(
                i, field.name, pa.array([None if v is None else v.hex() for v in table.column(i).to_pylist()], pa.string())
            )
        elif pa.types.is_nested(field.type):
            text = [None if v is None else json.dumps(plain(v), ensure_ascii=False) for v in table.column(i).to_pylist()]
            table = table.set_column(i, field.name, pa.array(text, pa.string()))
        elif pa.types.is_decimal(field.type) and field.type.scale == 0:
            table = table.set_column(i, field.name, pa.array([None if v is None else str(int(v)) for v in table.column(i).to_pylist()]))
    return table
