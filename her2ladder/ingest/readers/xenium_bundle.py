"""A Xenium bundle on the disk: a folder or a .zip, of which only files of known names are ever opened or unpacked.

source   Xenium Onboard Analysis 1 to 4, output files
"""

from __future__ import annotations

import json
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

import polars as pl

from her2ladder.errors import InputError
from her2ladder.ingest.readers.base import ReadOptions
from her2ladder.ingest.readers.packed import ALWAYS_ALLOWED_BYTES, unpacked

EXPERIMENT = "experiment.xenium"
CELLS = ("cells.parquet", "cells.csv.gz", "cells.csv")
OUTLINES = {which: tuple(f"{which}_boundaries.{ending}" for ending in ("parquet", "csv.gz", "csv")) for which in ("cell", "nucleus")}
MATRIX_H5 = "cell_feature_matrix.h5"
MATRIX_ZARR = "cell_feature_matrix.zarr.zip"
MEX = tuple(f"cell_feature_matrix/{name}" for name in ("matrix.mtx.gz", "barcodes.tsv.gz", "features.tsv.gz"))
COUNTS = (
    "counts.parquet",
    "counts.csv.gz",
    "counts.csv",
)  # what other programs write: cell_id and a column a gene, or cell_id, gene, count
KNOWN = (EXPERIMENT, *CELLS, *OUTLINES["cell"], *OUTLINES["nucleus"], MATRIX_H5, MATRIX_ZARR, *MEX, *COUNTS)
H5AD = ".h5ad"
_BLOCK = 8_000_000
_MAX_EXPERIMENT_BYTES = 10_000_000


@dataclass(frozen=True)
class Bundle:
    """The files of one bundle that are there, by their name within it."""

    name: str
    folder: Path
    h5ad: Path | None = None  # where the counts are in an AnnData file

    def first(self, *names: str) -> Path | None:
        """Return the first of these files that is there."""
        return next((self.folder / name for name in names if (self.folder / name).is_file()), None)

    @property
    def files(self) -> list[Path]:
        return [self.folder / name for name in KNOWN if (self.folder / name).is_file()]

    def version(self) -> str:
        """Return the version of the onboard analysis as experiment.xenium tells it; '' where it does not.

        raises   InputError where the file is no JSON object
        """
        path = self.first(EXPERIMENT)
        if path is None:
            return ""
        if path.stat().st_size > _MAX_EXPERIMENT_BYTES:
            raise InputError(f"{self.name}/{EXPERIMENT}: wanted a small JSON file, found {path.stat().st_size:,} bytes")
        try:
            told = json.loads(path.read_bytes())
        except (ValueError, RecursionError) as error:
            raise InputError(f"{self.name}/{EXPERIMENT}: wanted JSON, found: {str(error).splitlines()[0][:200]}") from error
        if not isinstance(told, dict):
            raise InputError(f"{self.name}/{EXPERIMENT}: wanted a JSON object, found a {type(told).__name__}")
        return str(told.get("analysis_sw_version", ""))[:60]


def is_bundle(path: Path) -> bool:
    """Tell whether a folder or a zip holds a Xenium bundle: experiment.xenium, or cells beside a matrix or outlines of that name."""
    if path.is_dir():
        there = {name for name in KNOWN if (path / name).is_file()}
    elif path.is_file() and zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as packed:
                there = set(_members(packed))
        except (zipfile.BadZipFile, OSError):
            return False
    else:
        return False
    has_cells = bool(there & set(CELLS))
    return EXPERIMENT in there or (has_cells and len(there) > 1)


@contextmanager
def opened(path: Path) -> Iterator[Bundle]:
    """Yield a bundle as a folder; a zip is unpacked into one of its own that is gone afterwards.

    raises   InputError where it is no bundle, has no cells, or the zip is damaged or grows without end
    """
    if path.suffix == H5AD and path.is_file():
        with tempfile.TemporaryDirectory(prefix="ladder-xenium-") as folder:
            from her2ladder.ingest.readers.xenium_h5ad import write_cells

            write_cells(path, Path(folder) / CELLS[0])
            yield Bundle(path.name, Path(folder), path)
        return
    if not is_bundle(path):
        raise InputError(
            f"{path}: wanted a Xenium bundle (a folder or .zip with {EXPERIMENT} and cells.parquet) or an AnnData file (.h5ad), found none"
        )
    if path.is_dir():
        yield _checked(Bundle(path.name, path))
        return
    with tempfile.TemporaryDirectory(prefix="ladder-xenium-") as folder:
        _unpack(path, Path(folder))
        yield _checked(Bundle(path.name, Path(folder)))


