"""A trained score evaluated: out-of-fold and apparent side by side, sub-models, cross-fitted rates; and the figures of any score."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from her2ladder.schema.store import Store

Ladder = Callable[..., list[dict[str, Any]]]
Clinic = Callable[..., Store]
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def rows(trained_store: Store, ladder: Ladder) -> Rows:
    return ladder(trained_store, "evaluate", "--score", "m")


@pytest.fixture(scope="module")
def tables(trained_store: Store) -> dict[str, pd.DataFrame]:
    """What the store holds, read without the code under test."""
    with trained_store.reading() as con:
        asked = {
            "score": "SELECT patient_id, kind, score FROM score WHERE score_name = 'm'",
            "patient": "SELECT patient_id, cohort, 1 - is_pcr::INT AS residual FROM patient WHERE is_pcr IS NOT NULL",
            "fold": "SELECT * FROM fold_prediction WHERE score_name = 'm'",
        }
        return {name: con.sql(query).to_arrow_table().to_pandas() for name, query in asked.items()}


def one(rows: Rows, metric: str, term: str, cohort: str) -> dict[str, Any]:
    found = [row for row in rows if (row["metric"], row["term"], row["cohort"], row["subgroup"]) == (metric, term, cohort, "all")]
    assert len(found) == 1, (metric, term, cohort, len(found))
    return found[0]


def test_construction_patients_have_their_out_of_fold_score_and_the_apparent_one_beside_it(
    rows: Rows, tables: dict[str, pd.DataFrame]
) -> None:
    scores = tables["score"].merge(tables["patient"], on="patient_id")
    for kind, term in (("out_of_fold", "m"), ("apparent", "m (apparent)")):
        own = scores[scores["kind"] == kind]
        row = one(rows, "auc", term, "construction")
        assert row["value"] == pytest.approx(roc_auc_score(own["residual"], own["score"]), abs=1e-12)
        assert row["n"] == 60
    assert "scores: 60 out_of_fold" in one(rows, "auc", "m", "construction")["note"]
    assert "not a measure of how well it predicts" in one(rows, "auc", "m (apparent)", "construction")["note"]


def test_other_patients_have_the_final_score_and_no_apparent_one(rows: Rows, tables: dict[str, pd.DataFrame]) -> None:
    own = tables["score"].query("kind == 'final'").merge(tables["patient"].query("cohort == 'B'"), on="patient_id")
    row = one(rows, "auc", "m", "temporal_validation")
    assert row["value"] == pytest.approx(roc_auc_score(own["residual"], own["score"]), abs=1e-12)
    assert "scores: 20 final" in row["note"]
    assert not [row for row in rows if row["term"] == "m (apparent)" and row["cohort"] == "temporal_validation"]
    assert "60 out_of_fold" in one(rows, "auc", "m", "all")["note"]
    assert "20 final" in one(rows, "auc", "m", "all")["note"]


def test_the_mean_of_the_per_repeat_aucs_stands_beside_the_auc_of_the_mean_score(rows: Rows, tables: dict[str, pd.DataFrame]) -> None:
    frame = tables["fold"].query("member == 'ensemble'").merge(tables["patient"], on="patient_id")
    areas = [roc_auc_score(part["residual"], part["score"]) for _, part in frame.groupby("repeat")]
    row = one(rows, "auc_mean_of_repeats", "m", "construction")
    assert len(areas) == 2
    assert row["value"] == pytest.approx(np.mean(areas), abs=1e-12)
    assert row["lo"] is None


def test_each_sub_model_has_its_auc_and_its_decision_curve(rows: Rows, tables: dict[str, pd.DataFrame], trained_store: Store) -> None:
    with trained_store.reading() as con:
        weights = json.loads(con.sql("SELECT summary FROM model WHERE name = 'm'").fetchall()[0][0])["weights"]
    means = tables["fold"].groupby(["member", "patient_id"])["score"].mean().reset_index().merge(tables["patient"], on="patient_id")
    assert len(weights) >= 1
    for member, weight in weights.items():
        own = means[means["member"] == member]
        row = one(rows, "auc", member, "construction")
        assert row["value"] == pytest.approx(roc_auc_score(own["residual"], own["score"]), abs=1e-12)
        assert f"weight {weight:.2f}" in row["note"]
        y, acted = own["residual"].to_numpy(), own["score"].to_numpy() >= 0.3
        benefit = ((acted & (y == 1)).sum() - (acted & (y == 0)).sum() * 0.3 / 0.7) / len(y)
        assert one(rows, "net_benefit", f"0.30 {member}", "construction")["value"] == pytest.approx(benefit, abs=1e-12)
        assert one(rows, "auc", member, "temporal_validation")["n"] == 20


def test_every_score_names_the_features_it_was_computed_from(trained_store: Store) -> None:
    """What a score names must be its own patient's hash: another one, or none, would hide or keep a stale score."""
    with trained_store.reading() as con:
        rows = con.sql(
            "SELECT s.kind, count(*), count(*) FILTER (s.input_sha256 = i.input_sha256) FROM ladder.base.score AS s "
            "JOIN patient_input AS i ON i.patient_id = s.patient_id AND i.feature_set = 'set'"
            " WHERE s.score_name = 'm' GROUP BY 1 ORDER BY 1"
        ).fetchall()
    assert rows == [("apparent", 60, 60), ("final", 30, 30), ("out_of_fold", 60, 60)]


