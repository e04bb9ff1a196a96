"""The column map of a clinical table: a TOML file that says which of its columns is which of ours, and what its words mean.

[columns]           ours = "theirs"                 dfs_months = "time"
[values.hr_status]  theirs = "ours"                 "1" = "positive"
[constants]         ours = value for every row      cohort = "GBSG2"
[scale]             ours = factor                   dfs_months = 0.032854884   (days to months)
extra = ["horTh"]   columns to keep as covariates;  inverted = ["os_event"]  columns where the file's 1 means censored
drop = ["x"]        columns to leave out; drop = "others": all that the map does not name
missing = ["k.A."]  words that mean missing in every column; in [values.…] a word becomes missing by ""
encoding = "cp1250" of a text file that is neither UTF-8, UTF-16, GB18030 nor cp1252;  sheet = "…" of a workbook
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from her2ladder.errors import InputError
from her2ladder.schema.tables import CLINICAL_COLUMNS

KNOWN = ("patient_id", *(column.name for column in CLINICAL_COLUMNS))
_MOST_NAMED = 60
_SECTIONS = {"columns", "values", "constants", "scale", "extra", "inverted", "sheet", "drop", "missing", "encoding"}
OTHERS = "others"


@dataclass(frozen=True)
class ColumnMap:
    """What a map file says; the empty map takes the table's names as ours."""

    columns: dict[str, str] = field(default_factory=dict)
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    scale: dict[str, float] = field(default_factory=dict)
    extra: tuple[str, ...] = ()
    inverted: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    drops_others: bool = False
    missing: tuple[str, ...] = ()
    sheet: str | None = None
    encoding: str | None = None


def load_map(path: Path | None) -> ColumnMap:
    """Return the map in a TOML file; None gives the empty map.

    raises   InputError: no such file, not TOML, an unknown section
    """
    if path is None:
        return ColumnMap()
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path}: not a TOML file: {str(error)[:200]}") from error
    for name in ("columns", "values", "constants", "scale"):
        if not isinstance(told.get(name, {}), dict):
            raise InputError(f"{path}: wanted a section [{name}], found {name} = {_shown(told[name])}")
    columns = dict(told.get("columns", {}))
    for name in ("extra", "inverted", "drop"):  # a list written below [columns] belongs to that table in TOML: take it as meant
        if isinstance(columns.get(name), list):
            told[name] = columns.pop(name)
    unknown = set(told) - _SECTIONS
    if unknown:
        raise InputError(f"{path}: wanted sections {', '.join(sorted(_SECTIONS))}, found {', '.join(sorted(unknown))}")
    _check_kinds(told, columns, path)
    return ColumnMap(
        columns={str(k): str(v) for k, v in columns.items()},
        values={c: {str(k): _word(v) for k, v in words.items()} for c, words in told.get("values", {}).items()},
        constants={k: _word(v) for k, v in told.get("constants", {}).items()},
        scale={k: float(v) for k, v in told.get("scale", {}).items()},
        extra=tuple(told.get("extra", ())),
        inverted=tuple(told.get("inverted", ())),
        drop=() if told.get("drop") == OTHERS else tuple(told.get("drop", ())),
        drops_others=told.get("drop") == OTHERS,
        missing=tuple(_word(one) for one in told.get("missing", ())),
        sheet=told.get("sheet"),
        encoding=told.get("encoding"),
    )


