"""What named queries and public views answer, on rows placed by hand: edges, who is left out, and what no longer holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from her2ladder.analytics.cohort.bands import freeze_bands
from her2ladder.queries.run import run
from her2ladder.schema.contract import Table
from her2ladder.schema.duck import arrow_table
from her2ladder.schema.store import Store
from her2ladder.schema.tables import ANALYSIS_RESULT, FOLD_PREDICTION, MODEL, MODEL_BAND, SCORE

Rows = list[dict[str, Any]]


@pytest.fixture
def ask(run_ladder: Any) -> Callable[..., Rows]:
    """Run a named query: `ask("cells/near", stain="HE", …)`."""
    return lambda name, **told: run_ladder("--json", "query", "run", name, *(w for k, v in told.items() for w in ("-p", f"{k}={v}"))).rows


@pytest.fixture
def look(store_dir: Path) -> Callable[[str], Rows]:
    """Ask the public views: `look("SELECT …")`."""

    def answer(sql: str) -> Rows:
        with Store(store_dir).reading() as con:
            return arrow_table(con, sql).to_pylist()

    return answer


@pytest.fixture
def bring(run_ladder: Any, tmp_path: Path) -> Callable[..., None]:
    """Ingest a table: `bring("scores", text, "--name", "s")`."""

    def ingest(what: str, text: str, *words: str) -> None:
        (tmp_path / f"{what}.csv").write_text(text)
        answer = run_ladder("ingest", what, tmp_path / f"{what}.csv", *words)
        assert answer.code == 0, answer.err

    return ingest


def test_a_cell_on_the_edge_of_two_windows_is_in_the_one_that_begins_there(put: Any, ask: Any) -> None:
    put("S1", ("Tumor", 99, 10), ("Tumor", 100, 10), ("Tumor", 10, 99), ("Tumor", 10, 100))
    found = {
        (x, y): [row["cell_id"] for row in ask("cells/window", slide_id="S1", stain="HE", x_um=x, y_um=y, size_um=100)]
        for x in (0, 100)
        for y in (0, 100)
    }
    assert found == {(0, 0): [0, 2], (100, 0): [1], (0, 100): [3], (100, 100): []}


@pytest.mark.parametrize(("radius_um", "n_near"), [(5, 0), (5.01, 1)])
def test_a_cell_at_exactly_the_radius_is_not_near(put: Any, ask: Any, radius_um: float, n_near: int) -> None:
    put("S1", ("Lymph", 0, 0), ("Neutro", 3, 4), ("Lymph", 50, 50))
    rows = ask("cells/near", stain="HE", of_class="Lymph", near_class="Neutro", radius_um=radius_um)
    assert rows == [{"slide_id": "S1", "n_cells": 2, "n_near": n_near, "share_near": n_near / 2}]


def test_excluded_patients_are_in_neither_view_of_outcomes(bring: Any, look: Any) -> None:
    """Three patients with response and two endpoints, one of them left out of analyses."""
    head = "patient_id,cohort,is_pcr,dfs_months,dfs_event,os_months,os_event,excluded_reason\n"
    bring("clinical", head + "P1,A,1,12,0,12,0,\nP2,A,0,8,1,20,1,\nP3,A,1,12,0,12,0,withdrew\n")
    bring("scores", "patient_id,score\nP1,0.2\nP2,0.4\nP3,0.6\n", "--name", "s")
    for view, wanted in (("v_pcr", ["P1", "P2"]), ("v_km", ["P1", "P1", "P2", "P2"])):
        rows = look(f"SELECT patient_id FROM {view} ORDER BY 1")
        assert [row["patient_id"] for row in rows] == wanted, view


def test_a_feature_that_two_stains_share_keeps_each_stain_s_own_value(put: Any, run_ladder: Any, look: Any, tmp_path: Path) -> None:
    """H&E: one cell of two is a tumour cell; a stain of one's own: three of four."""
    own = tmp_path / "own.toml"
    own.write_text('name = "own"\nstain = "CD8"\n[vocabulary]\nclasses = ["Tumor", "T cell"]\n[labels]\nt = "Tumor"\nc = "T cell"\n')
    (tmp_path / "cd8.csv").write_text("cell_class,x_um,y_um\nt,1,1\nt,5,5\nt,9,9\nc,2,2\n")
    put("S1", ("Tumor", 0, 0), ("Lymph", 3, 4), patient="P")
    words = ["--stain", "CD8", "--slide-id", "S1", "--patient", "P", "--label-map", own, "--workers", 1]
    assert run_ladder("ingest", "cells", tmp_path / "cd8.csv", *words).code == 0
    assert run_ladder("features", "--workers", 1).code == 0
    (row,) = look("SELECT * FROM patient_feature")
    assert (row["Pi_Tumor_in_all_cells"], row["CD8_Pi_Tumor_in_all_cells"]) == (0.5, 0.75)


