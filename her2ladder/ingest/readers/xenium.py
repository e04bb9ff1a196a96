"""The cells of a Xenium bundle as a reader of cells: places in micrometres, outlines joined by id, no class yet (`ladder type` gives it)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from her2ladder.errors import InputError
from her2ladder.ingest.readers import xenium_bundle as files_of
from her2ladder.ingest.readers.base import BadRecord, CellBatch, Floats, Ints, ReadOptions
from her2ladder.ingest.readers.xenium_bundle import CELLS, KNOWN, OUTLINES, Bundle, id_texts, is_bundle, opened, read_table

NAME = "xenium"
TAKES_FOLDERS = True
SAYS_MPP = True
WANTS = "a Xenium bundle (folder or .zip with experiment.xenium and cells.parquet)"

LABEL = "cell"
_BATCH = 50_000


def detect(path: Path) -> str:
    return f"it holds {files_of.EXPERIMENT} or the cells and counts of a Xenium bundle" if is_bundle(path) else ""


def files(folder: Path) -> list[Path]:
    """Return the files of the bundle that are read."""
    return sorted(folder / name for name in KNOWN if (folder / name).is_file())


def read(path: Path, options: ReadOptions) -> Iterator[CellBatch]:
    """Yield the cells in the order of their table, with the cell's outline, or the nucleus' where options.outline says so.

    raises   InputError where the table is damaged or lacks a column
    """
    with opened(path) as bundle:
        table = bundle.first(*CELLS)
        assert table is not None
        cells = read_table(bundle, table, ("cell_id", "x_centroid", "y_centroid", "cell_area", "nucleus_area"))
        missing = [name for name in ("cell_id", "x_centroid", "y_centroid") if name not in cells.columns]
        if missing:
            raise InputError(f"{bundle.name}/{table.name}: wanted the column {missing[0]}, found {', '.join(cells.columns) or 'no column'}")
        ids = id_texts(cells["cell_id"])
        which = "nucleus" if options.outline == "nucleus" else "cell"
        points, starts, n_points, notes = _outlines(bundle, ids, which)
        area = f"{which}_area"
        x, y, areas = (_numbers(cells, name) for name in ("x_centroid", "y_centroid", area))
        for at in range(0, len(ids), _BATCH):
            rows = np.arange(at, min(at + _BATCH, len(ids)))
            yield _batch(ids, rows, x, y, areas, points, starts, n_points, notes if at == 0 else {})


def _batch(
    ids: pl.Series, rows: Ints, x: Floats, y: Floats, areas: Floats, points: Floats, starts: Ints, n_points: Ints, notes: dict[str, int]
) -> CellBatch:
    placed = np.isfinite(x[rows]) & np.isfinite(y[rows])
    kept, lost = rows[placed], rows[~placed]
    n = n_points[kept]
    inside = np.repeat(starts[kept] - (np.cumsum(n) - n), n) + np.arange(int(n.sum()))
    bad = tuple(BadRecord(int(i), str(ids[int(i)]), "wanted a centroid in micrometres, found none") for i in lost)
    return CellBatch(
        n_records=len(rows),
        record=kept.astype(np.int64),
        source_id=ids[kept].to_arrow().cast(pa.string()),
        label=np.zeros(len(kept), dtype=np.int32),
        label_names=(LABEL,),
        unit="um",
        x=x[kept],
        y=y[kept],
        class_prob=np.full(len(kept), np.nan, dtype=np.float32),
        points=points[inside],
        n_points=n,
        has_outlines=False,
        measures={"area_um2": areas[kept]},
        bad=bad,
        notes=notes,
    )


def _outlines(bundle: Bundle, ids: pl.Series, which: str) -> tuple[Floats, Ints, Ints, dict[str, int]]:
    """Return (P, 2) points, and for each cell where its outline starts in them and how many points it has (0 = none).

    Outlines come in an order of their own, and a cell may have several nuclei: of these the largest is taken, and that is said.
    """
    n = len(ids)
    none = np.empty((0, 2)), np.zeros(n, np.int64), np.zeros(n, np.int64)
    path = bundle.first(*OUTLINES[which])
    if path is None:
        return *none, {f"no file of {which} outlines: cells have their place and area alone": 1}
    table = read_table(bundle, path, ("cell_id", "vertex_x", "vertex_y", "label_id"))
    wanted = [name for name in ("cell_id", "vertex_x", "vertex_y") if name not in table.columns]
    if wanted:
        raise InputError(f"{bundle.name}/{path.name}: wanted the column {wanted[0]}, found {', '.join(table.columns)}")
    if table.is_empty():
        return *none, {f"no {which} outline in the file of outlines": 1}
    place = pl.DataFrame({"cell_id": ids, "row": np.arange(n)}).unique("cell_id", keep="first")
    found = table.select(id_texts(table["cell_id"]).alias("cell_id")).join(place, on="cell_id", how="left", maintain_order="left")["row"]
    row = found.fill_null(-1).to_numpy().astype(np.int64)
    label = table["label_id"].rank("dense").fill_null(0).to_numpy() if "label_id" in table.columns else np.zeros(len(row))
    # A ring is a run of rows of one cell and one label, wherever in the file the cell's other rings are.
    order = np.lexsort((np.arange(len(row)), label, row))
    row, label = row[order], label[order]
    points = table.select(pl.col("vertex_x").cast(pl.Float64), pl.col("vertex_y").cast(pl.Float64)).to_numpy()[order]
    begins = np.flatnonzero(np.r_[True, (row[1:] != row[:-1]) | (label[1:] != label[:-1])])
    lengths = np.diff(np.r_[begins, len(row)])
    owner = row[begins]
    strangers = int((owner < 0).sum())
    rings = np.flatnonzero(owner >= 0)
    size = _areas(points, begins, lengths)
    rings = rings[np.lexsort((-size[rings], owner[rings]))]
    first = np.r_[True, owner[rings][1:] != owner[rings][:-1]] if len(rings) else np.empty(0, bool)
    several = len(rings) - int(first.sum())
    starts, n_points = none[1].copy(), none[2].copy()
    chosen = rings[first]
    starts[owner[chosen]] = begins[chosen]
    n_points[owner[chosen]] = lengths[chosen]
    told = {
        f"{which} outline of an id that is no cell of the table, left out": strangers,
        f"further {which} outline of a cell that has a larger one, left out": several,
        f"cell without a {which} outline": n - len(chosen),
    }
    return np.ascontiguousarray(points), starts, n_points, {what: k for what, k in told.items() if k}


def _areas(points: Floats, begins: Ints, lengths: Ints) -> Floats:
    """Return the area of each ring (shoelace); rings may be open or closed."""
    following = np.arange(1, len(points) + 1)
    following[begins + lengths - 1] = begins
    middle = np.repeat(points[begins], lengths, axis=0)  # near zero, so that little is lost
    here, there = points - middle, points[following] - middle
    cross = here[:, 0] * there[:, 1] - there[:, 0] * here[:, 1]
    return np.asarray(np.abs(np.add.reduceat(cross, begins)) / 2)


def _numbers(frame: pl.DataFrame, name: str) -> Floats:
    if name not in frame.columns:
        return np.full(len(frame), np.nan)
    return np.array(frame[name].cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy(), dtype=np.float64)
