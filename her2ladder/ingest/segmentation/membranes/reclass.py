"""The stage of `ladder thresholds`: other thresholds, and the HER2 classes that they make of the stored numbers, without a pixel.

The view `membrane_class` follows the thresholds at once. The cells' own class, from which features are computed, is rewritten slide by
slide, in one run: features of a slide whose classes changed are stale and leave the views until `ladder features`.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from her2ladder.errors import InputError, StageError
from her2ladder.ingest.cellparquet import cells_writer
from her2ladder.ingest.regions.stage import renew
from her2ladder.ingest.segmentation.membranes.cells import Thresholds
from her2ladder.queries.run import run
from her2ladder.schema import lake
from her2ladder.schema.class_counts import class_counts
from her2ladder.schema.duck import arrow_table
from her2ladder.schema.membranes import MACRO
from her2ladder.schema.store import Store, no_lake
from her2ladder.schema.tables import CELL, MANIFEST, MEMBRANE_THRESHOLD, SCHEMA_VERSION
from her2ladder.schema.vocabulary import CLASSES, OTHER

STAIN = "HER2"
_CLASSED = """
SELECT CASE WHEN cell_class = 'Other' THEN 'Other'
  ELSE coalesce(her2_class(membrane_completeness, membrane_od, calibration_factor, $null_completeness, $complete, $strong_od), cell_class)
  END AS cell_class FROM rows_in"""


@dataclass(frozen=True)
class Reclassed:
    """What became of one slide: changed, unchanged, or without membrane numbers."""

    slide_id: str
    state: str
    n_cells: int
    n_changed: int


def current(store: Store) -> Thresholds:
    """Return the thresholds that hold now."""
    with store.reading(no_lake) as con:
        return Thresholds(*con.sql("SELECT null_completeness, complete, strong_od FROM membrane_threshold").fetchall()[0])


def set_thresholds(store: Store, thresholds: Thresholds) -> list[Reclassed]:
    """Store the thresholds and class every HER2 cell that has membrane numbers by them; cells of class Other stay out.

    raises   StageError where a slide's file cannot be read or written: nothing is published then
    """
    with store.reading(no_lake) as con:
        sql = "SELECT * FROM manifest_current WHERE kind = 'cells' AND stain = $stain ORDER BY slide_id"
        slides = arrow_table(con, sql, {"stain": STAIN}).to_pylist()
    done: list[Reclassed] = []
    with store.working(), run(store, "thresholds", asdict(thresholds)) as this:
        this.append(MEMBRANE_THRESHOLD, [asdict(thresholds)])
        for row in slides:
            store.fetch([row["path"]])
            one, file = _reclass(store.root, row, thresholds)
            done.append(one)
            this.inputs[f"{row['slide_id']} {STAIN}"] = row["sha256"]
            if file is not None:
                this.append(MANIFEST, [{**row, **file}])
                this.n_lake_rows += one.n_cells
    renew(store, [(row["slide_id"], STAIN) for row in slides])
    return done


def _reclass(root: Path, row: dict[str, Any], thresholds: Thresholds) -> tuple[Reclassed, dict[str, Any] | None]:
    """Write a slide's file again where a class changes; return what became of it and what its manifest row says."""
    source = root / row["path"]
    draft = source.with_name(f".cells-{uuid.uuid4().hex}.parquet")
    try:
        changed = _rewrite(source, draft, thresholds)
        if not changed:
            return Reclassed(row["slide_id"], "unchanged", row["n_rows"], 0), None
        n_bytes = draft.stat().st_size
        path, sha256 = lake.publish_file(root, draft, "cells", row["slide_id"], STAIN)
    except (pa.ArrowException, OSError) as error:
        raise StageError(f"{row['path']}: the cells cannot be classed again: {str(error).splitlines()[0][:200]}") from error
    finally:
        draft.unlink(missing_ok=True)
    counts = class_counts(root / path)
    file = {
        "class_counts": counts,
        "path": path,
        "sha256": sha256,
        "cells_sha256": sha256,
        "n_bytes": n_bytes,
        "schema_version": SCHEMA_VERSION,
    }
    return Reclassed(row["slide_id"], "changed", row["n_rows"], changed), file


def _rewrite(source: Path, draft: Path, thresholds: Thresholds) -> int:
    """Write the file with its new classes, a row group at a time; return how many cells changed theirs."""
    file, changed = pq.ParquetFile(source), 0
    metadata = {**(file.schema_arrow.metadata or {}), b"schema_version": str(SCHEMA_VERSION).encode()}
    schema = CELL.arrow.with_metadata({key: value for key, value in metadata.items() if key != b"ARROW:schema"})
    with draft.open("xb") as sink, cells_writer(sink, schema) as writer:
        for group, words in _classed(file, thresholds):
            at = group.column_names.index("cell_class")
            old = group.column(at).cast(pa.string())
            changed += sum(a != b for a, b in zip(old.to_pylist(), words.to_pylist(), strict=True))
            known = pa.array([*CLASSES[STAIN], OTHER])
            numbers = pc.index_in(words, known).cast(pa.int16()).combine_chunks()
            encoded = pa.DictionaryArray.from_arrays(numbers, known)
            writer.write_table(CELL.cast(group.set_column(at, "cell_class", encoded)).cast(schema), row_group_size=max(1, group.num_rows))
    return changed


def _classed(file: pq.ParquetFile, thresholds: Thresholds) -> Iterator[tuple[pa.Table, pa.ChunkedArray]]:
    """Yield each row group and its cells' classes, as the SQL of the views makes them."""
    con = duckdb.connect()
    try:
        con.execute(MACRO)
        for number in range(file.num_row_groups):
            group = CELL.cast(file.read_row_group(number))
            con.register("rows_in", group.select(["cell_class", "membrane_completeness", "membrane_od", "calibration_factor"]))
            words = arrow_table(con, _CLASSED, asdict(thresholds)).column("cell_class")
            con.unregister("rows_in")
            unknown = set(words.unique().to_pylist()) - {*CLASSES[STAIN], OTHER}
            if unknown:
                raise InputError(f"class {sorted(unknown)[0]!r} is none of stain {STAIN}")
            yield group, words
    finally:
        con.close()
