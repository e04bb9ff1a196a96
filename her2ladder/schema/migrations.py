"""From an older schema version to today's: statements per step, run on a copy of the catalog, the old one kept beside it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import duckdb
import pyarrow as pa

from her2ladder.errors import InputError, MissingError, StageError
from her2ladder.schema.class_counts import class_counts
from her2ladder.schema.contract import Table
from her2ladder.schema.place import CATALOG_FILE
from her2ladder.schema.store import FIRST_RUN, Store, publish_catalog
from her2ladder.schema.tables import CALIBRATION_CONTROL, MANIFEST, MEMBRANE_THRESHOLD, SCHEMA_VERSION, SLIDE_FEATURE, TILE_QUALITY
from her2ladder.schema.vocabulary import MEMBRANE_THRESHOLDS


def _again(table: Table) -> list[str]:
    """Lay a table out anew, since DuckDB cannot widen a CHECK: its rows stay, columns that are new are NULL."""
    return [
        f"CREATE TEMP TABLE kept AS SELECT * FROM base.{table.name}",
        f"DROP TABLE base.{table.name}",
        *table.ddl("base"),
        f"INSERT INTO base.{table.name} BY NAME SELECT * FROM kept",
        "DROP TABLE kept",
    ]


STEPS: Mapping[int, Sequence[str]] = {
    1: _again(MANIFEST),  # 2 has expression, genes, cell_counts and cell_types in the lake
    2: (  # 3 has thresholds and calibrations of membranes; the lake's new columns are NULL for older files
        *MEMBRANE_THRESHOLD.ddl("base"),
        *CALIBRATION_CONTROL.ddl("base"),
        *TILE_QUALITY.ddl("base"),
        f"INSERT INTO base.membrane_threshold ({', '.join(MEMBRANE_THRESHOLDS)}, run) "
        f"VALUES ({', '.join(map(str, MEMBRANE_THRESHOLDS.values()))}, '{FIRST_RUN}')",
    ),
    3: (*_again(MANIFEST), *_again(SLIDE_FEATURE)),  # 4 has regions, and the cells of each class in the manifest: see _count_classes
}
"""version -> statements (over schema base) that lead from it to the next; version 1 is the first there was."""


def migrate(root: Path, steps: Mapping[int, Sequence[str]] = STEPS, target: int = SCHEMA_VERSION) -> str:
    """Bring the store at `root` up to `target`; return a line that says what was done.

    raises   MissingError where there is no store; InputError where no step leads on, or the store is newer
    """
    catalog = root / CATALOG_FILE
    if not catalog.is_file():
        raise MissingError(f"{root}: no store here (no {CATALOG_FILE})")
    found = _version(catalog)
    if found == target:
        return f"{root}: schema version {found} is today's; nothing to do"
    missing = [step for step in range(found, target) if step not in steps]
    if found > target or missing:
        raise InputError(f"{root}: no way from schema version {found} to {target} in this her2ladder: install a newer one")
    kept = root / f"catalog-version-{found}.duckdb"
    try:
        shutil.copyfile(catalog, kept)
    except OSError as error:
        kept.unlink(missing_ok=True)
        raise StageError(f"{root}: nothing was changed: the old catalog could not be kept as {kept.name}: {error.strerror}") from error

    def change(con: duckdb.DuckDBPyConnection) -> None:
        for step in range(found, target):
            for statement in steps[step]:
                con.execute(statement)
            if step == 3:
                _count_classes(con, root)
            now = datetime.now(UTC).replace(tzinfo=None)
            con.execute("INSERT INTO base.store_info VALUES (?, ?, ?, ?)", [step + 1, now, version("her2ladder"), FIRST_RUN])

    publish_catalog(root, change)
    if target == SCHEMA_VERSION:
        Store(root).write_open_sql()
    return f"{root}: schema version {found} -> {target}; the old catalog is kept as {kept.name}"


def _count_classes(con: duckdb.DuckDBPyConnection, root: Path) -> None:
    """Count the cells of each class of the files that are there; one that is damaged or gone keeps none, and `ladder check` names it."""
    for path, sha256 in con.sql("SELECT DISTINCT path, sha256 FROM base.manifest WHERE kind = 'cells'").fetchall():
        try:
            counts = class_counts(root / path)
        except (OSError, pa.ArrowException):
            continue
        con.execute("UPDATE base.manifest SET class_counts = ? WHERE kind = 'cells' AND sha256 = ?", [counts, sha256])


def _version(catalog: Path) -> int:
    con = duckdb.connect()
    try:
        con.execute(f"ATTACH '{str(catalog).replace(chr(39), chr(39) * 2)}' AS ladder (READ_ONLY)")
        return int(con.sql("SELECT max(schema_version) FROM ladder.base.store_info").fetchall()[0][0])
    except duckdb.Error as error:
        raise StageError(f"{catalog}: wanted the catalog of a store, found: {str(error).splitlines()[0][:300]}") from error
    finally:
        con.close()
