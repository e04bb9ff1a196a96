"""Counts as other programs write them: an AnnData file, or a table (a column a gene; or cell_id, gene, count) beside cells.csv."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from her2ladder.errors import InputError
from her2ladder.ingest.readers.guarded import dataset, line_of
from her2ladder.ingest.readers.xenium_bundle import CELLS, Bundle, id_texts, read_table
from her2ladder.ingest.readers.xenium_h5ad import column_of, index_of
from her2ladder.ingest.xenium import matrix
from her2ladder.ingest.xenium.matrix import GENE_TYPE, Matrix, Slab, checked, slab

LONG = ("cell_id", "gene", "count")


def read_h5ad(bundle: Bundle, path: Path) -> Matrix:
    """Return the counts of an AnnData file: layers['counts'] where it has them, else X; whole numbers, cells x genes, dense or sparse.

    raises   InputError where the file is damaged, or the numbers are no counts (normalised ones)
    """
    import h5py

    source, size = path.name, path.stat().st_size
    try:
        with h5py.File(path, "r") as file:
            cells, genes = index_of(file, "obs", source, size), index_of(file, "var", source, size)
            if "cell_id" in file["obs"]:
                cells = [str(one) for one in column_of(file, "obs/cell_id", source, size)]
            ids = column_of(file, "var/gene_ids", source, size) if "gene_ids" in file["var"] else genes
            types = column_of(file, "var/feature_types", source, size) if "feature_types" in file["var"] else [GENE_TYPE] * len(genes)
            where = "layers/counts" if "counts" in file.get("layers", ()) else "X"
            is_dense = isinstance(file[where], h5py.Dataset)
            if is_dense:
                shape = dataset(file, where, source, size).shape
                kind, indptr = "dense", np.zeros(0, np.int64)
            else:
                kind = str(file[where].attrs.get("encoding-type", ""))
                shape = tuple(int(v) for v in file[where].attrs["shape"])
                indptr = np.asarray(dataset(file, f"{where}/indptr", source, size)[:], dtype=np.int64)
                n = dataset(file, f"{where}/data", source, size).size
                if dataset(file, f"{where}/indices", source, size).size != n:
                    raise ValueError("data and indices differ in length")
    except (OSError, KeyError, ValueError, RuntimeError, TypeError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{source}: wanted counts in an AnnData file, found: {line_of(error)}") from error
    if shape != (len(cells), len(genes)) or kind not in ("dense", "csr_matrix", "csc_matrix"):
        raise InputError(
            f"{source}: {where}: wanted {len(cells):,} cells x {len(genes):,} genes, dense or sparse, found {kind or 'no kind'} {shape}"
        )
    if not is_dense:
        majors = len(cells) if kind == "csr_matrix" else len(genes)
        if len(indptr) != majors + 1 or indptr[0] != 0 or indptr[-1] != n or (np.diff(indptr) < 0).any():
            raise InputError(f"{source}: {where}: wanted {majors:,} rows of counts, found {len(indptr) - 1:,}")

    def slabs() -> Iterator[Slab]:
        with h5py.File(path, "r") as file:
            if is_dense:
                step = max(1, matrix.SLAB // max(len(genes), 1))
                for at in range(0, len(cells), step):
                    block = np.asarray(file[where][at : at + step])
                    cell, gene = np.nonzero(block)
                    yield slab(source, gene, cell + at, block[cell, gene], len(genes))
                return
            for at in range(0, n, matrix.SLAB):
                end = min(at + matrix.SLAB, n)
                major = np.searchsorted(indptr, np.arange(at, end), side="right") - 1
                minor = np.asarray(file[f"{where}/indices"][at:end], dtype=np.int64)
                gene, cell = (minor, major) if kind == "csr_matrix" else (major, minor)
                if len(cell) and (cell.min() < 0 or cell.max() >= len(cells)):
                    raise InputError(f"{source}: {where}: wanted cells 0 to {len(cells) - 1:,}, found {int(cell.max()):,}")
                yield slab(source, gene, cell, file[f"{where}/data"][at:end], len(genes))

    return checked(source, cells, [str(one) for one in ids], genes, list(types), slabs)


def read_counts(bundle: Bundle, path: Path) -> Matrix:
    """Return the counts of a table beside cells.csv: cell_id and a column a gene, or cell_id, gene, count.

    raises   InputError where it is none of the two, or its numbers are no counts
    """
    table = read_table(bundle, path)
    source = f"{bundle.name}/{path.name}"
    if "cell_id" not in table.columns or table.width < 2:
        raise InputError(
            f"{source}: wanted cell_id and a column for each gene (or cell_id, gene, count), found {', '.join(table.columns[:5])}"
        )
    table = table.with_columns(id_texts(table["cell_id"]).alias("cell_id"))
    if set(table.columns) == set(LONG):
        table = table.with_columns(pl.col("gene").cast(pl.String))
        genes = table["gene"].drop_nulls().unique().sort()
        placed = bundle.first(*CELLS)  # a cell without a line has no counts: it is no cell of another section
        held = (
            table["cell_id"]
            if placed is None
            else pl.concat([table["cell_id"], id_texts(read_table(bundle, placed, ("cell_id",))["cell_id"])])
        )
        cells = held.drop_nulls().unique().sort()
        of = [table[name].replace_strict(known, np.arange(len(known)), default=-1) for name, known in (("gene", genes), ("cell_id", cells))]
        feature, column = (one.to_numpy().astype(np.int64) for one in of)
        if (feature < 0).any() or (column < 0).any():
            raise InputError(f"{source}: wanted a cell_id and a gene in each line, found lines without")
        parts = [(feature, column, _numbers(source, table["count"]))]
        return checked(
            source,
            cells.to_list(),
            genes.to_list(),
            genes.to_list(),
            [GENE_TYPE] * len(genes),
            lambda: (slab(source, f, c, k, len(genes)) for f, c, k in parts),
        )
    names = [name for name in table.columns if name != "cell_id"]

    def slabs() -> Iterator[Slab]:
        for at, name in enumerate(names):
            count = _numbers(source, table[name])
            seen = np.flatnonzero(count)
            yield slab(source, np.full(len(seen), at), seen, count[seen], len(names))

    return checked(source, table["cell_id"].to_list(), names, names, [GENE_TYPE] * len(names), slabs)


def _numbers(source: str, column: pl.Series) -> np.ndarray:  # type: ignore[type-arg]
    if not column.dtype.is_numeric():
        raise InputError(f"{source}: {column.name}: wanted counts, found {column.dtype}")
    return np.asarray(column.cast(pl.Float64).fill_null(0.0).to_numpy())
