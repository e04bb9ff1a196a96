"""Synthetic in-situ sections: Xenium bundles of patients in two groups, with planted differences or with none.

Planted in Low: ERBB2 (and the pathway of its signalling) three times up in tumour cells; more tumour cells near the HER2E centroid; helper T cells beside
neutrophils; the pair CXCL8 - CXCR4 made where these two touch. Patients differ at random from each other in every gene, so that cells of one patient are alike:
a test that takes cells for patients finds differences where none were planted.
source   issue 14; paper, Fig. 6g-j, 7f-l (what is planted, not its size)
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from her2ladder.analytics.simulate.folder import new_folder
from her2ladder.errors import InputError

MARKERS = {  # two or more of each type are in the markers `breast`
    "Tumour": ("EPCAM", "KRT8", "KRT18", "ERBB2"),
    "Fibroblast": ("LUM", "DCN", "PDGFRB", "POSTN"),
    "Neutro": ("CSF3R", "FCGR3B", "CXCR2", "S100A8"),
    "Th": ("CD3E", "CD4", "IL7R", "CD40LG"),
    "B": ("MS4A1", "CD19", "CD79A", "BANK1"),
    "M2": ("CD163", "MRC1", "MSR1", "C1QA"),
}
SHARES = (0.5, 0.2, 0.07, 0.1, 0.05, 0.08)
PATHWAY = ("ERBB3", "GRB7", "SHC1", "GRB2", "EGFR", "AKT1", "HRAS", "SOS1")
HER2E = ("ERBB2", "GRB7", "FGFR4", "TMEM45B")
PAM50_OTHER = (
    "ESR1",
    "PGR",
    "KRT5",
    "KRT14",
    "KRT17",
    "EGFR",
    "MKI67",
    "CCNB1",
    "FOXA1",
    "MLPH",
    "BCL2",
    "MYC",
    "CDH3",
    "NAT1",
    "SLC39A6",
    "FOXC1",
)
LIGAND, RECEPTOR = "CXCL8", "CXCR4"
SIDE_UM, CELL_RADIUS_UM = 1000.0, 4.5
PATIENT_SD = 0.2  # of the log mean of a gene between patients (chosen)


@dataclass(frozen=True)
class Sections:
    """What was written."""

    folder: Path
    n_low: int
    n_high: int
    cells: int
    seed: int
    is_null: bool


def panel() -> list[str]:
    """Return the genes, each once, in the order of the features: 90 of them, of which 24 say nothing."""
    named = [gene for genes in MARKERS.values() for gene in genes]
    return list(dict.fromkeys([*named, *PATHWAY, *HER2E, *PAM50_OTHER, LIGAND, RECEPTOR, *(f"FILL{i:02d}" for i in range(24))]))


def simulate_xenium(out: Path, *, n_low: int = 11, n_high: int = 10, cells: int = 2000, seed: int = 1, null: bool = False) -> Sections:
    """Write bundles, a manifest, a clinical table with its map, pairs, a pathway and the truth into a new folder.

    raises   InputError for fewer than two patients in a group or fewer than 100 cells
    """
    if min(n_low, n_high) < 2 or cells < 100:
        raise InputError(f"wanted at least two sections in each group and 100 cells each, found {n_low}, {n_high} and {cells}")
    with new_folder(out) as folder:
        lines, people = ["path,slide_id,patient_id"], ["patient_id,cohort,cohort_role,planted"]
        for number in range(n_low + n_high):
            group = "Low" if number < n_low else "High"
            name = f"SYN-X{number + 1:02d}"
            _bundle(folder / name, cells, np.random.default_rng([seed, number]), planted=group == "Low" and not null)
            lines.append(f"{name},{name},{name}")
            people.append(f"{name},synthetic sections,xenium,{group}")
        _texts(folder, lines, people, null)
    return Sections(out, n_low, n_high, cells, seed, null)


def drawn(n: int, rng: np.random.Generator, *, planted: bool) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Return places (n, 2) in micrometres, types (n,) as numbers of MARKERS, and counts (n, genes)."""
    genes, types = panel(), list(MARKERS)
    place = {gene: at for at, gene in enumerate(genes)}
    share = rng.dirichlet(np.array(SHARES) * 60)
    kind = rng.choice(len(types), n, p=share)
    where = rng.uniform(0, SIDE_UM, (n, 2))
    mean = np.full((n, len(genes)), 0.6)
    for at, name in enumerate(types):
        for gene in MARKERS[name]:
            mean[kind == at, place[gene]] = 8.0
    tumour = kind == types.index("Tumour")
    for gene in (*PATHWAY, *HER2E[1:], *PAM50_OTHER):
        mean[tumour, place[gene]] = 2.0
    is_her2e = tumour & (rng.random(n) < (0.5 if planted else 0.2))
    for gene in HER2E[1:]:
        mean[is_her2e, place[gene]] *= 2.5
    if planted:
        for gene in ("ERBB2", *PATHWAY):
            mean[tumour, place[gene]] *= 3.0 if gene == "ERBB2" else 1.6
    neutro, helpers = (np.flatnonzero(kind == types.index(name)) for name in ("Neutro", "Th"))
    if len(neutro) and len(helpers):
        moved = helpers[: len(helpers) // (2 if planted else 10)]
        beside = rng.choice(neutro, len(moved))
        where[moved] = np.clip(where[beside] + rng.normal(0, 8, (len(moved), 2)), 0, SIDE_UM)
        if planted:
            mean[beside, place[LIGAND]], mean[moved, place[RECEPTOR]] = 8.0, 8.0
    mean *= np.exp(rng.normal(0, PATIENT_SD, len(genes)))
    mean *= rng.gamma(8, 1 / 8, n)[:, None]
    return where, kind, rng.poisson(mean)


def _bundle(folder: Path, n: int, rng: np.random.Generator, *, planted: bool) -> None:
    import h5py
    from scipy.sparse import csr_matrix

    folder.mkdir()
    where, kind, counts = drawn(n, rng, planted=planted)
    letters = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
    ids = [f"{i:08x}".translate(letters) + "-1" for i in range(n)]
    told = {"analysis_sw_version": "xenium-3.0.0.0", "run_name": "SYNTHETIC", "pixel_size": 0.2125, "num_cells": n}
    (folder / "experiment.xenium").write_text(json.dumps(told))
    columns = {
        "cell_id": ids, "x_centroid": where[:, 0], "y_centroid": where[:, 1], "transcript_counts": counts.sum(axis=1),
        "control_probe_counts": np.zeros(n, np.int64), "cell_area": np.full(n, 63.6), "nucleus_area": np.full(n, 20.0),
    }  # fmt: skip
    pq.write_table(pa.table(columns), folder / "cells.parquet")
    turn = np.linspace(0, 2 * np.pi, 13)
    ring = np.column_stack([np.cos(turn), np.sin(turn)]) * CELL_RADIUS_UM
    points = (where[:, None, :] + ring).reshape(-1, 2)
    outline = {"cell_id": np.repeat(ids, 13), "vertex_x": points[:, 0], "vertex_y": points[:, 1]}
    pq.write_table(pa.table(outline), folder / "cell_boundaries.parquet")
    matrix = csr_matrix(counts.astype(np.int32))
    genes = panel()
    with h5py.File(folder / "cell_feature_matrix.h5", "w") as file:
        group = file.create_group("matrix")
        group["barcodes"], group["shape"] = np.array([one.encode() for one in ids]), np.array([len(genes), n], np.int32)
        for name in ("data", "indices", "indptr"):
            group.create_dataset(name, data=getattr(matrix, name), track_times=False)
        for key, words in (("id", genes), ("name", genes), ("feature_type", ["Gene Expression"] * len(genes))):
            group[f"features/{key}"] = np.array([word.encode() for word in words])
    labels = pd.DataFrame({"cell_id": ids, "type": np.array(list(MARKERS))[kind]})
    labels.to_csv(folder / "planted_types.csv", index=False)


def _texts(folder: Path, lines: list[str], people: list[str], null: bool) -> None:
    """The tables beside the bundles."""
    pairs = ["ligand,receptor", f"{LIGAND},{RECEPTOR}", *(f"FILL{i:02d},FILL{i + 1:02d}" for i in range(0, 20, 2))]
    sets = [("Planted signaling by ERBB2", ["ERBB2", *PATHWAY])] + [
        (f"Nothing {k}", [f"FILL{i:02d}" for i in range(k, k + 8)]) for k in range(0, 24, 8)
    ]
    truth = {
        "SYNTHETIC": True, "null": null, "groups": "column planted of clinical.csv: Low against High",
        "higher_in_low": [] if null else ["ERBB2", *PATHWAY], "subtype_up_in_low": None if null else "Her2",
        "pair_up_in_low": None if null else f"{LIGAND} - {RECEPTOR}, Neutro to Th", "near": None if null else "Th near Neutro in Low",
    }  # fmt: skip
    written = {
        "manifest.csv": "\n".join(lines), "clinical.csv": "\n".join(people), "clinical.toml": 'extra = ["planted"]', "pairs.csv": "\n".join(pairs),
        "pathways.gmt": "\n".join("\t".join([name, "synthetic", *genes]) for name, genes in sets), "truth.json": json.dumps(truth, indent=1),
        "README.txt": "SYNTHETIC sections (ladder simulate --xenium): no patient stands behind them. truth.json says what was planted.",
    }  # fmt: skip
    for name, text in written.items():
        (folder / name).write_text(text + "\n")
