"""Optional per-cell extras of sc-MTOP, as lake files beside the pair file: centralities of each pair's graph, shape of each outline."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from her2ladder.analytics.features.lake_files import constant, nullable, write_lake_file
from her2ladder.analytics.features.settings import Settings, SlideTask
from her2ladder.analytics.spatial.centralities import pair_centralities, stroma_blocker
from her2ladder.analytics.spatial.morphology import outline_morphology
from her2ladder.analytics.spatial.pairs import class_pairs
from her2ladder.schema import lake
from her2ladder.schema.outlines import QUANTA_KEY, decode_outlines
from her2ladder.schema.tables import CELL_CENTRALITY, CELL_MORPHOLOGY, CENTRALITY_NAMES, MORPHOLOGY_NAMES

Extra = tuple[str, Path, int, str]  # kind of the lake, draft, rows, and a note where something could not be computed


def extra_files(root: Path, settings: Settings, task: SlideTask, cells: pa.Table, number: NDArray[np.int32]) -> Iterator[Extra]:
    """Yield the drafts of the extras that were asked for."""
    if settings.centralities:
        rows, note = _centralities(settings, task, cells, number)
        yield _draft(root, "cell_centralities", task, rows, note)
    if settings.morphology:
        rows, note = _morphology(root, task)
        yield _draft(root, "cell_morphologies", task, rows, note)


def _draft(root: Path, kind: str, task: SlideTask, rows: pa.Table, note: str) -> Extra:
    table = CELL_CENTRALITY if kind == "cell_centralities" else CELL_MORPHOLOGY
    return kind, write_lake_file(rows, table, lake.folder(root, kind, task.slide_id, task.stain)), rows.num_rows, note


def _centralities(settings: Settings, task: SlideTask, cells: pa.Table, number: NDArray[np.int32]) -> tuple[pa.Table, str]:
    ids, x, y = (cells.column(name).to_numpy() for name in ("cell_id", "x_um", "y_um"))
    found = pair_centralities(x, y, number, len(task.classes), settings.radius_um, settings.k, ids)
    pairs = class_pairs(len(task.classes))
    names = [f"{task.classes[a]}_{task.classes[b]}" for a, b in pairs]
    code = np.repeat(np.arange(len(names), dtype=np.int16), np.diff(found.offsets))
    n = len(found.cell_id)
    columns: dict[str, Any] = {
        "slide_id": constant(task.slide_id, n),
        "stain": constant(task.stain, n),
        "cell_id": pa.array(found.cell_id),
        "pair": pa.DictionaryArray.from_arrays(pa.array(code), pa.array(names, pa.string())),
    }
    columns |= {name: nullable(np.asarray(getattr(found, name), dtype=np.float64)) for name in CENTRALITY_NAMES}
    columns["stroma_blocker"] = _stroma_blocker(task, x, y, number, ids, found.cell_id, code)
    note = f"centralities: {found.n_beyond:,} cells lie in components of more than {found.max_component:,} cells: no shortest paths"
    return pa.table(columns, schema=CELL_CENTRALITY.arrow), note if found.n_beyond else ""


def _stroma_blocker(
    task: SlideTask,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    number: NDArray[np.int32],
    ids: NDArray[np.int32],
    cell_of_row: NDArray[np.int32],
    pair_of_row: NDArray[np.int16],
) -> pa.Array:
    """The value of each lymphocyte stands in its rows of the pair Tumor_Lymph; NULL elsewhere, and where a class is not in the vocabulary."""
    values = np.full(len(cell_of_row), np.nan)
    places = {name: place for place, name in enumerate(task.classes)}
    if {"Tumor", "Stroma", "Lymph"} <= places.keys():
        tumor, lymph = places["Tumor"], places["Lymph"]
        cell, blockers = stroma_blocker(x, y, number, lymph=lymph, tumor=tumor, stroma=places["Stroma"], cell_id=ids)
        pair = class_pairs(len(task.classes)).index((min(tumor, lymph), max(tumor, lymph)))
        inside = np.flatnonzero(pair_of_row == pair)
        at = np.searchsorted(cell_of_row[inside], cell)  # rows of a block stand in ascending cell_id
        values[inside[at]] = blockers
    return pa.array(values, from_pandas=True).cast(pa.int32())


def _morphology(root: Path, task: SlideTask) -> tuple[pa.Table, str]:
    path = root / task.path
    rows = pq.read_table(path, columns=["cell_id", "x_um", "y_um", "mpp_x", "mpp_y", "contour"], partitioning=None).sort_by("cell_id")
    rings = decode_outlines(rows, int(pq.read_schema(path).metadata[QUANTA_KEY]), "um")
    shape = outline_morphology(np.concatenate([[0], np.cumsum(rings.n_points)]), rings.points)
    n = rows.num_rows
    columns: dict[str, Any] = {"slide_id": constant(task.slide_id, n), "stain": constant(task.stain, n), "cell_id": rows.column("cell_id")}
    columns |= {name: nullable(shape[name]) for name in MORPHOLOGY_NAMES}
    without = int((rings.n_points == 0).sum())
    return pa.table(columns, schema=CELL_MORPHOLOGY.arrow), f"morphology: {without:,} cells have no outline" if without else ""