def test_the_sub_models_of_new_patients_vote_to_their_final_score(trained_store: Store, tables: dict[str, pd.DataFrame]) -> None:
    from her2ladder.analytics.model.stored import trained_score
    from her2ladder.queries.run import Run

    final = tables["score"].query("kind == 'final'").set_index("patient_id")["score"]
    with trained_store.reading() as con:
        people = pd.DataFrame({"patient_id": final.index, "kind": "final"})
        found = trained_score(Run(trained_store, "evaluate", {}, con), "m", people)
    assert found is not None
    voted = sum(weight * found.members.loc[final.index, member] for member, weight in found.summary["weights"].items())
    assert np.asarray(voted) == pytest.approx(final.to_numpy(), abs=1e-12)


def test_rates_of_training_patients_are_marked_beside_those_of_the_outer_folds(rows: Rows, tables: dict[str, pd.DataFrame]) -> None:
    own = one(rows, "sensitivity", "m", "construction")
    honest = one(rows, "sensitivity_crossfitted", "m", "construction")
    assert own["note"] == "cut_on_same_patients"
    assert "outer folds that held the patient out" in honest["note"]
    assert own["n"] == honest["n"]
    assert one(rows, "sensitivity", "m (apparent)", "construction")["note"].startswith("cut_on_same_patients")
    assert one(rows, "sensitivity", "m", "temporal_validation")["note"] is None


def test_the_clinical_only_model_is_a_rival_by_default(rows: Rows) -> None:
    row = one(rows, "auc_difference", "m - m-clinical", "construction")
    assert row["value"] == pytest.approx(
        one(rows, "auc", "m", "construction")["value"] - one(rows, "auc", "m-clinical", "construction")["value"]
    )
    assert row["n"] == 60


def test_patients_of_a_role_without_outcomes_are_no_cohort_of_their_own(rows: Rows) -> None:
    assert {row["cohort"] for row in rows} == {"all", "construction", "temporal_validation"}
    assert "10 without outcome" in one(rows, "auc", "m", "all")["note"]


# ---- figures ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def drawn(trained_store: Store, ladder: Ladder, tmp_path_factory: pytest.TempPathFactory) -> tuple[Rows, Path]:
    folder = tmp_path_factory.mktemp("figures")
    return ladder(trained_store, "evaluate", "--score", "m", "--by", "regimen", "-o", str(folder)), folder


