"""Per-cell rows of one slide as a Parquet file of the lake: written so that the same values give the same bytes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from her2ladder.analytics.spatial.pairs import PairProfiles, class_pairs
from her2ladder.schema.contract import Table
from her2ladder.schema.tables import CELL_PAIR, SCHEMA_VERSION

ROW_GROUP = 131_072


def pair_rows(profiles: PairProfiles, slide_id: str, stain: str, classes: Sequence[str]) -> pa.Table:
    """Return the rows of table cell_pair, block by block, ascending cell_id within a pair."""
    names = [f"{classes[a]}_{classes[b]}" for a, b in class_pairs(profiles.n_classes)]
    n = len(profiles)
    columns = {
        "slide_id": constant(slide_id, n),
        "stain": constant(stain, n),
        "cell_id": pa.array(profiles.cell_id),
        "pair": pa.DictionaryArray.from_arrays(pa.array(profiles.pair_of_row()), pa.array(names, pa.string())),
        "n_subgraph": pa.array(profiles.n_subgraph),
        "degrees": pa.array(profiles.degrees),
        "min_edge_um": nullable(profiles.min_edge_um),
        "mean_edge_um": nullable(profiles.mean_edge_um),
    }
    return pa.table(columns, schema=CELL_PAIR.arrow)


def constant(word: str, n: int) -> pa.DictionaryArray:
    """Return a column that says one word n times, at the price of one."""
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int16)), pa.array([word], pa.string()))


def nullable(values: NDArray[np.float64]) -> pa.Array:
    """Return a float column in which NaN is NULL."""
    return pa.array(values, from_pandas=True)


def write_lake_file(rows: pa.Table, table: Table, folder: Path) -> Path:
    """Write rows of a contract to a draft in `folder`; the store gives it its name. Return the draft."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{table.name}-{os.getpid()}.draft"
    floats = [c.name for c in table.columns if c.type == pa.float64()]
    words = [c.name for c in table.columns if pa.types.is_dictionary(c.type)]
    counts = [c.name for c in table.columns if c.name in ("n_subgraph", "degrees")]
    stored = rows.replace_schema_metadata({"contract": table.name, "schema_version": str(SCHEMA_VERSION)})
    pq.write_table(
        stored,
        draft,
        row_group_size=ROW_GROUP,
        compression={name: "none" if name in floats else "zstd" for name in table.names},
        compression_level=dict.fromkeys([name for name in table.names if name not in floats], 1),
        use_dictionary=[*words, *counts],
        column_encoding={"cell_id": "DELTA_BINARY_PACKED"},
        write_statistics=["cell_id", *words],
    )
    return draft
