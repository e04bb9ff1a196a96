"""Files of a bundle that are made to do harm: each is refused in one line before a value is read."""

from __future__ import annotations

import json
import pickle
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from made_xenium import Section, section, write_bundle, zipped

from her2ladder.errors import InputError
from her2ladder.ingest.readers import xenium
from her2ladder.ingest.readers.base import ReadOptions
from her2ladder.ingest.readers.xenium_bundle import opened
from her2ladder.ingest.xenium.matrix_source import read_matrix

MADE: Section = section(np.ones((3, 4), int), [1, 2, 3, 4], [1, 2, 3, 4], ["A", "B", "C"])


class Evil:
    """What a pickle of it would do when it is read."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return pytest.fail, ("a pickle was run",)


def counts_of(bundle: Path) -> int:
    with opened(bundle) as there:
        matrix = read_matrix(there)
        assert matrix is not None
        return sum(int(count.sum()) for *_, count in matrix.slabs())


def with_zarr(bundle: Path, change: Callable[[dict[str, object]], None], chunk: bytes | None = None, consolidated: bool = False) -> None:
    """Write the packed store of counts again with other metadata of its data, beside it or in the consolidated metadata."""
    path = bundle / "cell_feature_matrix.zarr.zip"
    members = {}
    with zipfile.ZipFile(path) as packed:
        for info in packed.infolist():
            members[info.filename] = packed.read(info)
    told = json.loads(members["cell_features/data/.zarray"])
    change(told)
    if consolidated:
        every = {name: json.loads(content) for name, content in members.items() if name.rpartition("/")[2].startswith(".z")}
        every["cell_features/data/.zarray"] = told
        members[".zmetadata"] = json.dumps({"zarr_consolidated_format": 1, "metadata": every}).encode()
    else:
        members["cell_features/data/.zarray"] = json.dumps(told).encode()
    if chunk is not None:
        members["cell_features/data/0"] = chunk
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in members.items():
            packed.writestr(name, content)


def test_a_zarr_that_would_run_a_pickle_is_refused(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "b", MADE, matrix="zarr")
    assert counts_of(bundle) == 16
    with_zarr(bundle, lambda told: told.update(filters=[{"id": "pickle", "protocol": 2}], compressor=None), pickle.dumps(Evil()))
    with pytest.raises(InputError, match="found 'pickle': refused"):
        counts_of(bundle)


def test_consolidated_metadata_of_a_zarr_are_not_looked_at(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "b", MADE, matrix="zarr")
    with_zarr(bundle, lambda told: told.update(filters=[{"id": "pickle", "protocol": 2}], compressor=None), consolidated=True)
    assert counts_of(bundle) == 16


def test_a_zarr_that_claims_more_than_it_can_hold_is_refused(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "b", MADE, matrix="zarr")
    with_zarr(bundle, lambda told: told.update(shape=[10**12]))
    with pytest.raises(InputError, match="claims 1,000,000,000,000 values"):
        counts_of(bundle)


def elsewhere(file: h5py.File, secret: Path) -> None:
    del file["matrix/barcodes"]
    file["matrix"].create_dataset("barcodes", shape=(4,), dtype="S4", external=[(str(secret), 0, 16)])


def linked(file: h5py.File, secret: Path) -> None:
    del file["matrix/barcodes"]
    file["matrix/barcodes"] = h5py.ExternalLink(str(secret), "matrix/barcodes")


def virtual(file: h5py.File, secret: Path) -> None:
    layout = h5py.VirtualLayout(shape=(4,), dtype="S4")
    layout[:] = h5py.VirtualSource(str(secret), "matrix/barcodes", shape=(4,), dtype="S4")
    del file["matrix/barcodes"]
    file["matrix"].create_virtual_dataset("barcodes", layout)


def endless(file: h5py.File, secret: Path) -> None:
    del file["matrix/barcodes"]
    file["matrix"].create_dataset("barcodes", shape=(10**11,), dtype="S20", chunks=(1000,))


@pytest.mark.parametrize("attack, said", [(elsewhere, "lies in another file"), (linked, "points at another place"), (virtual, "lies in another file"), (endless, "claims 100,000,000,000")])
def test_an_hdf5_file_reads_no_other_file_and_no_more_than_it_holds(tmp_path: Path, attack: Callable[[h5py.File, Path], None], said: str) -> None:
    bundle = write_bundle(tmp_path / "b", MADE)
    secret = tmp_path / "secret"
    secret.write_text("a secret of the machine")
    with h5py.File(bundle / "cell_feature_matrix.h5", "a") as file:
        attack(file, secret)
    with pytest.raises(InputError, match=said) as caught:
        counts_of(bundle)
    assert "a secret" not in str(caught.value)


def test_a_table_that_claims_more_rows_than_it_can_hold_is_refused(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "b", MADE)
    many = pa.table({name: pa.DictionaryArray.from_arrays(pa.array(np.zeros(4_000_000, np.int8)), pa.array([1.0])) for name in ("cell_id", "x_centroid", "y_centroid", "a", "b", "c", "d", "e", "f")})
    pq.write_table(many, bundle / "cells.parquet", compression="zstd")
    with pytest.raises(InputError, match="claims 4,000,000 rows"):
        list(xenium.read(bundle, ReadOptions()))


def test_a_packed_bundle_that_grows_without_end_is_refused(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "b", MADE)
    with (bundle / "cells.csv").open("wb") as bomb:
        bomb.truncate(80_000_000)
    path = zipped(bundle, tmp_path / "bomb.zip")
    with pytest.raises(InputError, match="zip bomb"), opened(path):
        pass
