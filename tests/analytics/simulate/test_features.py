"""The feature table without slides has the dictionary's columns, hangs together, and moves with the planted latents."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.spatial import cKDTree
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from her2ladder.analytics.simulate import features, patients, plan, truth
from her2ladder.errors import InputError
from her2ladder.schema.dictionary import features as dictionary
from her2ladder.schema.vocabulary import CLASSES


@pytest.fixture(scope="module")
def study() -> tuple[pd.DataFrame, pd.DataFrame]:
    everyone = patients.draw(plan.paper(), 5)
    return patients.analysed(everyone), features.feature_table(everyone, 5)


def test_the_table_has_the_139_names_of_the_dictionary(study: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    names = [f.feature for stain, classes in CLASSES.items() for f in dictionary(stain, classes)]
    assert study[1].columns.tolist() == ["patient_id", *names]
    assert len(names) == 139
    assert study[1]["patient_id"].tolist() == study[0]["patient_id"].tolist()


def test_values_hang_together(study: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    table = study[1]
    assert np.isfinite(table.drop(columns="patient_id").to_numpy()).all()
    for stain, ending in (("HE", "in_all_cells"), ("HER2", "in_tumor_cells")):
        assert table[[f"Pi_{c}_{ending}" for c in CLASSES[stain]]].sum(axis=1).to_numpy() == pytest.approx(1)
    assert table.filter(regex="^Pi_").to_numpy().min() >= 0
    assert table.filter(regex="^Pi_").to_numpy().max() <= 1
    assert table.filter(regex="Nsubgraph$").to_numpy().min() >= 1
    assert table.filter(regex="Degrees$").to_numpy().min() >= 0
    shortest, mean = (table.filter(regex=f"{family}$").to_numpy() for family in ("minEdgeLength", "meanEdgeLength"))
    assert (shortest > 0).all()
    assert (shortest <= mean).all()
    assert (mean <= 25).all()


def test_the_shortest_edge_is_that_of_a_poisson_field() -> None:
    rng, density, side = np.random.default_rng(3), 600e-6, 4000.0
    points = rng.uniform(0, side, (round(density * side**2), 2))
    probes = rng.uniform(50, side - 50, (20_000, 2))
    seen = np.minimum(cKDTree(points).query(probes)[0], 25.0).mean()
    quiet = [features._families(np.full(1, density), np.full(1, density), np.random.default_rng(s))["minEdgeLength"][0] for s in range(400)]
    assert np.mean(quiet) == pytest.approx(seen, rel=0.02)


def test_the_papers_features_move_as_planted(study: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    subjects, table = study
    for feature, direction in truth.DIRECTIONS.items():
        correlation = table[feature].corr(subjects["latent_resistance"], method="spearman")
        assert 0.35 < direction * correlation < 0.9, feature


def test_a_plain_model_learns_the_score_but_not_perfectly() -> None:
    """Out-of-fold AUC of ridge logistic regression on construction patients, mean of six studies: between .80 and .93."""
    aucs = []
    for seed in range(6):
        everyone = patients.draw(plan.paper(), seed)
        subjects = patients.analysed(everyone)
        rows = subjects["cohort_role"] == "construction"
        x = features.feature_table(everyone, seed).drop(columns="patient_id").assign(hr=(subjects["hr_status"] == "positive") * 1.0)[rows]
        y = 1 - subjects.loc[rows, "is_pcr"].astype(int)
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.02, max_iter=2000))
        fold = StratifiedKFold(5, shuffle=True, random_state=0)
        aucs.append(roc_auc_score(y, cross_val_predict(model, x, y, cv=fold, method="predict_proba")[:, 1]))
    assert 0.80 < np.mean(aucs) < 0.93


def test_the_files_of_a_study_without_slides_agree_with_each_other(tmp_path: Path) -> None:
    small = plan.scaled(40)
    made = features.simulate_features(tmp_path / "a", small, 2)
    again = features.simulate_features(tmp_path / "b", small, 2)
    for name in ("features.csv", "clinical.csv", "true_score.csv", "truth.csv", "truth.json", "README.txt"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert made.n_patients == again.n_patients == small.n_enrolled
    table, scores = pd.read_csv(made.features), pd.read_csv(made.scores)
    assert table["patient_id"].tolist() == scores["patient_id"].tolist()
    assert len(table) == 40
    assert (
        json.loads(made.truth.read_text())["outcome"][plan.TCBHP]["odds_ratio_per_tenth"] == truth.OUTCOMES[plan.TCBHP].odds_ratio_per_tenth
    )
    with pytest.raises(InputError, match="empty folder"):
        features.simulate_features(tmp_path / "a", small, 2)
