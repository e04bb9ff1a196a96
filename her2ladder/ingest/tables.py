"""Tables from outside (CSV, TSV, Parquet, XLSX) as text columns, read with bounded memory and nothing guessed."""

from __future__ import annotations

import zipfile
from pathlib import Path

import polars as pl

from her2ladder.errors import InputError
from her2ladder.schema.lake import sha256_of

MAX_BYTES = 2_000_000_000
MAX_XLSX_UNPACKED_BYTES = 500_000_000
MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "none", "NaT", ".")
_COMMA_NUMBER = r"^[+-]?\d+(,\d+)?([eE][+-]?\d+)?$"
_NO_THOUSANDS = r",(\d{1,2}|\d{4,})([eE]|$)|^[+-]?(\d{4,}|0\d*),"


def read_table(path: Path, sheet: str | None = None) -> pl.DataFrame:
    """Return a table with every column as text; what stands for "missing" (empty, NA, NaN, null …) is NULL.

    sheet    sheet of an .xlsx; None = the first
    raises   InputError: no such file, empty, not a table, two columns of one name, or too large
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: wanted a table with a header line, found an empty file")
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path}: wanted at most {MAX_BYTES:,} bytes, found {path.stat().st_size:,}")
    readers = {".csv": _csv, ".tsv": _csv, ".txt": _csv, ".parquet": _parquet, ".xlsx": _xlsx}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path}: wanted one of {', '.join(readers)}, found {path.suffix or 'no ending'}")
    try:
        frame = reader(path, sheet)
    except InputError:
        raise
    except Exception as error:  # each library has its own exceptions for a file that is not what its name says
        raise InputError(f"{path}: cannot be read as {path.suffix}: {str(error).splitlines()[0][:200]}") from error
    frame = frame.rename({name: name.strip() for name in frame.columns})
    text = pl.col(pl.String).str.strip_chars()
    frame = frame.with_columns(text).with_columns(
        pl.when(pl.col(pl.String).is_in(MISSING)).then(None).otherwise(pl.col(pl.String)).name.keep()
    )
    return _without_empty_end(frame)


def _without_empty_end(frame: pl.DataFrame) -> pl.DataFrame:
    """Drop the empty rows below a table, which spreadsheets write; one in between stays, so that row numbers are the file's."""
    filled = frame.select(pl.any_horizontal(pl.all().is_not_null())).to_series()
    last = filled.arg_true().max()
    return frame if last is None else frame.head(int(last) + 1)  # type: ignore[call-overload]


def numbers(frame: pl.DataFrame, column: str, where: Path) -> list[float | None]:
    """Return a text column as numbers.

    raises   InputError naming the first row that holds something else, or an infinite number
    """
    parsed = frame[column].cast(pl.Float64, strict=False)
    bad = frame[column].is_not_null() & (parsed.is_null() | parsed.is_infinite().fill_null(False))
    if bad.any():
        row = int(bad.arg_max() or 0)
        found = frame[column][row]
        way_out = "; write it with a decimal point" if "," in found else ""
        raise InputError(f"{where}: row {row + 2}: column {column}: wanted a finite number, found {found[:60]!r}{way_out}")
    return [None if value is None or value != value else float(value) for value in parsed.to_list()]


def patient_ids(frame: pl.DataFrame, where: Path) -> list[str]:
    """Return column patient_id, checked: there are some, never missing, never twice.

    raises   InputError
    """
    if "patient_id" not in frame.columns:
        raise InputError(f"{where}: wanted a column patient_id, found {', '.join(frame.columns[:20])}")
    ids = frame["patient_id"].to_list()
    if not ids:
        raise InputError(f"{where}: wanted one row a patient, found none")
    for row, value in enumerate(ids):
        if value is None:
            is_empty = all(cell is None for cell in frame.row(row))
            raise InputError(f"{where}: row {row + 2}: wanted a patient_id, found {'an empty row: delete it' if is_empty else 'none'}")
        check_id(value, "patient_id", f"{where}: row {row + 2}")
    twice = frame["patient_id"].value_counts().filter(pl.col("count") > 1)["patient_id"].sort().to_list()
    if twice:
        raise InputError(
            f"{where}: patient {twice[0]!r} stands in {ids.count(twice[0])} rows, wanted one row a patient ({len(twice)} such)"
        )
    return [str(value) for value in ids]