def test_every_figure_is_there_as_png_svg_and_csv(drawn: tuple[Rows, Path]) -> None:
    names = {path.name for path in drawn[1].iterdir()}
    cohorts = ("construction", "temporal_validation")
    stems = ["roc", "precision_recall", "confusion", "calibration", "distribution", "comparison", "candidates", "features"]
    stems += [f"{what}_{cohort}" for what in ("roc", "decision") for cohort in cohorts]
    stems += [f"{what}_by_regimen" for what in ("roc", "precision_recall", "confusion", "comparison")]
    for stem in stems:
        assert f"{stem}.png" in names
        assert f"{stem}.svg" in names
        assert [name for name in names if name.startswith(stem) and name.endswith(".csv")], stem
    assert {"evaluate_rows.csv", "evaluate_rows.parquet"} <= names


def test_every_table_behind_a_figure_names_the_run_and_the_score(drawn: tuple[Rows, Path]) -> None:
    rows, folder = drawn
    for path in folder.glob("*.csv"):
        table = pd.read_csv(path)
        if len(table):
            assert set(table["run"]) == {rows[0]["run"]}, path.name
            assert set(table["score_name"]) == {"m"}, path.name


def test_the_figures_show_the_logit_interval_in_small_cohorts(drawn: tuple[Rows, Path]) -> None:
    rows, folder = drawn
    shown = pd.read_csv(folder / "roc_summary.csv").set_index("label")
    for cohort in ("construction", "temporal_validation"):
        row = one(rows, "auc_logit", "m", cohort)
        assert [shown.loc[cohort.replace("_", " "), name] for name in ("value", "lo", "hi", "n")] == pytest.approx(
            [row[n] for n in ("value", "lo", "hi", "n")]
        )


def test_decision_curves_set_the_vote_beside_its_members_with_a_band(drawn: tuple[Rows, Path]) -> None:
    rows, folder = drawn
    points = pd.read_csv(folder / "decision_construction_points.csv")
    differences = pd.read_csv(folder / "decision_construction_differences.csv")
    assert {"m", "treat all", "treat none"} < set(points["label"])
    members = set(points["label"]) - {"m", "treat all", "treat none"}
    assert set(differences["label"]) == {f"m - {member}" for member in members}
    for member in members:
        at = points[points["threshold"].round(2) == 0.3].set_index("label")["net_benefit"]
        row = differences[(differences["label"] == f"m - {member}") & (differences["threshold"].round(2) == 0.3)].iloc[0]
        assert row["difference"] == pytest.approx(at["m"] - at[member], abs=1e-12)
        assert row["lo"] <= row["difference"] <= row["hi"]
    assert one(rows, "net_benefit", "0.30 m", "construction")["value"] == pytest.approx(at["m"], abs=1e-12)


def test_the_table_of_features_gives_source_and_family_and_that_of_candidates_all_tried(drawn: tuple[Rows, Path]) -> None:
    features = pd.read_csv(drawn[1] / "features.csv").set_index("feature")
    assert features.loc["Pi_Lymph_in_all_cells", ["source", "family"]].tolist() == ["H&E", "proportion"]
    assert features.loc["HER2null_HER2null_Nsubgraph", ["source", "family"]].tolist() == ["HER2 IHC", "Nsubgraph"]
    tried = pd.read_csv(drawn[1] / "candidates.csv")
    assert set(tried["candidate"]) == {"elastic_net", "naive_bayes", "knn"}
    assert tried["weight"].sum() == pytest.approx(1.0)
    assert tried["value"].between(0, 1).all()


def test_an_imported_score_outside_0_to_1_with_a_one_class_subgroup_is_drawn_too(clinic: Clinic, ladder: Ladder, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    y = np.arange(40) % 2
    y[30:] = 0
    frame = pd.DataFrame(
        {"patient_id": [f"SYN-{i}" for i in range(40)], "cohort": "A", "is_pcr": 1 - y, "score": 3 * y + rng.normal(size=40)}
    )
    frame["regimen"] = np.where(np.arange(40) >= 30, "one class", "both")
    ladder(clinic(frame), "evaluate", "--score", "s", "--by", "regimen", "-o", str(tmp_path / "out"))
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"calibration.png", "decision_A.png", "roc_by_regimen.png", "confusion.png", "distribution.png"} <= names
    assert "candidates.png" not in names
