"""The lake as Apache Iceberg tables: metadata over Parquet files that stay where they are.

A table is a folder with `metadata/vN.metadata.json` and `metadata/version-hint.text`, as Hadoop-style catalogs, pyiceberg's StaticTable,
polars and DuckDB's `iceberg_scan` read it. vN is created only where it is not there yet: of two exports at once, one fails and changes nothing.
A snapshot is one commit: the files that came and those that went, never a file rewritten (decision 0021).
"""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Sequence
from typing import Any

from her2ladder.analytics.export.lake.content import OneTable
from her2ladder.analytics.export.lake.places import FolderPlace, Place
from her2ladder.errors import InputError, StageError
from her2ladder.schema.lake import sync

NAMESPACE = "ladder"
CATALOG = "catalog.db"
HINT = "version-hint.text"
# Bounds of a column let an engine skip files: whole ids where a file is one slide, no bounds of outlines.
# Spark's vectorized reader lacks an encoding that older files of a store have.
_PROPERTIES = {
    "read.parquet.vectorization.enabled": "false",
    "write.metadata.metrics.default": "truncate(16)",
    "write.metadata.metrics.column.slide_id": "full",
    "write.metadata.metrics.column.patient_id": "full",
    "write.metadata.metrics.column.stain": "full",
    "write.metadata.metrics.column.contour.element": "none",
}
_MAPPING = "schema.name-mapping.default"


def check_installed() -> None:
    """Raise InputError where pyiceberg is not installed; keep it from warning of every column that it reads as we mean it."""
    try:
        import pyiceberg.io.pyarrow
        import pyiceberg.table  # noqa: F401
    except ImportError:
        raise InputError("export lake --format iceberg needs pyiceberg: pip install 'her2ladder[lake]'") from None
    logging.getLogger("pyiceberg").setLevel(logging.ERROR)  # "Iceberg does not have a dictionary type": once a column and file


def commit(place: Place, table: OneTable, uris: Sequence[str], run: str) -> tuple[str, int, int]:
    """Make the table hold exactly these files; return (URI of its metadata, files that came, files that went).

    place   folder of the table
    uris    where each of the table's files lies, in their order
    run     last run of the store, put down in the snapshot
    raises  StageError where another export commits at the same time, or a file's columns do not fit the table's
    """
    current = _current(place)
    it = current or _new(place, table)
    held = {task.file.file_path: task.file for task in it.scan().plan_files()}
    wanted = set(uris)
    came = [uri for uri in uris if uri not in held]
    gone = [file for uri, file in held.items() if uri not in wanted]
    if current is not None and not came and not gone and not _lacks_columns(it, table):
        return str(it.metadata_location), 0, 0
    with it.transaction() as change:
        if current is not None and _lacks_columns(it, table):
            with change.update_schema() as columns:
                columns.union_by_name(table.schema)
        mapping = change.table_metadata.schema().name_mapping.model_dump_json()
        if change.table_metadata.properties.get(_MAPPING) != mapping:
            change.set_properties({_MAPPING: mapping})
        files = _data_files(change.table_metadata, it.io, came)
        update = change.update_snapshot(snapshot_properties={"ladder.run": run})
        with update.overwrite() if gone else update.fast_append() as snapshot:
            for file in gone:
                snapshot.delete_data_file(file)
            for file in files:
                snapshot.append_data_file(file)
    return str(it.metadata_location), len(came), len(gone)


def _data_files(metadata: Any, files: Any, uris: Sequence[str]) -> list[Any]:
    from concurrent.futures import ThreadPoolExecutor

    from pyiceberg.io.pyarrow import parquet_file_to_data_file

    def one(uri: str) -> Any:
        try:
            return parquet_file_to_data_file(files, metadata, uri)
        except FileNotFoundError as error:
            raise StageError(f"{uri}: the store's file is not there: `ladder check` tells more") from error
        except ValueError as error:
            why = " ".join(str(error).split())[:300]
            raise StageError(f"{uri}: does not fit the table: {why}") from error

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(one, uris))


def _lacks_columns(it: Any, table: OneTable) -> bool:
    return not set(table.schema.names) <= set(it.schema().column_names)


