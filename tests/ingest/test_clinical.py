"""Clinical tables: what a later table keeps and empties, words and numbers as hospitals write them, and how faults are told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from her2ladder.analytics.statistics.directions import stage_ordinal
from her2ladder.schema.vocabulary import STAGES

BASE = "patient_id,cohort,cohort_role,age_years,is_pcr,hr_status\n" + "".join(
    f"P{i},A,adjuvant,{50 + i},{i % 2},positive\n" for i in range(4)
)


@pytest.fixture
def ingest(run_ladder: Any, tmp_path: Path) -> Any:
    def clinical(text: str, *words: object, name: str = "clinical.csv", encoding: str = "utf-8") -> Any:
        (tmp_path / name).write_text(text, encoding=encoding)
        return run_ladder("ingest", "clinical", tmp_path / name, *words)

    return clinical


@pytest.fixture
def ask(run_ladder: Any) -> Any:
    return lambda sql: run_ladder("--json", "sql", sql).rows


def test_a_follow_up_table_keeps_what_it_has_no_column_for(ingest: Any, ask: Any) -> None:
    assert ingest(BASE).code == 0
    answer = ingest("patient_id,cohort,os_months,os_event\nP1,A,12,1\nP2,A,24,0\nP9,A,3,0\n")
    assert re.search(r"kept from earlier tables, .*: age_years \(2\), hr_status \(2\), is_pcr \(2\)", answer.err), answer.err
    rows = {row["patient_id"]: row for row in ask("SELECT * FROM patient")}
    assert [rows["P1"][name] for name in ("cohort_role", "age_years", "is_pcr", "hr_status", "os_months", "os_event")] == [
        "adjuvant", 51, 1, "positive", 12, 1,
    ]  # fmt: skip
    assert rows["P0"]["os_months"] is None
    assert (rows["P9"]["cohort_role"], rows["P9"]["age_years"]) == ("adjuvant", None)
    assert ask("SELECT count(DISTINCT cohort_role) AS n FROM cohort")[0]["n"] == 1


def test_an_empty_cell_of_a_column_that_the_table_has_empties_it(ingest: Any, ask: Any) -> None:
    assert ingest(BASE).code == 0
    answer = ingest("patient_id,cohort,age_years,is_pcr\nP1,A,,0\n")
    assert "age_years" not in answer.err
    assert ask("SELECT age_years, is_pcr, hr_status FROM patient WHERE patient_id = 'P1'") == [
        {"age_years": None, "is_pcr": 0, "hr_status": "positive"}
    ]


def test_covariates_of_two_tables_stand_side_by_side(ingest: Any, ask: Any, tmp_path: Path) -> None:
    for name in ("ki67", "grade"):
        (tmp_path / f"{name}.toml").write_text(f'extra = ["{name}"]\n')
        assert ingest(f"patient_id,cohort,{name}\nP1,A,7\n", "--map", tmp_path / f"{name}.toml").code == 0
    assert ask("SELECT ki67, grade FROM patient") == [{"ki67": 7, "grade": 7}]


def test_a_cohort_named_like_a_role_has_it_unless_an_earlier_table_gave_it_another(ingest: Any, ask: Any) -> None:
    assert ingest("patient_id,cohort\nP1,construction\n").code == 0
    assert ingest("patient_id,cohort,cohort_role\nQ1,regimen,adjuvant\n").code == 0
    assert ingest("patient_id,cohort,age_years\nP1,construction,50\nQ1,regimen,60\nQ2,regimen,70\n").code == 0
    rows = ask("SELECT patient_id, cohort_role FROM patient ORDER BY 1")
    assert [tuple(row.values()) for row in rows] == [("P1", "construction"), ("Q1", "adjuvant"), ("Q2", "adjuvant")]


def test_a_covariate_that_comes_again_has_what_the_later_table_says(ingest: Any, ask: Any, tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text('extra = ["ki67", "grade"]\n')
    for text in ("P1,A,7,2\nP2,A,8,3\n", "P1,A,9,\nP2,A,8,1\n"):
        answer = ingest("patient_id,cohort,ki67,grade\n" + text, "--map", tmp_path / "map.toml")
        assert "kept from earlier tables" not in answer.err
    assert ask("SELECT ki67, grade FROM patient ORDER BY patient_id") == [{"ki67": 9, "grade": None}, {"ki67": 8, "grade": 1}]


def test_a_patient_who_moves_takes_the_role_of_the_new_cohort(ingest: Any, ask: Any) -> None:
    assert ingest(BASE + "Q,B,construction,40,1,negative\n").code == 0
    assert ingest("patient_id,cohort,age_years\nP1,B,60\n", "--supersede").code == 0
    assert ask("SELECT cohort_role, age_years, hr_status FROM patient WHERE patient_id = 'P1'") == [
        {"cohort_role": "construction", "age_years": 60, "hr_status": "positive"}
    ]


@pytest.mark.parametrize(
    ("written", "held"), [("3+", "3+"), ("3", "3+"), ("3.0", "3+"), ("+++", "3+"), ("IHC 2+", "2+"), ("++", "2+"), ("1", "1+"), ("0", "0")]
)
def test_her2_is_held_as_one_word_however_it_is_written(ingest: Any, ask: Any, written: str, held: str) -> None:
    assert ingest(f"patient_id,cohort,her2_ihc\nP1,A,{written}\n").code == 0
    assert ask("SELECT her2_ihc FROM patient") == [{"her2_ihc": held}]


@pytest.mark.parametrize("written", ["positive", "4+", "++++", "2+/ISH+", "3.5"])
def test_her2_of_another_kind_is_refused_with_the_way_out(ingest: Any, written: str) -> None:
    answer = ingest(f"patient_id,cohort,her2_ihc\nP1,A,{written}\n")
    assert answer.code != 0
    assert re.search(r"row 2 \(patient P1\): her2_ihc: wanted 0, 1\+, 2\+ or 3\+, found .*; \[values\.her2_ihc\] translates", answer.err)


def test_a_table_with_semicolons_decimal_commas_and_empty_rows_below_is_read(ingest: Any, ask: Any) -> None:
    text = "patient_id;cohort;age_years;os_months;os_event\nP1;A;51,5;12,25;1\nP2;A;60;7,123;0\n;;;;\n;;;;\n"
    assert ingest(text, encoding="utf-8-sig").code == 0
    assert ask("SELECT age_years, os_months FROM patient ORDER BY patient_id") == [
        {"age_years": 51.5, "os_months": 12.25},
        {"age_years": 60, "os_months": 7.123},
    ]


@pytest.mark.parametrize(
    ("written", "held"),
    [
        (["52,5", "1,234"], [52.5, 1.234]),  # one is sure, and speaks for the other column
        (["NA", "0,125"], [None, 0.125]),
        (["61", "-0,0"], [61, 0]),
    ],
)
def test_a_decimal_comma_that_cannot_be_one_of_thousands_speaks_for_the_table(
    ingest: Any, ask: Any, written: list[str], held: list[float | None]
) -> None:
    answer = ingest(f"patient_id;cohort;age_years;tils_percent\nP1;A;{';'.join(written)}\nP2;A;40;NA\n")
    assert answer.code == 0, answer.err
    rows = ask("SELECT age_years, tils_percent FROM patient ORDER BY patient_id")
    assert [list(row.values()) for row in rows] == [held, [40, None]]


def test_commas_that_may_be_thousands_are_refused(ingest: Any) -> None:
    answer = ingest("patient_id;cohort;age_years\nP1;A;1,234\nP2;A;60\n")
    assert re.search(r"age_years: wanted a number, found '1,234'; write it with a decimal point", answer.err)


def test_an_empty_row_within_the_table_is_named(ingest: Any) -> None:
    assert re.search(r"row 3: wanted a patient_id, found an empty row: delete it", ingest("patient_id,cohort\nP1,A\n,\nP2,A\n").err)


def test_a_fault_that_many_rows_have_is_told_once_with_their_number(ingest: Any) -> None:
    rows = "".join(f"P{i},A,HR?,12,dead\n" for i in range(30))
    answer = ingest("patient_id,cohort,hr_status,os_months,os_event\n" + rows)
    assert answer.err.count("found 'HR?'") == 1
    assert "row 2 (patient P0): hr_status: wanted one of positive, negative" in answer.err
    assert answer.err.count("(and in 29 more rows)") == 2
    assert "without" not in answer.err, "an event that cannot be read is no missing event"


def test_every_unknown_column_is_named(ingest: Any) -> None:
    names = [f"c{i:02d}" for i in range(20)]
    answer = ingest(f"patient_id,cohort,{','.join(names)}\nP1,A{',1' * 20}\n")
    assert all(name in answer.err for name in names)


def test_fractions_of_lymphocytes_are_asked_about(ingest: Any) -> None:
    assert "are these fractions? [scale] tils_percent = 100" in ingest("patient_id,cohort,tils_percent\nP1,A,0.1\nP2,A,0.3\n").err
    assert "fractions" not in ingest("patient_id,cohort,tils_percent\nP1,A,0\nP2,A,30\n").err


@pytest.mark.parametrize(("written", "held"), [("HR+", "positive"), ("neg", "negative"), ("Positive", "positive"), ("-", "negative")])
def test_receptor_status_is_read_as_it_is_written(ingest: Any, ask: Any, written: str, held: str) -> None:
    assert ingest(f"patient_id,cohort,hr_status\nP1,A,{written}\n").code == 0
    assert ask("SELECT hr_status FROM patient") == [{"hr_status": held}]


def test_scores_that_leave_0_to_1_are_told_at_the_door(run_ladder: Any, tmp_path: Path) -> None:
    for name, values in (("percent", (10, 80)), ("share", (0.1, 0.8))):
        (tmp_path / f"{name}.csv").write_text(f"patient_id,score\nP1,{values[0]}\nP2,{values[1]}\n")
    assert "scores lie in 10 to 80, not in 0 to 1" in run_ladder("ingest", "scores", tmp_path / "percent.csv", "--name", "percent").err
    assert "not in 0 to 1" not in run_ladder("ingest", "scores", tmp_path / "share.csv", "--name", "share").err


def test_two_files_of_a_turned_score_are_on_one_scale(run_ladder: Any, tmp_path: Path) -> None:
    for name, values in (("share", (0.2, 0.9)), ("logit", (-1.5, 2.0)), ("more", (0.4, 0.5))):
        (tmp_path / f"{name}.csv").write_text(f"patient_id,score\n{name}1,{values[0]}\n{name}2,{values[1]}\n")

    def ingest(file: str, name: str) -> Any:
        return run_ladder("ingest", "scores", tmp_path / f"{file}.csv", "--name", name, "--predicts", "pcr")

    assert ingest("share", "s").code == 0
    assert "wanted one scale, found scores 0 to 1 in the store and beyond in this file" in ingest("logit", "s").err
    assert ingest("more", "s").code == 0
    assert ingest("logit", "z").code == 0
    assert "beyond 0 to 1 in the store and within in this file" in ingest("share", "z").err


@pytest.mark.parametrize(
    ("written", "held"), [("IIA", "IIA"), ("2a", "IIA"), ("Stage IIIC", "IIIC"), ("cII", "II"), ("3", "III"), ("4", "IV")]
)
def test_stages_are_held_in_roman(ingest: Any, ask: Any, written: str, held: str) -> None:
    assert ingest(f"patient_id,cohort,clinical_stage\nP1,A,{written}\n").code == 0
    assert ask("SELECT clinical_stage FROM patient") == [{"clinical_stage": held}]


@pytest.mark.parametrize("written", ["IIC", "IIIA1", "IVA", "0A", "cT2N1", "V"])
def test_a_stage_that_no_analysis_can_order_is_refused_at_the_door(ingest: Any, written: str) -> None:
    answer = ingest(f"patient_id,cohort,clinical_stage\nP1,A,{written}\n")
    assert re.search(rf"clinical_stage: wanted I, II, III or IV, .*, found '{written}'; \[values\.clinical_stage\] translates", answer.err)


def test_every_stage_that_is_let_in_can_be_ordered() -> None:
    ranks = [stage_ordinal(stage) for stage in STAGES]
    lettered = [rank for stage, rank in zip(STAGES, ranks, strict=True) if stage[-1] in "ABC" or stage in ("0", "IV")]
    assert lettered == sorted(set(lettered))


def test_inverted_events_are_turned(ingest: Any, ask: Any, tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text('inverted = ["dfs_event"]\n[columns]\ndfs_event = "censored"\n')
    text = "patient_id,cohort,dfs_months,censored\nP1,A,5,1\nP2,A,6,0\nP3,A,7,1\n"
    assert ingest(text, "--map", tmp_path / "map.toml").code == 0
    assert [row["dfs_event"] for row in ask("SELECT dfs_event FROM patient ORDER BY patient_id")] == [0, 1, 0]
