"""A cell keeps the id of its source, whatever Arrow holds beneath: NULL slots with bytes, slices, large, view and dictionary strings."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from her2ladder.ingest.cellrows import _id_bytes

IDS = st.lists(st.one_of(st.none(), st.sampled_from(["", "NaN", "42", "é", "a long one, with more than twelve bytes"])), max_size=12)
TYPES = (pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string()))


def read_back(ids: pa.Array) -> list[str | None]:
    raw, lengths = _id_bytes(ids)
    ends = np.cumsum(np.maximum(lengths, 0))
    assert (ends[-1] if len(ends) else 0) == len(raw), "every byte belongs to an id"
    return [None if n < 0 else bytes(raw[end - n : end]).decode() for n, end in zip(lengths, ends, strict=True)]


@settings(max_examples=60, deadline=None)
@given(ids=IDS, kind=st.sampled_from(TYPES), before=st.integers(0, 3), after=st.integers(0, 3))
def test_ids_come_back_from_every_arrow_type_and_slice(ids, kind, before, after):
    padded = pa.array(["x"] * before + ids + ["y"] * after, pa.string()).cast(kind)
    assert read_back(padded.slice(before, len(ids))) == ids


def test_bytes_in_a_null_slot_are_no_part_of_the_next_id():
    valid = pa.array([False, True, True]).buffers()[1]
    ids = pa.Array.from_buffers(pa.string(), 3, [valid, pa.array([0, 3, 5, 7], pa.int32()).buffers()[1], pa.py_buffer(b"NaN4252")])
    assert read_back(ids) == [None, "42", "52"]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_with_the_word_nan_among_its_ids_shifts_no_other_id(command, tmp_path, ending):
    table = pl.DataFrame(
        {
            "cell_id": ["NaN", "42", "52", "53", "54"],
            "x_px": [143.5, 147, 182, 185.5, 189],
            "y_px": [82, 84, 104, 106, 108],
            "cell_class": ["Tumor", "Lymph", "Lymph", "Tumor", "Lymph"],
        }
    )
    path = tmp_path / f"points.{ending}"
    table.write_csv(path) if ending == "csv" else table.write_parquet(path)
    store = tmp_path / "store"
    assert command("--store", store, "init").code == 0
    assert command("--store", store, "ingest", "cells", path, "--stain", "HE", "--slide-id", "S1", "--mpp", 0.25).code == 0
    rows = command("--store", store, "--json", "sql", "SELECT source_id FROM cell ORDER BY cell_id").rows
    assert [row["source_id"] for row in rows][1:] == ["42", "52", "53", "54"]
    assert rows[0]["source_id"] in (None, "NaN")
