"""Tables from outside (CSV, TSV, Parquet, XLSX) as text columns, read with bounded memory and nothing guessed."""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from her2ladder.errors import InputError
from her2ladder.schema.lake import sha256_of

MAX_BYTES = 2_000_000_000
MAX_XLSX_UNPACKED_BYTES = 500_000_000
MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "none", "NaT", ".")
_COMMA_NUMBER = r"^[+-]?\d+(,\d+)?([eE][+-]?\d+)?$"
_NO_THOUSANDS = r",(\d{1,2}|\d{4,})([eE]|$)|^[+-]?(\d{4,}|0\d*),"


def read_table(path: Path, sheet: str | None = None, *, encoding: str | None = None, notes: list[str] | None = None) -> pl.DataFrame:
    """Return a table with every column as text; what stands for "missing" (empty, NA, NaN, null …) is NULL.

    sheet     sheet of an .xlsx; None = the first
    encoding  of a text file; None = UTF-8, UTF-16, GB18030 or cp1252, whichever it can be read as, in this order
    notes     takes what a reader must know: another encoding than UTF-8, lines above the header
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
        frame = reader(path, sheet, _Told(encoding, [] if notes is None else notes))
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


@dataclass(frozen=True)
class _Told:
    """How to read a file, and where to say what was found."""

    encoding: str | None
    notes: list[str]


def _csv(path: Path, sheet: str | None, told: _Told) -> pl.DataFrame:
    text = _decoded(path, told)
    lines = text[:65536].splitlines()
    if not lines:
        raise InputError(f"{path}: wanted a table with a header line, found an empty file")
    above = _above_header(_filled(lines[:20]))
    if above:
        told.notes.append(f"{above} line{'s' * (above > 1)} above the header left out; row numbers count from the header")
        text = text.split("\n", above)[above]
    line = lines[above]
    separator = "\t" if path.suffix.lower() == ".tsv" or (line.count("\t") and not line.count(",")) else ","
    if separator == "," and not line.count(",") and line.count(";"):
        separator = ";"
    names = [name.strip().strip('"') for name in line.split(separator)]
    twice = {name for name in names if names.count(name) > 1 and name}
    if twice:
        raise InputError(f"{path}: column {sorted(twice)[0]!r} stands twice in the header")
    frame = pl.read_csv(text.encode(), separator=separator, infer_schema=False, encoding="utf8", null_values=[""])
    return frame if separator == "," else _with_points(frame)


def _decoded(path: Path, told: _Told) -> str:
    """Return a text file's content, and say in which encoding it was read where that is not UTF-8.

    raises   InputError for binary data, or a file that is not in the encoding asked for
    """
    data = path.read_bytes()
    if told.encoding is not None:
        try:
            return data.decode(told.encoding)
        except (LookupError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: cannot be read as {told.encoding}: {error}") from error
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        told.notes.append("read as UTF-16")
        return data.decode("utf-16")
    if b"\0" in data[:65536]:
        raise InputError(f"{path}: wanted text, found binary data")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    try:
        chinese = data.decode("gb18030")
        if _is_chinese(chinese):
            told.notes.append("read as GB18030 (Chinese)")
            return chinese
    except UnicodeDecodeError:
        pass
    told.notes.append('read as cp1252 (Western European); if letters are wrong, name it in the map: encoding = "cp1250"')
    return data.decode("cp1252", "replace")


def _is_chinese(text: str) -> bool:
    """Tell Chinese from Western letters with accents, which read so give single signs between letters: Num閞o for Numéro."""
    signs = [c for c in text if ord(c) > 127]
    chinese = re.findall(r"[\u4e00-\u9fff]", text)
    within_words = re.findall(r"(?<=[A-Za-z])[\u4e00-\u9fff]|[\u4e00-\u9fff](?=[A-Za-z])", text)
    return len(chinese) > 0.8 * len(signs) and len(within_words) < 0.2 * len(chinese)


def _filled(lines: list[str]) -> list[int]:
    """How many cells of each line hold something, by the separator that most lines have most of."""
    separator = max("\t;,", key=lambda one: sorted(line.count(one) for line in lines)[len(lines) // 2])
    return [sum(1 for cell in line.split(separator) if cell.strip().strip('"')) for line in lines]


def _above_header(filled: list[int]) -> int:
    """Return how many rows stand above the header: titles and blank rows hold one cell or none where the table's rows hold several."""
    if max(filled, default=0) < 2:
        return 0
    return next(at for at, n in enumerate(filled) if n >= 2)


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


def _parquet(path: Path, sheet: str | None, told: _Told) -> pl.DataFrame:
    frame = pl.read_parquet(path)
    booleans = [name for name, kind in frame.schema.items() if kind == pl.Boolean]
    return (
        frame.with_columns(pl.col(booleans).cast(pl.Int8)).with_columns(pl.all().cast(pl.String))
        if booleans
        else frame.with_columns(pl.all().cast(pl.String))
    )


def _xlsx(path: Path, sheet: str | None, told: _Told) -> pl.DataFrame:
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
    above = _above_header([sum(1 for value in row if value not in (None, "")) for row in rows[:20]])
    if above:
        told.notes.append(f"{above} row{'s' * (above > 1)} above the header left out; row numbers count from the header")
        rows = rows[above:]
    if not rows or not any(rows[0]):
        raise InputError(f"{path}: wanted a header in the first row of the sheet, found none")
    header = [str(value).strip() if value is not None else f"column_{i + 1}" for i, value in enumerate(rows[0])]
    body = [row for row in rows[1:] if any(value is not None for value in row)]
    columns = {name: [_cell_text(row[i] if i < len(row) else None) for row in body] for i, name in enumerate(header)}
    if len(columns) != len(header):
        raise InputError(f"{path}: two columns of the sheet have the same name")
    return _with_points(pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)))


def _cell_text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return str(int(value))
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
