"""Export the lake: bring a folder or a bucket to the store's state now, adding what is new and touching nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from her2ladder.analytics.export.lake import iceberg
from her2ladder.analytics.export.lake.content import OneFile, OneTable, content_of
from her2ladder.analytics.export.lake.places import FolderPlace, Place, place_of
from her2ladder.errors import InputError, StageError
from her2ladder.schema.remote import RemoteStore
from her2ladder.schema.store import Store

FORMATS = ("iceberg", "parquet")
MANIFEST = "manifest.json"
Report = Callable[[int, int, int], None]


@dataclass(frozen=True)
class Exported:
    """What an export did to one table."""

    table: str
    n_files: int
    n_added: int
    n_removed: int
    n_rows: int
    where: str


def export_lake(store: Store, to: str, format_: str = "iceberg", progress: Report = lambda done, total, units: None) -> list[Exported]:
    """Bring the export at `to` to the store's state; return a row a table.

    iceberg   tables over the store's own files where `to` is a folder, over files copied there where it is a bucket
    parquet   TABLE/*.parquet, copies, and manifest.json that says which of them hold
    raises    InputError for a place or format that cannot be, an extra that is not installed, an export of another format;
              StageError where a file is missing or the place cannot be written: run it again to finish it
    source    decisions 0021 and 0022
    """
    if format_ not in FORMATS:
        raise InputError(f"--format: wanted one of {', '.join(FORMATS)}, found {format_!r}")
    if format_ == "iceberg":
        iceberg.check_installed()
    place = place_of(to)
    _check(place, to, format_, store)
    run, tables = content_of(store)
    write = _as_iceberg if format_ == "iceberg" else _as_tree
    told: dict[str, dict[str, Any]] = {}
    done: list[Exported] = []
    for at, table in enumerate(tables, start=1):
        found = write(store, place, table, run)
        if found is not None:
            done.append(found[0])
            told[table.name] = found[1]
        progress(at, len(tables), sum(one.n_rows for one in done))
    if format_ == "iceberg" and isinstance(place, FolderPlace):
        iceberg.register(place, {name: entry["metadata"] for name, entry in told.items()})
    place.replace(MANIFEST, _manifest(format_, run, told))
    if format_ == "parquet":
        _sweep(place, told)
    return done


def _manifest(format_: str, run: str, tables: dict[str, dict[str, Any]]) -> bytes:
    told = {"export": "her2ladder lake", "version": 1, "format": format_, "run": run, "tables": tables}
    return (json.dumps(told, indent=1) + "\n").encode()


def _as_iceberg(store: Store, place: Place, table: OneTable, run: str) -> tuple[Exported, dict[str, Any]] | None:
    """One table of Iceberg; None where there is none and nothing for it."""
    folder = place.within(iceberg.NAMESPACE).within(table.name)
    if not table.files and not folder.has(f"metadata/{iceberg.HINT}"):
        return None
    there = set(folder.names("data"))
    uris = []
    for file in table.files:
        if file.path is not None and _in_place(place, file):
            uris.append(file.uri)
        else:
            uris.append(folder.uri(f"data/{file.name}"))
            if file.name not in there:
                _put(store, folder, f"data/{file.name}", file)
    metadata, added, removed = iceberg.commit(folder, table, uris, run)
    entry = {"metadata": metadata, **_entry(table, uris)}
    return Exported(table.name, len(uris), added, removed, sum(file.n_rows for file in table.files), metadata), entry


def _as_tree(store: Store, place: Place, table: OneTable, run: str) -> tuple[Exported, dict[str, Any]] | None:
    """One folder of copies; None where there is none and nothing for it."""
    folder = place.within(table.name)
    there = {name for name in place.names(table.name) if name.endswith(".parquet")}
    if not table.files and not there:
        return None
    new = [file for file in table.files if file.name not in there]
    for file in new:
        _put(store, folder, file.name, file)
    removed = len(there - {file.name for file in table.files})
    entry = _entry(table, [f"{table.name}/{file.name}" for file in table.files])
    return Exported(table.name, len(table.files), len(new), removed, sum(file.n_rows for file in table.files), folder.uri()), entry


def _in_place(place: Place, file: OneFile) -> bool:
    """Return whether the store's own file is where the readers of the export reach it."""
    return file.uri.startswith("s3://") or isinstance(place, FolderPlace)


def _put(store: Store, folder: Place, name: str, file: OneFile) -> None:
    if file.path is None:
        folder.replace(name, file.content)
        return
    here = store.file(file.path)
    if not here.is_file():
        raise StageError(f"{here}: the store's file of slide {file.slide_id} is not there: `ladder check` tells more")
    folder.put(name, here)


def _entry(table: OneTable, paths: list[str]) -> dict[str, Any]:
    """A table in the manifest: columns with their types, and the files that hold."""
    files = [
        {
            "path": path,
            "slide_id": file.slide_id,
            "stain": file.stain,
            "n_rows": file.n_rows,
            "n_bytes": file.n_bytes,
            "sha256": file.sha256,
        }
        for path, file in zip(paths, table.files, strict=True)
    ]
    return {"columns": {column.name: str(column.type) for column in table.schema}, "files": files}


def _parsed(content: bytes, to: str) -> dict[str, Any]:
    try:
        found = json.loads(content)
        if found["export"] == "her2ladder lake" and found["version"] == 1:
            return dict(found)
    except (ValueError, TypeError, KeyError):
        pass
    raise InputError(f"--to {to}: {MANIFEST} there is not of an export of this her2ladder: choose another folder")


def _check(place: Place, to: str, format_: str, store: Store) -> None:
    """An export is never mixed with other files, nor with one of the other format, nor with the store itself."""
    if format_ == "iceberg" and isinstance(place, FolderPlace) and isinstance(store, RemoteStore):
        raise InputError(f"--to {to}: the store is in a bucket: export to s3://, or copies with --format parquet")
    if isinstance(place, FolderPlace) and (place.root == store.root or store.root in place.root.parents):
        raise InputError(f"--to {to}: lies in the store itself: choose a folder outside of it")
    content = place.read(MANIFEST)
    if content is None:
        if isinstance(place, FolderPlace) and place.root.is_dir() and any(place.root.iterdir()):
            raise InputError(f"--to {to}: wanted a new or empty folder, or an earlier export, found other files")
        place.replace(MANIFEST, _manifest(format_, "", {}))  # an export that is cut off here is known by it
        return
    was = _parsed(content, to).get("format")
    if was != format_:
        raise InputError(f"--to {to}: holds an export of --format {was}: choose another folder for {format_}")


def _sweep(place: Place, told: dict[str, dict[str, Any]]) -> None:
    """Take away copies that the manifest, published before, does not name any more."""
    for name, table in told.items():
        hold = {file["path"].rpartition("/")[2] for file in table["files"]}
        for found in place.names(name):
            if found.endswith(".parquet") and found not in hold:
                place.remove(f"{name}/{found}")
