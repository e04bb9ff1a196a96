"""Stores for the analyses of cohorts: the reference cohort that R has judged, and small ones made in a test."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from her2ladder.ingest.clinical import ingest_clinical
from her2ladder.ingest.made_elsewhere import ingest_features, ingest_scores
from her2ladder.queries.init import init
from her2ladder.schema.store import Store

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


@pytest.fixture(scope="session")
def truth(reference: Path) -> dict[str, Any]:
    """What R says of the reference cohort."""
    return dict(json.loads((reference / "r_truth.json").read_text()))


@pytest.fixture(scope="session")
def cohort(reference: Path) -> pd.DataFrame:
    """The reference cohort as it stands in its file."""
    return pd.read_csv(reference / "cohort.csv")


@pytest.fixture(scope="session")
def reference_store(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The reference cohort in a store, its scores imported as `ref` and `rival`."""
    folder = tmp_path_factory.mktemp("reference")
    (folder / "map.toml").write_text(MAP)
    store = init(folder / "store")
    ingest_clinical(store, reference / "cohort.csv", folder / "map.toml")
    frame = pd.read_csv(reference / "cohort.csv")
    for column, name in (("score", "ref"), ("rival", "rival")):
        path = folder / f"{name}.csv"
        frame[["patient_id", column]].rename(columns={column: "score"}).to_csv(path, index=False)
        ingest_scores(store, path, name)
    return store


@pytest.fixture(scope="session")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Store]:
    """Put a clinical table into a store of its own; its column `score` becomes the score `s`, further columns covariates."""

    def put(frame: pd.DataFrame) -> Store:
        from her2ladder.ingest.column_map import KNOWN

        folder = tmp_path_factory.mktemp("clinic")
        store = init(folder / "store")
        extra = [name for name in frame.columns if name not in KNOWN and name != "score"]
        (folder / "map.toml").write_text(f"extra = {json.dumps(extra)}\n")
        frame.drop(columns="score", errors="ignore").to_csv(folder / "clinical.csv", index=False)
        ingest_clinical(store, folder / "clinical.csv", folder / "map.toml")
        if "score" in frame:
            frame[["patient_id", "score"]].to_csv(folder / "scores.csv", index=False)
            ingest_scores(store, folder / "scores.csv", "s")
        return store

    return put


@pytest.fixture(scope="session")
def ladder() -> Callable[..., list[dict[str, Any]]]:
    """Run a command with --json on a store and return its rows; an error is raised as it is."""

    def call(store: Store, *words: str) -> list[dict[str, Any]]:
        from her2ladder.cli.main import app

        result = CliRunner().invoke(app, ["--store", str(store.root), "--json", *words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return list(json.loads(result.stdout))

    return call


QUICK_CANDIDATES = ("elastic_net", "naive_bayes", "knn")


def modelled(n: int = 90, seed: int = 3) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a feature table and a clinical table: 60 construction, 20 temporal and 10 adjuvant patients; three features say something."""
    rng = np.random.default_rng(seed)
    ids = [f"P{i:03d}" for i in range(n)]
    columns = ["Pi_Lymph_in_all_cells", "Tumor_Lymph_Degrees", "HER2null_HER2null_Nsubgraph", "Macro_Macro_Degrees", "odd_feature"]
    features = pd.DataFrame(rng.standard_normal((n, len(columns))), columns=columns)
    truth = features.iloc[:, :3].sum(axis=1) * 0.9
    residual = (truth + rng.logistic(size=n) > 0).astype(int)
    features.loc[features.index % 11 == 0, "Macro_Macro_Degrees"] = np.nan
    features.insert(0, "patient_id", ids)
    cohort = np.repeat(["A", "B", "C"], [60, 20, n - 80])
    clinical = pd.DataFrame(
        {
            "patient_id": ids,
            "cohort": cohort,
            "cohort_role": pd.Series(cohort).map({"A": "construction", "B": "temporal_validation", "C": "adjuvant"}),
            "regimen": rng.choice(["THP", "TCbHP/PCbHP"], n),
            "age_years": rng.integers(30, 75, n),
            "clinical_stage": rng.choice(["I", "II", "III"], n),
            "hr_status": rng.choice(["positive", "negative"], n),
            "is_pcr": pd.array(np.where(cohort == "C", -1, 1 - residual), dtype="Int64"),
        }
    )
    clinical["is_pcr"] = clinical["is_pcr"].where(cohort != "C")
    return features, clinical


def put_tables(store: Store, features: pd.DataFrame, clinical: pd.DataFrame, feature_set: str = "set") -> Store:
    """Ingest a feature table and a clinical table."""
    folder = store.root.parent
    features.to_csv(folder / "features.csv", index=False)
    clinical.to_csv(folder / "clinical.csv", index=False)
    ingest_features(store, folder / "features.csv", feature_set)
    ingest_clinical(store, folder / "clinical.csv")
    return store


@pytest.fixture(scope="session")
def quick_settings() -> Any:
    """A training of seconds: three candidates, one or two draws each."""
    from her2ladder.analytics.learning.nested import Settings

    return Settings(budget=2, outer_folds=3, repeats=2, inner_folds=3, candidates=QUICK_CANDIDATES, trees=20)


@pytest.fixture(scope="session")
def trained_store(tmp_path_factory: pytest.TempPathFactory, quick_settings: Any) -> Store:
    """A store with the model `m`, trained on construction patients and applied to everyone; nothing here may write into it but runs."""
    from her2ladder.analytics.cohort.selection import Selection
    from her2ladder.analytics.model.stage import score_patients, train_model

    store = put_tables(init(tmp_path_factory.mktemp("trained") / "store"), *modelled())
    train_model(store, "m", Selection(("construction",)), quick_settings, feature_set="set")
    score_patients(store, "m")
    return store
