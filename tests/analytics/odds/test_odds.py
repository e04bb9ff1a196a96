"""Odds ratios through the command line, against R (glm, brglm2) and on small odd cohorts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from her2ladder.errors import InputError
from her2ladder.schema.duck import arrow_table
from her2ladder.schema.store import Store

Ladder = Callable[..., list[dict[str, Any]]]
Clinic = Callable[..., Store]
Rows = list[dict[str, Any]]

SCORE = "score (per 0.1)"


@pytest.fixture(scope="module")
def rows(reference_store: Store, ladder: Ladder) -> Rows:
    return ladder(reference_store, "odds", "--score", "ref", "--within", "regimen")


def one(rows: Rows, term: str, subgroup: str = "all", metric: str = "odds_ratio") -> dict[str, Any]:
    found = [row for row in rows if (row["term"], row["subgroup"], row["metric"]) == (term, subgroup, metric)]
    assert len(found) == 1, (term, subgroup, len(found))
    return found[0]


def agrees(row: dict[str, Any], said: dict[str, float]) -> None:
    assert [row["value"], row["lo"], row["hi"]] == pytest.approx([said["or"], said["lo"], said["hi"]], rel=1e-4)
    assert row["p"] == pytest.approx(said["p"], rel=1e-4)


def small(n: int = 60, seed: int = 1, **columns: object) -> pd.DataFrame:
    """A cohort in which the score says something and separates nothing."""
    rng = np.random.default_rng(seed)
    residual = np.arange(n) % 2
    frame = pd.DataFrame(
        {
            "patient_id": [f"P{i:03d}" for i in range(n)],
            "cohort": "A",
            "cohort_role": "construction",
            "age_years": rng.integers(30, 75, n).astype(float),
            "is_pcr": 1 - residual,
            "score": np.clip(0.35 + 0.3 * residual + 0.2 * rng.standard_normal(n), 0.01, 0.99).round(3),
        }
    )
    return frame.assign(**columns)


# ---- against R -------------------------------------------------------------------------------------------------------


def test_the_odds_ratio_of_the_score_agrees_with_R_glm(rows: Rows, truth: dict[str, Any]) -> None:
    """R: glm(1 - is_pcr ~ I(score * 10), binomial), confint.default."""
    row = one(rows, SCORE)
    agrees(row, truth["logit_uni"]["I(score * 10)"])
    assert (row["n"], row["events"], row["test"]) == (400, 124, "logistic regression, Wald")


def test_the_multivariable_model_agrees_with_R_glm(rows: Rows, truth: dict[str, Any]) -> None:
    """R: glm(1 - is_pcr ~ I(score * 10) + age_years + stage, binomial)."""
    for term, key in ((SCORE, "I(score * 10)"), ("age (per year)", "age_years"), ("stage III vs II", "stageIII")):
        row = one(rows, f"{term}, adjusted")
        agrees(row, truth["logit_multi"][key])
        assert "age_years, clinical_stage" in row["note"]


def test_clinical_variables_agree_with_R_glm(rows: Rows, truth: dict[str, Any]) -> None:
    """R has HR positive against negative; ours is negative against positive, as the paper prints it."""
    agrees(one(rows, "HER2 IHC 3+ vs 2+"), truth["logit_ihc"]["her2_ihc3+"])
    agrees(one(rows, "TILs (per point)"), truth["logit_tils"]["tils_percent"])
    said = truth["logit_hr"]["hr_statuspositive"]
    agrees(one(rows, "HR negative vs positive"), {"or": 1 / said["or"], "lo": 1 / said["hi"], "hi": 1 / said["lo"], "p": said["p"]})
    ten, point = one(rows, "TILs (per 10 points)"), one(rows, "TILs (per point)")
    assert ten["value"] == pytest.approx(point["value"] ** 10)
    assert ten["p"] == pytest.approx(point["p"])


def test_every_regimen_agrees_with_R_glm_on_its_own_patients(rows: Rows, truth: dict[str, Any], cohort: pd.DataFrame) -> None:
    assert {row["subgroup"] for row in rows} == {"all", *truth["logit_by_regimen"]}
    for regimen, said in truth["logit_by_regimen"].items():
        row, inside = one(rows, SCORE, regimen), cohort[cohort["regimen"] == regimen]
        agrees(row, said)
        assert (row["n"], row["events"]) == (len(inside), int((1 - inside["is_pcr"]).sum()))


def test_few_events_are_flagged_and_below_five_a_parameter_there_is_no_multivariable_number(rows: Rows) -> None:
    assert "6.0 events per parameter, below 10" in one(rows, SCORE, "SHR-A1811")["note"]
    row = one(rows, f"{SCORE}, adjusted", "SHR-A1811")
    assert [row["value"], row["lo"], row["hi"], row["p"]] == [None] * 4
    assert row["note"].startswith("2.0 events per parameter (6 over 3): below 5, not fitted")


def test_separated_data_have_the_firth_estimate_of_R_brglm2(clinic: Clinic, ladder: Ladder, truth: dict[str, Any]) -> None:
    """R: glm(y ~ x, binomial, method = brglm2::brglm_fit): the exact set of the reference, as the score and as a covariate."""
    said = truth["firth_separated"]
    n = len(said["x"])
    frame = pd.DataFrame({"patient_id": [f"P{i}" for i in range(n)], "cohort": "A", "is_pcr": [1 - y for y in said["y"]]})
    store = clinic(frame.assign(score=[x / 10 for x in said["x"]], marker=said["x"]))
    by_score = one(ladder(store, "odds", "--score", "s", "--adjust", ""), SCORE)
    by_marker = one(ladder(store, "odds", "--by", "marker", "--adjust", ""), "marker (per unit)")
    for row in (by_score, by_marker):
        assert np.log(row["value"]) == pytest.approx(said["coef"][1], abs=1e-6)
        assert "complete separation" in row["note"]
        assert "Firth" in row["test"]
        assert 1 < row["lo"] < row["value"] < row["hi"] < np.inf  # profile interval: the likelihood-ratio P is below 0.05
        assert row["p"] < 0.05


def test_odds_of_pcr_are_the_mirror_image(reference_store: Store, ladder: Ladder, rows: Rows) -> None:
    mirrored = ladder(reference_store, "odds", "--score", "ref", "--within", "regimen", "--outcome", "pcr")
    assert len(mirrored) == len(rows)
    for row in rows:
        other = one(mirrored, row["term"], row["subgroup"], row["metric"])
        if row["metric"] == "interaction":
            assert other["value"] == pytest.approx(row["value"], rel=1e-6)
        elif row["value"] is None:
            assert other["value"] is None
        else:
            assert [other["value"], other["lo"], other["hi"]] == pytest.approx([1 / row["value"], 1 / row["hi"], 1 / row["lo"]], rel=1e-6)
            assert other["events"] == row["n"] - row["events"]


# ---- the command -----------------------------------------------------------------------------------------------------


def test_a_covariate_instead_of_the_score_is_a_factor_or_a_number(reference_store: Store, ladder: Ladder, truth: dict[str, Any]) -> None:
    by_ihc = ladder(reference_store, "odds", "--by", "her2_ihc", "--adjust", "")
    agrees(one(by_ihc, "HER2 IHC 3+ vs 2+"), truth["logit_ihc"]["her2_ihc3+"])
    assert len(by_ihc) == 1
    regimens = {row["term"] for row in ladder(reference_store, "odds", "--by", "regimen", "--adjust", "")}
    assert regimens == {f"regimen {name} vs SHR-A1811" for name in ("TCbH/PCbH", "TCbHP/PCbHP", "TH+pyrotinib", "THP")}


def test_the_setting_and_the_cohort_choose_the_patients(clinic: Clinic, ladder: Ladder) -> None:
    frame = small(80).assign(setting=["neoadjuvant"] * 50 + ["adjuvant"] * 30, cohort=["A"] * 30 + ["B"] * 50)
    store = clinic(frame)
    sizes = {
        words: one(ladder(store, "odds", "--score", "s", *words), SCORE)["n"]
        for words in ((), ("--setting", "neoadjuvant"), ("--cohort", "A"))
    }
    assert sizes == {(): 80, ("--setting", "neoadjuvant"): 50, ("--cohort", "A"): 30}


def test_rows_stand_in_the_store_as_they_are_printed(reference_store: Store, ladder: Ladder) -> None:
    printed = ladder(reference_store, "odds", "--score", "rival")
    with reference_store.reading() as con:
        held = arrow_table(con, "SELECT * FROM analysis_result WHERE run = ?", [printed[0]["run"]]).to_pylist()
    assert sorted(held, key=lambda row: row["term"]) == sorted(printed, key=lambda row: row["term"])
    assert {row["analysis"] for row in printed} == {"odds"}


def test_the_files_hold_the_rows_and_the_figure(clinic: Clinic, ladder: Ladder, tmp_path: Path) -> None:
    printed = ladder(clinic(small()), "odds", "--score", "s", "-o", str(tmp_path / "out"))
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "odds.png",
        "odds.svg",
        "odds.csv",
        "odds_rows.csv",
        "odds_rows.parquet",
    }
    written = pd.read_parquet(tmp_path / "out" / "odds_rows.parquet")
    assert written["value"].tolist() == [row["value"] for row in printed]
    assert pd.read_csv(tmp_path / "out" / "odds_rows.csv", float_precision="round_trip")["hi"].tolist() == [row["hi"] for row in printed]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), r"odds: wanted --score NAME or --by COVARIATE, one of them"),
        (("--score", "ref", "--by", "regimen"), r"odds: wanted --score NAME or --by COVARIATE, one of them"),
        (("--score", "nobody"), r"no score called 'nobody'; there is ref, rival"),
        (("--score", "ref", "--outcome", "cure"), r"--outcome: wanted residual or pcr, found 'cure'"),
        (("--score", "ref", "--within", "shoe_size"), r"--within: patients have no column 'shoe_size' to group by; there is "),
        (("--score", "ref", "--within", "feature"), r"--within feature: wanted a column with at most 20 levels, found \d+"),
        (("--score", "ref", "--adjust", "shoe_size"), r"--adjust: patients have no column 'shoe_size'; there is "),
        (("--by", "shoe_size"), r"--by: patients have no column 'shoe_size' to group by; there is "),
        (("--by", "band"), r"--by band: bands are cut from a score: name it with --score NAME"),
        (("--score", "ref", "--cohort", "Z"), r"--cohort: no cohort or role called 'Z' in this store; there is reference"),
        (("--score", "ref", "--setting", "palliative"), r"--setting: wanted neoadjuvant or adjuvant, found 'palliative'"),
        (("--score", "ref", "--setting", "adjuvant"), r"no patient"),
    ],
)
def test_a_wrong_call_is_one_clear_line(reference_store: Store, ladder: Ladder, words: tuple[str, ...], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        ladder(reference_store, "odds", *words)
    assert "\n" not in str(caught.value)


# ---- odd cohorts -----------------------------------------------------------------------------------------------------


def test_a_regimen_of_one_patient_one_class_or_no_spread_has_reasons_and_no_numbers(clinic: Clinic, ladder: Ladder) -> None:
    frame = small(70).assign(regimen=["one"] + ["mixed"] * 39 + ["pcr"] * 10 + ["residual"] * 10 + ["flat"] * 10)
    frame.loc[40:49, "is_pcr"] = 1
    frame.loc[50:59, "is_pcr"] = 0
    frame.loc[60:, "score"] = 0.5
    rows = ladder(clinic(frame), "odds", "--score", "s", "--within", "regimen")
    reasons = {
        "pcr": "no patient has the outcome",
        "residual": "every patient has the outcome",
        "one": "every patient has the outcome|no patient has the outcome",
    }
    for regimen, why in reasons.items():
        found = [row for row in rows if row["subgroup"] == regimen]
        assert found
        for row in found:
            assert [row["value"], row["lo"], row["hi"], row["p"]] == [None] * 4
            assert any(text in row["note"] for text in why.split("|"))
    flat = one(rows, SCORE, "flat")
    assert flat["value"] is None
    assert flat["note"]
    assert one(rows, SCORE, "mixed")["value"] is not None
    assert one(rows, "score x regimen", metric="interaction")["note"]


def test_a_separated_regimen_is_answered_by_firth_and_says_so(clinic: Clinic, ladder: Ladder) -> None:
    frame = small(60).assign(regimen=["apart"] * 20 + ["mixed"] * 40)
    frame.loc[:19, "score"] = np.where(frame["is_pcr"][:20] == 1, 0.2, 0.7) + 0.005 * np.arange(20)
    row = one(ladder(clinic(frame), "odds", "--score", "s", "--within", "regimen"), SCORE, "apart")
    assert "complete separation" in row["note"]
    assert "Firth" in row["test"]
    assert 1 < row["lo"] < row["value"] < row["hi"] < np.inf


def test_patients_without_score_or_outcome_are_not_in_the_model(clinic: Clinic, ladder: Ladder) -> None:
    frame = small().astype({"is_pcr": "Int64"})
    frame.loc[:4, "is_pcr"] = pd.NA
    frame.loc[10:12, "score"] = None
    frame.loc[20:21, "age_years"] = None
    rows = ladder(clinic(frame), "odds", "--score", "s", "--adjust", "age_years")
    assert one(rows, SCORE)["n"] == 52
    adjusted = one(rows, f"{SCORE}, adjusted")
    assert adjusted["n"] == 50
    assert "2 of 52 patients left out: a value is missing" in adjusted["note"]


def test_patients_without_the_score_are_counted_in_words_on_stderr_in_the_rows_and_on_the_figure(
    clinic: Clinic, command: Callable[..., Any], tmp_path: Path
) -> None:
    frame = small().assign(regimen=["a"] * 30 + ["b"] * 30, hr_status=["positive", "negative", "negative"] * 20)
    frame.loc[:9, "score"] = None
    answer = command("--store", clinic(frame).root, "--json", "odds", "--score", "s", "--within", "regimen", "-o", tmp_path)
    assert answer.err.splitlines()[0] == "10 of 60 patients with an outcome have no score s"
    for row in answer.rows:
        said = {"all": "10 of 60 patients with an outcome have no score s", "a": "10 of 30 patients with an outcome have no score s"}
        assert ("no score" in (row["note"] or "")) == (row["subgroup"] != "b")
        assert said.get(row["subgroup"], "") in (row["note"] or "")
    assert one(answer.rows, "HR negative vs positive")["n"] == 50  # the same patients
    assert (tmp_path / "odds.svg").read_text().count("have no score") == 1  # once beside the figure, not at every row


def test_a_score_that_leaves_0_to_1_says_in_its_rows_that_0_1_is_of_its_own_scale(clinic: Clinic, ladder: Ladder) -> None:
    frame = small()
    plain = ladder(clinic(frame), "odds", "--score", "s")
    rows = ladder(clinic(frame.assign(score=frame["score"] * 100)), "odds", "--score", "s")
    lo, hi = frame["score"].min() * 100, frame["score"].max() * 100
    for term in (SCORE, f"{SCORE}, adjusted"):
        assert f"score s leaves 0..1 ({lo:.4g} to {hi:.4g}): per 0.1 of its own scale" in one(rows, term)["note"]
        assert one(rows, term)["value"] ** 100 == pytest.approx(one(plain, term)["value"], rel=1e-4)
    assert "leaves" not in str(one(rows, "age (per year), adjusted")["note"])
    assert not any("leaves" in str(row["note"]) for row in plain)


def test_the_covariate_itself_is_not_adjusted_for(clinic: Clinic, ladder: Ladder) -> None:
    rows = ladder(
        clinic(small(hr_status=["positive", "negative", "negative"] * 20)), "odds", "--by", "age_years", "--adjust", "age_years,hr_status"
    )
    row = one(rows, "age (per year), adjusted")
    assert row["value"] is not None
    assert row["note"] == "multivariable with hr_status"


def test_an_unknown_role_names_the_roles_that_the_store_has_and_the_way_to_give_one(clinic: Clinic, ladder: Ladder) -> None:
    said = (
        "--cohort: no cohort or role called 'construction' in this store; there is A; roles: adjuvant; name a cohort, or give one the role:"
        ' cohort_role = construction in its clinical table, or `[constants] cohort_role = "construction"` in the column map'
    )
    with pytest.raises(InputError) as caught:
        ladder(clinic(small(cohort_role="adjuvant")), "train", "--name", "m")
    assert str(caught.value) == said
    with pytest.raises(InputError, match=r"'Z' in this store; there is A; none has a role$"):
        ladder(clinic(small().drop(columns="cohort_role")), "odds", "--score", "s", "--cohort", "Z")


def test_a_column_that_repeats_another_gets_a_reason_instead_of_a_number(clinic: Clinic, ladder: Ladder) -> None:
    frame = small()
    frame["twice"] = 2 * frame["age_years"]
    row = one(ladder(clinic(frame), "odds", "--score", "s", "--adjust", "age_years,twice"), f"{SCORE}, adjusted")
    assert row["value"] is None
    assert "twice" in row["note"]


def test_a_cohort_in_which_nobody_has_an_outcome_is_one_line(clinic: Clinic, ladder: Ladder) -> None:
    store = clinic(small().drop(columns="is_pcr"))
    with pytest.raises(InputError, match=r"no patient has an outcome \(is_pcr\) and the score"):
        ladder(store, "odds", "--score", "s")