def check_id(value: str, what: str, where: str) -> str:
    """Return an id that may enter the store: 1..150 printable characters without path separators tricks.

    raises   InputError
    """
    if not value or len(value) > 150 or not value.isprintable() or value in {".", ".."} or value != value.strip():
        raise InputError(f"{where}: {what} must be 1 to 150 printable characters, found {value[:60]!r}")
    return value


def source_hash(path: Path) -> dict[str, str]:
    """Return {file name: sha256} for the inputs of a run."""
    return {path.name: sha256_of(path)}


def _csv(path: Path, sheet: str | None) -> pl.DataFrame:
    with path.open("rb") as handle:
        head = handle.read(65536)
    if b"\0" in head:
        raise InputError(f"{path}: wanted text, found binary data")
    line = head.decode("utf-8-sig", "replace").splitlines()[0]
    separator = "\t" if path.suffix.lower() == ".tsv" or (line.count("\t") and not line.count(",")) else ","
    if separator == "," and not line.count(",") and line.count(";"):
        separator = ";"
    names = [name.strip().strip('"') for name in line.split(separator)]
    twice = {name for name in names if names.count(name) > 1 and name}
    if twice:
        raise InputError(f"{path}: column {sorted(twice)[0]!r} stands twice in the header")
    frame = pl.read_csv(path, separator=separator, infer_schema=False, encoding="utf8", null_values=[""])
    return frame if separator == "," else _with_points(frame)


def _with_points(frame: pl.DataFrame) -> pl.DataFrame:
    """Write numbers with decimal commas, as half of Europe's spreadsheets have them, with points.

    They are that where a column holds nothing else and some number of the table is unlike thousands (1,234).
    """
    columns = []
    for values in frame.get_columns():
        known = values.drop_nulls().str.strip_chars()
        known = known.filter(~known.is_in(MISSING))
        if known.str.contains(",", literal=True).any() and known.str.contains(_COMMA_NUMBER).all():
            columns.append((values.name, bool(known.str.contains(_NO_THOUSANDS).any())))
    if not any(is_sure for _, is_sure in columns):
        return frame
    return frame.with_columns(pl.col(name).str.replace(",", ".", literal=True) for name, _ in columns)


def _parquet(path: Path, sheet: str | None) -> pl.DataFrame:
    frame = pl.read_parquet(path)
    booleans = [name for name, kind in frame.schema.items() if kind == pl.Boolean]
    return (
        frame.with_columns(pl.col(booleans).cast(pl.Int8)).with_columns(pl.all().cast(pl.String))
        if booleans
        else frame.with_columns(pl.all().cast(pl.String))
    )


def _xlsx(path: Path, sheet: str | None) -> pl.DataFrame:
    from openpyxl import load_workbook

    with zipfile.ZipFile(path) as packed:
        unpacked = sum(entry.file_size for entry in packed.infolist())
    if unpacked > MAX_XLSX_UNPACKED_BYTES:
        raise InputError(f"{path}: unpacks to {unpacked:,} bytes, wanted at most {MAX_XLSX_UNPACKED_BYTES:,}")
    book = load_workbook(path, read_only=True, data_only=True)
    if sheet is not None and sheet not in book.sheetnames:
        raise InputError(f"{path}: no sheet called {sheet!r}; there is {', '.join(book.sheetnames)}")
    rows = list(book[sheet or book.sheetnames[0]].iter_rows(values_only=True))
    book.close()
    if not rows or not any(rows[0]):
        raise InputError(f"{path}: wanted a header in the first row of the sheet, found none")
    header = [str(value).strip() if value is not None else f"column_{i + 1}" for i, value in enumerate(rows[0])]
    body = [row for row in rows[1:] if any(value is not None for value in row)]
    columns = {name: [_cell_text(row[i] if i < len(row) else None) for row in body] for i, name in enumerate(header)}
    if len(columns) != len(header):
        raise InputError(f"{path}: two columns of the sheet have the same name")
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))


def _cell_text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return str(int(value))
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
