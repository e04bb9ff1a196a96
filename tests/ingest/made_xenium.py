"""A small section written as every version of the instrument's software writes it."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import polars as pl
from numpy.typing import NDArray


@dataclass(frozen=True)
class Section:
    """What a section says: places and areas of n cells, and a (genes, n) table of counts. The last feature is a control probe."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    counts: NDArray[np.int64]
    genes: tuple[str, ...]

    @property
    def n(self) -> int:
        return len(self.x)


def section(counts: Sequence[Sequence[int]] | NDArray[np.int64], x: Sequence[float], y: Sequence[float], genes: Sequence[str]) -> Section:
    return Section(np.array(x, float), np.array(y, float), np.array(counts, np.int64), tuple(genes))


def ids_of(n: int, kind: str) -> list[object]:
    """Ids of n cells: `int` as version 1.0 wrote them, else text (or bytes)."""
    if kind == "int":
        return list(range(1, n + 1))
    text = [f"{i:08x}".translate(str.maketrans("0123456789abcdef", "abcdefghijklmnop")) + "-1" for i in range(n)]
    return [one.encode() for one in text] if kind == "bytes" else list(text)


def write_bundle(folder: Path, told: Section, *, ids: str = "text", table: str = "parquet", matrix: str = "h5", shuffled: bool = False) -> Path:
    """Write a bundle; `shuffled` puts outlines and barcodes in another order and gives the first cell a second, smaller nucleus."""
    folder.mkdir(parents=True)
    names = ids_of(told.n, ids)
    (folder / "experiment.xenium").write_text(json.dumps({"analysis_sw_version": "xenium-3.0.0.15", "pixel_size": 0.2125}))
    totals = told.counts.sum(axis=0)
    cells = pl.DataFrame(
        {
            "cell_id": names, "x_centroid": told.x, "y_centroid": told.y, "transcript_counts": totals,
            "control_probe_counts": np.ones(told.n, np.int64), "control_codeword_counts": np.zeros(told.n, np.int64),
            "cell_area": np.full(told.n, 64.0), "nucleus_area": np.full(told.n, 16.0),
        }
    )  # fmt: skip
    put(folder / "cells", cells, table)
    order = np.arange(told.n)[::-1] if shuffled else np.arange(told.n)
    for what, half in (("cell", 4.0), ("nucleus", 2.0)):
        put(folder / f"{what}_boundaries", rings(told, names, order, half, twice=shuffled and what == "nucleus"), table)
    features = [*told.genes, "NegControlProbe_00042"]
    counts = np.vstack([told.counts, np.ones((1, told.n), np.int64)])[:, order]
    barcodes = [names[i] for i in order]
    types = ["Gene Expression"] * len(told.genes) + ["Negative Control Probe"]
    {"h5": write_h5, "mex": write_mex, "zarr": write_zarr, "none": lambda *a: None}[matrix](folder, counts, barcodes, features, types)
    return folder


def put(stem: Path, frame: pl.DataFrame, table: str) -> None:
    if table == "parquet":
        frame.write_parquet(stem.with_suffix(".parquet"))
        return
    held = io.BytesIO()
    frame.write_csv(held)
    Path(f"{stem}.csv.gz").write_bytes(gzip.compress(held.getvalue()))


def rings(told: Section, names: list[object], order: NDArray[np.int64], half: float, *, twice: bool) -> pl.DataFrame:
    """Squares of this half side around each centroid, closed; `twice` gives cell 0 a smaller ring first."""
    corner = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)], float)
    rows = [(0, 1, 0.5)] * twice + [(int(i), 2, half) for i in order]
    points = np.concatenate([corner * size + (told.x[i], told.y[i]) for i, _, size in rows])
    owner = [names[i] for i, _, _ in rows for _ in corner]
    label = [label for _, label, _ in rows for _ in corner]
    return pl.DataFrame({"cell_id": owner, "vertex_x": points[:, 0], "vertex_y": points[:, 1], "label_id": label})


def csc(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    column, row = np.nonzero(counts.T)
    return np.r_[0, np.cumsum((counts > 0).sum(axis=0))], row, counts[row, column]


def write_h5(folder: Path, counts: NDArray[np.int64], barcodes: list[object], features: list[str], types: list[str]) -> None:
    indptr, indices, data = csc(counts)
    with h5py.File(folder / "cell_feature_matrix.h5", "w") as file:
        group = file.create_group("matrix")
        group["barcodes"] = np.array([str(b if not isinstance(b, bytes) else b.decode()).encode() for b in barcodes])
        group["data"], group["indices"], group["indptr"] = data.astype(np.int32), indices, indptr
        group["shape"] = np.array(counts.shape, np.int32)
        for key, values in (("id", [f"ENSG{i:05d}" for i in range(len(features))]), ("name", features), ("feature_type", types)):
            group[f"features/{key}"] = np.array([v.encode() for v in values])


def write_mex(folder: Path, counts: NDArray[np.int64], barcodes: list[object], features: list[str], types: list[str]) -> None:
    place = folder / "cell_feature_matrix"
    place.mkdir()
    column, row = np.nonzero(counts.T)
    lines = [f"{r + 1} {c + 1} {counts[r, c]}" for r, c in zip(row, column, strict=True)]
    head = "%%MatrixMarket matrix coordinate integer general\n%metadata_json: {}\n"
    text = f"{head}{counts.shape[0]} {counts.shape[1]} {len(lines)}\n" + "\n".join(lines) + "\n"
    (place / "matrix.mtx.gz").write_bytes(gzip.compress(text.encode()))
    (place / "barcodes.tsv.gz").write_bytes(gzip.compress("".join(f"{b if not isinstance(b, bytes) else b.decode()}\n" for b in barcodes).encode()))
    rows = [f"ENSG{i:05d}\t{name}\t{kind}\n" for i, (name, kind) in enumerate(zip(features, types, strict=True))]
    (place / "features.tsv.gz").write_bytes(gzip.compress("".join(rows).encode()))


def write_zarr(folder: Path, counts: NDArray[np.int64], barcodes: list[object], features: list[str], types: list[str]) -> None:
    """As cell_feature_matrix.zarr.zip is: rows are features, ids are (prefix, suffix)."""
    import zarr

    back = str.maketrans("abcdefghijklmnop", "0123456789abcdef")
    pairs = np.array([(int(str(b).split("-")[0].translate(back), 16), 1) for b in barcodes], np.uint32)
    indptr, indices, data = csc(counts.T)
    store = zarr.storage.ZipStore(folder / "cell_feature_matrix.zarr.zip", mode="w")
    kinds = ["gene" if kind == "Gene Expression" else kind for kind in types]
    attributes = {"feature_keys": features, "feature_ids": features, "feature_types": kinds, "number_cells": len(barcodes)}
    group = zarr.open_group(store, mode="w", zarr_format=2).create_group("cell_features", attributes=attributes)
    for name, values in (("cell_id", pairs), ("indptr", indptr), ("indices", indices), ("data", data)):
        group.create_array(name, data=values.astype(np.uint32))
    store.close()


def zipped(folder: Path, path: Path, inside: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                packed.write(file, inside + file.relative_to(folder).as_posix())
    return path
