"""Making a store: the empty catalog with its vocabularies, feature dictionary and first run."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from her2ladder.queries.run import fingerprint, insert, to_json, versions
from her2ladder.schema.contract import Table, rows_of
from her2ladder.schema.dictionary import features
from her2ladder.schema.place import is_remote
from her2ladder.schema.remote import create_remote
from her2ladder.schema.store import FIRST_RUN, Store, create
from her2ladder.schema.tables import FEATURE_DICTIONARY, MEMBRANE_THRESHOLD, RUN_TABLE, SCHEMA_VERSION, STORE_INFO, VOCABULARY
from her2ladder.schema.vocabulary import CLASSES, MEMBRANE_THRESHOLDS


def init(root: str | Path) -> Store:
    """Make an empty store at `root`, a folder or s3://BUCKET/PREFIX: typed views, the paper's two vocabularies, 69 + 70 features, run r000000.

    raises   InputError where `root` exists and is not an empty folder
    """
    return create_remote(root, _seed) if is_remote(root) else create(Path(root), _seed)


def vocabulary_rows(stain: str, classes: tuple[str, ...]) -> list[dict[str, object]]:
    """Return the rows of table vocabulary for one stain."""
    return [{"stain": stain, "cell_class": c, "position": i} for i, c in enumerate(classes)]


def dictionary_rows(stain: str, classes: tuple[str, ...]) -> list[dict[str, object]]:
    """Return the rows of table feature_dictionary for one stain."""
    return [asdict(feature) for feature in features(stain, classes)]


def _seed(con: duckdb.DuckDBPyConnection) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    made = versions()
    info = [{"schema_version": SCHEMA_VERSION, "created": now, "her2ladder": made.get("her2ladder", "")}]
    words = [row for stain, classes in CLASSES.items() for row in vocabulary_rows(stain, classes)]
    known = [row for stain, classes in CLASSES.items() for row in dictionary_rows(stain, classes)]
    written: list[tuple[Table, list[dict[str, object]]]] = [(STORE_INFO, info), (VOCABULARY, words), (FEATURE_DICTIONARY, known)]
    written.append((MEMBRANE_THRESHOLD, [dict(MEMBRANE_THRESHOLDS)]))
    tables = [(table, rows_of(table, ({**row, "run": FIRST_RUN} for row in rows))) for table, rows in written]
    record = {
        "run": FIRST_RUN,
        "stage": "init",
        "arguments": to_json({}),
        "queries": to_json({}),
        "inputs": to_json({}),
        "versions": to_json(made),
        "started": now,
        "seconds": 0.0,
        "n_rows": sum(rows.num_rows for _, rows in tables),
        "fingerprint": fingerprint(tables),
        "snapshot": FIRST_RUN,
    }
    insert(con, RUN_TABLE, rows_of(RUN_TABLE, [record]), FIRST_RUN)
    for table, rows in tables:
        insert(con, table, rows, FIRST_RUN)
