"""A bundle's counts: HDF5, MEX or zarr, read in slabs, so that memory does not grow with the section.

Only rows of the feature type `Gene Expression` are genes; control probes and codewords are left out here.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from her2ladder.errors import InputError
from her2ladder.ingest.readers.base import Ints, ReadOptions
from her2ladder.ingest.readers.guarded import checked_zarr_zip, dataset, line_of, texts
from her2ladder.ingest.readers.packed import unpacked
from her2ladder.ingest.readers.xenium_bundle import MATRIX_H5, MATRIX_ZARR, MEX, Bundle

GENE_TYPE = "Gene Expression"
SLAB = 4_000_000
MAX_GENES = 32_000  # the lake numbers them with 16 bits
MAX_BARCODES = 50_000_000
_H5_NAMES = ("barcodes", "data", "indices", "indptr", "shape", "features/id", "features/name", "features/feature_type")
Slab = tuple[Ints, Ints, NDArray[np.int32]]  # feature, barcode, count


@dataclass(frozen=True)
class Matrix:
    """Counts of features (rows) in cells (columns).

    barcodes   ids of the cells, as text
    genes      name of each feature; names that stand twice carry their id
    is_gene    (features,) of type Gene Expression
    slabs      a call yields the counts once more, in slabs
    """

    source: str
    barcodes: pl.Series
    genes: tuple[str, ...]
    gene_ids: tuple[str, ...]
    is_gene: NDArray[np.bool_]
    slabs: Callable[[], Iterator[Slab]]


def read_bundled(bundle: Bundle) -> Matrix | None:
    """Return the counts as the instrument writes them, from the first of its matrix files; None where there is none.

    raises   InputError where the file is damaged
    """
    h5, zarr, mex = bundle.first(MATRIX_H5), bundle.first(MATRIX_ZARR), bundle.first(MEX[0])
    if h5 is not None:
        return _read_h5(bundle, h5)
    if mex is not None:
        return _read_mex(bundle)
    return _read_zarr(bundle, zarr) if zarr is not None else None


def checked(source: str, barcodes: Sequence[Any], ids: Sequence[str], names: Sequence[str], types: Sequence[str], slabs: Any) -> Matrix:
    """Return a matrix whose genes have names of their own.

    raises   InputError: no gene, too many, a barcode twice
    """
    is_gene = np.array([kind == GENE_TYPE for kind in types], dtype=bool)
    if not is_gene.any():
        found = ", ".join(sorted(set(types))[:5]) or "none"
        raise InputError(f"{source}: wanted features of the type {GENE_TYPE!r}, found {found}")
    if is_gene.sum() > MAX_GENES:
        raise InputError(f"{source}: wanted at most {MAX_GENES:,} genes, found {int(is_gene.sum()):,}")
    own = [name for name, gene in zip(names, is_gene, strict=True) if gene]
    twice = {name for name in own if own.count(name) > 1} if len(set(own)) < len(own) else set()
    shown = tuple(f"{name}|{one}" if name in twice else name for name, one in zip(names, ids, strict=True))
    cells = pl.Series("cell_id", [str(b) for b in barcodes], dtype=pl.String)
    if cells.n_unique() < len(cells):
        first = cells.filter(cells.is_duplicated())[0]
        raise InputError(f"{source}: wanted one column a cell, found the barcode {first!r} twice")
    return Matrix(source, cells, shown, tuple(ids), is_gene, slabs)


def _read_h5(bundle: Bundle, path: Path) -> Matrix:
    import h5py

    source = f"{bundle.name}/{path.name}"
    try:
        with h5py.File(path, "r") as file:
            held = {name: dataset(file, f"matrix/{name}", source, path.stat().st_size) for name in _H5_NAMES}
            barcodes = texts(held["barcodes"][:])
            ids, names, types = (texts(held[f"features/{key}"][:]) for key in ("id", "name", "feature_type"))
            indptr = held["indptr"][:].astype(np.int64)
            n = len(held["data"])
            shape = tuple(int(v) for v in held["shape"][:])
            if len(held["indices"]) != n:
                raise ValueError("data and indices differ in length")
    except (OSError, KeyError, ValueError, RuntimeError, TypeError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{source}: wanted the counts of a Xenium bundle in HDF5, found: {line_of(error)}") from error
    _check_csc(source, indptr, shape, len(barcodes), len(names), n)

    def slabs() -> Iterator[Slab]:
        try:
            with h5py.File(path, "r") as file:
                group = file["matrix"]
                for at in range(0, n, SLAB):
                    end = min(at + SLAB, n)
                    feature = group["indices"][at:end].astype(np.int64)
                    column = np.searchsorted(indptr, np.arange(at, end), side="right") - 1
                    yield slab(source, feature, column, group["data"][at:end], len(names))
        except (OSError, RuntimeError) as error:
            raise InputError(f"{source}: damaged: {line_of(error)}") from error

    return checked(source, barcodes, ids, names, types, slabs)


def _check_csc(source: str, indptr: Ints, shape: tuple[int, ...], n_barcodes: int, n_features: int, n: int) -> None:
    whole = len(indptr) == n_barcodes + 1 and (np.diff(indptr) >= 0).all() and indptr[0] == 0 and indptr[-1] == n
    if shape != (n_features, n_barcodes) or not whole or n_barcodes > MAX_BARCODES:
        raise InputError(
            f"{source}: wanted {n_features:,} features x {n_barcodes:,} barcodes, found shape {shape}, {len(indptr):,} columns, {n:,} counts"
        )


def _read_mex(bundle: Bundle) -> Matrix:
    matrix, barcodes, features = (bundle.folder / name for name in MEX)
    source = f"{bundle.name}/cell_feature_matrix"
    for path in (barcodes, features):
        if not path.is_file():
            raise InputError(f"{source}: wanted {path.name} beside matrix.mtx.gz, found none")
    cells = _lines(barcodes)
    rows = [line.split("\t") for line in _lines(features)]
    if any(len(row) < 3 for row in rows):
        raise InputError(f"{source}/features.tsv.gz: wanted id, name and feature type in each line")
    ids, names, types = ([row[i] for row in rows] for i in range(3))

    def slabs() -> Iterator[Slab]:
        yield from _mex_slabs(source, matrix, len(names), len(cells))

    return checked(source, cells, ids, names, types, slabs)


def _mex_slabs(source: str, path: Path, n_features: int, n_barcodes: int) -> Iterator[Slab]:
    """Yield the lines `feature barcode count` of a matrix market file; its numbers start at 1."""
    n_said, n_seen, rest, in_head = -1, 0, b"", True
    with unpacked(path, ReadOptions()) as packed:
        while True:
            block = packed.read(32_000_000)
            text, rest = rest + block, b""
            if block:
                text, _, rest = text.rpartition(b"\n")
                text += b"\n"
            if in_head:
                head = re.match(rb"(?:%[^\n]*\n)*(\d+)\s+(\d+)\s+(\d+)[^\n]*\n?", text)
                if head is None or (int(head[1]), int(head[2])) != (n_features, n_barcodes):
                    raise InputError(f"{source}/{path.name}: wanted {n_features:,} features x {n_barcodes:,} barcodes in its head")
                n_said, text, in_head = int(head[3]), text[head.end() :], False
            if text.strip():
                try:
                    table = pl.read_csv(text, has_header=False, separator=" ", schema=dict.fromkeys("fbc", pl.Int64))
                except pl.exceptions.PolarsError as error:
                    raise InputError(f"{source}/{path.name}: wanted three whole numbers a line: {line_of(error)}") from error
                n_seen += len(table)
                feature, column, count = (table[name].fill_null(0).to_numpy() for name in "fbc")
                if len(column) and (column.min() < 1 or column.max() > n_barcodes):
                    raise InputError(f"{source}/{path.name}: wanted barcodes 1 to {n_barcodes:,}, found {int(column.max()):,}")
                yield slab(source, feature - 1, column - 1, count, n_features)
            if not block:
                break
    if n_seen != n_said:
        raise InputError(f"{source}/{path.name}: wanted {n_said:,} counts, found {n_seen:,}: the file is cut short")


def _read_zarr(bundle: Bundle, path: Path) -> Matrix:
    """Read cell_feature_matrix.zarr.zip: rows are features there (CSR), cells two numbers each (prefix as letters a-p, suffix)."""
    import zarr

    source = f"{bundle.name}/{path.name}"
    checked_zarr_zip(path, source)
    try:
        group: Any = zarr.open_group(zarr.storage.ZipStore(path, mode="r"), mode="r", use_consolidated=False)["cell_features"]
        told = dict(group.attrs)
        names, ids, types = (list(map(str, told[key])) for key in ("feature_keys", "feature_ids", "feature_types"))
        indptr = np.asarray(group["indptr"][:], dtype=np.int64)
        barcodes = _zarr_ids(np.asarray(group["cell_id"][:]))
        n = int(group["data"].shape[0])
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        raise InputError(f"{source}: wanted the counts of a Xenium bundle in zarr, found: {line_of(error)}") from error
    if len(indptr) != len(names) + 1 or indptr[0] != 0 or indptr[-1] != n or (np.diff(indptr) < 0).any():
        raise InputError(f"{source}: wanted {len(names):,} features, found {len(indptr) - 1:,} rows and {n:,} counts")
    types = [GENE_TYPE if kind in ("gene", GENE_TYPE) else kind for kind in types]

    def slabs() -> Iterator[Slab]:
        for at in range(0, n, SLAB):
            end = min(at + SLAB, n)
            feature = np.searchsorted(indptr, np.arange(at, end), side="right") - 1
            column = np.asarray(group["indices"][at:end], dtype=np.int64)
            if len(column) and column.max() >= len(barcodes):
                raise InputError(f"{source}: wanted cells 0 to {len(barcodes) - 1:,}, found {int(column.max()):,}")
            yield slab(source, feature, column, group["data"][at:end], len(names))

    return checked(source, barcodes, ids, names, types, slabs)


def _zarr_ids(pairs: NDArray[Any]) -> list[str]:
    """Return ids as the tables write them: 0x0 -> 'aaaaaaaa-1'; a single column is a whole number (version 1)."""
    if pairs.ndim == 1:
        return [str(int(v)) for v in pairs]
    letters = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
    return [f"{int(prefix):08x}".translate(letters) + f"-{int(suffix)}" for prefix, suffix in pairs]


def slab(source: str, feature: Ints, column: Ints, counts: Any, n_features: int) -> Slab:
    values = np.asarray(counts)
    if len(feature) and (feature.min() < 0 or feature.max() >= n_features):
        raise InputError(f"{source}: wanted features 0 to {n_features - 1:,}, found {int(feature.max()):,}")
    if len(values) and (values.min() < 0 or values.max() > 2**31 - 1 or (values != np.floor(values)).any()):
        raise InputError(f"{source}: wanted whole counts of 0 or more, found others")
    return feature, column, values.astype(np.int32)


def _lines(path: Path) -> list[str]:
    try:
        with unpacked(path, ReadOptions()) as packed:
            parts = []
            while block := packed.read(8_000_000):
                parts.append(block)
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path.name}: damaged: {line_of(error)}") from error
    return b"".join(parts).decode("utf-8", "replace").splitlines()
