"""How should counts lie? One made section, asked three questions in three layouts: rows, list columns, AnnData (and scanpy over it); and what ingest costs.

Needs scanpy, which the project itself does not.

python benchmarks/xenium/layout.py [CELLS] > benchmarks/xenium/figures.txt
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import anndata
import duckdb
import h5py
import numpy as np
import polars as pl
import scanpy
import scipy.sparse as sp

from her2ladder.queries.catalog import query
from her2ladder.schema.duck import arrow_table
from her2ladder.schema.store import Store

MEAN = "SELECT type, gene, sum(count) FROM expression JOIN cell_type USING (slide_id, cell_id) GROUP BY ALL"
GENES, SHARE, TYPES = 380, 0.08, 10


def bundle(folder: Path, n: int) -> tuple[sp.csr_matrix, list[str], list[str]]:
    """Write a section of n cells whose genes are seen in 8 % of the cells; return counts, ids and genes."""
    rng = np.random.default_rng(1)
    counts = sp.random(n, GENES, SHARE, "csr", rng=rng, data_rvs=lambda k: 1 + rng.geometric(0.5, k))
    counts.data = counts.data.astype(np.int32)
    ids = [f"{i:08x}".translate(str.maketrans("0123456789abcdef", "abcdefghijklmnop")) + "-1" for i in range(n)]
    genes = [f"GENE{i:03d}" for i in range(GENES)]
    x, y = rng.uniform(0, 10_000, (2, n))
    folder.mkdir()
    (folder / "experiment.xenium").write_text("{}")
    area = np.full(n, 64.0)
    pl.DataFrame({"cell_id": ids, "x_centroid": x, "y_centroid": y, "cell_area": area, "control_probe_counts": np.zeros(n, int)}).write_parquet(folder / "cells.parquet")
    turn = np.linspace(0, 2 * np.pi, 13)
    ring = np.column_stack([np.cos(turn), np.sin(turn)]) * 4.5
    points = (np.column_stack([x, y])[:, None, :] + ring).reshape(-1, 2).astype(np.float32)
    pl.DataFrame({"cell_id": np.repeat(ids, 13), "vertex_x": points[:, 0], "vertex_y": points[:, 1]}).write_parquet(folder / "cell_boundaries.parquet")
    with h5py.File(folder / "cell_feature_matrix.h5", "w") as file:
        group = file.create_group("matrix")
        group["barcodes"], group["shape"] = np.array([one.encode() for one in ids]), np.array([GENES, n])
        for name in ("data", "indices", "indptr"):
            group.create_dataset(name, data=getattr(counts, name), compression="gzip", compression_opts=1)
        for key, values in (("id", genes), ("name", genes), ("feature_type", ["Gene Expression"] * GENES)):
            group[f"features/{key}"] = np.array([value.encode() for value in values])
    return counts, ids, genes


def cpu(work: Callable[[], Any], times: int = 3) -> float:
    """Return the median CPU seconds of this process."""
    found = []
    for _ in range(times):
        begin = time.process_time()
        work()
        found.append(time.process_time() - begin)
    return float(np.median(found))


def ladder(*words: object) -> tuple[float, float]:
    """Return CPU seconds and peak GB of one command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    child = subprocess.Popen([Path(sys.executable).parent / "ladder", *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    assert status == 0, words
    assert before is not None
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1e6


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        counts, ids, genes = bundle(folder / "b", n)
        ladder("init", folder / "s")
        seconds, peak = ladder("--store", folder / "s", "ingest", "xenium", folder / "b", "--slide-id", "X", "--patient", "P", "--workers", 1)
        print(f"{n:,} cells x {GENES} genes, {counts.nnz:,} counts\ningest: {seconds:.1f} CPU s, peak {peak:.2f} GB")
        kind = np.random.default_rng(2).integers(0, TYPES, n)
        pl.DataFrame({"cell_id": ids, "label": [f"T{k}" for k in kind]}).write_csv(folder / "labels.csv")
        seconds, peak = ladder("--store", folder / "s", "type", "--labels", folder / "labels.csv")
        print(f"type by labels: {seconds:.1f} CPU s, peak {peak:.2f} GB")
        rows = next((folder / "s" / "expression").rglob("*.parquet"))
        types = next((folder / "s" / "cell_types").rglob("*.parquet"))
        lists = folder / "lists.parquet"
        con = duckdb.connect()
        con.execute("SET threads = 1")
        con.execute(f"COPY (SELECT gene, list(cell_id ORDER BY cell_id) AS cells, list(count ORDER BY cell_id) AS counts FROM '{rows}' GROUP BY gene ORDER BY gene) TO '{lists}' (COMPRESSION zstd, ROW_GROUP_SIZE 2048)")
        data = anndata.AnnData(counts, obs={"type": kind.astype(str)})
        data.obs_names, data.var_names = ids, genes
        data.write_h5ad(folder / "a.h5ad", compression="gzip")
        for name, path in (("rows", rows), ("lists", lists), ("h5ad", folder / "a.h5ad")):
            print(f"on disk, {name}: {path.stat().st_size / 1e6:.1f} MB")
        unnested = f"(SELECT gene, unnest(cells) AS cell_id, unnest(counts) AS count FROM '{lists}')"
        for layout, source in (("rows", f"'{rows}'"), ("lists", unnested)):
            mean = f"SELECT type, gene, sum(count) FROM {source} JOIN '{types}' USING (cell_id) GROUP BY ALL"
            one = f"SELECT cell_id, count FROM {source} WHERE gene = 'GENE200'"
            print(f"{layout}: sums of every gene by type {cpu(lambda q=mean: con.sql(q).fetchall()):.3f} s; one gene {cpu(lambda q=one: con.sql(q).to_arrow_table()):.4f} s")

        def by_type() -> None:
            held = anndata.read_h5ad(folder / "a.h5ad")
            one_hot = sp.csr_matrix((np.ones(n), (held.obs["type"].astype(int), np.arange(n))))
            one_hot @ held.X

        def by_scanpy() -> None:
            held = scanpy.read_h5ad(folder / "a.h5ad")
            scanpy.get.aggregate(held, by="type", func="sum")

        store = Store(folder / "s")
        with store.reading() as con:
            con.execute("SET threads = 1")
            asked = {"slide_id": "X", "gene": "GENE200"}
            print(f"store, named queries: one gene's map {cpu(lambda: arrow_table(con, query('expression/gene_map').sql, asked)):.4f} s; "
                  f"sums by type {cpu(lambda: con.execute(query('expression/pseudobulk').sql, {'slide_id': 'X'}).fetchall()):.3f} s; "
                  f"no section named {cpu(lambda: con.sql(MEAN).fetchall()):.3f} s")  # fmt: skip
        print(f"scanpy {version('scanpy')}: read and sum by type {cpu(by_scanpy):.3f} s, peak of this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")
        print(f"h5ad: read and sum by type {cpu(by_type):.3f} s; read and one gene {cpu(lambda: anndata.read_h5ad(folder / 'a.h5ad')[:, 'GENE200'].X.toarray()):.4f} s")


if __name__ == "__main__":
    main()
