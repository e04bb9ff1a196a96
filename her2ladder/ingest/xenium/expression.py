"""A bundle's counts into the lake: expression rows sorted by gene, the panel, and what quality control looks at, one file a slide.

Cells and counts are joined by id, never by order: the matrix has an order of its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from her2ladder.errors import InputError
from her2ladder.ingest.readers.base import Ints
from her2ladder.ingest.readers.xenium_bundle import CELLS, Bundle, id_texts, read_table
from her2ladder.ingest.xenium.matrix import Matrix
from her2ladder.schema.contract import Table
from her2ladder.schema.tables import CELL_COUNT, EXPRESSION, GENE, SCHEMA_VERSION

ROWS_TOGETHER = 20_000_000  # counts that are sorted at once: about 600 MB
ROW_GROUP = 131_072
_CONTROLS = ("control_probe_counts", "genomic_control_counts", "control_codeword_counts")


@dataclass(frozen=True)
class Cells:
    """The cells of a slide as they stand in the lake: their number and their id in the source."""

    slide_id: str
    cell_id: Ints
    source_id: pl.Series


@dataclass(frozen=True)
class Counted:
    """Finished drafts by kind of the lake, with their rows; what was matched."""

    drafts: Mapping[str, tuple[Path, int]]
    n_matched: int = 0
    n_genes: int = 0
    n_counts: int = 0


def matched(cells: Cells, matrix: Matrix, max_unmatched_share: float) -> Ints:
    """Return (barcodes,) the cell_id of each barcode, -1 where it is no cell of the slide.

    raises   InputError with the numbers where more than this share of the barcodes or of the cells find no partner
    """
    known = pl.DataFrame({"id": cells.source_id, "cell_id": cells.cell_id})
    joined = pl.DataFrame({"id": matrix.barcodes}).join(known, on="id", how="left", maintain_order="left")
    of_barcode: Ints = joined["cell_id"].fill_null(-1).to_numpy().astype(np.int64)
    n = int((of_barcode >= 0).sum())
    share = max(1 - n / max(len(of_barcode), 1), 1 - n / max(len(cells.cell_id), 1))
    if n == 0 or share > max_unmatched_share:
        few = ", ".join(repr(one[:30]) for one in matrix.barcodes.head(2)), ", ".join(repr(one[:30]) for one in cells.source_id.head(2))
        raise InputError(
            f"{matrix.source}: {n:,} of its {len(of_barcode):,} barcodes are among the {len(cells.cell_id):,} cells of slide {cells.slide_id} "
            f"(barcodes {few[0]}; cells {few[1]}): the counts were refused, the cells are in; "
            "bring the matrix of this section, or say --max-unmatched-share"
        )
    return of_barcode


def write_counts(folder: Path, cells: Cells, bundle: Bundle, matrix: Matrix | None, max_unmatched_share: float) -> Counted:
    """Write the drafts of one slide into `folder`; whatever goes wrong, none is left.

    raises   InputError where the matrix is damaged or is another section's
    """
    drafts: dict[str, tuple[Path, int]] = {}
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if matrix is None:
            rows = _cell_counts(cells, bundle, None, None)
            drafts["cell_counts"] = _write(folder, CELL_COUNT, rows)
            return Counted(drafts)
        of_barcode = matched(cells, matrix, max_unmatched_share)
        order = sorted((i for i in range(len(matrix.genes)) if matrix.is_gene[i]), key=lambda i: matrix.genes[i])
        rank = np.full(len(matrix.genes), -1, dtype=np.int64)
        rank[order] = np.arange(len(order))
        size = int(cells.cell_id.max()) + 1
        n_rows, totals, counts, genes = _totals(matrix, of_barcode, rank, len(order), size)
        names = [matrix.genes[i] for i in order]
        drafts["expression"] = _expression(folder, cells.slide_id, matrix, of_barcode, rank, names, n_rows)
        panel = {
            "slide_id": [cells.slide_id] * len(order),
            "gene": names,
            "gene_id": [matrix.gene_ids[i] for i in order],
            "n_cells": n_rows,
            "total_count": totals,
        }
        drafts["genes"] = _write(folder, GENE, GENE.cast(pa.table(panel)))
        drafts["cell_counts"] = _write(folder, CELL_COUNT, _cell_counts(cells, bundle, counts, genes))
        return Counted(drafts, int((of_barcode >= 0).sum()), len(order), int(totals.sum()))
    except BaseException:
        for draft, _ in drafts.values():
            with suppress(OSError):
                draft.unlink(missing_ok=True)
        raise


def _totals(matrix: Matrix, of_barcode: Ints, rank: Ints, n_genes: int, size: int) -> tuple[Ints, Ints, Ints, Ints]:
    """One pass: cells and counts of each gene, counts and genes of each cell."""
    n_rows, totals, counts, genes = (np.zeros(n, dtype=np.int64) for n in (n_genes, n_genes, size, size))
    for feature, column, count in matrix.slabs():
        gene, cell = rank[feature], of_barcode[column]
        kept = (gene >= 0) & (cell >= 0) & (count > 0)
        gene, cell, count = gene[kept], cell[kept], count[kept]
        n_rows += np.bincount(gene, minlength=n_genes)
        totals += np.bincount(gene, count, minlength=n_genes).astype(np.int64)
        counts += np.bincount(cell, count, minlength=size).astype(np.int64)
        genes += np.bincount(cell, minlength=size)
    return n_rows, totals, counts, genes


def _expression(
    folder: Path, slide_id: str, matrix: Matrix, of_barcode: Ints, rank: Ints, names: list[str], n_rows: Ints
) -> tuple[Path, int]:
    """Write the rows a range of genes at a time, each range gathered by a pass over the matrix and sorted by gene, then cell."""
    draft = folder / f".expression-{uuid.uuid4().hex}.draft"
    schema = EXPRESSION.arrow.with_metadata({"contract": EXPRESSION.name, "schema_version": str(SCHEMA_VERSION)})
    words = pa.array(names, pa.string())
    try:
        with pq.ParquetWriter(
            draft,
            schema,
            version="2.6",
            compression="zstd",
            compression_level=3,
            use_dictionary=["slide_id", "gene", "count"],
            column_encoding={"cell_id": "DELTA_BINARY_PACKED"},
            write_statistics=["slide_id", "gene", "cell_id"],
        ) as writer:
            for low, high in _ranges(n_rows):
                gene, cell, count = _gathered(matrix, of_barcode, rank, low, high)
                n = len(gene)
                columns = {
                    "slide_id": pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int16)), pa.array([slide_id])),
                    "cell_id": pa.array(cell.astype(np.int32)),
                    "gene": pa.DictionaryArray.from_arrays(pa.array(gene.astype(np.int16)), words),
                    "count": pa.array(count),
                }
                writer.write_table(pa.table(columns, schema=schema), row_group_size=ROW_GROUP)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return draft, int(n_rows.sum())


def _ranges(n_rows: Ints) -> list[tuple[int, int]]:
    """Return ranges of genes low..high-1 that hold at most ROWS_TOGETHER rows each (a single gene may hold more)."""
    cuts, held = [0], 0
    for i, n in enumerate(n_rows.tolist()):
        if held and held + n > ROWS_TOGETHER:
            cuts.append(i)
            held = 0
        held += n
    return list(zip(cuts, [*cuts[1:], len(n_rows)], strict=True))


def _gathered(matrix: Matrix, of_barcode: Ints, rank: Ints, low: int, high: int) -> tuple[Ints, Ints, pa.Array]:
    parts: list[tuple[Any, Any, Any]] = []
    for feature, column, count in matrix.slabs():
        gene, cell = rank[feature], of_barcode[column]
        kept = (gene >= low) & (gene < high) & (gene >= 0) & (cell >= 0) & (count > 0)
        parts.append((gene[kept].astype(np.int32), cell[kept].astype(np.int32), count[kept]))
    if not parts:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int32)
    gene, cell, count = (np.concatenate([part[i] for part in parts]) for i in range(3))
    key: Ints = gene.astype(np.int64) << 32 | cell
    order = np.argsort(key, kind="stable")
    key = key[order]
    if len(key) and (key[1:] == key[:-1]).any():
        raise InputError(f"{matrix.source}: wanted one count for a gene in a cell, found two")
    return gene[order], cell[order], count[order]


def _cell_counts(cells: Cells, bundle: Bundle, counts: Ints | None, genes: Ints | None) -> pa.Table:
    path = bundle.first(*CELLS)
    assert path is not None
    told = read_table(bundle, path)
    told = told.with_columns(id_texts(told["cell_id"]).alias("cell_id")).unique("cell_id", keep="first")
    frame = pl.DataFrame({"cell_id": cells.source_id}).join(told, on="cell_id", how="left", maintain_order="left")
    controls = [pl.col(name).cast(pl.Int64, strict=False).fill_null(0) for name in _CONTROLS if name in frame.columns]
    n = len(cells.cell_id)
    columns = {
        "slide_id": pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int16)), pa.array([cells.slide_id])),
        "cell_id": pa.array(cells.cell_id.astype(np.int32)),
        "n_counts": pa.array(counts[cells.cell_id]) if counts is not None else _own(frame, "transcript_counts", pl.Int64),
        "n_genes": pa.array(genes[cells.cell_id].astype(np.int32)) if genes is not None else pa.nulls(n, pa.int32()),
        "n_control": frame.select(pl.sum_horizontal(controls).alias("n"))["n"].to_arrow() if controls else pa.nulls(n, pa.int64()),
        "cell_area_um2": _own(frame, "cell_area", pl.Float64),
        "nucleus_area_um2": _own(frame, "nucleus_area", pl.Float64),
        "n_nuclei": _own(frame, "nucleus_count", pl.Int32),
    }
    return CELL_COUNT.cast(pa.table(columns).sort_by("cell_id"))


def _own(frame: pl.DataFrame, name: str, kind: type[pl.DataType]) -> pa.Array:
    if name not in frame.columns:
        return pl.Series(name, [None] * len(frame), dtype=kind).to_arrow()
    return frame[name].cast(kind, strict=False).to_arrow()


def _write(folder: Path, table: Table, rows: pa.Table) -> tuple[Path, int]:
    draft = folder / f".{table.name}-{uuid.uuid4().hex}.draft"
    stored = rows.replace_schema_metadata({"contract": table.name, "schema_version": str(SCHEMA_VERSION)})
    pq.write_table(stored, draft, row_group_size=ROW_GROUP, compression="zstd", version="2.6")
    return draft, rows.num_rows
