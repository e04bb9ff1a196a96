"""The stage behind `ladder ingest regions`: files of drawn regions to the regions of one slide, and each of its cells to the regions it lies in.

The files of one call are the slide's regions; a later call takes their place. Regions and memberships are published together.
source   issue 13; decision 0040 (whom a cell on a border belongs to, what is left out)
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from her2ladder.errors import InputError, MissingError, StageError
from her2ladder.ingest.regions.drawn import load_region_map
from her2ladder.ingest.regions.margins import Margin
from her2ladder.ingest.regions.members import members
from her2ladder.ingest.regions.placed import Region, read_regions
from her2ladder.queries.run import Run, run, to_json
from her2ladder.schema import lake
from her2ladder.schema.duck import arrow_table
from her2ladder.schema.store import Store
from her2ladder.schema.tables import CELL_REGION, MANIFEST, QUARANTINE, REGION, SCHEMA_VERSION
from her2ladder.schema.vocabulary import MPP_PLAUSIBLE_UM

VERSION = 1  # of what this code makes of a file: another number reads again


@dataclass(frozen=True)
class Placed:
    """What became of the regions of a slide.

    state    read, unchanged
    counts   class -> regions
    bad      (file, record, reason) of what is no region
    """

    slide_id: str
    stain: str
    state: str
    n_regions: int
    n_cells: int
    n_in_regions: int
    counts: dict[str, int]
    bad: tuple[tuple[str, str, str], ...] = ()
    notes: tuple[str, ...] = ()

    def row(self) -> dict[str, Any]:
        return {
            "slide_id": self.slide_id, "stain": self.stain, "state": self.state, "n_regions": self.n_regions, "n_bad": len(self.bad),
            "n_cells": self.n_cells, "n_in_regions": self.n_in_regions, "classes": self.counts,
        }  # fmt: skip


def ingest_regions(
    store: Store,
    files: Sequence[Path],
    slide_id: str,
    *,
    stain: str | None = None,
    map_file: Path | None = None,
    mpp: float | None = None,
    margins: Sequence[Margin] = (),
) -> Placed:
    """Read drawn regions and find the cells in each.

    stain    needed where the slide has several
    mpp      micrometres per pixel of the files' coordinates; that of level 0 as the store knows it where None
    margins  bands along the border of a class, as regions of their own
    raises   InputError: a file that is none of these, no region in them; MissingError: no such slide
    """
    told = load_region_map(map_file)
    if mpp is not None and not MPP_PLAUSIBLE_UM[0] <= mpp <= MPP_PLAUSIBLE_UM[1]:
        raise InputError(f"--mpp: wanted {MPP_PLAUSIBLE_UM[0]:g} to {MPP_PLAUSIBLE_UM[1]:g} micrometres per pixel, found {mpp:g}")
    slide = _slide(store, slide_id, stain)
    scale, note = _scale(slide, mpp)
    hashes = {path.name: lake.sha256_of(path) if path.is_file() else "" for path in files}
    asked = to_json(
        {"files": hashes, "scale": scale, "labels": dict(told.labels), "exclude": told.exclude, "columns": dict(told.columns),
         "margins": [[one.region_class, one.width_um] for one in margins], "version": VERSION}
    )  # fmt: skip
    held = _held(store, slide_id, slide["stain"])
    if held.get("regions", {}).get("parameters") == asked and "cell_regions" in held:
        return _unchanged(store, slide)
    found, bad = read_regions(files, told, scale, margins)
    arguments = {"slide": f"{slide_id} {slide['stain']}", "files": sorted(hashes), "margins": [one.region_class for one in margins]}
    with store.working(), run(store, "ingest regions", arguments) as this:
        this.inputs |= hashes
        where = {"slide_id": slide_id, "stain": slide["stain"]}
        this.append(QUARANTINE, [{**where, "source_name": file, "what": "region", "record": at, "reason": why} for file, at, why in bad])
        drawn = _published(store, "regions", slide, _region_rows(slide, found), asked)
        this.append(MANIFEST, [drawn])
        n_in, n_cells = _place(store, this, slide, drawn["sha256"], [one.shape for one in found], [one.region_class for one in found])
        this.n_lake_rows += len(found)
    notes = [note] if note else []
    if not n_in:
        notes.append("no cell lies in any of these regions: were they drawn on this slide, and is --mpp right?")
    return Placed(slide_id, slide["stain"], "read", len(found), n_cells, n_in, _counted(found), tuple(bad), tuple(notes))


def renew(store: Store, slides: Sequence[tuple[str, str]]) -> int:
    """Find the cells of regions anew where a slide's cells have changed; return the number of such slides.

    slides   (slide_id, stain); those without regions cost nothing
    """
    if not slides:
        return 0
    with store.reading() as con:
        sql = "SELECT slide_id, stain FROM manifest_current GROUP BY ALL HAVING bool_or(kind = 'regions') AND NOT bool_or(kind = 'cell_regions')"
        stale = set(con.sql(sql).fetchall())
    for slide_id, stain in sorted(stale & set(slides)):
        slide = _slide(store, slide_id, stain)
        held = _held(store, slide_id, stain)["regions"]
        rows = _read(store, held["path"], ["region_class", "geometry"])
        with store.working(), run(store, "ingest regions", {"slide": f"{slide_id} {stain}", "again": True}) as this:
            this.inputs[held["path"]] = held["sha256"]
            import shapely

            shapes = shapely.from_wkb(rows.column("geometry").to_pylist())
            _place(store, this, slide, held["sha256"], list(shapes), rows.column("region_class").to_pylist())
    return len(stale & set(slides))


def _slide(store: Store, slide_id: str, stain: str | None) -> dict[str, Any]:
    with store.reading() as con:
        rows = arrow_table(con, "SELECT * FROM slide WHERE slide_id = $slide ORDER BY stain", {"slide": slide_id}).to_pylist()
    if not rows:
        raise MissingError(f"--slide-id: no slide called {slide_id!r} in the store: read its cells first (`ladder ingest cells`)")
    fitting = [row for row in rows if stain is None or row["stain"] == stain]
    if len(fitting) != 1:
        there = ", ".join(row["stain"] for row in rows)
        raise InputError(f"--stain: slide {slide_id!r} has {there}; wanted one of them, found {stain or 'none named'}")
    [slide] = fitting
    return dict(slide)


def _scale(slide: dict[str, Any], mpp: float | None) -> tuple[tuple[float, float], str]:
    """Return micrometres per pixel of the drawing, x and y, and what is to be said of it."""
    if mpp is not None:
        return (mpp, mpp), ""
    if slide["slide_mpp"] is not None:
        return (slide["slide_mpp"], slide["slide_mpp"]), ""
    um = (slide["mpp_x"], slide["mpp_y"])
    return um, f"read at {um[0]:g} um per pixel, as the slide's cells are; where the regions were drawn at another, say --mpp"


def _held(store: Store, slide_id: str, stain: str) -> dict[str, dict[str, Any]]:
    with store.reading() as con:
        sql = "SELECT * FROM manifest_current WHERE slide_id = $slide AND stain = $stain AND kind IN ('regions', 'cell_regions')"
        return {row["kind"]: row for row in arrow_table(con, sql, {"slide": slide_id, "stain": stain}).to_pylist()}


def _unchanged(store: Store, slide: dict[str, Any]) -> Placed:
    where = {"slide": slide["slide_id"], "stain": slide["stain"]}
    with store.reading() as con:
        sql = "SELECT region_class, count(*) FROM region WHERE slide_id = $slide AND stain = $stain GROUP BY ALL ORDER BY ALL"
        counts = dict(con.execute(sql, where).fetchall())
        sql = "SELECT count(DISTINCT cell_id) FROM cell_region WHERE slide_id = $slide AND stain = $stain"
        [(n_in,)] = con.execute(sql, where).fetchall()
    return Placed(slide["slide_id"], slide["stain"], "unchanged", sum(counts.values()), slide["n_cells"], n_in, counts)


def _counted(found: Sequence[Region]) -> dict[str, int]:
    words = sorted({one.region_class for one in found})
    return {word: sum(one.region_class == word for one in found) for word in words}


def _region_rows(slide: dict[str, Any], found: Sequence[Region]) -> pa.Table:
    n = len(found)
    return REGION.cast(
        pa.table(
            {
                "slide_id": pa.array([slide["slide_id"]] * n),
                "stain": pa.array([slide["stain"]] * n),
                "region_id": pa.array(range(n), pa.int32()),
                "region_class": pa.array([one.region_class for one in found]),
                "name": pa.array([one.name for one in found], pa.string()),
                "role": pa.array([one.role for one in found]),
                "area_um2": pa.array([float(one.shape.area) for one in found]),
                "geometry": pa.array([one.shape.wkb for one in found], pa.binary()),
                "source_name": pa.array([one.source for one in found]),
            }
        )
    )


def _place(
    store: Store, this: Run, slide: dict[str, Any], regions_sha256: str, shapes: Sequence[Any], classes: Sequence[str]
) -> tuple[int, int]:
    """Write which cells lie in which region; return (cells in any, cells)."""
    cells = _read(store, slide["path"], ["cell_id", "x_um", "y_um"])
    ids, x, y = (cells.column(name).to_numpy() for name in ("cell_id", "x_um", "y_um"))
    at, region = members(x, y, shapes)
    order = np.lexsort((region, ids[at]))
    rows = _member_rows(slide, ids[at][order], region[order], classes)
    parameters = to_json({"regions": regions_sha256})
    row = _published(store, "cell_regions", slide, rows, parameters)
    this.append(MANIFEST, [{**row, "cells_sha256": slide["sha256"]}])
    this.n_lake_rows += rows.num_rows
    return len(np.unique(at)), len(ids)


def _member_rows(slide: dict[str, Any], cell_id: NDArray[np.int32], region: NDArray[np.int64], classes: Sequence[str]) -> pa.Table:
    n = len(cell_id)
    words = sorted(set(classes))
    number = np.array([words.index(word) for word in classes], dtype=np.int16)
    same = pa.array(np.zeros(n, np.int16))
    return CELL_REGION.cast(
        pa.table(
            {
                "slide_id": pa.DictionaryArray.from_arrays(same, pa.array([slide["slide_id"]])),
                "stain": pa.DictionaryArray.from_arrays(same, pa.array([slide["stain"]])),
                "cell_id": pa.array(cell_id),
                "region_id": pa.array(region.astype(np.int32)),
                "region_class": pa.DictionaryArray.from_arrays(pa.array(number[region]), pa.array(words, pa.string())),
            }
        )
    )


def _published(store: Store, kind: str, slide: dict[str, Any], rows: pa.Table, parameters: str) -> dict[str, Any]:
    """Write rows into the lake; return their manifest row, that belongs to no cells file yet."""
    folder = lake.folder(store.root, kind, slide["slide_id"], slide["stain"])
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{kind}-{uuid.uuid4().hex}.draft"
    try:
        pq.write_table(rows, draft, row_group_size=131_072, compression="zstd", version="2.6")
        n_bytes = draft.stat().st_size
        path, sha256 = lake.publish_file(store.root, draft, kind, slide["slide_id"], slide["stain"])
    except OSError as error:
        raise StageError(f"{folder}: cannot be written: {error.strerror or error}") from error
    finally:
        draft.unlink(missing_ok=True)
    return {
        "kind": kind, "slide_id": slide["slide_id"], "stain": slide["stain"], "state": "current", "path": path, "sha256": sha256,
        "n_rows": rows.num_rows, "n_bytes": n_bytes, "schema_version": SCHEMA_VERSION, "cells_sha256": sha256, "parameters": parameters,
    }  # fmt: skip


def _read(store: Store, path: str, columns: list[str]) -> pa.Table:
    try:
        return pq.read_table(store.file(path), columns=columns, partitioning=None)
    except (pa.ArrowException, OSError) as error:
        raise StageError(f"{path}: cannot be read: {str(error).splitlines()[0][:200]}; `ladder check --mend`") from error