def test_predictions_of_the_folds_are_those_of_the_newest_training_alone(store_dir: Path, ask: Any) -> None:
    """Two trainings under one name, three patients, two members, two repeats; and another score, trained last."""
    for name, value in (("m", 0.1), ("m", 0.2), ("other", 0.3)):
        told = [
            {"score_name": name, "patient_id": f"P{i}", "member": member, "repeat": repeat, "fold": i, "score": value}
            for i in range(3)
            for member in ("ensemble", "knn")
            for repeat in (0, 1)
        ]
        with run(Store(store_dir), "train", {}) as this:
            this.append(FOLD_PREDICTION, told)
    rows = ask("evaluate/fold_predictions", score_name="m")
    assert len(rows) == 2 * 2 * 3
    assert {row["score"] for row in rows} == {0.2}


def test_a_score_whose_features_have_changed_since_is_left_out_until_they_are_as_they_were(store_dir: Path, bring: Any, look: Any) -> None:
    bring("features", "patient_id,f,g\nP1,1,2\nP2,3,4\n", "--name", "set")
    with run(Store(store_dir), "score", {}) as this:
        made_from = dict(this.con.sql("SELECT patient_id, input_sha256 FROM patient_input WHERE feature_set = 'set'").fetchall())
        told = {"score_name": "m", "kind": "final", "score": 0.4, "predicts": "residual"}
        this.append(SCORE, [{**told, "patient_id": one, "input_sha256": sha256} for one, sha256 in made_from.items()])
    assert made_from["P1"] != made_from["P2"]

    def held() -> list[str]:
        return [row["patient_id"] for row in look("SELECT patient_id FROM score_current ORDER BY 1")]

    assert held() == ["P1", "P2"]
    bring("features", "patient_id,f,g\nP1,1,2.5\nP2,3,4\n", "--name", "set")
    assert held() == ["P2"]
    bring("features", "patient_id,f,g\nP1,1,2\nP2,3,4\n", "--name", "set")
    assert held() == ["P1", "P2"]


def test_a_score_s_kind_band_and_cuts(store_dir: Path, bring: Any, look: Any) -> None:
    """Out of fold before final before imported; a score at a cut is below it; live cuts of construction patients, then the newest frozen ones."""
    people = "".join(f"P{i},A,construction,\n" for i in range(4)) + "X,A,construction,withdrew\nV,B,regimen,\n"
    bring("clinical", "patient_id,cohort,cohort_role,excluded_reason\n" + people)
    told = {"score_name": "m", "predicts": "residual"}
    rows: list[tuple[str, str, float]] = [(f"P{i}", "out_of_fold", i / 4) for i in range(4)]
    rows += [("P3", "final", 0.01), ("X", "out_of_fold", 0.9), ("V", "final", 0.6), ("V", "imported", 0.02)]
    with run(Store(store_dir), "test", {}) as this:
        this.append(SCORE, [{**told, "patient_id": one, "kind": kind, "score": score} for one, kind, score in reversed(rows)])

    def bands() -> list[tuple[Any, ...]]:
        return [tuple(row.values()) for row in look("SELECT patient_id, score, band, is_band_frozen FROM score_current ORDER BY 1")]

    scores = [("P0", 0.0), ("P1", 0.25), ("P2", 0.5), ("P3", 0.75), ("V", 0.6), ("X", 0.9)]
    assert bands() == [(*who, band, False) for who, band in zip(scores, ["Low", "Low", "Medium", "High", "High", "High"], strict=True)]
    assert look("SELECT low_max, medium_max, n FROM score_band") == [{"low_max": 0.25, "medium_max": 0.5, "n": 4}]
    for low, medium in ((0.0, 0.1), (0.5, 0.75)):
        with run(Store(store_dir), "test", {}) as this:
            this.append(MODEL_BAND, [{"score_name": "m", "low_max": low, "medium_max": medium, "rule": "test", "n": 4, "cohort": "A"}])
    assert bands() == [(*who, band, True) for who, band in zip(scores, ["Low", "Low", "Low", "Medium", "Medium", "High"], strict=True)]
    assert len(look("FROM score_band")) == 1


