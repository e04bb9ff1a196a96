"""Two stains whose classes have the same names: their features stay apart, from the views to a contrast and a training table."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from her2ladder.analytics.model.inputs import design_table
from her2ladder.queries.run import run
from her2ladder.schema.store import Store


@pytest.fixture
def study(run_ladder: Any, store_dir: Path, tmp_path: Path) -> Store:
    """Six patients in two cohorts: H&E with twice as many tumour cells as lymphocytes, IMC with as many, at other distances."""
    (tmp_path / "imc.toml").write_text('name = "imc"\nstain = "IMC"\nidentity = true\n[vocabulary]\nclasses = ["Tumor", "Lymph"]\n')
    lines = ["path,slide_id,patient_id,stain,label_map"]
    for i in range(6):
        for stain, classes, label_map in (("HE", ("Tumor", "Tumor", "Lymph"), "store"), ("IMC", ("Tumor", "Lymph"), "imc.toml")):
            rows = [f"{j},{classes[j % len(classes)]},{(10 + i) * (j % 4)},{7 * (j // 4)}" for j in range(12)]
            (tmp_path / f"{stain}{i}.csv").write_text("cell_id,cell_class,x_um,y_um\n" + "\n".join(rows) + "\n")
            lines.append(f"{stain}{i}.csv,{stain}{i},P{i},{stain},{tmp_path / label_map if stain == 'IMC' else label_map}")
    (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "clinical.csv").write_text("patient_id,cohort\n" + "".join(f"P{i},{'AB'[i % 2]}\n" for i in range(6)))
    for words in (["ingest", "cells", tmp_path / "manifest.csv"], ["ingest", "clinical", tmp_path / "clinical.csv"], ["features"]):
        answer = run_ladder(*words)
        assert answer.code == 0, answer.err
    return Store(store_dir)


def test_the_wide_view_and_the_long_one_tell_the_stains_apart(study: Store, run_ladder: Any) -> None:
    (row,) = run_ladder("--json", "sql", "SELECT * FROM patient_feature WHERE patient_id = 'P0'").rows
    assert math.isclose(row["Pi_Tumor_in_all_cells"], 2 / 3)
    assert math.isclose(row["IMC_Pi_Tumor_in_all_cells"], 1 / 2)
    long = run_ladder(
        "--json", "sql", "SELECT feature, value FROM feature_value WHERE patient_id = 'P0' AND feature LIKE '%Pi_Tumor_in_all%'"
    ).rows
    assert {one["feature"]: round(one["value"], 6) for one in long} == {
        "Pi_Tumor_in_all_cells": 0.666667,
        "IMC_Pi_Tumor_in_all_cells": 0.5,
    }


def test_a_contrast_and_a_training_table_have_a_column_for_each(study: Store, run_ladder: Any) -> None:
    answer = run_ladder("--json", "contrast", "--between", "cohort")
    assert answer.code == 0, answer.err
    terms = {row["term"] for row in answer.rows if row["metric"] == "rank_sum"}
    assert {"Pi_Tumor_in_all_cells", "IMC_Pi_Tumor_in_all_cells"} <= terms
    with run(study, "score", {}) as this:
        table = design_table(this, "sc-mtop", [])
    assert table.frame.loc["P0", ["Pi_Tumor_in_all_cells", "IMC_Pi_Tumor_in_all_cells"]].round(6).tolist() == [0.666667, 0.5]
    assert table.stains["IMC_Pi_Tumor_in_all_cells"] == "IMC"
    assert list(table.frame.columns).index("Pi_Tumor_in_all_cells") < list(table.frame.columns).index("IMC_Pi_Tumor_in_all_cells")
