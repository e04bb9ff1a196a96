"""`import her2ladder`: the same numbers as the commands, nothing written where nothing is to be, errors in Python's words."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.spatial import cKDTree

import her2ladder
from her2ladder.cli import cohort, compare, contrast, evaluate, explain, table1
from her2ladder.errors import InputError, LadderError, MissingError
from her2ladder.ingest.clinical import ingest_clinical
from her2ladder.ingest.made_elsewhere import ingest_features, ingest_scores
from her2ladder.queries.init import init
from her2ladder.schema.store import Store

Ladder = Callable[..., list[dict[str, Any]]]

MAP = """
extra = ["feature"]
drop = ["score", "rival"]
[columns]
clinical_stage = "stage"
[constants]
cohort = "reference"
cohort_role = "construction"
setting = "neoadjuvant"
"""


@pytest.fixture(scope="module")
def study(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> her2ladder.Study:
    """The reference cohort with a score and an imported feature set."""
    folder = tmp_path_factory.mktemp("api")
    (folder / "map.toml").write_text(MAP)
    store = init(folder / "store")
    ingest_clinical(store, reference / "cohort.csv", folder / "map.toml")
    frame = pd.read_csv(reference / "cohort.csv")
    frame[["patient_id", "score"]].to_csv(folder / "ref.csv", index=False)
    ingest_scores(store, folder / "ref.csv", "ref")
    frame[["patient_id", "feature"]].rename(columns={"feature": "value"}).to_csv(folder / "set.csv", index=False)
    ingest_features(store, folder / "set.csv", "mine")
    return her2ladder.open(str(folder / "store"))


def as_of_now(store: Store) -> list[tuple[Any, ...]]:
    with store.reading() as con:
        return con.sql("SELECT count(*), max(run) FROM run").fetchall()


ASKED: list[tuple[str, tuple[str, ...], dict[str, Any]]] = [
    ("odds", ("--score", "ref", "--within", "regimen"), {"score": "ref", "within": "regimen"}),
    ("survival", ("--score", "ref", "--rmst", "36", "--method", "cox"), {"score": "ref", "restricted_to": 36, "method": "cox"}),
    ("compare", ("--score", "ref", "--holm"), {"score": "ref", "correction": "holm"}),
    ("evaluate", ("--score", "ref", "--by", "regimen"), {"score": "ref", "by": "regimen"}),
    ("contrast", ("--score", "ref", "--features", "mine:"), {"score": "ref", "features": "mine:"}),
    ("table1", ("--by", "regimen"), {"by": "regimen"}),
]


@pytest.mark.parametrize(("name", "words", "keywords"), ASKED, ids=[name for name, _, _ in ASKED])
def test_every_analysis_says_what_its_command_says_and_leaves_no_trace_unless_asked(
    study: her2ladder.Study, run_ladder: Any, name: str, words: tuple[str, ...], keywords: dict[str, Any]
) -> None:
    import json

    if name != "table1":
        study.compare(score="ref")  # freezes the bands, as the first use of a score does
    printed = json.loads(run_ladder("--store", str(study.store.root), "--json", name, *words).out)
    before, bytes_before = as_of_now(study.store), study.store.catalog.read_bytes()
    found = getattr(study, name)(**keywords, record=False)
    assert as_of_now(study.store) == before
    assert study.store.catalog.read_bytes() == bytes_before
    assert found.run == ""
    ours = [{**row, "run": None} for row in found.done.rows]
    assert ours == [{**row, "run": None} for row in printed]
    recorded = getattr(study, name)(**keywords)
    assert recorded.run > before[0][1]
    assert set(recorded.rows["run"]) == {recorded.run}


def test_every_option_of_an_analysis_is_a_keyword() -> None:
    """What the command can, the API can: `-o` is .save(), `--json` is .rows; three corrections are one keyword."""
    renamed = {"as_": "as_paper", "no_correction": "correction", "holm": "correction", "fdr": "correction", "rmst": "restricted_to"}
    renamed |= {"more": "against", "output": None, "context": None, "top": None}
    commands = [cohort.odds, cohort.survival, compare.compare, evaluate.evaluate, contrast.contrast, table1.table1, explain.explain]
    for command in commands:
        known = set(inspect.signature(getattr(her2ladder.Study, command.__name__)).parameters)
        asked = {renamed.get(name, name) for name in inspect.signature(command).parameters} - {None}
        assert asked <= known, (command.__name__, asked - known)


def test_results_show_themselves_and_save_what_the_command_saves(study: her2ladder.Study, tmp_path: Path) -> None:
    found = study.odds(score="ref", record=False)
    assert found.figure is not None
    assert found._repr_png_().startswith(b"\x89PNG")  # type: ignore[union-attr]
    assert "<table" in found._repr_html_()
    assert {path.name for path in found.save(tmp_path / "out")} >= {"odds.png", "odds.csv", "odds_rows.parquet"}
    assert not list(tmp_path.glob("ladder-figures*"))


def test_tables_come_as_arrow_pandas_and_polars(study: her2ladder.Study) -> None:
    answer = study.sql("SELECT patient_id, age_years FROM patient WHERE age_years > $age ORDER BY 1", age=50)
    assert answer.arrow().num_rows == len(answer.df()) == answer.pl().height == len(answer) > 0
    assert "<table" in answer._repr_html_()
    assert len(study.patients()) == 400
    assert set(study.scores().df()["score_name"]) == {"ref"}
    assert len(study.query("cohort/scores", score_name="ref")) == 400


def test_errors_name_the_argument(study: her2ladder.Study, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^endpoint: wanted dfs or os"):
        study.survival(score="ref", endpoint="pfs")
    with pytest.raises(InputError, match=r"^cohort: no cohort or role called 'nobody'"):
        study.odds(score="ref", cohort="nobody")
    with pytest.raises(InputError, match="wanted score"):
        study.survival()
    with pytest.raises(MissingError, match="no slide called 'S9'"):
        study.cells("S9")
    with pytest.raises(MissingError, match="no store here"):
        her2ladder.open(tmp_path / "nothing")
    with pytest.raises(LadderError):
        study.sql("DROP VIEW cell")


def test_a_new_study_is_made_filled_and_asked(tmp_path: Path) -> None:
    study = her2ladder.create(tmp_path / "new")
    points = pd.DataFrame({"cell_id": range(4), "cell_class": ["Tumor", "Lymph"] * 2, "x_um": [0.0, 3, 100, 104], "y_um": [0.0, 4, 0, 3]})
    points.to_csv(tmp_path / "points.csv", index=False)
    rows = study.ingest_cells(tmp_path / "points.csv", stain="HE", slide_id="S1", patient_id="P1", mpp=0.5)
    assert [(row["slide_id"], row["state"], row["n_cells"]) for row in rows] == [("S1", "read", 4)]
    assert study.compute_features()[0]["state"] == "computed"
    assert study.cells("S1").df()["x_um"].tolist() == [0, 3, 100, 104]
    assert len(study.features()) == 1


def test_sc_mtop_of_a_3_4_5_triangle_by_hand() -> None:
    table = her2ladder.sc_mtop([0, 3, 3], [0, 4, 0], ["tumor", "lymphocyte", "lymphocyte"], classes=["tumor", "lymphocyte"])
    rows = {(row["pair"], row["cell_id"]): row for row in table.to_pylist()}
    assert rows["tumor_lymphocyte", 0] == {
        "cell_id": 0, "cell_class": "tumor", "pair": "tumor_lymphocyte", "n_subgraph": 3, "degrees": 2, "min_edge_um": 3.0, "mean_edge_um": 4.0,
    }  # fmt: skip
    assert rows["tumor_lymphocyte", 1]["min_edge_um"] == 5.0
    assert rows["tumor_tumor", 0]["min_edge_um"] is None
    assert rows["lymphocyte_lymphocyte", 2]["min_edge_um"] == 4.0


def test_sc_mtop_agrees_with_a_kd_tree_and_leaves_other_classes_out() -> None:
    rng = np.random.default_rng(3)
    x, y, kind = rng.uniform(0, 300, 400), rng.uniform(0, 300, 400), rng.choice(["A", "B", "rest"], 400)
    table = her2ladder.sc_mtop(x, y, kind, classes=("A", "B"), radius_um=30, k=3).to_pandas()
    assert set(table["pair"]) == {"A_A", "A_B", "B_B"}
    assert not (table["cell_class"] == "rest").any()
    places = np.column_stack([x, y])
    b = places[kind == "B"]
    of_a = table[(table["pair"] == "A_B") & (table["cell_class"] == "A")].set_index("cell_id")
    near, _ = cKDTree(b).query(places[of_a.index], k=3)
    near[near >= 30] = np.nan
    np.testing.assert_allclose(of_a["min_edge_um"], near[:, 0])
    with np.errstate(all="ignore"), pytest.warns(RuntimeWarning) if np.isnan(near).all(axis=1).any() else _nothing():
        np.testing.assert_allclose(of_a["mean_edge_um"], np.nanmean(near, axis=1))


def _nothing() -> Any:
    from contextlib import nullcontext

    return nullcontext()


def test_sc_mtop_of_nobody_and_of_bad_input() -> None:
    assert her2ladder.sc_mtop([], [], [], classes=["A"]).num_rows == 0
    with pytest.raises(InputError, match="each class once"):
        her2ladder.sc_mtop([0], [0], ["A"], classes=["A", "A"])
    with pytest.raises(InputError, match="finite"):
        her2ladder.sc_mtop([0, np.nan], [0, 0], ["A", "A"])


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import her2ladder, sys; print(sorted({'duckdb', 'numpy', 'pandas', 'pyarrow', 'numba'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    with pytest.raises(AttributeError, match="there is Answer, Result, Study"):
        _ = her2ladder.nothing
