"""The stage that reads segmented cells: many files, each checked and written on its own, published a batch at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from her2ladder.errors import InputError, LadderError
from her2ladder.ingest.cellfile import CellSource, WrittenCells, write_cells
from her2ladder.ingest.plan import plan_sources
from her2ladder.ingest.readers.base import ReadOptions
from her2ladder.ingest.regions.stage import renew
from her2ladder.ingest.source import Defaults, HowToRead, Source
from her2ladder.ingest.source_files import sha256_of_source
from her2ladder.queries.fan_out import BATCH, Part, batches, fan_out
from her2ladder.queries.init import dictionary_rows, vocabulary_rows
from her2ladder.queries.run import Run, run, to_json
from her2ladder.schema import lake
from her2ladder.schema.class_counts import class_counts
from her2ladder.schema.labels import LabelMap, load_label_map
from her2ladder.schema.store import Store
from her2ladder.schema.tables import FEATURE_DICTIONARY, LABEL_MAP, MANIFEST, PATIENT, QUARANTINE, SCHEMA_VERSION, SLIDE, VOCABULARY

_PATIENTS_OF_SLIDES = """
SELECT s.slide_id, s.stain, coalesce(arg_max(m.patient_id, m.run), any_value(s.patient_id))
FROM ladder.base.slide AS s LEFT JOIN ladder.base.manifest AS m ON m.kind = 'cells' AND m.slide_id = s.slide_id AND m.stain = s.stain
GROUP BY s.slide_id, s.stain"""
_PATIENTS_KNOWN = """
SELECT patient_id FROM ladder.base.patient_clinical UNION SELECT patient_id FROM ladder.base.imported_feature
UNION SELECT patient_id FROM ladder.base.score WHERE kind = 'imported'"""

Report = Callable[[int, int, int], None]
QUARANTINE_ROWS_A_SLIDE = 1000  # more of one slide are counted, not listed


@dataclass
class Ingested:
    """What became of one source."""

    source: Source
    state: str  # read, unchanged, would read, refused
    n_cells: int = 0
    n_quarantined: int = 0
    reason: str = ""
    format: str = ""
    why: str = ""
    notes: tuple[str, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)

    def row(self) -> dict[str, Any]:
        s = self.source
        return {
            "slide_id": s.slide_id,
            "stain": s.stain,
            "patient_id": s.patient_id,
            "state": self.state,
            "n_cells": self.n_cells,
            "n_quarantined": self.n_quarantined,
            "reason": self.reason,
            "file": s.path.name,
            "format": self.format,
            "why": self.why,
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Done:
    """What a worker hands back: the file is in the lake, but no manifest row names it yet."""

    written: WrittenCells
    path: str
    sha256: str
    class_counts: str


def ingest_cells(
    store: Store,
    paths: Sequence[Path],
    told: Defaults,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    part: Part | None = None,
    max_bad_share: float = 0.01,
    dry_run: bool = False,
    progress: Report = lambda done, total, units: None,
) -> list[Ingested]:
    """Read every source that the paths name; one that fails is quarantined with its reason and does not stop the others.

    scheduler  address of a dask cluster to read on; its workers see the sources and the store under the same paths
    part       only these of the sources, in the order of the plan; they are published together, at the end
    raises     InputError where the plan itself is wrong (nothing is written): see plan_sources
    source     design 4
    """
    sources = plan_sources(paths, told)
    if part is not None:
        sources = [source for place, source in enumerate(sources) if part.has(place)]
    words = vocabularies(store)
    maps = {(s.label_map, s.stain): load_label_map(s.label_map, s.stain, words.get(s.stain)) for s in sources}
    check_known(store, sources, maps, words)
    known = known_cells(store)
    pending, result = [], {}
    for source in sources:
        if source.fault or (source.slide_id, source.stain) not in known:  # a new slide's file is hashed by the worker that reads it
            pending.append(source)
            continue
        source = replace(source, sha256=sha256_of_source(source.path, source.format))
        if how_read(source, maps[source.label_map, source.stain]) == known.get((source.slide_id, source.stain)):
            result[source.slide_id, source.stain] = Ingested(source, "unchanged")
        else:
            pending.append(source)
    if dry_run:
        for source in pending:
            result[source.slide_id, source.stain] = Ingested(source, "refused" if source.fault else "would read", reason=source.fault)
    else:
        for one in _read(store, pending, maps, workers, scheduler, BATCH if part is None else len(pending), max_bad_share, progress):
            result[one.source.slide_id, one.source.stain] = one
    if not dry_run:
        renew(store, [key for key, one in result.items() if one.state == "read"])
    return [result[source.slide_id, source.stain] for source in sources]


def _read(
    store: Store,
    sources: list[Source],
    maps: dict[tuple[str, str], LabelMap],
    workers: int,
    scheduler: str | None,
    size: int,
    max_bad_share: float,
    progress: Report,
) -> Iterator[Ingested]:
    """Read, and publish a batch of slides at a time, of at least `size`."""
    work = partial(_read_one, store.root, maps, max_bad_share)
    if scheduler is not None:  # its workers have folders of their own that they work in
        sources = [replace(source, path=source.path.absolute()) for source in sources]
    done = n_cells = 0
    since = time.monotonic()
    with store.working():
        for batch in batches(fan_out(sources, work, workers=workers, scheduler=scheduler), size):
            arguments = {"slides": [f"{s.slide_id} {s.stain}" for s, _ in batch], "max_bad_share": max_bad_share}
            batch = [(_hashed(source, outcome), outcome) for source, outcome in batch]
            with run(store, "ingest cells", arguments, since=since) as this:
                for source, outcome in batch:
                    note_slide(this, source, outcome, maps[source.label_map, source.stain])
            since = time.monotonic()
            for source, outcome in batch:
                one = ingested(source, outcome)
                done, n_cells = done + 1, n_cells + one.n_cells
                progress(done, len(sources), n_cells)
                yield one


def _hashed(source: Source, outcome: Done | LadderError) -> Source:
    """The source with the hash of the bytes that were read; of a file that could not be read there may be none."""
    if source.sha256:
        return source
    if isinstance(outcome, Done):
        return replace(source, sha256=outcome.written.source_sha256)
    try:
        return replace(source, sha256=sha256_of_source(source.path, source.format))
    except (OSError, LadderError):
        return source


def note_slide(this: Run, source: Source, outcome: Done | LadderError, label_map: LabelMap) -> None:
    """Put a slide's rows into a run: its keys and its place in the lake, or why it was refused."""
    this.inputs[source.path.name] = source.sha256
    this.append(QUARANTINE, _quarantine_rows(source, outcome))
    if isinstance(outcome, Done):
        for table, rows in _key_rows(source, label_map):
            this.insert_new(table, rows)
        this.append(MANIFEST, [_manifest_row(source, label_map, outcome)])
        this.n_lake_rows += outcome.written.n_rows