def _new(place: Place, table: OneTable) -> Any:
    """A table that is not there yet: its first commit writes it."""
    from pyiceberg.io.pyarrow import _pyarrow_to_schema_without_ids
    from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC
    from pyiceberg.schema import assign_fresh_schema_ids
    from pyiceberg.table.metadata import new_table_metadata
    from pyiceberg.table.sorting import UNSORTED_SORT_ORDER

    metadata = new_table_metadata(
        location=place.uri(),
        schema=assign_fresh_schema_ids(_pyarrow_to_schema_without_ids(table.schema)),
        partition_spec=UNPARTITIONED_PARTITION_SPEC,
        sort_order=UNSORTED_SORT_ORDER,
        properties={**_PROPERTIES, "format-version": "2"},
    )
    return _table(place, 0, metadata)


def _current(place: Place) -> Any:
    """The table as it is now; None where there is none."""
    version = _version(place)
    if version == 0:
        return None
    from pyiceberg.serializers import FromByteStream

    content = place.read(_file(version))
    if content is None:
        raise StageError(f"{place.uri(_file(version))}: {HINT} names it, but it is not there: export into another folder")
    try:
        return _table(place, version, FromByteStream.table_metadata(io.BytesIO(content)))
    except ValueError as error:
        raise StageError(f"{place.uri(_file(version))}: wanted Iceberg metadata, found {str(error).splitlines()[0][:200]}") from error


def _version(place: Place) -> int:
    """The newest version: at or after the hint, which a kill may have left behind."""
    told = (place.read(f"metadata/{HINT}") or b"0").decode("utf-8", "replace").strip()
    if not told.isdigit():
        raise StageError(
            f"{place.uri(f'metadata/{HINT}')}: wanted the number of a version, found {told[:40]!r}: export into another folder"
        )
    version = int(told)
    while place.has(_file(version + 1)):
        version += 1
    return version


def _file(version: int) -> str:
    return f"metadata/v{version}.metadata.json"


def _table(place: Place, version: int, metadata: Any) -> Any:
    from pyiceberg.io.pyarrow import PyArrowFileIO
    from pyiceberg.table import Table

    return Table(
        identifier=(NAMESPACE, place.name),
        metadata=metadata,
        metadata_location=place.uri(_file(version)) if version else "",
        io=PyArrowFileIO(place.io_properties()),
        catalog=_Versions(place, version),
    )


class _Versions:
    """What a pyiceberg table commits through: the next version file, written where there is none."""

    def __init__(self, place: Place, version: int) -> None:
        self._place, self._version = place, version

    def supports_server_side_planning(self) -> bool:
        """Return that pyiceberg plans its scans itself."""
        return False

    def _delete_old_metadata(self, *_: Any) -> None:
        """pyiceberg asks after each commit; every version is kept."""

    def commit_table(self, table: Any, requirements: Sequence[Any], updates: Sequence[Any]) -> Any:
        """Write the next version and the hint; return what pyiceberg takes for the table's new state."""
        from pyiceberg.table import CommitTableResponse
        from pyiceberg.table.update import update_table_metadata

        for requirement in requirements:
            if self._version:
                requirement.validate(table.metadata)
        changed = update_table_metadata(
            table.metadata, tuple(updates), enforce_validation=False, metadata_location=table.metadata_location or None
        )
        version = self._version + 1
        if not self._place.create(_file(version), changed.model_dump_json(exclude_none=True).encode()):
            raise StageError(f"{self._place.uri()}: another export committed to it meanwhile; nothing was changed: try again")
        self._place.replace(f"metadata/{HINT}", str(version).encode())
        self._version = version
        return CommitTableResponse(metadata=changed, metadata_location=self._place.uri(_file(version)))


def register(place: FolderPlace, tables: dict[str, str]) -> None:
    """Write a SQLite catalog (pyiceberg's type `sql`) beside the tables that names the newest metadata of each: namespace ladder."""
    from pyiceberg.catalog.sql import SqlCatalog

    with place.draft(CATALOG) as draft:
        for called in (NAMESPACE, "default"):  # a reader of another name would find it empty; "default" is pyiceberg's
            catalog = SqlCatalog(called, uri=f"sqlite:///{draft}", warehouse=place.uri())
            try:
                catalog.create_namespace(NAMESPACE)
                for name, location in tables.items():
                    catalog.register_table((NAMESPACE, name), location)
            finally:
                catalog.engine.dispose()
        sync(draft)
        os.replace(draft, place.root / CATALOG)