@pytest.mark.slow
def test_the_past_is_what_every_view_said_then(store_dir: Path, put: Any, run_ladder: Any, bring: Any, tmp_path: Path) -> None:
    """After each run all views are written down; `--as-of` that run gives the same rows, whatever came in later."""
    (tmp_path / "map.toml").write_text('extra = ["ki67"]\n')
    (tmp_path / "imc.toml").write_text('name = "imc"\nstain = "IMC"\n[vocabulary]\nclasses = ["T"]\n[labels]\nt = "T"\n')
    (tmp_path / "S3.csv").write_text("cell_id,cell_class,x_um,y_um\n1,t,0,0\n")
    scored = "".join(f"P{i},0.{i}\n" for i in range(1, 7))
    people = "".join(f"P{i},A,construction,{i % 2},12,1\n" for i in range(1, 7))
    final = {"score_name": "s", "kind": "final", "patient_id": "P1", "score": 0.9, "predicts": "residual"}
    fold = {"score_name": "s", "patient_id": "P1", "member": "knn", "repeat": 0, "fold": 0, "score": 0.1}
    model = {"name": "s", "kind": "ensemble", "feature_set": "set", "cohort": "A", "sha256": "0", "summary": "{}"}
    band = {"score_name": "s", "low_max": 0.85, "medium_max": 0.95, "rule": "test", "n": 6, "cohort": "A"}
    found = {"analysis": "odds", "cohort": "all", "subgroup": "all", "term": "x", "metric": "odds_ratio", "value": 2.0, "family": "", "note": ""}

    def append(*rows: tuple[Table, dict[str, object]]) -> None:
        with run(Store(store_dir), "test", {}) as this:
            for table, row in rows:
                this.append(table, [row])

    steps: list[Callable[[], object]] = [
        lambda: put("S1", ("Tumor", 0, 0), ("Lymph", 3, 4)),
        lambda: put("S2", ("Tumor", 0, 0), ("Nobody", 1, 1), patient="P1"),
        lambda: bring("clinical", "patient_id,cohort,cohort_role,is_pcr,os_months,os_event\n" + people),
        lambda: bring("scores", "patient_id,score\n" + scored, "--name", "s"),
        lambda: bring("features", "patient_id,f\nP1,1\nP2,2\n", "--name", "set"),
        lambda: run_ladder("features", "--workers", 1),
        lambda: freeze_bands(Store(store_dir), "s"),
        *(lambda n=n: append((MODEL, {**model, "model_id": f"m{n}"}), (FOLD_PREDICTION, {**fold, "patient_id": f"P{n}"}), (ANALYSIS_RESULT, {**found, "n": n}))
          for n in (1, 2)),
        lambda: append((SCORE, final)),
        lambda: append((SCORE, {**final, "kind": "out_of_fold", "score": 0.8}), (MODEL_BAND, band)),
        lambda: put("S1", ("Tumor", 0, 0), ("Lymph", 3, 4), patient="P1"),
        lambda: put("S2", ("Lymph", 0, 0), patient="P1"),
        lambda: run_ladder("ingest", "cells", tmp_path / "S3.csv", "--stain", "IMC", "--label-map", tmp_path / "imc.toml", "--workers", 1),
        lambda: run_ladder("features", "--workers", 1),
        lambda: bring("features", "patient_id,f\nP1,1.5\n", "--name", "set"),
        lambda: bring("clinical", "patient_id,cohort,is_pcr,os_months,os_event,ki67\nP1,A,0,24,0,7\nQ,B,1,3,1,8\n", "--map", tmp_path / "map.toml"),
        lambda: bring("scores", "patient_id,score\nP2,0.65\nQ,0.1\n", "--name", "t"),
    ]  # fmt: skip
    said: dict[str, dict[str, list[Any]]] = {}
    for step in steps:
        step()
        rows = everything(Store(store_dir))
        said[max(row[0] for row in rows["run"])] = rows
    assert len(said) == len(steps)
    last = said[max(said)]
    assert {name for name in last if all(rows[name] == last[name] for rows in said.values())} <= {
        *("store_info", "cell_centrality", "cell_morphology"),
        *("gene", "expression", "cell_type", "cell_count"),  # in-situ transcriptomics and membranes: nothing of them here
        *("membrane_threshold", "membrane_class", "calibration", "calibration_control", "her2_summary", "tile_quality"),
        *("region", "cell_region"),
    }
    for run_id, rows in said.items():
        then = everything(Store(store_dir, as_of=run_id))
        assert {name: held for name, held in then.items() if held != rows[name]} == {}, run_id


def everything(store: Store) -> dict[str, list[Any]]:
    """Every public view's rows, ordered."""
    with store.reading() as con:
        views = [name for (name,) in con.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()]
        return {name: con.sql(f"SELECT * FROM {name} ORDER BY ALL").fetchall() for name in views}
