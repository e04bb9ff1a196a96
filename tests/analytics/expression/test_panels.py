"""Sections that differ in what they tell: another panel, no counts, several of one patient."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "ingest"))
from made_xenium import Section, ids_of, write_bundle

from her2ladder.analytics.cohort.selection import Selection
from her2ladder.analytics.expression.composition import composition
from her2ladder.analytics.expression.de import differential
from her2ladder.analytics.expression.design import Asked
from her2ladder.analytics.expression.subtypes import subtypes
from her2ladder.errors import InputError
from her2ladder.ingest.clinical import ingest_clinical
from her2ladder.ingest.source import Defaults
from her2ladder.ingest.xenium.labels import read_labels
from her2ladder.ingest.xenium.scoring import Quality
from her2ladder.ingest.xenium.stage import ingest_xenium
from her2ladder.ingest.xenium.typing_stage import How, type_cells
from her2ladder.queries.init import init

GENES = tuple(f"G{i:02d}" for i in range(14))
ASKED = Asked("hr_status")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Four patients, two a group. The panel of P0 lacks G00; P1 has a second section without a matrix, all of whose cells are T."""
    folder = tmp_path_factory.mktemp("mixed")
    store = init(folder / "store")
    rng = np.random.default_rng(5)
    lines, labels = ["path,slide_id,patient_id"], []
    sums = {}
    for i, name in enumerate(("X0", "X1", "X2", "X3", "X1b")):
        counts = rng.poisson(5.0, (len(GENES), 40)).astype(np.int64)
        made = Section(rng.uniform(0, 300, 40), rng.uniform(0, 300, 40), counts, GENES)
        if name == "X0":
            made = replace(made, counts=counts[1:], genes=GENES[1:])
        write_bundle(folder / name, made, matrix="none" if name == "X1b" else "h5")
        lines.append(f"{name},{name},P{i % 4 if i < 4 else 1}")
        kinds = ["T"] * 30 + (["T"] if name == "X1b" else ["S"]) * 10
        labels += [{"slide_id": name, "cell_id": one, "label": kind} for one, kind in zip(ids_of(40, "text"), kinds, strict=True)]
        sums[name] = pd.Series(made.counts[:, :30].sum(axis=1), index=made.genes)
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    ingest_xenium(store, [folder / "manifest.csv"], Defaults())
    pd.DataFrame(labels).to_csv(folder / "labels.csv", index=False)
    type_cells(store, (), How(Quality(), labels=read_labels(folder / "labels.csv")))
    clinical = pd.DataFrame({"patient_id": [f"P{i}" for i in range(4)], "cohort": "X", "hr_status": ["negative"] * 2 + ["positive"] * 2, "clinical_stage": ["I", "II", "II", "II"]})
    clinical.to_csv(folder / "clinical.csv", index=False)
    ingest_clinical(store, folder / "clinical.csv")
    return store, sums


def test_a_gene_that_one_panel_lacks_is_not_compared(mixed: Any) -> None:
    """With 0 for what was not measured, G00 would be the gene that differs most."""
    store, _ = mixed
    done = differential(store, Selection(), ASKED, types=("T",))
    assert set(done.table["gene"]) == set(GENES[1:])
    assert not any(row["term"] == "G00" for row in done.rows)


def test_a_section_without_counts_is_not_one_of_zeros(mixed: Any, tmp_path: Path) -> None:
    store, sums = mixed
    done = differential(store, Selection(), ASKED, types=("T",))
    assert "1 typed sections are left out because they have no counts of genes: X1b" in done.notes
    mean = np.log(pd.DataFrame({name: sums[name] for name in ("X0", "X1", "X2", "X3")}).loc[list(GENES[1:])])
    size = np.exp((mean.sub(mean.mean(axis=1), axis=0)).median())  # DESeq2's median of ratios, by hand
    base = (np.exp(mean) / size).mean(axis=1)
    got = done.table.set_index("gene")["base_mean"]
    np.testing.assert_allclose(got.loc[base.index], base, rtol=1e-6)
    lines = ["gene,A,B", *(f"{gene},{at},{-at}" for at, gene in enumerate(GENES[1:]))]
    (tmp_path / "c.csv").write_text("\n".join(lines) + "\n")
    told = subtypes(store, Selection(), ASKED, cell_type="T", centroids=tmp_path / "c.csv").values
    unassigned = told[told["feature"] == "Unassigned"].set_index("patient_id")["value"]
    assert unassigned["P1"] * 30 == pytest.approx(round(unassigned["P1"] * 30))  # of 30 cells, not of 70
    assert len(told) == 4 * 3


def test_sections_of_one_patient_are_counted_together(mixed: Any) -> None:
    store, _ = mixed
    shares = composition(store, Selection(), ASKED).values
    got = shares[shares["feature"] == "T"].set_index("patient_id")["value"].to_dict()
    assert got == {"P0": 0.75, "P1": pytest.approx(70 / 80), "P2": 0.75, "P3": 0.75}


def test_one_patient_in_a_group_is_named(mixed: Any) -> None:
    with pytest.raises(InputError, match="wanted at least two patients with sections in each group, found 1 in I"):
        composition(mixed[0], Selection(), Asked("clinical_stage"))