def _read_one(root: Path, maps: dict[tuple[str, str], LabelMap], max_bad_share: float, source: Source) -> Done:
    """A worker's part: one source to one Parquet file in the lake."""
    if source.fault:
        raise InputError(source.fault)
    folder = lake.folder(root, "cells", source.slide_id, source.stain)
    folder.mkdir(parents=True, exist_ok=True)
    spec = CellSource(
        slide_id=source.slide_id,
        patient_id=source.patient_id,
        stain=source.stain,
        mpp_x=source.mpp_x,
        mpp_y=source.mpp_y,
        label_map=maps[source.label_map, source.stain],
        format=source.format,
        columns=dict(source.columns),
        width_px=source.width_px,
        height_px=source.height_px,
        max_bad_share=max_bad_share,
        slide_mpp=source.slide_mpp,
        mpp_as_given=source.how.mpp_as_given,
        duplicates=source.how.duplicates,
        origin=source.how.origin,
        source_sha256=source.sha256,
        options=ReadOptions(outline=source.how.outline, allow_pickle=source.how.allow_pickle),
    )
    written = write_cells(source.path, folder, spec)
    path, sha256 = lake.publish_file(root, written.path, "cells", source.slide_id, source.stain)
    return Done(written, path, sha256, class_counts(root / path))


def how_read(source: Source, label_map: LabelMap) -> str:
    """Everything that decides what the cells file says: the same text means that there is nothing to read."""
    told = {name: value for name, value in source.how.__dict__.items() if value != getattr(HowToRead(), name) and name != "allow_pickle"}
    return to_json(
        {
            **told,
            "source_sha256": source.sha256,
            "label_map_sha256": label_map.sha256,
            "patient_id": source.patient_id,
            "mpp": [source.mpp_x, source.mpp_y],
            "slide_mpp": source.slide_mpp,
            "size_px": [source.width_px, source.height_px],
            "format": source.format,
            "columns": dict(source.columns),
            **({"segmentation": dict(source.made_with)} if source.made_with else {}),
            **({"unavailable": list(label_map.unavailable)} if label_map.unavailable else {}),
        }
    )


def known_cells(store: Store) -> dict[tuple[str, str], str]:
    """Slide and stain -> how its current cells were read."""
    with store.reading() as con:
        rows = con.sql("SELECT slide_id, stain, parameters FROM manifest_current WHERE kind = 'cells'").fetchall()
    return {(slide_id, stain): parameters for slide_id, stain, parameters in rows}


