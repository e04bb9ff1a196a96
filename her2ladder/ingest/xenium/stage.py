"""The stage behind `ladder ingest xenium`: the cells as any other slide's, then their counts, each published whole.

A kill between the two leaves a store with the cells; the same command then adds the counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from her2ladder.errors import InputError, StageError
from her2ladder.ingest.cells import Ingested, ingest_cells
from her2ladder.ingest.readers.xenium import NAME
from her2ladder.ingest.readers.xenium_bundle import opened
from her2ladder.ingest.source import Defaults
from her2ladder.ingest.xenium.expression import Cells, Counted, write_counts
from her2ladder.ingest.xenium.matrix_source import read_matrix
from her2ladder.queries.run import run, to_json
from her2ladder.schema import lake
from her2ladder.schema.duck import arrow_table
from her2ladder.schema.store import Store
from her2ladder.schema.tables import MANIFEST, QUARANTINE, SCHEMA_VERSION
from her2ladder.schema.vocabulary import XENIUM

Report = Callable[[int, int, int], None]
NO_MATRIX = "the bundle has no cell_feature_matrix (h5, MEX or zarr): its cells are in without counts"


@dataclass(frozen=True)
class Section:
    """What became of one section.

    counts   read, unchanged, none (no matrix), refused
    """

    cells: Ingested
    counts: str
    n_genes: int = 0
    n_transcripts: int = 0
    n_matched: int = 0
    reason: str = ""
    version: str = ""

    def row(self) -> dict[str, Any]:
        told = self.cells.row()
        own = {"counts": self.counts, "n_matched": self.n_matched, "n_genes": self.n_genes, "n_transcripts": self.n_transcripts}
        return {**told, **own, "reason": self.reason or told["reason"], "version": self.version}


def ingest_xenium(
    store: Store,
    paths: Sequence[Path],
    told: Defaults,
    *,
    max_bad_share: float = 0.01,
    max_unmatched_share: float = 0.01,
    workers: int = 1,
    dry_run: bool = False,
    progress: Report = lambda done, total, units: None,
) -> list[Section]:
    """Read bundles, or manifests of them; one that fails does not stop the others.

    max_unmatched_share  counts are refused where more of their barcodes, or of the cells, find no partner
    raises   InputError where the plan itself is wrong
    source   xenium.md
    """
    how = replace(told, stain=XENIUM, format=NAME, label_map=told.label_map or "xenium")
    done = ingest_cells(store, paths, how, workers=workers, max_bad_share=max_bad_share, dry_run=dry_run, progress=progress)
    if dry_run:
        return [Section(one, "would read" if one.state != "refused" else "refused") for one in done]
    return [Section(one, "refused") if one.state == "refused" else _counts_of(store, one, max_unmatched_share) for one in done]


def _counts_of(store: Store, one: Ingested, max_unmatched_share: float) -> Section:
    """Add the counts of a slide whose cells are in, unless they are there already."""
    slide_id = one.source.slide_id
    cells, held = _held(store, slide_id)
    with_counts = to_json({"source_sha256": cells["source_sha256"], "counts": True})
    if held in (with_counts, without := with_counts.replace("true", "false")):
        return Section(one, "unchanged" if held == with_counts else "none")
    with store.working(), run(store, "ingest xenium", {"slide": slide_id, "max_unmatched_share": max_unmatched_share}) as this:
        this.inputs[one.source.path.name] = cells["source_sha256"]
        found, counted = _read(store, one, cells, max_unmatched_share)
        parameters = {"read": with_counts, "none": without}.get(found.counts, to_json({"refused": found.reason}))
        for kind, (draft, n_rows) in counted.drafts.items():
            this.append(
                MANIFEST, [{**_published(store, kind, slide_id, draft, n_rows), "cells_sha256": cells["sha256"], "parameters": parameters}]
            )
            this.n_lake_rows += n_rows
        if found.reason:
            where = {"source_name": one.source.path.name, "slide_id": slide_id, "stain": XENIUM}
            this.append(QUARANTINE, [{**where, "what": "counts", "reason": found.reason[:2000]}])
    return found


def _held(store: Store, slide_id: str) -> tuple[dict[str, Any], str]:
    """Return the manifest row of a slide's cells, and the parameters of its counts ('' where there are none)."""
    with store.reading() as con:
        sql = "SELECT * FROM manifest_current WHERE slide_id = ? AND stain = ? AND kind IN ('cells', 'cell_counts')"
        rows = {row["kind"]: row for row in arrow_table(con, sql, [slide_id, XENIUM]).to_pylist()}
    return rows["cells"], rows.get("cell_counts", {}).get("parameters", "")


def _published(store: Store, kind: str, slide_id: str, draft: Path, n_rows: int) -> dict[str, Any]:
    """Move a draft into the lake and return its manifest row, but for the cells it belongs to."""
    n_bytes = draft.stat().st_size
    path, sha256 = lake.publish_file(store.root, draft, kind, slide_id, XENIUM)
    row = {"kind": kind, "slide_id": slide_id, "stain": XENIUM, "state": "current", "path": path, "sha256": sha256}
    return {**row, "n_rows": n_rows, "n_bytes": n_bytes, "schema_version": SCHEMA_VERSION}


def _read(store: Store, one: Ingested, cells: dict[str, Any], max_unmatched_share: float) -> tuple[Section, Counted]:
    """Write the drafts of a slide; where the counts cannot be used, those of the cells alone."""
    folder = lake.folder(store.root, "cell_counts", one.source.slide_id, XENIUM)
    placed = _cells(store, cells)
    try:
        with opened(one.source.path) as bundle:
            version = bundle.version()
            try:
                matrix = read_matrix(bundle)
                counted = write_counts(folder, placed, bundle, matrix, max_unmatched_share)
            except InputError as error:
                return Section(one, "refused", reason=str(error), version=version), write_counts(folder, placed, bundle, None, 0)
    except InputError as error:  # the bundle went away between its cells and its counts
        return Section(one, "refused", reason=str(error)), Counted({})
    if matrix is None:
        packed = (one.source.path / "cell_feature_matrix.tar.gz").is_file()
        return Section(one, "none", reason=NO_MATRIX + "; unpack cell_feature_matrix.tar.gz" * packed, version=version), counted
    return Section(one, "read", counted.n_genes, counted.n_counts, counted.n_matched, version=version), counted


def _cells(store: Store, row: dict[str, Any]) -> Cells:
    """raises   StageError where the cells file is damaged"""
    try:
        table = pq.read_table(store.file(row["path"]), columns=["cell_id", "source_id"], partitioning=None)
    except (pa.ArrowException, OSError) as error:
        raise StageError(f"{row['path']}: the cells cannot be read: {str(error).splitlines()[0][:200]}; `ladder check --mend`") from error
    ids = pl.Series("id", pl.from_arrow(table.column("source_id")), dtype=pl.String)
    return Cells(row["slide_id"], table.column("cell_id").to_numpy().astype(np.int64), ids)
