"""The model card says what the store says: cohort, weights, cuts, performance with intervals, limits, origin."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from her2ladder.analytics.explain.card import model_card, table, write_card
from her2ladder.errors import MissingError
from her2ladder.schema.store import Store

Ladder = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def card(trained_store: Store) -> str:
    return model_card(trained_store, "m")


def section(card: str, head: str) -> str:
    return card.split(f"## {head}\n", 1)[1].split("\n## ", 1)[0]


def test_the_card_has_every_part_and_says_that_it_is_for_research_only(card: str) -> None:
    heads = [line.removeprefix("## ") for line in card.splitlines() if line.startswith("## ")]
    assert heads == ["Intended use", "Training cohort", "Procedure", "Performance", "Features", "Limits", "Origin"]
    assert "**For research use only, not for clinical use**" in section(card, "Intended use")


def test_the_card_counts_the_training_patients(card: str) -> None:
    told = section(card, "Training cohort")
    assert "| patients | 60 |" in told
    assert "| cohort: A | 60 (100 %) |" in told
    assert "Asked for: `construction`. 60 patients," in told


def test_the_card_says_how_many_training_patients_lack_features(card: str) -> None:
    """Every eleventh of 60 patients lacks one feature; nobody lacks a stain, and the rival is offered no feature."""
    assert section(card, "Training cohort").rstrip().endswith("Missing features:\n\n- 6 of 60 training patients lack at least one feature")


def test_the_card_prints_the_numbers_of_evaluate(card: str, trained_store: Store, ladder: Ladder) -> None:
    rows = ladder(trained_store, "evaluate", "--score", "m", "--cohort", "construction")
    auc = {row["term"]: row for row in rows if row["metric"] == "auc_logit"}
    told = section(card, "Performance")
    for term, label in (("m", "construction: out-of-fold"), ("m (apparent)", "construction: apparent (in-sample)")):
        row = auc[term]
        line = next(line for line in told.splitlines() if line.startswith(f"| {label} |"))
        assert f"| 60 | {row['events']} | {row['value']:.2f} ({row['lo']:.2f} to {row['hi']:.2f}) |" in line
    assert "temporal_validation: final model | 20 |" in told
    mean = next(row for row in rows if row["metric"] == "auc_mean_of_repeats")
    assert f"mean of the per-repeat AUCs {mean['value']:.3f}" in told


def test_the_card_names_weights_cuts_and_versions(card: str, trained_store: Store) -> None:
    with trained_store.reading() as con:
        summary, model_id = con.sql("SELECT summary, model_id FROM model WHERE name = 'm'").fetchall()[0]
        low, high, threshold = con.sql("SELECT low_max, medium_max, threshold FROM score_band WHERE score_name = 'm'").fetchall()[0]
    for weight in json.loads(summary)["weights"].values():
        assert f"| {weight:.2f} |" in section(card, "Procedure")
    assert f"Low <= {low:.6g} < Medium <= {high:.6g} < High" in card
    assert f"score >= {threshold:.6g} (Youden)" in card
    assert model_id in card
    for package in ("scikit-learn", "her2ladder", "python"):
        assert f"{package} " in section(card, "Origin")


def test_features_stand_with_their_source(card: str) -> None:
    told = section(card, "Features")
    assert "| HER2null_HER2null_Nsubgraph | HER2 IHC | Nsubgraph |" in told
    assert "Feature set `set` and age_years, clinical_stage, hr_status: 8 columns offered" in told


def test_a_card_for_simulated_patients_says_so(card: str) -> None:
    assert "SYNTHETIC" not in card


def test_the_card_of_the_clinical_rival_can_be_asked_for(trained_store: Store) -> None:
    assert "# Model card: m-clinical" in model_card(trained_store, "m-clinical")


def test_the_command_writes_the_card_to_a_file(trained_store: Store, ladder: Ladder, tmp_path: Path, card: str) -> None:
    from typer.testing import CliRunner

    from her2ladder.cli.main import app

    result = CliRunner().invoke(app, ["--store", str(trained_store.root), "card", "--model", "m", "-o", str(tmp_path / "new" / "card.md")])
    assert result.exit_code == 0
    assert (tmp_path / "new" / "card.md").read_text() == card
    assert ladder(trained_store, "card", "--model", "m") == [{"model": "m", "card": card}]


def test_writing_a_card_leaves_no_run(trained_store: Store, tmp_path: Path) -> None:
    def last() -> list[tuple[str]]:
        with trained_store.reading() as con:
            return list(con.sql("SELECT max(run) FROM run").fetchall())

    before = last()
    write_card(trained_store, "m", tmp_path / "card.md")
    assert last() == before


def test_an_unknown_model_is_named(trained_store: Store) -> None:
    with pytest.raises(MissingError, match="no model called 'x'; there is m, m-clinical"):
        model_card(trained_store, "x")


def test_a_bar_in_a_cell_does_not_break_the_table() -> None:
    assert table([{"a": "x|y", "b": "1\n2"}]) == "| a | b |\n| --- | --- |\n| x\\|y | 1 2 |"
    assert table([]) == "(none)"
