"""Rows of an analysis as files: CSV for people, Parquet for programs, both naming the run in every row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from her2ladder.schema.contract import rows_of
from her2ladder.schema.lake import write_whole
from her2ladder.schema.tables import ANALYSIS_RESULT


def write_rows(rows: Sequence[dict[str, Any]], stem: Path) -> list[Path]:
    """Write rows of analysis_result as `stem`.csv and `stem`.parquet, each whole or not at all; return the paths."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    table = rows_of(ANALYSIS_RESULT, rows)
    written = [stem.with_name(f"{stem.name}.{kind}") for kind in ("csv", "parquet")]
    write_whole(written[0], csv_bytes(table))
    held = pa.BufferOutputStream()
    pq.write_table(table, held, compression="zstd")
    write_whole(written[1], held.getvalue().to_pybytes())
    return written


def csv_bytes(table: pa.Table) -> bytes:
    """Return a table as CSV; NULL is an empty field, floats in full."""
    held = pa.BufferOutputStream()
    pcsv.write_csv(table, held, pcsv.WriteOptions(quoting_style="needed"))
    return bytes(held.getvalue().to_pybytes())
