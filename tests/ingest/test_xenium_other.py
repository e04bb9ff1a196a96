"""Sections that other programs wrote: AnnData files and tables of counts come in as a bundle does."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

sys.path.insert(0, str(Path(__file__).parent))
from made_xenium import ids_of

from her2ladder.errors import InputError
from her2ladder.ingest.readers.xenium_bundle import opened
from her2ladder.ingest.xenium import matrix
from her2ladder.ingest.xenium.matrix_source import read_matrix

GENES = ["B2M", "ERBB2", "KRT8", "Neg_1"]
COUNTS = np.array([[0, 3, 0, 1], [2, 0, 0, 1], [0, 0, 5, 1], [0, 0, 0, 1], [7, 1, 0, 1]])
PLACES = np.column_stack([np.arange(5) * 20.0, np.arange(5) * 10.0])


def write(path: Path, kind: Callable[[Any], Any] = sp.csr_matrix, **more: Any) -> Path:
    obs = pd.DataFrame({"cell_area": np.full(5, 64.0)}, index=[str(one) for one in ids_of(5, "text")])
    var = pd.DataFrame({"feature_types": pd.Categorical(["Gene Expression"] * 3 + ["Negative Control Probe"])}, index=GENES)
    data = anndata.AnnData(kind(COUNTS.astype(np.float32)), obs=obs, var=var, obsm={"spatial": PLACES})
    for name, value in more.items():
        data.layers[name] = value
    data.write_h5ad(path)
    return path


def dense(path: Path) -> tuple[list[str], np.ndarray]:
    """Genes, and the counts (genes, cells) of what the reader gives."""
    with opened(path) as bundle:
        found = read_matrix(bundle)
        assert found is not None
        out = np.zeros((len(found.genes), len(found.barcodes)), int)
        for feature, column, count in found.slabs():
            np.add.at(out, (feature, column), count)
        return [gene for gene, is_gene in zip(found.genes, found.is_gene, strict=True) if is_gene], out


@pytest.mark.parametrize("kind", [sp.csr_matrix, sp.csc_matrix, np.asarray], ids=["csr", "csc", "dense"])
def test_counts_of_an_anndata_file_are_those_that_anndata_wrote(tmp_path: Path, kind: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix, "SLAB", 3)
    genes, counts = dense(write(tmp_path / "a.h5ad", kind))
    assert genes == GENES[:3]
    assert np.array_equal(counts, COUNTS.T)


def test_normalised_numbers_are_no_counts_unless_a_layer_has_them(tmp_path: Path) -> None:
    logs = write(tmp_path / "a.h5ad", lambda x: sp.csr_matrix(np.log1p(x)))
    with pytest.raises(InputError, match="wanted whole counts"):
        dense(logs)
    both = write(tmp_path / "b.h5ad", lambda x: sp.csr_matrix(np.log1p(x)), counts=sp.csr_matrix(COUNTS))
    assert np.array_equal(dense(both)[1], COUNTS.T)


def test_a_section_of_anndata_comes_into_the_store(tmp_path: Path, run_ladder: Callable[..., Any]) -> None:
    done = run_ladder("--json", "ingest", "xenium", write(tmp_path / "a.h5ad"), "--slide-id", "S", "--patient", "P")
    assert (done.code, done.rows[0]["counts"], done.rows[0]["n_cells"], done.rows[0]["n_genes"]) == (0, "read", 5, 3), done.err
    sql = "SELECT source_id, x_um, y_um, cell_area_um2, gene, count FROM cell JOIN cell_count USING (slide_id, cell_id) JOIN expression USING (slide_id, cell_id) ORDER BY ALL LIMIT 1"
    assert run_ladder("--json", "sql", sql).rows == [{"source_id": "aaaaaaaa-1", "x_um": 0.0, "y_um": 0.0, "cell_area_um2": 64.0, "gene": "ERBB2", "count": 3}]


def no_places(file: h5py.File) -> None:
    del file["obsm/spatial"]


def short(file: h5py.File) -> None:
    del file["X/indices"]
    file["X/indices"] = np.zeros(2, np.int32)


def elsewhere(file: h5py.File) -> None:
    del file["X/data"]
    file["X"].create_dataset("data", shape=(10,), dtype="u1", external=[("/etc/hostname", 0, 10)])


@pytest.mark.parametrize("damage, said", [(no_places, r"wanted obsm\['spatial'\]"), (short, "differ in length"), (elsewhere, "lies in another file")])
def test_a_damaged_anndata_file_is_one_line(tmp_path: Path, damage: Callable[[h5py.File], None], said: str) -> None:
    path = write(tmp_path / "a.h5ad")
    with h5py.File(path, "a") as file:
        damage(file)
    with pytest.raises(InputError, match=said):
        dense(path)
    (tmp_path / "text.h5ad").write_text("no HDF5")
    with pytest.raises(InputError, match="wanted an AnnData file"):
        dense(tmp_path / "text.h5ad")


WIDE = pd.DataFrame(COUNTS[:, :3], columns=GENES[:3]).assign(cell_id=[f"c{i}" for i in range(5)])
LONG = WIDE.melt("cell_id", var_name="gene", value_name="count").query("count > 0")


@pytest.mark.parametrize("table", [WIDE, LONG], ids=["wide", "long"])
def test_a_table_of_counts_beside_the_cells_is_read(tmp_path: Path, table: pd.DataFrame) -> None:
    pd.DataFrame({"cell_id": [f"c{i}" for i in range(5)], "x_centroid": PLACES[:, 0], "y_centroid": PLACES[:, 1]}).to_csv(tmp_path / "cells.csv", index=False)
    table.to_csv(tmp_path / "counts.csv", index=False)
    genes, counts = dense(tmp_path)
    assert np.array_equal(counts[np.argsort(genes)], WIDE[sorted(genes)].to_numpy().T)  # also the cell of which a long table has no line
    for text, said in (("cell_id\nc0\n", "a column for each gene"), ("cell_id,B2M\nc0,many\n", "B2M: wanted counts"), ("cell_id,B2M\nc0,-1\n", "wanted whole counts"), ("cell_id,B2M\nc0,1\nc0,2\n", "the barcode 'c0' twice")):
        (tmp_path / "counts.csv").write_text(text)
        with pytest.raises(InputError, match=said):
            dense(tmp_path)
