"""How many cells of each class a cells file has: counted once, when the file is written, so that no later question opens every file."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq


def class_counts(path: Path) -> str:
    """Return the classes of a cells file with their cells and mean area inside the outline, as JSON for table manifest.

    raises   OSError, ArrowException where the file cannot be read
    """
    n: dict[str, int] = {}
    n_outlined: dict[str, int] = {}
    area: dict[str, float] = {}
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            columns = file.read_row_group(group, columns=["cell_class", "area_um2"])
            told = columns.set_column(0, "cell_class", pc.cast(columns.column("cell_class"), pa.string()))
            sums = told.group_by("cell_class").aggregate([("area_um2", "sum"), ("area_um2", "count"), ("cell_class", "count")])
            for row in sums.to_pylist():
                word = row["cell_class"]
                n[word] = n.get(word, 0) + row["cell_class_count"]
                n_outlined[word] = n_outlined.get(word, 0) + row["area_um2_count"]
                area[word] = area.get(word, 0.0) + (row["area_um2_sum"] or 0.0)
    rows = [
        {"cell_class": word, "n_cells": n[word], "n_outlined": n_outlined[word], "area_um2": area[word] / max(n_outlined[word], 1)}
        for word in sorted(n)
    ]
    return json.dumps(rows)
