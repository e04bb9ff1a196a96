"""Cells of one slide in the order of their source, some thousand at a time, as every format is written from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from her2ladder.schema import duck
from her2ladder.schema.outlines import QUANTA_KEY, Rings, decode_outlines
from her2ladder.schema.store import Store, no_lake

BATCH = 20_000
TABLE_COLUMNS = ("slide_id", "patient_id", "stain", "cell_id", "source_id", "cell_class", "source_label", "class_prob", "x_um", "y_um",
                 "area_um2", "membrane_completeness", "membrane_od", "cytoplasm_od")  # fmt: skip
OUTLINE_COLUMNS = (*TABLE_COLUMNS, "mpp_x", "mpp_y", "contour")
MEASURES = ("membrane_completeness", "membrane_od", "cytoplasm_od")


@dataclass(frozen=True)
class SlideFile:
    """One slide's cells in the lake."""

    store: Store
    slide_id: str
    stain: str
    path: Path

    @cached_property
    def quanta_per_px(self) -> int:
        return int(pq.read_schema(self.path).metadata[QUANTA_KEY])

    @cached_property
    def n_cells(self) -> int:
        return int(pq.read_metadata(self.path).num_rows)

    @cached_property
    def classes(self) -> list[str]:
        """Classes that the slide has cells of."""
        return self._distinct("cell_class")

    @cached_property
    def labels(self) -> list[str]:
        """Labels of the source that the slide has cells of."""
        return self._distinct("source_label")

    def _distinct(self, column: str) -> list[str]:
        with self.store.reading(no_lake) as con:
            sql = f"SELECT DISTINCT CAST({column} AS VARCHAR) FROM read_parquet(?, hive_partitioning = false) ORDER BY 1"
            return [word for (word,) in con.execute(sql, [str(self.path)]).fetchall()]

    def batches(self, columns: tuple[str, ...]) -> Iterator[pa.Table]:
        """Yield the cells by cell_id; DuckDB sorts them, on the disk where memory is short."""
        names = ", ".join(f"CAST({name} AS VARCHAR) AS {name}" if name in _WORDS else name for name in columns)
        with self.store.reading(no_lake) as con:
            sql = f"SELECT {names} FROM read_parquet($path, hive_partitioning = false) ORDER BY cell_id"
            for batch in duck.arrow_reader(con, sql, {"path": str(self.path)}, BATCH):
                yield pa.Table.from_batches([batch])


_WORDS = ("slide_id", "patient_id", "stain", "cell_class", "source_label")


def rings_of(rows: pa.Table, slide: SlideFile, unit: str = "px") -> Rings:
    """Return the outlines of a batch, in pixels of the source or in micrometres."""
    return decode_outlines(rows, slide.quanta_per_px, unit)


def place_px(rows: pa.Table) -> NDArray[np.float64]:
    """Return (n, 2) centroids in pixels of the source, such that times mpp they are the stored micrometres to the last digit."""
    axes = []
    for axis in "xy":
        um, mpp = rows.column(f"{axis}_um").to_numpy(), rows.column(f"mpp_{axis}").to_numpy()
        px = um / mpp
        for near in (np.nextafter(px, -np.inf), np.nextafter(px, np.inf)):
            px = np.where((px * mpp != um) & (near * mpp == um), near, px)
        axes.append(px)
    return np.column_stack(axes)
