"""The same cells give the same rows, whatever Arrow holds them in: type, NULLs, slices, chunks, dictionaries, views; CSV and Parquet."""

from __future__ import annotations

import itertools
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from her2ladder.errors import InputError
from her2ladder.ingest.cellfile import CellSource, write_cells
from her2ladder.ingest.cellrows import _id_bytes
from her2ladder.ingest.readers.arrow_columns import series_of, text_of
from her2ladder.ingest.readers.base import ReadOptions
from her2ladder.schema.labels import load_label_map

NUMBER = itertools.count()
TEXTS = (pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.dictionary(pa.int8(), pa.string()),
         pa.dictionary(pa.int32(), pa.large_string()))  # fmt: skip
PLACES = (pa.int8(), pa.int16(), pa.uint16(), pa.int32(), pa.int64(), pa.uint64(), pa.float16(), pa.float32(), pa.float64(),
          pa.decimal128(9, 2), pa.decimal128(9, 0), pa.string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string()))  # fmt: skip
IDS = (*TEXTS, pa.int16(), pa.uint64(), pa.float64(), pa.float32(), pa.decimal128(12, 0))
MISSING = (None, "", "NaN", "NA")  # what stands for no id

CELLS = st.lists(
    st.tuples(st.sampled_from(["Tumor", "Lymph", "Stroma", "Other"]), st.integers(0, 120), st.integers(0, 120), st.integers(0, 3)),
    min_size=1,
    max_size=14,
)


def column(values: list[Any], kind: pa.DataType, before: int) -> pa.Array:
    """An array of this type that is a slice of a longer one."""
    padded = [values[0]] * before + values + [values[-1]]
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        make = Decimal if pa.types.is_decimal(kind) else np.float16 if pa.types.is_float16(kind) else int
        array = pa.array([None if value in MISSING else make(value) for value in padded], kind)
    else:
        array = pa.array(padded, pa.string()).cast(kind)
    return array.slice(before, len(values))


def rows_of(path: Path, out: Path, **told: Any) -> list[tuple[Any, ...]]:
    source = CellSource("S1", "P1", "HE", 0.5, 0.5, load_label_map("store", "HE"), **told)
    written = write_cells(path, out, source)
    table = pq.read_table(written.path).sort_by("cell_id")
    written.path.unlink()
    assert (written.n_quarantined, written.n_duplicates) == (0, 0)
    return [tuple(row.values()) for row in table.select(["cell_id", "source_id", "cell_class", "x_um", "y_um"]).to_pylist()]


@settings(max_examples=50, deadline=None)
@given(cells=CELLS, ids=st.sampled_from(IDS), words=st.sampled_from(TEXTS), places=st.sampled_from(PLACES), before=st.integers(0, 9), cut=st.integers(0, 14),
       row_group=st.integers(1, 6), as_csv=st.booleans())  # fmt: skip
def test_the_same_cells_give_the_same_rows(tmp_path_factory: Any, cells: Any, ids: Any, words: Any, places: Any, before: int, cut: int, row_group: int, as_csv: bool) -> None:
    # places differ, so that none of the cells is a duplicate: 5 px apart in a row of their own
    placed = [(name, 5 * i + 0, y, f"{i + 40}" if skip else MISSING[(x + i) % 4]) for i, (name, x, y, skip) in enumerate(cells)]
    wanted = [(i, name_id if name_id not in MISSING else None, name, x * 0.5, y * 0.5) for i, (name, x, y, name_id) in enumerate(placed)]
    arrays = {
        "cell_id": column([one[3] for one in placed], ids, before),
        "cell_class": column([one[0] for one in placed], words, before),
        "x_px": column([str(one[1]) for one in placed], places, before),
        "y_px": column([str(one[2]) for one in placed], places, before),
    }
    whole = pa.table(arrays)
    table = pa.concat_tables([whole.slice(0, cut), whole.slice(cut)])  # in chunks, each a slice
    folder = tmp_path_factory.getbasetemp()
    path = folder / f"arrow-{next(NUMBER)}.{'csv' if as_csv else 'parquet'}"
    if as_csv:
        plain = pa.table({name: table[name].cast(pa.string()) for name in table.column_names})
        pyarrow.csv.write_csv(plain, path)
        assert rows_of(path, folder, options=ReadOptions(chunk_bytes=64)) == wanted
    else:
        pq.write_table(table, path, row_group_size=row_group)
    assert rows_of(path, folder) == wanted
    path.unlink()


def test_a_null_in_a_dictionary_and_a_run_end_are_read() -> None:
    ids = pa.DictionaryArray.from_arrays(pa.array([1, 0, None, 2], pa.int8()), pa.array([None, "a", "b"]))
    raw, lengths = _id_bytes(ids)
    assert (bytes(raw), lengths.tolist()) == (b"ab", [1, -1, -1, 1])
    assert text_of(series_of(ids, "t")).to_list() == ["a", None, None, "b"]
    runs = pc.run_end_encode(pa.array(["a", "a", None, "b"])).slice(1, 3)
    assert text_of(series_of(runs, "t")).to_list() == ["a", None, "b"]


def test_a_number_is_written_alike_in_every_block(tmp_path: Path) -> None:
    table = pa.table({"cell_id": [1.0, 2.0, 3.5, None, float("nan")], "cell_class": ["Tumor"] * 5, "x_px": [0, 50, 100, 150, 200], "y_px": [0] * 5})
    for size in (1, 2, 5):
        pq.write_table(table, tmp_path / "t.parquet", row_group_size=size)
        assert [row[1] for row in rows_of(tmp_path / "t.parquet", tmp_path)] == ["1", "2", "3.5", None, None]


@pytest.mark.parametrize("kind", [pa.date32(), pa.timestamp("ms"), pa.list_(pa.int64()), pa.duration("s")])
def test_dates_and_lists_are_no_places(tmp_path: Path, kind: pa.DataType) -> None:
    values = [[1], [2]] if pa.types.is_list(kind) else [1, 2]
    table = pa.table({"cell_class": ["Tumor", "Tumor"], "x_px": pa.array(values, kind if not pa.types.is_date32(kind) else pa.int32()).cast(kind), "y_px": [0, 0]})
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"t.parquet: column 'x_px': wanted text or numbers, found"):
        rows_of(tmp_path / "t.parquet", tmp_path)


def test_true_is_no_place(tmp_path: Path) -> None:
    pq.write_table(pa.table({"cell_class": ["Tumor"], "x_px": [True], "y_px": [1.0]}), tmp_path / "t.parquet")
    with pytest.raises(InputError, match="x_px: wanted a finite number, found True"):
        rows_of(tmp_path / "t.parquet", tmp_path)
