"""`ladder check`: files against the manifest, and every rule of queries/checks; what can be mended is, when asked.

A check is a query that selects the rows that break a rule: it holds where it returns none.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from her2ladder.errors import LadderError, StageError
from her2ladder.queries.catalog import catalogue
from her2ladder.queries.run import run
from her2ladder.schema.duck import arrow_table
from her2ladder.schema.lake import sha256_of
from her2ladder.schema.store import MODELS, OPEN_FILE, Store, no_lake, without_place
from her2ladder.schema.tables import LAKE, MANIFEST


@dataclass
class Problem:
    """One thing that is wrong, where, and whether it has been mended."""

    rule: str
    where: str
    found: str
    is_mended: bool = False
    can_mend: bool = False

    def row(self) -> dict[str, str]:
        state = "mended" if self.is_mended else "ladder check --mend" if self.can_mend else "open"
        return {"rule": self.rule, "where": self.where, "found": self.found, "state": state}


def check(store: Store, *, mend: bool = False, fast: bool = False) -> list[Problem]:
    """Return what is wrong with a store.

    mend     sweep what no manifest names, rewrite open.sql, withdraw damaged files (their cells must be ingested again)
    fast     compare sizes only, do not read every byte
    """
    if mend and store.as_of is not None:
        raise StageError(f"the store is open as of {store.as_of}: the past cannot be mended; leave --as-of out")
    with store.reading(no_lake) as con:
        manifest = arrow_table(con, "SELECT * FROM manifest_current ORDER BY path").to_pylist()
    damaged = [(row, Problem("file", row["path"], fault, can_mend=True)) for row in manifest if (fault := _fault(store.root, row, fast))]
    if mend and damaged:
        _withdraw(store, [row for row, _ in damaged])
        for _, problem in damaged:
            problem.is_mended = True
    problems = [problem for _, problem in damaged]
    problems += _models(store) + _orphans(store, mend) + _open_sql(store, mend)
    if not damaged or mend:  # rules are read through the files: damaged ones would stop them
        problems += _rules(store)
    return problems


def _fault(root: Path, row: dict[str, Any], fast: bool) -> str:
    """Return what is wrong with one file of the manifest, or nothing."""
    path = root / row["path"]
    if not path.is_file():
        return "the file is missing"
    if path.stat().st_size != row["n_bytes"]:
        return f"wanted {row['n_bytes']:,} bytes, found {path.stat().st_size:,}"
    if not fast and sha256_of(path) != row["sha256"]:
        return "its bytes are not those that were written (sha256 differs)"
    try:
        n_rows = pq.read_metadata(path).num_rows
    except (OSError, ValueError) as error:
        return f"not readable as Parquet: {error}"
    return "" if n_rows == row["n_rows"] else f"wanted {row['n_rows']:,} rows, found {n_rows:,}"


def _withdraw(store: Store, rows: list[dict[str, Any]]) -> None:
    with run(store, "check", {"mend": True}, lake=no_lake) as this:
        this.append(MANIFEST, [{**row, "state": "withdrawn", "run": ""} for row in rows])


def _models(store: Store) -> list[Problem]:
    """Models whose files are not those that were trained: they score nobody until they are trained again."""
    with store.reading(no_lake) as con:
        rows = con.sql("SELECT DISTINCT model_id, sha256 FROM model ORDER BY ALL").fetchall()
    found = [(f"{MODELS}/{model_id}", _model_fault(store.root / MODELS / model_id, sha256)) for model_id, sha256 in rows]
    return [Problem("model", place, f"{fault}; train it again") for place, fault in found if fault]


def _model_fault(folder: Path, sha256: str) -> str:
    """Return what is wrong with one model, or nothing: the catalog has the hash of model.json, which has that of model.skops."""
    card, packed = folder / "model.json", folder / "model.skops"
    absent = [path.name for path in (card, packed) if not path.is_file()]
    if absent:
        return f"{absent[0]} is missing"
    if sha256_of(card) != sha256:
        return f"the bytes of {card.name} are not those that were written (sha256 differs)"
    is_same = json.loads(card.read_bytes())["model_skops_sha256"] == sha256_of(packed)
    return "" if is_same else f"the bytes of {packed.name} are not those that were written (sha256 differs)"


def _orphans(store: Store, mend: bool) -> list[Problem]:
    """Files and models that no row names: what a killed process left. Swept only while no command is writing."""
    found = []
    with store.sweeping() if mend else store.looking() as is_quiet, store.reading(no_lake) as con:
        named = {path for (path,) in con.sql("SELECT path FROM ladder.base.manifest").fetchall()}
        named |= {f"{MODELS}/{model_id}" for (model_id,) in con.sql("SELECT model_id FROM ladder.base.model").fetchall()}
        for path in _written(store.root) if is_quiet else ():
            place = path.relative_to(store.root).as_posix()
            if place in named:
                continue
            is_folder = path.is_dir() and not path.is_symlink()
            n_bytes = sum(file.lstat().st_size for file in (path.rglob("*") if is_folder else [path]))
            problem = Problem("orphan", place, f"{n_bytes:,} bytes that no row of the catalog names", can_mend=True)
            if mend:
                shutil.rmtree(path) if is_folder else path.unlink()
                problem.is_mended = True
            found.append(problem)
    return found


def sweep(store: Store) -> int:
    """Remove what a stopped command left half done; return how many files. Nothing is swept while another command writes."""
    return sum(1 for problem in _orphans(store, mend=True) if problem.is_mended)


def _written(root: Path) -> Iterator[Path]:
    """What commands write: drafts of the catalog, files of the lake, folders of models."""
    yield from sorted(root.glob(".*.draft*"))
    for kind in LAKE:
        yield from sorted(path for path in (root / kind).rglob("*") if path.is_file())
    yield from sorted((root / MODELS).glob("*"))


def _open_sql(store: Store, mend: bool) -> list[Problem]:
    """A store that was moved is whole: only mending brings its open.sql to where it is now (decision 0028)."""
    path, wanted = store.root / OPEN_FILE, store.open_sql_text()
    held = path.read_text(errors="replace") if path.is_file() else ""
    if held == wanted or (not mend and without_place(held) == without_place(wanted)):
        return []
    if mend:
        store.write_open_sql()
    return [Problem("open.sql", OPEN_FILE, "does not say what the catalog says, or where the store is", is_mended=mend, can_mend=True)]


def _rules(store: Store) -> list[Problem]:
    problems = []
    with store.reading() as con:
        for name, query in catalogue().items():
            if not name.startswith("checks/"):
                continue
            try:
                rows = arrow_table(con, query.sql).to_pylist()
            except Exception as error:  # a damaged file can fail in many ways: the check reports it as what it is
                if isinstance(error, LadderError):
                    raise
                rows = [{"where": "store", "found": f"the check could not be run: {str(error).splitlines()[0]}"}]
            problems += [Problem(name, str(row["where"]), str(row["found"])) for row in rows]
    return problems
