"""The files that typing writes: the types of a section's cells, and its cells again with the types as their classes."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from her2ladder.errors import StageError
from her2ladder.ingest.cellparquet import cells_writer
from her2ladder.ingest.xenium.markers import Floats
from her2ladder.schema import lake
from her2ladder.schema.store import Store
from her2ladder.schema.tables import CELL_TYPE, SCHEMA_VERSION
from her2ladder.schema.vocabulary import OTHER, XENIUM


def read_cells(store: Store, path: str) -> pa.Table:
    """raises   StageError where the cells file is damaged"""
    try:
        return pq.read_table(store.file(path), columns=["cell_id", "source_id"], partitioning=None)
    except (pa.ArrowException, OSError) as error:
        raise StageError(f"{path}: the cells cannot be read: {str(error).splitlines()[0][:200]}; `ladder check --mend`") from error


def source_ids(cells: pa.Table) -> pl.Series:
    """Return the id of each cell in its source, in the order of the cells file."""
    return pl.Series("cell_id", pl.from_arrow(cells.column("source_id")), dtype=pl.String)


def type_rows(slide_id: str, cells: pa.Table, words: list[str], number: NDArray[np.int64], score: Floats, margin: Floats) -> pa.Table:
    n = len(number)
    columns = {
        "slide_id": pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int16)), pa.array([slide_id])),
        "cell_id": cells.column("cell_id"),
        "type": pa.DictionaryArray.from_arrays(pa.array(number.astype(np.int16)), pa.array(words, pa.string())),
        "score": pa.array(score, from_pandas=True),
        "margin": pa.array(margin, from_pandas=True),
    }
    table: pa.Table = CELL_TYPE.cast(pa.table(columns).sort_by("cell_id"))
    return table.replace_schema_metadata({"contract": CELL_TYPE.name, "schema_version": str(SCHEMA_VERSION)})


def draft(store: Store, kind: str, slide_id: str, name: str) -> Path:
    folder = lake.folder(store.root, kind, slide_id, XENIUM)
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f".{name}-{uuid.uuid4().hex}.draft"


def reclassed(store: Store, row: dict[str, Any], draft: Path, names: list[str], number: NDArray[np.int64], vocabulary: list[str]) -> None:
    """Write the cells file again with the types as classes, a row group at a time; nothing else in it changes."""
    words = pa.array([*vocabulary, OTHER], pa.string())
    place = np.array([vocabulary.index(name) for name in names] + [len(vocabulary)] * 2, dtype=np.int16)[number]
    source = pq.ParquetFile(store.file(row["path"]))
    at = source.schema_arrow.get_field_index("cell_class")
    with draft.open("xb") as sink:
        with cells_writer(sink, source.schema_arrow) as writer:
            done = 0
            for group in range(source.num_row_groups):
                table = source.read_row_group(group)
                own = pa.DictionaryArray.from_arrays(pa.array(place[done : done + len(table)]), words)
                writer.write_table(table.set_column(at, source.schema_arrow.field(at), own), row_group_size=len(table))
                done += len(table)
        sink.flush()
        os.fsync(sink.fileno())


def published(store: Store, kind: str, slide_id: str, draft: Path, n_rows: int) -> dict[str, Any]:
    n_bytes = draft.stat().st_size
    path, sha256 = lake.publish_file(store.root, draft, kind, slide_id, XENIUM)
    return {
        "kind": kind,
        "state": "current",
        "path": path,
        "sha256": sha256,
        "n_rows": n_rows,
        "n_bytes": n_bytes,
        "schema_version": SCHEMA_VERSION,
    }
