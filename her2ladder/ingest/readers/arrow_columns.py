"""A column of an Arrow table as numbers, or as text, whatever Arrow type holds it: so that the same cells give the same rows.

Arrow's own buffers are never read here: slices, chunks, dictionaries, views and what lies beneath a NULL are Arrow's business.
"""

from __future__ import annotations

import polars as pl
import pyarrow as pa

from her2ladder.errors import InputError

MISSING = ("", "NA", "N/A", "#N/A", "NaN", "nan", "null", "NULL", "None", "none", ".")
_LARGEST_WHOLE = 2.0**63


def series_of(column: pa.Array, where: str) -> pl.Series:
    """Return a column as text, whole numbers, floats or booleans.

    where    file and column, for the error's line
    raises   InputError for dates, lists and what else is neither text nor number
    """
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if pa.types.is_run_end_encoded(column.type):
        import pyarrow.compute as pc

        column = pc.run_end_decode(column)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_float16(kind):
        column = column.cast(pa.float32())
    elif pa.types.is_decimal(kind):
        column = column.cast(pa.float64() if kind.scale > 0 else pa.string())
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind) or pa.types.is_fixed_size_binary(kind):
        try:
            column = column.cast(pa.binary()).cast(pa.string())
        except pa.ArrowInvalid:
            raise InputError(f"{where}: wanted text or numbers, found bytes that are no text") from None
    elif not _is_plain(kind):
        raise InputError(f"{where}: wanted text or numbers, found {kind}")
    return pl.Series(pl.from_arrow(column))


def _is_plain(kind: pa.DataType) -> bool:
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    return bool(is_text or pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind))


def text_of(series: pl.Series) -> pl.Series:
    """Return a column as text without outer spaces; what stands for "missing" is NULL. A whole number has no decimals: 3.0 is 3."""
    if series.dtype.is_float():
        whole = (series.is_finite() & (series == series.round()) & (series.abs() < _LARGEST_WHOLE)).fill_null(False)
        digits = series.set(~whole, None).cast(pl.Int64).cast(pl.String)
        series = series.fill_nan(None).cast(pl.String).zip_with(~whole, digits)
    text = series.cast(pl.String).str.strip_chars()
    return text.set(text.is_in(list(MISSING)).fill_null(False), None)


def floats_of(series: pl.Series) -> pl.Series:
    """Return a column of numbers, or of text that may hold them, as floats: NULL where there is none. True and false are no numbers."""
    return pl.Series([None] * len(series), dtype=pl.Float64) if series.dtype == pl.Boolean else series.cast(pl.Float64, strict=False)
