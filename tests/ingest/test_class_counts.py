"""The cells of each class as the manifest keeps them: over all row groups, mean area of those that have one."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from her2ladder.schema.class_counts import class_counts


def test_all_row_groups_count_and_cells_without_area_do_not_weigh(tmp_path: Path) -> None:
    words = pa.array(["a", "b", "a", "a", "b", "a"]).dictionary_encode()
    table = pa.table({"cell_class": words, "area_um2": pa.array([10.0, None, 20.0, None, None, 60.0])})
    pq.write_table(table, tmp_path / "c.parquet", row_group_size=2)
    assert pq.read_metadata(tmp_path / "c.parquet").num_row_groups == 3
    assert json.loads(class_counts(tmp_path / "c.parquet")) == [
        {"cell_class": "a", "n_cells": 4, "n_outlined": 3, "area_um2": 30.0},
        {"cell_class": "b", "n_cells": 2, "n_outlined": 0, "area_um2": 0.0},
    ]
