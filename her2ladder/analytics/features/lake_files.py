"""Per-cell rows of one slide as a Parquet file of the lake: written so that the same values give the same bytes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
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
    return _rows(profiles, slice(0, len(profiles)), slide_id, stain, classes, profiles.pair_of_row())


def block_rows(profiles: PairProfiles, block: slice, slide_id: str, stain: str, classes: Sequence[str], pair: int) -> pa.Table:
    """Return some rows of table cell_pair, all of one pair.

    pair   its place in the canonical order of the slide's classes, which need not be those of the profiles
    """
    return _rows(profiles, block, slide_id, stain, classes, np.full(block.stop - block.start, pair, np.int16))


def _rows(
    profiles: PairProfiles, block: slice, slide_id: str, stain: str, classes: Sequence[str], pair_of_row: NDArray[np.int16]
) -> pa.Table:
    names = [f"{classes[a]}_{classes[b]}" for a, b in class_pairs(len(classes))]
    n = len(pair_of_row)
    columns = {
        "slide_id": constant(slide_id, n),
        "stain": constant(stain, n),
        "cell_id": pa.array(profiles.cell_id[block]),
        "pair": pa.DictionaryArray.from_arrays(pa.array(pair_of_row), pa.array(names, pa.string())),
        "n_subgraph": pa.array(profiles.n_subgraph[block]),
        "degrees": pa.array(profiles.degrees[block]),
        "min_edge_um": nullable(profiles.min_edge_um[block]),
        "mean_edge_um": nullable(profiles.mean_edge_um[block]),
    }
    return pa.table(columns, schema=CELL_PAIR.arrow)


def constant(word: str, n: int) -> pa.DictionaryArray:
    """Return a column that says one word n times, at the price of one."""
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int16)), pa.array([word], pa.string()))


def nullable(values: NDArray[np.float64]) -> pa.Array:
    """Return a float column in which NaN is NULL."""
    return pa.array(values, from_pandas=True)


def write_lake_file(rows: pa.Table | Iterable[pa.Table], table: Table, folder: Path) -> Path:
    """Write rows of a contract, whole or in parts, to a draft in `folder`; the store gives it its name. Return the draft.

    However the rows come in parts, the bytes are the same.
    """
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{table.name}-{os.getpid()}.draft"
    floats = [c.name for c in table.columns if c.type == pa.float64()]
    words = [c.name for c in table.columns if pa.types.is_dictionary(c.type)]
    counts = [c.name for c in table.columns if c.name in ("n_subgraph", "degrees")]
    try:
        with pq.ParquetWriter(
            draft,
            table.arrow.with_metadata({"contract": table.name, "schema_version": str(SCHEMA_VERSION)}),
            compression={name: "none" if name in floats else "zstd" for name in table.names},
            compression_level=dict.fromkeys([name for name in table.names if name not in floats], 1),
            use_dictionary=[*words, *counts],
            column_encoding={"cell_id": "DELTA_BINARY_PACKED"},
            write_statistics=["cell_id", *words],
        ) as writer:
            for part in _row_groups([rows] if isinstance(rows, pa.Table) else rows):
                writer.write_table(part, row_group_size=ROW_GROUP)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return draft


def _row_groups(parts: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Yield the rows of the parts in tables of whole row groups; the last holds the rest."""
    left: pa.Table | None = None
    for part in parts:
        rows = part if left is None else pa.concat_tables([left, part])
        whole = rows.num_rows // ROW_GROUP * ROW_GROUP
        if whole:
            yield rows.slice(0, whole)
        left = rows.slice(whole)
    if left is not None and (left.num_rows or not whole):
        yield left
