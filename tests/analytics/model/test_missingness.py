"""What training patients lacked is said and counted: whole stains, single features, and the medians that a score rests on."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from her2ladder.analytics.model.missingness import Missing, filled_out_of_fold, missing_of
from her2ladder.analytics.model.stored import newest_model
from her2ladder.queries.run import Run
from her2ladder.schema.store import Store

NAN = float("nan")
STAINS = {"a": "HE", "b": "HE", "c": "HER2", "d": "HER2", "e": None}


def fitted(values: list[list[float]], **more: Any) -> Any:
    return SimpleNamespace(columns=("a", "b", "c", "d", "e", "age_years"), values=np.array(values), **more)


def test_a_patient_without_any_feature_of_a_stain_is_counted_under_it() -> None:
    rows = [[1, 1, NAN, NAN, 1, 1], [1, NAN, NAN, 1, 1, 1], [1, 1, 1, 1, NAN, 1], [1, 1, 1, 1, 1, NAN]]
    found = missing_of(fitted(rows), STAINS)
    assert found == Missing(4, {"HER2": 1}, 3)  # a missing age is no missing feature
    assert found.words() == [
        "1 of 4 training patients have no HER2 feature at all: each is filled with its training median",
        "3 of 4 training patients lack at least one feature",
    ]
    assert missing_of(fitted([[1.0] * 6]), STAINS).words() == []


def test_an_out_of_fold_score_counts_the_gaps_that_the_models_without_the_patient_read() -> None:
    rows = [[NAN, NAN, 1, 1, 1, NAN], [NAN, 1, 1, 1, 1, 1]]
    folds = [
        SimpleNamespace(rows=np.array([0]), selected=("a", "c")),
        SimpleNamespace(rows=np.array([1]), selected=("b",)),
        SimpleNamespace(rows=np.array([0, 1]), selected=("a (missing)", "age_years", "d")),
    ]
    assert filled_out_of_fold(fitted(rows, folds=folds)).tolist() == [2, 1]


def test_every_score_of_a_model_says_how_many_of_its_columns_were_missing(trained_store: Store) -> None:
    with trained_store.reading() as con:
        held = con.sql("SELECT patient_id, kind, n_imputed FROM score WHERE score_name = 'm'").fetchall()
        summary = newest_model(Run(trained_store, "test", {}, con), "m")["summary"]
    assert {kind for _, kind, _ in held} == {"out_of_fold", "apparent", "final"}
    reads = (
        '"column": "Macro_Macro_Degrees", "is_in_vote": true' in summary
        or '"column": "Macro_Macro_Degrees (missing)", "is_in_vote": true' in summary
    )
    for patient, kind, n in held:
        has_gap = int(patient.removeprefix("P")) % 11 == 0
        assert n in ((0, 1) if has_gap else (0,))
        if has_gap and kind in ("apparent", "final"):
            assert n == int(reads)


def test_train_says_what_its_patients_lacked(
    trained_store: Store, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    vote = SimpleNamespace(ensemble=SimpleNamespace(weights={"knn": 1.0}))
    done = SimpleNamespace(
        model_id="m-1", n=40, events=20, run="r1", n_without_features=0, left_out=(), fitted=vote, missing=Missing(40, {"HER2": 10}, 12)
    )
    monkeypatch.setattr("her2ladder.analytics.model.stage.train_model", lambda *a, **k: done)
    monkeypatch.setattr("her2ladder.analytics.explain.card.write_card", lambda *a: tmp_path)
    answer = command("--store", trained_store.root, "train", "--name", "m")
    assert "10 of 40 training patients have no HER2 feature at all" in answer.err
    assert "12 of 40 training patients lack at least one feature" in answer.err
