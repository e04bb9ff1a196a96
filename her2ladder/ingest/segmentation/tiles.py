"""The work of a segmentation, tile by tile, kept in files until the slide is whole: a killed run goes on where it was.

A folder holds one Arrow file a finished tile, named by its place in the grid; it gets its name when it is complete. Read back as a source of
cells, in the order of the tiles, whoever finished first.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from her2ladder.errors import InputError
from her2ladder.ingest.readers.base import MEASURES, CellBatch, ReadOptions
from her2ladder.ingest.segmentation.cells_of_tile import SCHEMA, find, find_membranes, fused, on_slide, owned
from her2ladder.ingest.segmentation.networks import Model, network_of
from her2ladder.ingest.segmentation.quality import Quality, quality_of
from her2ladder.ingest.segmentation.slides.grid import Grid, Tile
from her2ladder.ingest.segmentation.slides.slide import Slide, open_slide

NAME = "segmented"
TAKES_FOLDERS = True
SAYS_MPP = False
WANTS = "tiles that ladder segment wrote"
_PLACE = re.compile(r"^\d{6}-\d{6}\.arrow$")
_MEASURES = [name for name in MEASURES if name in SCHEMA.names]


@dataclass(frozen=True)
class Work:
    """What is the same for all tiles of a slide; a worker gets it with each tile.

    mpp          of level 0
    model        None = HER2 membranes
    prefixes     of the labels of the two networks, where two are fused
    wins         labels of the second network whose cells displace the first's
    factor       of the HER2 batch's calibration
    """

    slide: str
    mpp: tuple[float, float]
    stain: str
    grid: Grid
    white: tuple[float, float, float]
    folder: str
    model: Model | None
    other: Model | None = None
    prefixes: tuple[str, str] = ("", "")
    wins: frozenset[str] = frozenset()
    preset: str = "hovernet"
    factor: float = 1.0


class Task(NamedTuple):
    work: Work
    tile: Tile


class Did(NamedTuple):
    """One tile done: its cells, and its quality."""

    tile: Tile
    n_cells: int
    quality: Quality


def place_of(folder: Path, tile: Tile) -> Path:
    return folder / f"{tile.row:06d}-{tile.column:06d}.arrow"


def do_tile(task: Task) -> Did:
    """Segment one tile and keep its cells, unless an earlier run did.

    raises   InputError where the slide is damaged there
    """
    work, tile = task
    place = place_of(Path(work.folder), tile)
    if (done := _kept(place, tile)) is not None:
        return done
    slide = _open(work.slide, work.mpp)
    grid = work.grid
    rgb = slide.read(
        grid.origin[0] + tile.x0 * grid.scale[0], grid.origin[1] + tile.y0 * grid.scale[1], tile.x1 - tile.x0, tile.y1 - tile.y0, grid.scale
    )
    quality = quality_of(rgb, np.array(work.white), work.mpp[0] * grid.scale[0], work.stain)
    cells = _cells(work, slide, tile)
    _keep(place, cells, quality)
    return Did(tile, cells.num_rows, quality)


def _cells(work: Work, slide: Slide, tile: Tile) -> pa.Table:
    if work.model is None:
        membranes = find_membranes(slide, work.grid, tile, work.mpp[0], np.array(work.white), work.factor)
        return on_slide(owned(membranes, tile), work.grid)
    found = find(network_of(work.model), slide, work.grid, tile, work.preset, work.prefixes[0])
    if work.other is not None:
        found = fused(found, find(network_of(work.other), slide, work.grid, tile, work.preset, work.prefixes[1]), work.wins)
    return on_slide(owned(found, tile), work.grid)


@lru_cache(maxsize=1)
def _open(path: str, mpp: tuple[float, float]) -> Slide:
    """One handle a process, opened in it."""
    return open_slide(path, mpp, mpp_as_given=True)


def let_go() -> None:
    """Forget the slide that this process has open."""
    _open.cache_clear()


def _keep(place: Path, cells: pa.Table, quality: Quality) -> None:
    draft = place.with_name(f".{place.name}-{os.getpid()}")
    try:
        with (
            pa.OSFile(str(draft), "wb") as sink,
            pa.ipc.new_file(sink, cells.schema.with_metadata({"quality": json.dumps(quality)})) as file,
        ):
            file.write_table(cells)
        os.replace(draft, place)
    finally:
        draft.unlink(missing_ok=True)


def _read(place: Path) -> tuple[pa.Table, Quality]:
    with pa.memory_map(str(place)) as source:
        table = pa.ipc.open_file(source).read_all()
    return table, Quality(*json.loads(table.schema.metadata[b"quality"]))


def _kept(place: Path, tile: Tile) -> Did | None:
    """Return what an earlier run found, where its file is there and whole."""
    if not place.exists():
        return None
    try:
        table, quality = _read(place)
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError):
        place.unlink(missing_ok=True)  # the machine went down before the disk had it
        return None
    return Did(tile, table.num_rows, quality)


# ------------------------------------------------------------------------------------------------ read back as a source of cells
def detect(path: Path) -> str:
    return ""  # never told from a file: the stage names it


def files(folder: Path) -> list[Path]:
    return sorted(place for place in folder.iterdir() if _PLACE.match(place.name))


def read(path: Path, options: ReadOptions) -> Iterator[CellBatch]:
    """Yield the cells of all tiles, one batch a tile, numbered through.

    raises   InputError where a tile's file is damaged
    """
    first = 0
    for place in files(path):
        try:
            table, _ = _read(place)
        except (pa.ArrowException, OSError, ValueError, KeyError) as error:
            raise InputError(f"{place}: a tile's file is damaged: segment the slide again") from error
        yield _batch(table.combine_chunks(), first)
        first += table.num_rows


def _batch(table: pa.Table, first: int) -> CellBatch:
    n = table.num_rows
    label = table.column("label").combine_chunks().dictionary_encode()
    outline = table.column("outline").combine_chunks()
    values = outline.flatten().to_numpy(zero_copy_only=False).reshape(-1, 2)
    return CellBatch(
        n_records=n,
        record=np.arange(first, first + n),
        source_id=pa.nulls(n, pa.string()),
        label=label.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32),
        label_names=tuple(label.dictionary.to_pylist()),
        unit="px",
        x=table.column("x_px").to_numpy(),
        y=table.column("y_px").to_numpy(),
        class_prob=_floats(table, "class_prob").astype(np.float32),
        points=values.astype(np.float64),
        n_points=(outline.value_lengths().to_numpy(zero_copy_only=False) // 2).astype(np.int64),
        has_outlines=True,
        measures={name: _floats(table, name) for name in _MEASURES},
    )


def _floats(table: pa.Table, name: str) -> Any:
    """Return a column as floats, NULL as NaN."""
    return table.column(name).cast(pa.float64()).fill_null(np.nan).to_numpy()
