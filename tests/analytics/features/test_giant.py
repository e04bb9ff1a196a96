"""A giant slide is profiled pair by pair: the same file and the same values as all pairs at once, whatever the order of the cells."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from her2ladder.analytics.features import giant, stage
from her2ladder.analytics.features.lake_files import ROW_GROUP, constant, write_lake_file
from her2ladder.analytics.features.settings import Settings, SlideTask
from her2ladder.analytics.simulate.bench import slide
from her2ladder.schema.tables import CELL_PAIR
from her2ladder.schema.vocabulary import CLASSES


@pytest.mark.parametrize("without", [None, "Neutro"])
def test_pair_by_pair_gives_the_bytes_and_values_of_all_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without: str | None
) -> None:
    n, classes = 60_000, tuple(CLASSES["HE"])
    x, y, number = slide(n, 7)
    rng = np.random.default_rng(7)
    number[rng.random(n) < 0.02] = -1  # Other
    if without is not None:
        number[number == classes.index(without)] = 0
    cells = pa.table({"cell_id": rng.permutation(2 * n)[:n].astype(np.int32), "x_um": x, "y_um": y})
    task = SlideTask("S", "HE", "S.parquet", "", n, classes, (), ())
    made = []
    for limit in (n, n - 1):
        monkeypatch.setattr(giant, "GIANT", limit)
        draft, n_rows, values = stage._pairs(tmp_path / str(limit), Settings(25.0, 5, "kernel"), task, cells, number.astype(np.int32))
        made.append((draft.read_bytes(), n_rows, values))
    assert made[0] == made[1]
    assert made[0][1] == pq.read_metadata(pa.BufferReader(made[0][0])).num_rows > ROW_GROUP


def test_rows_that_come_in_parts_make_the_same_bytes(tmp_path: Path) -> None:
    n = 2 * ROW_GROUP + 10
    columns = {
        "slide_id": constant("S", n),
        "stain": constant("HE", n),
        "cell_id": pa.array(np.arange(n, dtype=np.int32)),
        "pair": constant("A_A", n),
        "n_subgraph": pa.array(np.arange(n, dtype=np.int32) % 7),
        "degrees": pa.array(np.arange(n, dtype=np.int32) % 5),
        "min_edge_um": pa.array(np.arange(n) / 3),
        "mean_edge_um": pa.array(np.arange(n) / 2),
    }
    rows = pa.table(columns, schema=CELL_PAIR.arrow)
    whole = write_lake_file(rows, CELL_PAIR, tmp_path).read_bytes()
    cuts = [0, 5, 5, ROW_GROUP - 1, ROW_GROUP + 3, 2 * ROW_GROUP, n]
    parts = (rows.slice(a, b - a) for a, b in itertools.pairwise(cuts))
    assert write_lake_file(parts, CELL_PAIR, tmp_path).read_bytes() == whole
    assert [pq.read_metadata(pa.BufferReader(whole)).row_group(i).num_rows for i in range(3)] == [ROW_GROUP, ROW_GROUP, 10]
    empty = write_lake_file(iter([rows.slice(0, 0)]), CELL_PAIR, tmp_path).read_bytes()
    assert empty == write_lake_file(rows.slice(0, 0), CELL_PAIR, tmp_path).read_bytes()