def read_table(bundle: Bundle, path: Path, columns: tuple[str, ...] | None = None) -> pl.DataFrame:
    """Return a table of the bundle, Parquet or (gzipped) CSV; text that Parquet holds as bytes is made text.

    columns  only these, where they are there
    raises   InputError where it is damaged, or grows without end
    """
    name = path.relative_to(bundle.folder).as_posix()
    try:
        if path.suffix == ".parquet":
            there = list(pl.read_parquet_schema(path))
            _check_rows(path, len(there))
            frame = pl.read_parquet(path, columns=[c for c in there if columns is None or c in columns], glob=False)
        else:
            with unpacked(path, ReadOptions()) as source, tempfile.TemporaryFile() as plain:
                while block := source.read(_BLOCK):
                    plain.write(block)
                plain.seek(0)
                frame = pl.read_csv(plain, infer_schema_length=10_000)
                frame = frame.select([c for c in frame.columns if columns is None or c in columns])
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{bundle.name}/{name}: cannot be read: {str(error).splitlines()[0][:200]}") from error
    binary = [pl.col(c).cast(pl.String) for c, kind in frame.schema.items() if kind == pl.Binary]
    return frame.with_columns(binary) if binary else frame


def _check_rows(path: Path, n_columns: int) -> None:
    """raises   InputError where a Parquet file claims more values than its size can tell (a run of one value packs without end)"""
    import pyarrow.parquet as pq

    n = pq.read_metadata(path).num_rows
    if n * n_columns * 8 > max(ALWAYS_ALLOWED_BYTES * 4, ReadOptions().max_unpack_ratio * path.stat().st_size):
        raise InputError(f"{path.name}: claims {n:,} rows, far more than its {path.stat().st_size:,} bytes can tell: refused")


def id_texts(ids: pl.Series) -> pl.Series:
    """Return cell ids as text, whatever the version wrote: whole numbers (1.x), text, or bytes."""
    if ids.dtype.is_float():
        ids = ids.cast(pl.Int64, strict=False)
    return ids.cast(pl.String)


def _checked(bundle: Bundle) -> Bundle:
    if bundle.first(*CELLS) is None:
        raise InputError(f"{bundle.name}: a Xenium bundle needs cells.parquet or cells.csv.gz, found only {_listed(bundle)}")
    bundle.version()
    return bundle


def _listed(bundle: Bundle) -> str:
    return ", ".join(path.relative_to(bundle.folder).as_posix() for path in bundle.files) or "none of its files"


def _members(packed: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Known name -> member of a zip, at its top or all within one folder; other members are never touched."""
    found: dict[str, zipfile.ZipInfo] = {}
    for info in packed.infolist():
        parts = PurePosixPath(info.filename).parts
        for known in KNOWN:
            wanted = PurePosixPath(known).parts
            if parts[-len(wanted) :] == wanted and len(parts) - len(wanted) <= 1:
                found.setdefault(known, info)
    return found


def _unpack(path: Path, folder: Path) -> None:
    """Write the known members under their known names: no member's own path is ever used."""
    limits, total = ReadOptions(), 0
    try:
        with zipfile.ZipFile(path) as packed:
            for name, info in _members(packed).items():
                target = folder / name
                target.parent.mkdir(exist_ok=True)
                with packed.open(info) as source, target.open("wb") as sink:
                    total = _copy(path, source, sink, total, limits.max_unpacked_bytes)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise InputError(f"{path}: wanted a whole zip of a Xenium bundle, found a damaged or locked one: {error}") from error


def _copy(path: Path, source: IO[bytes], sink: IO[bytes], total: int, limit: int) -> int:
    ratio_limit = max(64_000_000, int(ReadOptions().max_unpack_ratio * path.stat().st_size))
    while block := source.read(_BLOCK):
        total += len(block)
        if total > min(limit, ratio_limit):
            raise InputError(f"{path}: unpacks to more than {total:,} bytes, over 100 times its size: a zip bomb, refused")
        sink.write(block)
    return total