def _check_kinds(told: dict[str, Any], columns: dict[str, Any], path: Path) -> None:
    """Every entry is of the kind its section takes, and speaks of a column we know.

    raises   InputError
    """
    for name in ("extra", "inverted", "drop"):
        listed = told.get(name, [])
        if name == "drop" and listed == OTHERS:
            continue
        if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            raise InputError(f'{path}: wanted {name} = ["column", …], found {_shown(listed)}')
    for name in ("sheet", "encoding"):
        if not isinstance(told.get(name, ""), str):
            raise InputError(f'{path}: wanted {name} = "name", found {_shown(told[name])}')
    words = told.get("missing", [])
    if not isinstance(words, list) or not all(isinstance(one, str | int | float) for one in words):
        raise InputError(f'{path}: wanted missing = ["word", …], found {_shown(words)}')
    for ours, theirs in columns.items():
        if not isinstance(theirs, str):
            raise InputError(f'{path}: [columns]: wanted {ours} = "their column", found {_shown(theirs)}')
    for ours, words in told.get("values", {}).items():
        if not isinstance(words, dict):
            raise InputError(f'{path}: wanted [values.{ours}] with "theirs" = "ours", found {_shown(words)}')
    for ours, value in told.get("constants", {}).items():
        if not isinstance(value, str | int | float):
            raise InputError(f"{path}: [constants] {ours}: wanted one value, found {_shown(value)}")
    for ours, factor in told.get("scale", {}).items():
        if isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 < factor < math.inf:
            raise InputError(f"{path}: [scale] {ours}: wanted a factor greater than 0, found {_shown(factor)}")
    known = {"constants": {*KNOWN, *told.get("extra", [])}, "scale": set(KNOWN), "inverted": set(KNOWN)}
    for section, names in known.items():
        strange = [name for name in told.get(section, ()) if name not in names]
        if strange:
            raise InputError(f"{path}: {section} names {', '.join(strange[:12])}: not a column we know; we know {', '.join(KNOWN)}")


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_MOST_NAMED]) + (f" … and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else "")


def _shown(value: object) -> str:
    return repr(value)[:60]


def apply_map(frame: pl.DataFrame, told: ColumnMap, where: Path) -> pl.DataFrame:
    """Return the table under our names, words replaced, constants filled in; nothing that is neither ours nor `extra` remains.

    raises   InputError naming columns that are neither known, mapped, extra nor dropped
    """
    rename = _renames(frame.columns, told, where)
    clash = [theirs for theirs in frame.columns if theirs in rename.values() and theirs not in rename]
    frame = frame.drop(clash) if clash else frame  # a mapped column takes the name; the file's own of that name was not asked for
    frame = frame.rename(rename)
    frame = frame.drop([rename.get(name, name) for name in told.drop if rename.get(name, name) in frame.columns])
    if told.missing:
        text = pl.col(pl.String)
        frame = frame.with_columns(pl.when(text.is_in(list(told.missing))).then(None).otherwise(text).name.keep())
    unknown = [name for name in frame.columns if name not in KNOWN and name not in told.extra]
    if unknown and told.drops_others:
        frame, unknown = frame.drop(unknown), []
    if unknown:
        raise InputError(
            f"{where}: columns {_listed(unknown)} are neither known nor mapped: name them in the map under [columns], "
            f'or list them under extra = […] (kept as covariates) or drop = […] (left out; drop = "others" leaves out all that the map does not '
            f"name); `ladder ingest clinical FILE --draft-map map.toml` writes a starter"
        )
    missing = [name for name in told.extra if name not in frame.columns]
    if missing:
        raise InputError(f"{where}: extra names {', '.join(missing)}, found columns {', '.join(frame.columns[:20])}")
    for column, words in told.values.items():
        name = rename.get(column, column)
        if name not in frame.columns:
            raise InputError(f"{where}: [values.{column}] speaks of a column that is not in the table")
        frame = frame.with_columns(_translated(frame[name], words).alias(name))
    for name, value in told.constants.items():
        filled = pl.col(name).fill_null(value) if name in frame.columns else pl.lit(value)
        frame = frame.with_columns(filled.alias(name))
    return frame


def _renames(found: list[str], told: ColumnMap, where: Path) -> dict[str, str]:
    """Return theirs -> ours. `ours = "theirs"` is the form; `theirs = "ours"` is understood where only it fits the file."""
    rename: dict[str, str] = {}
    wanted = set(KNOWN) | set(told.extra)
    for left, right in told.columns.items():
        if right in found and left in wanted:
            rename[right] = left
        elif left in found and right in wanted:
            rename[left] = right
        elif right not in found and left not in found:
            raise InputError(f"{where}: [columns] {left} = {right!r}: the table has no such column; it has {', '.join(found[:20])}")
        else:
            raise InputError(f"{where}: [columns] {left} = {right!r}: {left} is not a column we know; we know {', '.join(KNOWN)}")
    return rename


def _translated(values: pl.Series, words: dict[str, str]) -> pl.Series:
    """Replace words; numbers match by value, so that 1 and 1.0 are the same word."""
    lookup = dict(words)
    for key, value in words.items():
        try:
            lookup.setdefault(f"{float(key):g}", value)
        except ValueError:
            continue

    def one(value: str | None) -> str | None:
        found = value
        if value is None or value in lookup:
            found = lookup.get(value or "", value)
        else:
            try:
                found = lookup.get(f"{float(value):g}", value)
            except ValueError:
                found = value
        return None if found == "" else found  # "" in a map means missing

    return pl.Series([one(value) for value in values.to_list()], dtype=pl.String)


def _word(value: object) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)