def vocabularies(store: Store) -> dict[str, list[str]]:
    """Stain -> classes in canonical order."""
    words: dict[str, list[str]] = {}
    with store.reading() as con:
        for stain, word in con.sql("SELECT stain, cell_class FROM vocabulary ORDER BY stain, position").fetchall():
            words.setdefault(stain, []).append(word)
    return words


def check_known(store: Store, sources: list[Source], maps: dict[tuple[str, str], LabelMap], words: dict[str, list[str]]) -> None:
    """A slide keeps its patient, unless that is only the slide's own name, of which nothing else is known; a stain keeps its vocabulary.

    raises   InputError
    """
    with store.reading() as con:
        patients = {(slide_id, stain): patient for slide_id, stain, patient in con.sql(_PATIENTS_OF_SLIDES).fetchall()}
        known = {patient for (patient,) in con.sql(_PATIENTS_KNOWN).fetchall()}
    for source in sources:
        was = patients.get((source.slide_id, source.stain), source.patient_id)
        if was != source.patient_id and (was != source.slide_id or was in known):
            raise InputError(
                f"slide {source.slide_id}, stain {source.stain}: belongs to patient {was} in the store, found {source.patient_id}: "
                f"say --patient {was} (manifest column patient_id), or read another patient's slide under another --slide-id"
            )
    for (name, stain), label_map in maps.items():
        if list(label_map.classes) != words.get(stain, list(label_map.classes)):
            held, found = ", ".join(words[stain]), ", ".join(label_map.classes)
            raise InputError(f"label map {name}: stain {stain} has the classes {held} in the store, found {found}")


def _key_rows(source: Source, label_map: LabelMap) -> list[tuple[Any, list[dict[str, Any]]]]:
    version = {"label_map": label_map.name, "label_map_sha256": label_map.sha256, "stain": label_map.stain}
    return [
        (PATIENT, [{"patient_id": source.patient_id}]),
        (SLIDE, [{"slide_id": source.slide_id, "stain": source.stain, "patient_id": source.patient_id}]),
        (LABEL_MAP, [{**version, "label": label, "cell_class": word} for label, word in label_map.labels.items()]),
        (VOCABULARY, vocabulary_rows(source.stain, tuple(label_map.classes))),
        (FEATURE_DICTIONARY, dictionary_rows(source.stain, tuple(label_map.classes))),
    ]


def _manifest_row(source: Source, label_map: LabelMap, done: Done) -> dict[str, Any]:
    written = done.written
    return {
        "kind": "cells",
        "slide_id": source.slide_id,
        "stain": source.stain,
        "state": "current",
        "path": done.path,
        "sha256": done.sha256,
        "n_rows": written.n_rows,
        "n_bytes": written.n_bytes,
        "schema_version": SCHEMA_VERSION,
        "cells_sha256": done.sha256,
        "parameters": how_read(source, label_map),
        "source_name": source.path.name,
        "source_sha256": source.sha256,
        "source_format": written.source_format,
        "label_map": label_map.name,
        "label_map_sha256": label_map.sha256,
        "patient_id": source.patient_id,
        "mpp_x": written.mpp_x,
        "mpp_y": written.mpp_y,
        "slide_mpp": source.slide_mpp,
        "class_counts": done.class_counts,
        "n_quarantined": written.n_quarantined,
    }


def _quarantine_rows(source: Source, outcome: Done | LadderError) -> list[dict[str, Any]]:
    where = {"source_name": source.path.name, "slide_id": source.slide_id, "stain": source.stain}
    if isinstance(outcome, LadderError):
        return [{**where, "what": "slide", "reason": str(outcome)[:2000]}]
    listed = outcome.written.quarantined[:QUARANTINE_ROWS_A_SLIDE]
    rows = [{**where, "what": "cell", "record": record, "reason": reason} for record, reason in listed]
    rows += [
        {**where, "what": "cell", "record": record, "reason": why} for record, why in outcome.written.duplicates[:QUARANTINE_ROWS_A_SLIDE]
    ]
    more = outcome.written.n_quarantined - len(listed)
    return [*rows, {**where, "what": "cell", "reason": f"{more} further cells, not listed"}] if more else rows


def ingested(source: Source, outcome: Done | LadderError) -> Ingested:
    if isinstance(outcome, LadderError):
        return Ingested(source, "refused", reason=str(outcome))
    written = outcome.written
    return Ingested(
        source,
        "read",
        written.n_rows,
        written.n_quarantined,
        format=written.source_format,
        why=written.why,
        notes=written.notes,
        counts=dict(written.counts),
    )
