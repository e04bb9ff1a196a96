"""The stage that computes sc-MTOP: per-cell rows of every pair to the lake, slide values under every rule to the catalog.

Slides are independent: a worker reads one cells file and writes one pair file; the coordinator publishes a batch at a time.
Both engines (compiled kernel, DuckDB SQL) give the same rows to the last digit, so the engine is not part of what is stored.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from her2ladder.analytics.features.counted import class_numbers, within_regions, without_tiles, without_unavailable
from her2ladder.analytics.features.giant import GiantSlide, is_giant
from her2ladder.analytics.features.lake_files import pair_rows, write_lake_file
from her2ladder.analytics.features.settings import Settings, SlideTask
from her2ladder.analytics.features.tasks import find_tasks
from her2ladder.analytics.spatial.aggregate import SlideValue, slide_values
from her2ladder.analytics.spatial.pairs import PairProfiles, pair_profiles
from her2ladder.errors import InputError, LadderError, StageError
from her2ladder.queries.catalog import catalogue
from her2ladder.queries.fan_out import BATCH, Part, batches, fan_out
from her2ladder.queries.run import run
from her2ladder.schema import lake
from her2ladder.schema.dictionary import proportions
from her2ladder.schema.store import Store
from her2ladder.schema.tables import CELL_PAIR, MANIFEST, QUARANTINE, SCHEMA_VERSION, SLIDE_FEATURE
from her2ladder.schema.vocabulary import TILE_FLAGS

Report = Callable[[int, int, int], None]
UNTYPED = "none of its cells has a type: run `ladder type`"
ENGINES = ("kernel", "sql")
NO_REGION = "no region"


@dataclass(frozen=True)
class Profiled:
    """What a worker hands back: files already in the lake, and the slide's values."""

    files: tuple[dict[str, Any], ...]
    values: tuple[SlideValue, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What became of one slide."""

    slide_id: str
    stain: str
    state: str  # computed, unchanged, untyped, refused, no region (of the classes asked for)
    n_cells: int
    n_rows: int = 0
    reason: str = ""


def compute_features(
    store: Store,
    settings: Settings,
    *,
    slides: Sequence[str] = (),
    stain: str | None = None,
    force: bool = False,
    workers: int = 1,
    scheduler: str | None = None,
    part: Part | None = None,
    progress: Report = lambda done, total, units: None,
) -> list[Outcome]:
    """Compute sc-MTOP features of every slide that lacks them (of all with `force`), and write them.

    slides   only these; all where empty
    stain    only slides of it; of all stains where None
    part     only these of the store's slides, in the order of their names; they are published together, at the end
    raises   InputError for a radius, k or engine that cannot be; a slide that fails is reported and does not stop the others
    source   features.md
    """
    _check(settings)
    tasks, unchanged, untyped, without = find_tasks(store, settings, slides, stain, force, part)
    work = partial(profile_slide, store.root, settings)
    outcomes = [Outcome(t.slide_id, t.stain, "unchanged", t.n_cells) for t in unchanged]
    outcomes += [Outcome(t.slide_id, t.stain, "untyped", t.n_cells, reason=UNTYPED) for t in untyped]
    outcomes += [Outcome(t.slide_id, t.stain, NO_REGION, t.n_cells) for t in without]
    done = n_cells = 0
    since = time.monotonic()
    store.fetch(path for task in tasks for path in (task.path, *([task.regions.path] if task.regions else ())))
    with store.working():
        for batch in batches(fan_out(tasks, work, workers=workers, scheduler=scheduler), BATCH if part is None else len(tasks)):
            _publish(store, settings, batch, since)
            since = time.monotonic()
            for task, result in batch:
                done, n_cells = done + 1, n_cells + task.n_cells
                progress(done, len(tasks), n_cells)
                failed = isinstance(result, LadderError)
                n_rows = 0 if isinstance(result, LadderError) else sum(file["n_rows"] for file in result.files)
                state = "refused" if failed else "computed"
                outcomes.append(Outcome(task.slide_id, task.stain, state, task.n_cells, n_rows, str(result) if failed else ""))
    return sorted(outcomes, key=lambda one: (one.slide_id, one.stain))


def profile_slide(root: Path, settings: Settings, task: SlideTask) -> Profiled:
    """A worker's part: one slide's cells in, its per-cell files in the lake and its values out."""
    try:
        cells = pq.read_table(
            root / task.path, columns=["cell_id", "cell_class", "x_um", "y_um"], read_dictionary=["cell_class"], partitioning=None
        )
    except (pa.ArrowException, OSError) as error:
        raise StageError(
            f"{task.path}: the cells cannot be read: {str(error).splitlines()[0][:200]}; `ladder check --mend` withdraws them, ingest again"
        ) from error
    cells = within_regions(cells, root, task.regions)
    kept = without_tiles(cells, task.left_out)
    n_left_out = cells.num_rows - kept.num_rows
    cells = kept
    number = class_numbers(cells.column("cell_class"), task.classes)
    draft, n_rows, values = _pairs(lake.folder(root, "cell_pairs", task.slide_id, task.stain), settings, task, cells, number)
    values = without_unavailable(values, task.stain, task.classes, task.unavailable)
    files = [_into_lake(root, "cell_pairs", task, settings, draft, n_rows)] if draft else []  # the rows of cells are those of whole slides
    notes = [f"{n_left_out:,} cells of {len(task.left_out):,} flagged tiles are not counted"] if n_left_out else []
    if settings.centralities or settings.morphology:
        from her2ladder.analytics.features.extras import extra_files  # compiles its kernels on import: only where it was asked for

        for kind, extra, n_rows, note in extra_files(root, settings, task, cells, number):
            files.append(_into_lake(root, kind, task, settings, extra, n_rows))
            notes += [note] if note else []
    return Profiled(tuple(files), tuple(values), tuple(notes))


def _pairs(
    folder: Path, settings: Settings, task: SlideTask, cells: pa.Table, number: np.ndarray[Any, np.dtype[np.int32]]
) -> tuple[Path | None, int, list[SlideValue]]:
    """Write the rows of every pair; return the draft (None within regions), how many rows it has, and the slide's values."""
    if is_giant(settings, cells.num_rows):
        giant = GiantSlide(settings, task, cells, number)
        if settings.within:
            return None, sum(0 for _ in giant.blocks()), giant.values
        return write_lake_file(giant.blocks(), CELL_PAIR, folder), giant.n_rows, giant.values
    profiles, values = _profile(settings, task, cells, number)
    if settings.within:
        return None, 0, values
    return write_lake_file(pair_rows(profiles, task.slide_id, task.stain, task.classes), CELL_PAIR, folder), len(profiles), values


def _profile(
    settings: Settings, task: SlideTask, cells: pa.Table, number: np.ndarray[Any, np.dtype[np.int32]]
) -> tuple[PairProfiles, list[SlideValue]]:
    wanted = proportions(task.stain, task.classes)
    ids, x, y = (cells.column(name).to_numpy() for name in ("cell_id", "x_um", "y_um"))
    if settings.engine == "kernel":
        profiles = pair_profiles(x, y, number, len(task.classes), settings.radius_um, settings.k, ids)
        return profiles, slide_values(profiles, number, task.classes, wanted, settings.radius_um)
    return _profile_in_sql(settings, task, pa.table({"cell_id": ids, "cls": number, "x_um": x, "y_um": y}), number)


def _profile_in_sql(
    settings: Settings, task: SlideTask, cells: pa.Table, number: np.ndarray[Any, np.dtype[np.int32]]
) -> tuple[PairProfiles, list[SlideValue]]:
    """The readable definition: named SQL queries for neighbours, values and aggregates, scipy's csgraph for components."""
    import duckdb

    from her2ladder.analytics.spatial.sql_engine import pair_profiles_sql, slide_values_sql

    texts = {name: query.sql for name, query in catalogue().items()}
    con = duckdb.connect()
    try:
        profiles = pair_profiles_sql(con, cells, len(task.classes), settings.radius_um, settings.k, texts)
        values = slide_values_sql(con, profiles, number, task.classes, proportions(task.stain, task.classes), settings.radius_um, texts)
    finally:
        con.close()
    return profiles, values


def _into_lake(root: Path, kind: str, task: SlideTask, settings: Settings, draft: Path, n_rows: int) -> dict[str, Any]:
    n_bytes = draft.stat().st_size
    path, sha256 = lake.publish_file(root, draft, kind, task.slide_id, task.stain)
    return {
        "kind": kind,
        "slide_id": task.slide_id,
        "stain": task.stain,
        "state": "current",
        "path": path,
        "sha256": sha256,
        "n_rows": n_rows,
        "n_bytes": n_bytes,
        "schema_version": SCHEMA_VERSION,
        "cells_sha256": task.sha256,
        "parameters": settings.parameters,
    }


def _publish(store: Store, settings: Settings, batch: Sequence[tuple[SlideTask, Profiled | LadderError]], since: float) -> None:
    arguments = {
        "slides": [f"{task.slide_id} {task.stain}" for task, _ in batch],
        "engine": settings.engine,
        "radius_um": settings.radius_um,
        "k": settings.k,
        "centralities": settings.centralities,
        "morphology": settings.morphology,
        "leave_out": list(settings.leave_out),
        "within": list(settings.within),
    }
    with run(store, "features", arguments, since=since) as this:
        for task, result in batch:
            this.inputs[f"{task.slide_id} {task.stain}"] = task.sha256
            where = {"source_name": task.path, "slide_id": task.slide_id, "stain": task.stain}
            if isinstance(result, LadderError):
                this.append(QUARANTINE, [{**where, "what": "features", "reason": str(result)[:2000]}])
                continue
            this.append(QUARANTINE, [{**where, "what": "features", "reason": note} for note in result.notes])
            this.append(MANIFEST, list(result.files))
            this.append(SLIDE_FEATURE, _value_rows(settings, task, result.values))
            this.n_lake_rows += sum(file["n_rows"] for file in result.files)


def _value_rows(settings: Settings, task: SlideTask, values: Sequence[SlideValue]) -> pa.Table:
    n = len(values)
    return pa.table(
        {
            "slide_id": pa.array([task.slide_id] * n),
            "stain": pa.array([task.stain] * n),
            "feature": pa.array([v.feature for v in values]),
            "rule": pa.array([v.rule for v in values]),
            "value": pa.array([v.value for v in values], pa.float64()),
            "n_cells": pa.array([v.n_cells for v in values], pa.int64()),
            "cells_sha256": pa.array([task.sha256] * n),
            "parameters": pa.array([settings.parameters] * n),
            "feature_set": pa.array([settings.feature_set] * n, pa.string()),
            "regions_sha256": pa.array([task.regions.sha256 if task.regions else None] * n, pa.string()),
        }
    )


def _check(settings: Settings) -> None:
    if settings.engine not in ENGINES:
        raise InputError(f"--engine: wanted {' or '.join(ENGINES)}, found {settings.engine!r}")
    if settings.within and (settings.centralities or settings.morphology):
        raise InputError("--within gives the values of slides alone: leave --centralities and --morphology out")
    for flag in settings.leave_out:
        if flag not in TILE_FLAGS:
            raise InputError(f"--leave-out: wanted some of {', '.join(TILE_FLAGS)}, found {flag!r}")
    if not 0 < settings.radius_um <= 1000:
        raise InputError(f"--radius-um: wanted more than 0 and at most 1000 micrometres, found {settings.radius_um:g}")
    if not 1 <= settings.k <= 100:
        raise InputError(f"--k: wanted 1 to 100 neighbours, found {settings.k}")


def summary(outcomes: Sequence[Outcome]) -> Iterator[dict[str, Any]]:
    """Yield the outcomes as rows."""
    for one in outcomes:
        yield {
            "slide_id": one.slide_id,
            "stain": one.stain,
            "state": one.state,
            "n_cells": one.n_cells,
            "n_rows": one.n_rows,
            "reason": one.reason,
        }
