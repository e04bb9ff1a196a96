"""Stores for the analyses of cohorts: the reference cohort that R has judged, and small ones made in a test."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from her2ladder.ingest.clinical import ingest_clinical
from her2ladder.ingest.made_elsewhere import ingest_scores
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


@pytest.fixture
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
