"""Point tables, CSV (also .gz) or Parquet: cell_id, cell_class, and x_px, y_px or x_um, y_um; other names through a mapping.

Optional columns: class_prob, area_um2, membrane_completeness, membrane_od, cytoplasm_od. Streamed, a block at a time.
Decimal commas are read where tabs or semicolons part the columns. Text is UTF-8; a header that is not says that the file is Latin-1
(Windows), which is read too: `Centroid X µm` is the same column.
A table is one slide: one with a column that names the image (IMAGE_COLUMNS) and more than one name in it is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from her2ladder.errors import InputError
from her2ladder.ingest.readers.arrow_columns import floats_of, series_of, text_of
from her2ladder.ingest.readers.base import MEASURES, BadRecord, CellBatch, Floats, ReadOptions
from her2ladder.ingest.readers.csv_quotes import CheckedQuotes
from her2ladder.ingest.readers.labels_column import labels
from her2ladder.ingest.readers.packed import Unpacked, head_of, unpacked
from her2ladder.ingest.readers.spatialdata import is_geoparquet
from her2ladder.ingest.readers.table_headers import (
    ID,
    KNOWN,
    LABEL,
    PLACES,
    PROB,
    SHARES,
    check_units,
    dialect_of,
    example,
    names_image,
    other_places,
    with_dialect,
)

NAME = "table"
TAKES_FOLDERS = False
SAYS_MPP = True
WANTS = "a point table, CSV or Parquet (cell_id, cell_class, and x_px, y_px or x_um, y_um)"
YES = ("1", "true", "yes", "positive")
_PARQUET_MAGIC = b"PAR1"
_BATCH_ROWS = 65_536
_DECIMAL_COMMA = r"^([+-]?\d+),(\d+(?:[eE][+-]?\d+)?)$"


def detect(path: Path) -> str:
    """Tell whether the file is Parquet, or text whose first line has three or more columns and is not JSON or XML."""
    head = head_of(path)
    if head.startswith(_PARQUET_MAGIC):
        return "" if is_geoparquet(path) else "a Parquet table"
    if b"\0" in head:
        return ""
    line = head.decode("utf-8-sig", "replace").lstrip().partition("\n")[0]
    if line[:1] in ("{", "[", "<", "") or line.count(_separator(line)) < 2:
        return ""
    names = [name.strip() for name in _header(line.rstrip("\r"), _separator(line))]
    known = dialect_of(names)
    return known.name if known else f"a table of text with the columns {', '.join(names[:4])} …"[:120]


def read(path: Path, options: ReadOptions) -> Iterator[CellBatch]:
    """Yield the rows of a table, a block at a time.

    raises   InputError: columns missing or doubled, not a table, a line with too many or too few values
    """
    if head_of(path, 4) == _PARQUET_MAGIC:
        yield from _from_parquet(path, options)
    else:
        with unpacked(path, options) as source:
            yield from _from_csv(path, source, options)


def _from_csv(path: Path, source: Unpacked, options: ReadOptions) -> Iterator[CellBatch]:
    head = head_of(path)
    if b"\0" in head:
        raise InputError(f"{path}: wanted text, found binary data")
    line, encoding = _first_line(head)
    separator = _separator(line)
    if line.count('"') % 2:
        raise InputError(f"{path}: line 1: a quote that opens a column's name and is not closed: take the stray quote out")
    wrong: list[str] = []

    def ragged(row: Any) -> str:
        wrong.append(f"wanted {row.expected_columns} values, found {row.actual_columns}: {row.text[:60]!r}")
        return "error"

    # Columns come as text, so that one bad number spoils its record and not the file; headers are told by Arrow, quotes and all.
    names = [name.strip() for name in _header(line, separator)]
    columns = _Columns(path, names, options.columns, decimal_commas=separator != ",")
    try:
        blocks = pyarrow.csv.open_csv(
            pa.PythonFile(CheckedQuotes(source, separator), mode="r"),
            read_options=pyarrow.csv.ReadOptions(
                use_threads=False, block_size=options.chunk_bytes, column_names=names, skip_rows=1, encoding=encoding
            ),
            parse_options=pyarrow.csv.ParseOptions(delimiter=separator, invalid_row_handler=ragged),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), include_columns=columns.theirs, null_values=[], strings_can_be_null=False
            ),
        )
        first = 0
        for block in blocks:
            if block.num_rows:
                yield columns.batch(block, first)
                first += block.num_rows
    except pa.ArrowInvalid as error:
        found = wrong[0] if wrong else str(error).splitlines()[0][:200]
        if "Empty CSV" in found or "no rows" in found.lower():
            return
        if "invalid UTF8" in found:
            raise InputError(f"{path}: wanted text in UTF-8, found another encoding: save the table as UTF-8") from error
        raise InputError(f"{path}: wanted a table with a header line, found a line that does not fit it: {found}") from error


def _from_parquet(path: Path, options: ReadOptions) -> Iterator[CellBatch]:
    try:
        file = pq.ParquetFile(path)
        columns = _Columns(path, file.schema_arrow.names, options.columns)
        first = 0
        for block in file.iter_batches(batch_size=_BATCH_ROWS, columns=columns.theirs, use_threads=False):
            if block.num_rows:
                yield columns.batch(block, first)
                first += block.num_rows
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: wanted a whole Parquet file, found a damaged one: {str(error).splitlines()[0][:200]}") from error


class _Columns:
    """Which columns of a table are ours, and its blocks as batches.

    decimal_commas   318,48 is a number, as tools write it in half of Europe; never where commas stand between columns
    raises           InputError where one that is needed is missing
    """

    def __init__(self, path: Path, names: list[str], mapping: Mapping[str, str], *, decimal_commas: bool = False) -> None:
        self.path, self._decimal_commas = path, decimal_commas
        unknown = [ours for ours in mapping if ours not in KNOWN]
        if unknown:
            raise InputError(f"{path}: no column of ours is called {unknown[0]!r}; there is {', '.join(KNOWN)}")
        mapping = with_dialect(mapping, names)
        parts = {theirs: [theirs] if theirs in names else [part.strip() for part in theirs.split("|")] for theirs in mapping.values()}
        absent = [part for theirs in parts.values() for part in theirs if part not in names]
        if absent:
            raise InputError(f"{path}: no column {absent[0]!r} as the mapping says; found {', '.join(names[:40])}")
        self._parts = {ours: parts[theirs] for ours, theirs in mapping.items() if len(parts[theirs]) > 1}
        self.named = {ours: mapping.get(ours, ours) for ours in KNOWN if mapping.get(ours, ours) in names or ours in self._parts}
        check_units(path, mapping)
        told = [unit for unit, pair in PLACES.items() if any(name in mapping for name in pair)]
        whole = [unit for unit, pair in PLACES.items() if all(name in self.named for name in pair)]
        units = [unit for unit in whole if unit in told] or whole
        if LABEL not in self.named or not units:
            missing = [LABEL] if LABEL not in self.named else []
            missing += [] if units else ["x_px, y_px (or x_um, y_um)"]
            raise InputError(
                f"{path}: wanted the column {' and '.join(missing)}, found {', '.join(names[:40])}; other names by {example(names)}"
            )
        if len(units) > 1:
            raise InputError(f"{path}: found both x_px, y_px and x_um, y_um: say which by --columns x_px=x_px,y_px=y_px")
        self.unit = units[0]
        self.named = {ours: theirs for ours, theirs in self.named.items() if ours not in other_places(self.unit)}
        self._images: dict[str, str | None] = {name: None for name in names if names_image(name) and name not in mapping.values()}
        several = [ours for ours in self._parts if ours != LABEL and (ours not in PLACES[self.unit] or len(self._parts[ours]) != 2)]
        if several:
            raise InputError(f"{path}: {several[0]}: `A|B` is the middle of two columns, for x and y alone, or a column of 0 and 1 a class")
        doubled = [theirs for theirs in self.theirs if names.count(theirs) > 1]
        if doubled:
            raise InputError(f"{path}: column {doubled[0]!r} stands twice in the header")

    @property
    def theirs(self) -> list[str]:
        named = [part for ours, theirs in self.named.items() for part in self._parts.get(ours, [theirs])]
        return list(dict.fromkeys([*named, *self._images]))

    def batch(self, block: pa.RecordBatch, first: int) -> CellBatch:
        """Return a block's rows; those with something that is no number are bad.

        raises   InputError where a second image is named
        """
        self._check_one_image(block)
        n = block.num_rows
        columns = {theirs: series_of(block.column(theirs), f"{self.path}: column {theirs!r}") for theirs in self.theirs}
        frame = {ours: columns[theirs] for ours, theirs in self.named.items() if ours not in self._parts}
        ids = text_of(frame[ID]) if ID in frame else pl.Series(ID, [None] * n, dtype=pl.String)
        reasons: dict[int, str] = {}
        numbers = {ours: self._numbers(ours, series, reasons) for ours, series in frame.items() if ours not in (ID, LABEL)}
        for ours in self._parts:
            if ours != LABEL:  # the middle of a box
                low, high = (self._numbers(ours, columns[theirs], reasons, theirs) for theirs in self._parts[ours])
                numbers[ours] = (low + high) / 2
        words = self._phenotypes(columns, reasons) if LABEL in self._parts else text_of(frame[LABEL])
        kept = np.array([i for i in range(n) if i not in reasons], dtype=np.int64) if reasons else np.arange(n)
        label, names = labels(words.gather(kept))
        x, y = (numbers[name][kept] for name in PLACES[self.unit])
        prob = numbers[PROB][kept] if PROB in numbers else np.full(len(kept), np.nan)
        return CellBatch(
            n_records=n,
            record=first + kept,
            source_id=ids.gather(kept).to_arrow().cast(pa.string()),
            label=label,
            label_names=names,
            unit=self.unit,
            x=x,
            y=y,
            class_prob=prob.astype(np.float32),
            points=np.empty((0, 2)),
            n_points=np.zeros(len(kept), dtype=np.int64),
            has_outlines=False,
            measures={name: numbers[name][kept] for name in MEASURES if name in numbers},
            bad=tuple(BadRecord(first + i, ids[i] or f"row {first + i + 1}", why) for i, why in sorted(reasons.items())),
        )

    def _check_one_image(self, block: pa.RecordBatch) -> None:
        for column, first in self._images.items():
            found = text_of(series_of(block.column(column), f"{self.path}: column {column!r}").unique(maintain_order=True)).drop_nulls()
            others = found if first is None else [name for name in found if name != first]
            pair = [name for name in (first, *others) if name is not None][:2]
            if len(pair) == 2:
                raise InputError(
                    f"{self.path}: wanted the cells of one slide, found two in column {column!r}, {pair[0][:60]!r} and {pair[1][:60]!r}: "
                    "write one file a slide (or leave the column out, if it means something else)"
                )
            self._images[column] = pair[0] if pair else None

    def _phenotypes(self, columns: Mapping[str, pl.Series], reasons: dict[int, str]) -> pl.Series:
        """Return the class of each row: the name of the column that holds a 1; none where no column does."""
        names = self._parts[LABEL]
        is_one = np.column_stack([text_of(columns[name]).str.to_lowercase().is_in(YES).fill_null(False).to_numpy() for name in names])
        for i in np.flatnonzero(is_one.sum(axis=1) > 1).tolist():
            both = " and ".join(repr(name) for name, one in zip(names, is_one[i], strict=True) if one)
            reasons.setdefault(i, f"wanted one phenotype, found {both}")
        which = np.where(is_one.any(axis=1), is_one.argmax(axis=1), -1)
        return pl.Series([names[k] if k >= 0 else None for k in which.tolist()], dtype=pl.String)

    def _numbers(self, ours: str, series: pl.Series, reasons: dict[int, str], theirs: str = "") -> Floats:
        """Return a column as numbers, NaN where there is none; a value that does not fit is put down as its row's reason."""
        if series.dtype == pl.String:
            series = text_of(series)
            if self._decimal_commas:
                series = series.str.replace(_DECIMAL_COMMA, "$1.$2")
        value = floats_of(series)
        bad = (series.is_not_null() & value.is_null()) | value.is_infinite().fill_null(False)
        wanted = "a finite number"
        if ours in PLACES[self.unit]:
            bad = bad | value.is_null() | value.is_nan().fill_null(False)
        elif ours in SHARES:
            bad, wanted = bad | ~value.is_between(0, 1).fill_null(True) & value.is_not_nan().fill_null(False), "0 to 1"
        elif ours in MEASURES:
            bad, wanted = bad | (value < 0).fill_null(False), "a number of 0 or more"
        for i in bad.arg_true().to_list():
            reasons.setdefault(i, f"{theirs or self.named[ours]}: wanted {wanted}, found {_shown(series[i])}")
        return np.array(value.fill_null(float("nan")).to_numpy(), dtype=np.float64)


def _shown(value: object) -> str:
    return "none" if value is None else repr(value)[:40]


def _first_line(head: bytes) -> tuple[str, str]:
    """Return a table's header line and the encoding that it is in."""
    line = head.partition(b"\n")[0].rstrip(b"\r")
    try:
        return line.decode("utf-8-sig"), "utf8"
    except UnicodeDecodeError:
        return line.decode("latin-1"), "latin-1"


def _separator(line: str) -> str:
    return max(",\t;", key=line.count)


def _header(line: str, separator: str) -> list[str]:
    import csv

    return next(csv.reader([line], delimiter=separator), [])
