"""Text that a spreadsheet would take for a formula (= + - @ at its begin), with an apostrophe before it; numbers written as text stay as they are.

source   OWASP, "CSV Injection"
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

_FORMULA = r"^[=+\-@\t\r\n]"
_NUMBER = r"^[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?$"


def safe(reader: pa.RecordBatchReader) -> pa.RecordBatchReader:
    """Return the same answer with harmless text, column names included."""
    names = _texts(pa.array(reader.schema.names, pa.string())).to_pylist()
    schema = pa.schema([pa.field(name, _plain(field.type)) for name, field in zip(names, reader.schema, strict=True)])

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in reader:
            columns = [_texts(column.cast(pa.string())) if _is_text(column.type) else column for column in batch.columns]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


def _texts(column: pa.Array) -> pa.Array:
    is_formula = pc.and_(pc.match_substring_regex(column, _FORMULA), pc.invert(pc.match_substring_regex(column, _NUMBER)))
    return pc.if_else(is_formula, pc.binary_join_element_wise("'", column, ""), column)


def _plain(kind: pa.DataType) -> pa.DataType:
    return pa.string() if _is_text(kind) else kind


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))
