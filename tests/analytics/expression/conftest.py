"""A store with ten small sections of ten patients, made with planted truth: what `truth` says is in it, and nothing else differs."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "ingest"))
from made_xenium import Section, ids_of, write_bundle

from her2ladder.ingest.clinical import ingest_clinical
from her2ladder.ingest.source import Defaults
from her2ladder.ingest.xenium.labels import read_labels
from her2ladder.ingest.xenium.scoring import Quality
from her2ladder.ingest.xenium.stage import ingest_xenium
from her2ladder.ingest.xenium.typing_stage import How, type_cells
from her2ladder.queries.init import init
from her2ladder.schema.store import Store

GENES = ("ERBB2", "LIG", "REC", *(f"G{i:02d}" for i in range(20)))
TYPES = ("Tumour", "Neutro", "Th")


@dataclass(frozen=True)
class Cohort:
    """The store, and what was put in: patient -> section and types; the first five patients are of group low, the others of group high."""

    store: Store
    sections: dict[str, tuple[Section, list[str]]]

    def low(self, patient: str) -> bool:
        return int(patient[1:]) < 5


def drawn(seed: int, *, planted: bool, n: int = 150) -> tuple[Section, list[str]]:
    """Cells of three types; planted: ERBB2 three times up in tumour cells, and helper T cells beside neutrophils that make ligand and receptor."""
    rng = np.random.default_rng(seed)
    types = [TYPES[i] for i in rng.choice(3, n, p=(0.5, 0.2, 0.3))]
    x, y = rng.uniform(0, 600, n), rng.uniform(0, 600, n)
    mean = np.full((len(GENES), n), 3.0) * rng.gamma(8, 1 / 8, (len(GENES), 1))
    kind = np.array(types)
    mean[0] = np.where(kind == "Tumour", 12.0 if planted else 4.0, 0.5)
    counts = rng.poisson(mean)
    near = np.zeros(n, bool)
    neutro, helpers = np.flatnonzero(kind == "Neutro"), np.flatnonzero(kind == "Th")
    for i, j in zip(neutro[:10], helpers[:10], strict=False):
        x[j], y[j] = x[i] + 3, y[i] + 3
        near[[i, j]] = planted
    low = rng.poisson(1.0, (2, n))
    counts[1], counts[2] = np.where(near & (kind == "Neutro"), 20, low[0]), np.where(near & (kind == "Th"), 20, low[1])
    return Section(x, y, counts.astype(np.int64), GENES), types


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    folder = tmp_path_factory.mktemp("expression")
    store = init(folder / "store")
    sections: dict[str, tuple[Section, list[str]]] = {}
    labels: list[dict[str, Any]] = []
    lines = ["path,slide_id,patient_id"]
    for i in range(10):
        made, types = drawn(i, planted=i < 5)
        sections[f"P{i}"] = made, types
        write_bundle(folder / f"b{i}", made)
        lines.append(f"b{i},X{i},P{i}")
        labels += [{"slide_id": f"X{i}", "cell_id": one, "label": kind} for one, kind in zip(ids_of(made.n, "text"), types, strict=True)]
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    ingest_xenium(store, [folder / "manifest.csv"], Defaults())
    pd.DataFrame(labels).to_csv(folder / "labels.csv", index=False)
    type_cells(store, (), How(Quality(), labels=read_labels(folder / "labels.csv")))
    clinical = pd.DataFrame({"patient_id": list(sections), "cohort": "X", "hr_status": ["negative" if i < 5 else "positive" for i in range(10)]})
    clinical.to_csv(folder / "clinical.csv", index=False)
    ingest_clinical(store, folder / "clinical.csv")
    return Cohort(store, sections)
