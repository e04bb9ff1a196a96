"""The methods text says what the run's rows say: its n, its tests, its software; and nothing of a run that is no analysis."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from her2ladder.analytics.cohort.selection import Selection
from her2ladder.analytics.odds.stage import odds
from her2ladder.analytics.report.methods import TEST_METRICS, WORDS, methods_of, newest
from her2ladder.analytics.report.references import CITED
from her2ladder.analytics.survival.asked import Asked
from her2ladder.analytics.survival.stage import survival
from her2ladder.analytics.table1.stage import table_one
from her2ladder.errors import InputError, MissingError
from her2ladder.schema.store import Store


@pytest.fixture(scope="module")
def told(clinic: Callable[..., Store]) -> tuple[Store, str, str, str]:
    random = np.random.default_rng(7)
    n = 60
    frame = pd.DataFrame(
        {
            "patient_id": [f"P{i}" for i in range(n)],
            "cohort": "ours",
            "cohort_role": "construction",
            "age_years": random.integers(30, 70, n),
            "hr_status": np.where(random.random(n) < 0.5, "positive", "negative"),
            "is_pcr": np.arange(n) % 3 == 0,
            "dfs_months": random.exponential(40, n).round(1) + 0.1,
            "dfs_event": (random.random(n) < 0.5).astype(int),
        }
    )
    store = clinic(frame)
    first = odds(store, Selection(), by="hr_status", adjust=("age_years",))
    second = survival(store, Selection(), Asked("dfs", "hr_status", None, None, adjust=("age_years",)))
    third = table_one(store, Selection(), "hr_status")
    return store, first.run, second.run, third.run


def test_the_text_of_an_odds_run_names_n_the_outcome_the_test_the_adjustment_and_the_run(told: tuple[Store, str, str, str]) -> None:
    text = methods_of(told[0], told[1]).text
    assert "There were 60 patients, 40 with the outcome." in text
    assert "adjusted for age_years" in text
    assert "logistic regression, Wald" in text
    assert f"(run {told[1]})" in text
    assert "Firth" not in text  # no row of this run was penalised


def test_the_references_are_those_of_the_tests_named(told: tuple[Store, str, str, str]) -> None:
    found = methods_of(told[0], told[2])
    assert "Cox (Efron)" in found.text
    assert "log-rank" in found.text
    assert "lifelines" in found.text
    assert any("Kaplan EL" in reference for reference in found.references)
    assert any("Grambsch" in reference for reference in found.references)
    assert not any("DeLong" in reference or "Wilcoxon" in reference for reference in found.references)


def test_no_reference_is_listed_twice_and_each_has_a_year() -> None:
    assert len({reference for _, reference in CITED}) == len(CITED)
    assert all(re.search(r"\b(19|20)\d\d;", reference) for _, reference in CITED)


def test_every_worded_metric_is_one_that_is_told() -> None:
    assert set(WORDS) <= {metric for metrics in TEST_METRICS.values() for metric in metrics}


def test_the_newest_runs_come_in_the_order_of_a_paper(told: tuple[Store, str, str, str]) -> None:
    store, first, second, third = told
    assert newest(store) == [third, first, second]


def test_a_run_that_is_no_analysis_and_one_that_is_not_there_say_so(told: tuple[Store, str, str, str]) -> None:
    with pytest.raises(InputError, match="this run is 'init'"):
        methods_of(told[0], "r000000")
    with pytest.raises(MissingError, match="no run called 'r999999'"):
        methods_of(told[0], "r999999")


def test_a_run_whose_rows_a_later_one_replaced_names_the_later_one(clinic: Callable[..., Store]) -> None:
    frame = pd.DataFrame({"patient_id": ["A", "B", "C"], "cohort": "c", "age_years": [40, 50, 60], "regimen": ["x", "y", "x"]})
    store = clinic(frame)
    old, new = table_one(store, Selection(), "regimen").run, table_one(store, Selection(), "regimen").run
    assert methods_of(store, new).run == new
    with pytest.raises(InputError, match=new):
        methods_of(store, old)


def test_features_within_regions_are_never_told_as_those_of_whole_slides(run_ladder: Any, store_dir: Path, tmp_path: Path) -> None:
    for slide in ("A", "B"):
        (tmp_path / f"{slide}.csv").write_text("cell_id,cell_class,x_um,y_um\n1,Tumor,5,5\n2,Lymph,8,9\n")
        run_ladder("ingest", "cells", tmp_path / f"{slide}.csv", "--stain", "HE", "--mpp", 0.5, "--label-map", "store")
        run_ladder("features", "--slide-id", slide, "--workers", 1)  # a publish each
    ring = [[0, 0], [40, 0], [40, 40], [0, 40], [0, 0]]
    (tmp_path / "r.json").write_text(json.dumps([{"geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": {"classification": "Bed"}}]))
    run_ladder("ingest", "regions", tmp_path / "r.json", "--slide-id", "A")
    run_ladder("features", "--within", "Bed", "--leave-out", "pen")
    store = Store(store_dir)
    [whole] = [methods_of(store, run).text for run in newest(store)]
    assert "Values of 2 slides stand in the store." in whole
    assert "regions" not in whole
    with store.reading() as con:
        [(last,)] = con.sql("SELECT max(run) FROM run WHERE stage = 'features'").fetchall()
    part = methods_of(store, last).text
    assert "Only cells in regions of class Bed were counted. Cells of tiles flagged as pen were left out. Values of 1 slide stand in the store." in part
