"""What a stored model looks at, through the command line: the values in the files, their sums, and where they come from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from her2ladder.analytics.explain.stage import explain_model
from her2ladder.errors import InputError, MissingError
from her2ladder.schema.store import Store

Ladder = Callable[..., list[dict[str, Any]]]
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def explained(trained_store: Store, ladder: Ladder, tmp_path_factory: pytest.TempPathFactory) -> tuple[Rows, Path]:
    folder = tmp_path_factory.mktemp("explained")
    return ladder(trained_store, "explain", "--model", "m", "-o", str(folder), "--walks", "10"), folder


def test_shap_values_of_a_patient_add_up_to_the_probability_less_the_background(explained: tuple[Rows, Path]) -> None:
    values = pd.read_csv(explained[1] / "shap_values.csv")
    sums = values.groupby(["model", "patient_id"]).agg(shap=("shap", "sum"), base=("base", "first"), output=("output", "first"))
    assert len(sums) == 60 * values["model"].nunique()
    assert (sums["shap"] + sums["base"]).to_numpy() == pytest.approx(sums["output"].to_numpy(), abs=1e-12)


def test_the_values_of_the_vote_are_the_weighted_mean_of_its_members(trained_store: Store, explained: tuple[Rows, Path]) -> None:
    import json

    values = pd.read_csv(explained[1] / "shap_values.csv").pivot(index=["patient_id", "feature"], columns="model", values="shap")
    with trained_store.reading() as con:
        summary = json.loads(con.sql("SELECT summary FROM model WHERE name = 'm'").fetchall()[0][0])
    weights = summary["weights"]
    assert set(weights) == set(values.columns) - {"ensemble"}
    voted = sum(weight * values[member] for member, weight in weights.items())
    assert values["ensemble"].to_numpy() == pytest.approx(np.asarray(voted), abs=1e-12)


def test_the_explained_probability_is_the_stored_in_sample_score(trained_store: Store, explained: tuple[Rows, Path]) -> None:
    values = pd.read_csv(explained[1] / "shap_values.csv")
    ours = values[values["model"] == "ensemble"].groupby("patient_id")["output"].first()
    with trained_store.reading() as con:
        stored = dict(con.sql("SELECT patient_id, score FROM score WHERE score_name = 'm' AND kind = 'apparent'").fetchall())
    assert ours.to_dict() == pytest.approx(stored, abs=1e-12)


def test_rows_hold_the_mean_of_the_absolute_values_that_the_file_holds(trained_store: Store, explained: tuple[Rows, Path]) -> None:
    rows, folder = explained
    values = pd.read_parquet(folder / "shap_values.parquet")
    means = values.assign(size=values["shap"].abs()).groupby(["model", "feature"])["size"].mean()
    assert {row["metric"] for row in rows} == {"mean_abs_shap"}
    assert {row["term"]: row["value"] for row in rows} == pytest.approx({f"{m}: {f}": v for (m, f), v in means.items()})
    assert {row["cohort"] for row in rows} == {"training patients"}
    assert set(values["run"]) == {rows[0]["run"]}
    assert all("does not say how well it predicts" in row["note"] for row in rows)
    assert all(", 10 background patients" in row["test"] for row in rows)
    with trained_store.reading() as con:
        held = con.execute("SELECT count(*) FROM analysis_result WHERE run = ?", [rows[0]["run"]]).fetchall()
    assert held == [(len(rows),)]


def test_figures_values_and_card_are_written_and_name_the_run(explained: tuple[Rows, Path]) -> None:
    rows, folder = explained
    names = {path.name for path in folder.iterdir()}
    assert names == {
        *(f"shap_{what}.{kind}" for what in ("bars", "beeswarm") for kind in ("png", "svg")),
        "shap_bars.csv",
        "shap_values.csv",
        "shap_values.parquet",
        "explain_rows.csv",
        "explain_rows.parquet",
        "card.md",
    }
    bars = pd.read_csv(folder / "shap_bars.csv")
    assert set(bars["run"]) == {rows[0]["run"]}
    assert dict(zip(bars["feature"], bars["source"], strict=True))["odd_feature"] == "imported"
    assert dict(zip(bars["feature"], bars["source"], strict=True))["HER2null_HER2null_Nsubgraph"] == "HER2 IHC"


def test_other_patients_can_be_explained_and_the_same_seed_gives_the_same_values(trained_store: Store) -> None:
    from her2ladder.analytics.cohort.selection import Selection

    first, second = (explain_model(trained_store, "m", Selection(("B",)), walks=5) for _ in range(2))
    other = explain_model(trained_store, "m", Selection(("B",)), walks=5, seed=2)
    assert first.n == 20
    assert first.values.equals(second.values)
    assert not first.values["shap"].equals(other.values["shap"])
    assert all(row["note"] is None and row["cohort"] == "B" for row in first.rows)
    assert all(", 5 background patients" in row["test"] for row in first.rows)
    with trained_store.reading() as con:
        n = con.sql("SELECT count(*) FROM score WHERE score_name = 'm' AND kind = 'apparent'").fetchall()[0][0]
    everyone = explain_model(trained_store, "m", Selection(("B",)), walks=n + 7)
    assert all(f", {n} background patients" in row["test"] for row in everyone.rows)
    with trained_store.reading() as con:
        final = dict(con.sql("SELECT patient_id, score FROM score WHERE score_name = 'm' AND kind = 'final'").fetchall())
    outputs = first.values[first.values["model"] == "ensemble"].groupby("patient_id")["output"].first().to_dict()
    assert outputs == pytest.approx({one: final[one] for one in outputs}, abs=1e-12)


def test_an_unknown_model_or_cohort_is_one_clear_line(trained_store: Store, ladder: Ladder, clinic: Callable[..., Store]) -> None:
    with pytest.raises(MissingError, match=r"no model called 'x'; there is m, m-clinical"):
        ladder(trained_store, "explain", "--model", "x")
    with pytest.raises(InputError, match=r"--cohort: no cohort or role called 'Z'"):
        ladder(trained_store, "explain", "--model", "m", "--cohort", "Z")
    with pytest.raises(MissingError, match=r"no model called 'm'; there is none: ladder train"):
        ladder(clinic(pd.DataFrame({"patient_id": ["P1"], "cohort": ["A"]})), "explain", "--model", "m")
