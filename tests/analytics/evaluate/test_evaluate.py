"""How good a score is, through the command line, against R (pROC, rms), dcurves and scikit-learn, and on small odd cohorts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dcurves
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, cohen_kappa_score

from her2ladder.analytics.cohort.selection import Selection
from her2ladder.analytics.evaluate.groups import groups
from her2ladder.errors import InputError
from her2ladder.schema.duck import arrow_table
from her2ladder.schema.store import Store

Ladder = Callable[..., list[dict[str, Any]]]
Clinic = Callable[..., Store]
Rows = list[dict[str, Any]]

RATES = ("sensitivity", "specificity", "ppv", "npv", "accuracy", "kappa")


@pytest.fixture(scope="module")
def rows(reference_store: Store, ladder: Ladder) -> Rows:
    return ladder(reference_store, "evaluate", "--score", "ref", "--against", "rival", "--cohort", "construction", "--by", "regimen")


def one(rows: Rows, metric: str, term: str = "ref", **where: str) -> dict[str, Any]:
    wanted = {"metric": metric, "term": term, "subgroup": "all", **where}
    found = [row for row in rows if all(row[key] == value for key, value in wanted.items())]
    assert len(found) == 1, (wanted, len(found))
    return found[0]


def small(n: int = 60, seed: int = 1, **columns: object) -> pd.DataFrame:
    """A cohort with a score that says something."""
    rng = np.random.default_rng(seed)
    residual = np.arange(n) % 2
    frame = pd.DataFrame(
        {
            "patient_id": [f"P{i:03d}" for i in range(n)],
            "cohort": "A",
            "cohort_role": "construction",
            "is_pcr": 1 - residual,
            "score": np.clip(0.35 + 0.3 * residual + 0.2 * rng.standard_normal(n), 0.01, 0.99).round(3),
        }
    )
    return frame.assign(**columns)


# ---- against other programs ------------------------------------------------------------------------------------------


def test_auc_and_its_wald_interval_agree_with_pROC(rows: Rows, truth: dict[str, Any]) -> None:
    """R: ci.auc(roc(1 - is_pcr, score, levels = c(0, 1), direction = "<"))."""
    for term, key in (("ref", "auc_score"), ("rival", "auc_rival")):
        row = one(rows, "auc", term)
        assert [row["lo"], row["value"], row["hi"]] == pytest.approx(truth[key], abs=1e-10)
        assert (row["n"], row["events"]) == (400, 124)


def test_delong_difference_agrees_with_pROC(rows: Rows, truth: dict[str, Any]) -> None:
    """R: roc.test(score, rival, paired = TRUE)."""
    row, z = one(rows, "auc_difference", "ref - rival"), one(rows, "auc_difference_z", "ref - rival")
    said = truth["delong"]
    assert [row["value"], row["lo"], row["hi"]] == pytest.approx([said["diff"], *said["ci"]], abs=1e-10)
    assert row["p"] == pytest.approx(said["p"], rel=1e-8)
    assert z["value"] == pytest.approx(said["z"], abs=1e-8)
    assert row["n"] == 400


def test_calibration_and_brier_agree_with_rms_val_prob(rows: Rows, truth: dict[str, Any]) -> None:
    said = truth["calibration"]
    assert one(rows, "calibration_intercept")["value"] == pytest.approx(said["intercept"], abs=1e-6)
    assert one(rows, "calibration_slope")["value"] == pytest.approx(said["slope"], abs=1e-6)
    assert one(rows, "brier")["value"] == pytest.approx(said["brier"], abs=1e-10)


def test_the_cuts_frozen_by_an_evaluation_are_R_type_7_tertiles(reference_store: Store, rows: Rows, truth: dict[str, Any]) -> None:
    """R: quantile(score, c(1, 2) / 3)."""
    with reference_store.reading() as con:
        cuts = con.sql("SELECT low_max, medium_max FROM score_band WHERE score_name = 'ref' AND is_frozen").fetchall()
        sizes = dict(con.sql("SELECT band, count(*) FROM score_current WHERE score_name = 'ref' GROUP BY band").fetchall())
    assert list(cuts[0]) == truth["tertiles"]
    assert sizes == truth["band_n"]


def test_net_benefit_agrees_with_dcurves(rows: Rows, cohort: pd.DataFrame) -> None:
    """dcurves.dca with thresholds 0.01..0.99: model, all and none."""
    frame = pd.DataFrame({"y": 1 - cohort["is_pcr"], "ref": cohort["score"]})
    at = np.arange(1, 100) / 100
    said = dcurves.dca(data=frame, outcome="y", modelnames=["ref"], thresholds=at)
    for model, strategy in (("ref", "ref"), ("all", "treat_all"), ("none", "treat_none")):
        theirs = said[said["model"] == model].sort_values("threshold")["net_benefit"].to_numpy()
        ours = [one(rows, "net_benefit", f"{threshold:.2f} {strategy}")["value"] for threshold in at]
        assert ours == pytest.approx(theirs, abs=1e-12)


def test_average_precision_agrees_with_scikit_learn(rows: Rows, cohort: pd.DataFrame) -> None:
    said = average_precision_score(1 - cohort["is_pcr"], cohort["score"])
    assert one(rows, "ap")["value"] == pytest.approx(said, abs=1e-12)


def test_every_regimen_has_the_numbers_of_its_own_patients(rows: Rows, cohort: pd.DataFrame) -> None:
    threshold = one(rows, "threshold")["value"]
    regimens = {row["subgroup"] for row in rows} - {"all"}
    assert regimens == set(cohort["regimen"])
    for name, part in cohort.groupby("regimen"):
        y = 1 - part["is_pcr"]
        assert one(rows, "auc", subgroup=str(name))["n"] == len(part)
        assert one(rows, "ap", subgroup=str(name))["value"] == pytest.approx(average_precision_score(y, part["score"]), abs=1e-12)
        called = (part["score"] >= threshold).astype(int)
        assert one(rows, "kappa", subgroup=str(name))["value"] == pytest.approx(cohen_kappa_score(y, called), abs=1e-12)


def test_intervals_of_the_three_kinds_stand_beside_one_auc(rows: Rows) -> None:
    wald, logit, boot = (one(rows, metric) for metric in ("auc", "auc_logit", "auc_bootstrap"))
    assert wald["value"] == logit["value"] == boot["value"]
    assert len({wald["lo"], logit["lo"], boot["lo"]}) == 3
    assert "2000 replicates" in boot["test"]


# ---- direction -------------------------------------------------------------------------------------------------------


def test_clinical_variables_are_read_in_their_fixed_directions(reference_store: Store, ladder: Ladder) -> None:
    """The reference cohort has age .479 and stage .463 (pROC, direction '<'): below .5 and reported as they are."""
    rows = ladder(reference_store, "evaluate", "--score", "ref")
    for variable, auc in (("age_years", 0.479), ("clinical_stage", 0.463)):
        assert one(rows, "auc", variable, cohort="all")["value"] == pytest.approx(auc, abs=5e-4)
    for variable in ("hr_status", "her2_ihc", "tils_percent", "age_years", "clinical_stage"):
        row = one(rows, "auc", variable, cohort="all")
        assert row["note"].startswith("direction: ")
        assert one(rows, "auc_difference", f"ref - {variable}", cohort="all")["n"] == row["n"] == 400


def test_a_score_that_predicts_pcr_is_turned_on_import(clinic: Clinic, ladder: Ladder, tmp_path: Any) -> None:
    frame = small()
    store = clinic(frame)
    turned = tmp_path / "turned.csv"
    frame.assign(score=1 - frame["score"])[["patient_id", "score"]].to_csv(turned, index=False)
    ladder(store, "ingest", "scores", str(turned), "--name", "as-pcr", "--predicts", "pcr")
    ladder(store, "ingest", "scores", str(turned), "--name", "as-residual")
    rows = {name: ladder(store, "evaluate", "--score", name) for name in ("s", "as-pcr", "as-residual")}
    auc = {name: one(found, "auc", name, cohort="all")["value"] for name, found in rows.items()}
    assert auc["as-pcr"] == pytest.approx(auc["s"], abs=1e-12)
    assert auc["as-residual"] == pytest.approx(1 - auc["s"], abs=1e-12)
    assert auc["as-residual"] < 0.5


# ---- threshold, cohorts, subgroups -----------------------------------------------------------------------------------


def test_rates_of_construction_patients_are_marked_and_stand_beside_cross_fitted_ones(clinic: Clinic, ladder: Ladder) -> None:
    frame = pd.concat(
        [small(60, 1), small(40, 2, cohort="B", cohort_role="temporal_validation").assign(patient_id=[f"Q{i}" for i in range(40)])]
    )
    rows = ladder(clinic(frame), "evaluate", "--score", "s")
    for metric in RATES:
        own, other, pool = (one(rows, metric, "s", cohort=name) for name in ("construction", "temporal_validation", "all"))
        assert own["note"] == "cut_on_same_patients"
        assert other["note"] is None
        assert pool["note"] == "cut_on_same_patients (60 of 100)"
        assert one(rows, f"{metric}_crossfitted", "s", cohort="construction")["value"] is not None
        assert not [row for row in rows if row["metric"] == f"{metric}_crossfitted" and row["cohort"] == "temporal_validation"]
    pooled = one(rows, "sensitivity_crossfitted", "s", cohort="all")
    assert "60 of 100" in pooled["note"]
    assert pooled["n"] == one(rows, "sensitivity", "s", cohort="all")["n"]


def test_the_threshold_is_frozen_at_first_use(clinic: Clinic, ladder: Ladder, tmp_path: Any) -> None:
    store = clinic(small(60, 1))
    before = one(ladder(store, "evaluate", "--score", "s"), "threshold", "s", cohort="all")["value"]
    more = small(60, 5).assign(patient_id=[f"Q{i}" for i in range(60)])
    more.drop(columns="score").to_csv(tmp_path / "more.csv", index=False)
    more.assign(score=0.5)[["patient_id", "score"]].to_csv(tmp_path / "scores.csv", index=False)
    ladder(store, "ingest", "clinical", str(tmp_path / "more.csv"))
    ladder(store, "ingest", "scores", str(tmp_path / "scores.csv"), "--name", "s")
    after = ladder(store, "evaluate", "--score", "s")
    assert one(after, "threshold", "s", cohort="all")["value"] == before
    assert one(after, "auc", "s", cohort="all")["n"] == 120


def test_cohort_is_the_names_asked_for_and_pools_them(clinic: Clinic, ladder: Ladder) -> None:
    frame = pd.concat(
        [
            small(40, seed, cohort=name, cohort_role=role).assign(patient_id=[f"{name}{i}" for i in range(40)])
            for seed, name, role in ((1, "A", "construction"), (2, "B", "temporal_validation"), (3, "C", "external_validation"))
        ]
    )
    store = clinic(frame)
    pooled = ladder(store, "evaluate", "--score", "s", "--cohort", "construction,B")
    assert {row["cohort"] for row in pooled} == {"construction,B"}
    assert one(pooled, "auc", "s")["n"] == 80
    everyone = ladder(store, "evaluate", "--score", "s", "--by", "cohort")
    assert [row["cohort"] for row in everyone if row["metric"] == "auc" and row["term"] == "s" and row["subgroup"] == "all"] == [
        "all",
        "construction",
        "temporal_validation",
        "external_validation",
    ]
    assert one(everyone, "auc", "s", subgroup="B")["value"] == one(everyone, "auc", "s", cohort="temporal_validation")["value"]


def test_levels_that_two_variables_share_are_named_with_their_variable(clinic: Clinic, ladder: Ladder) -> None:
    frame = small().assign(hr_status=["positive", "negative"] * 30, node=["positive"] * 20 + ["absent"] * 40)
    rows = ladder(clinic(frame), "evaluate", "--score", "s", "--cohort", "A", "--by", "hr_status,node")
    assert {row["subgroup"] for row in rows} == {"all", "negative", "hr_status=positive", "node=positive", "absent"}
    assert one(rows, "auc", "s", subgroup="absent")["family"] == "by node"


def test_patients_without_a_value_of_by_are_a_subgroup_of_their_own(clinic: Clinic, ladder: Ladder) -> None:
    frame = small().assign(regimen=["THP"] * 25 + ["TCbHP"] * 25 + [None] * 10)
    rows = ladder(clinic(frame), "evaluate", "--score", "s", "--cohort", "A", "--by", "regimen")
    sizes = {row["subgroup"]: row["n"] for row in rows if row["metric"] == "auc" and row["term"] == "s"}
    assert sizes == {"all": 60, "THP": 25, "TCbHP": 25, "missing": 10}
    assert {row["cohort"] for row in rows} == {"A"}, "a subgroup is a part of the cohort asked for"


# ---- gaps ------------------------------------------------------------------------------------------------------------


def test_a_subgroup_of_one_class_or_one_patient_has_reasons_and_no_numbers(clinic: Clinic, ladder: Ladder) -> None:
    frame = small().assign(regimen=["one"] + ["mixed"] * 39 + ["pcr"] * 20)
    frame.loc[40:, "is_pcr"] = 1
    rows = ladder(clinic(frame), "evaluate", "--score", "s", "--cohort", "A", "--by", "regimen")
    for subgroup in ("one", "pcr"):
        for metric in ("auc", "auc_logit", "auc_bootstrap", "ap", "calibration_slope"):
            row = one(rows, metric, "s", subgroup=subgroup)
            assert row["value"] is None
            assert "one class" in row["note"]
        assert one(rows, "net_benefit", "s", subgroup=subgroup)["note"].startswith("one class")
    assert one(rows, "sensitivity", "s", subgroup="pcr")["note"].startswith("no patient has residual disease")
    assert one(rows, "specificity", "s", subgroup="pcr")["value"] is not None


def test_a_score_outside_0_to_1_has_an_auc_and_no_probability_metrics(clinic: Clinic, ladder: Ladder) -> None:
    frame = small()
    rows = ladder(clinic(frame.assign(score=10 * frame["score"] - 3)), "evaluate", "--score", "s", "--cohort", "A")
    assert one(rows, "auc", "s")["value"] > 0.5
    for metric in ("brier", "calibration_intercept", "calibration_in_the_large", "calibration_slope", "net_benefit"):
        row = one(rows, metric, "s")
        assert row["value"] is None
        assert "no probability" in row["note"]
    assert one(rows, "sensitivity", "s")["value"] is not None


def test_a_paired_comparison_uses_the_patients_who_have_both(clinic: Clinic, ladder: Ladder) -> None:
    frame = small().assign(age_years=[40.0 + i % 30 if i >= 12 else None for i in range(60)])
    rows = ladder(clinic(frame), "evaluate", "--score", "s", "--cohort", "A", "--against", "age_years")
    row, rival, own = one(rows, "auc_difference", "s - age_years"), one(rows, "auc", "age_years"), one(rows, "auc", "s")
    assert (row["n"], rival["n"], own["n"]) == (48, 48, 60)
    assert "12 patients without age_years" in row["note"]


def test_without_construction_patients_there_is_an_auc_and_no_threshold(clinic: Clinic, ladder: Ladder) -> None:
    rows = ladder(clinic(small(cohort_role="external_validation")), "evaluate", "--score", "s", "--cohort", "A")
    assert one(rows, "auc", "s")["value"] is not None
    for metric in ("threshold", *RATES):
        row = one(rows, metric, "s")
        assert row["value"] is None
        assert "construction patients" in row["note"]


def test_cuts_that_leave_a_band_empty_hold_and_say_so(clinic: Clinic, ladder: Ladder, command: Callable[..., Any]) -> None:
    """statistics.md: equal tertiles are an error, others are not; a score of two values has Low and Medium."""
    store = clinic(small(60, score=[(0.1, 0.9)[at % 2] for at in range(60)]))
    rows = ladder(store, "evaluate", "--score", "s", "--cohort", "A")
    assert one(rows, "sensitivity", "s")["value"] is not None
    with store.reading() as con:
        assert con.sql("SELECT DISTINCT band FROM score_current ORDER BY 1").fetchall() == [("Low",), ("Medium",)]
        assert "nobody in High: too few different scores for three bands" in con.sql("SELECT rule FROM score_band").fetchall()[0][0]
    assert "score s: nobody in High" in command("--store", store.root, "compare", "--score", "s", "--by", "band").err


def test_patients_without_score_or_outcome_are_counted_in_the_note(clinic: Clinic, ladder: Ladder) -> None:
    frame = small()
    frame.loc[:4, "is_pcr"] = None
    frame.loc[10:12, "score"] = None
    row = one(ladder(clinic(frame), "evaluate", "--score", "s", "--cohort", "A"), "auc", "s")
    assert row["n"] == 52
    assert "5 without outcome, 3 with outcome but without score" in row["note"]


def test_an_all_missing_variable_is_no_default_rival_and_says_so_when_asked_for(clinic: Clinic, ladder: Ladder) -> None:
    store = clinic(small())
    assert not [row for row in ladder(store, "evaluate", "--score", "s") if row["metric"] == "auc_difference"]
    row = one(ladder(store, "evaluate", "--score", "s", "--cohort", "A", "--against", "tils_percent"), "auc_difference", "s - tils_percent")
    assert row["value"] is None
    assert row["n"] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--score", "nobody"), r"no score called 'nobody'; there is s"),
        (("--score", "s", "--cohort", "Z"), r"--cohort: no cohort or role called 'Z' in this store; there is A, adjuvants"),
        (("--score", "s", "--cohort", "adjuvants"), r"--cohort adjuvants: wanted patients with an outcome .* found none"),
        (("--score", "s", "--by", "shoe_size"), r"--by: patients have no column 'shoe_size'; there is "),
        (("--score", "s", "--by", "patient_id"), r"--by patient_id: wanted at most 30 levels, found 63"),
        (("--score", "s", "--against", "ki67"), r"--against ki67: wanted a clinical variable \(hr_status"),
        (("--score", "s", "--against", "s"), r"--against s: that is the score itself"),
        (("--score", "s", "ki67"), r"wanted rivals after --against, found ki67"),
        (("--score", "s", "--setting", "palliative"), r"--setting: wanted neoadjuvant or adjuvant"),
    ],
)
def test_a_wrong_call_is_one_clear_line(clinic: Clinic, ladder: Ladder, words: tuple[str, ...], said: str) -> None:
    adjuvant = pd.DataFrame({"patient_id": ["X1", "X2", "X3"], "cohort": "adjuvants", "cohort_role": "adjuvant"})
    store = clinic(pd.concat([small(), adjuvant]))
    with pytest.raises(InputError, match=said) as caught:
        ladder(store, "evaluate", *words)
    assert "\n" not in str(caught.value)


# ---- the store -------------------------------------------------------------------------------------------------------


def test_what_is_printed_is_what_stands_in_analysis_result(reference_store: Store, rows: Rows) -> None:
    with reference_store.reading() as con:
        held = arrow_table(con, "SELECT * FROM analysis_result WHERE run = ?", [rows[0]["run"]]).to_pylist()
    key = ("subgroup", "term", "metric")
    assert sorted(held, key=lambda row: [row[name] for name in key]) == sorted(rows, key=lambda row: [row[name] for name in key])


def test_the_same_command_again_supersedes_its_rows_with_the_same_values(clinic: Clinic, ladder: Ladder) -> None:
    store = clinic(small())
    first, second = (ladder(store, "evaluate", "--score", "s") for _ in range(2))
    assert [row["value"] for row in first] == [row["value"] for row in second]
    assert [row["lo"] for row in first] == [row["lo"] for row in second]
    with store.reading() as con:
        assert con.sql("SELECT DISTINCT run FROM analysis_result WHERE analysis = 'evaluate'").fetchall() == [(second[0]["run"],)]


def test_a_covariate_called_score_does_not_hide_the_score(clinic: Clinic, ladder: Ladder) -> None:
    """The reference map keeps the file's column `score` as a covariate: the score evaluated is the store's."""
    store = clinic(small().rename(columns={"score": "feature"}).assign(kind="a", band="b"))
    frame = small()
    path = store.root.parent / "s.csv"
    frame[["patient_id", "score"]].to_csv(path, index=False)
    ladder(store, "ingest", "scores", str(path), "--name", "s")
    assert one(ladder(store, "evaluate", "--score", "s", "--cohort", "A"), "auc", "s")["n"] == 60


def test_groups_named_by_large_numbers_stay_apart() -> None:
    site = np.repeat([1000001.0, 1000002.0, 2.5, np.nan], 4)
    people = pd.DataFrame({"patient_id": [f"P{i}" for i in range(16)], "site": site, "score": 0.5, "residual": 1, "kind": "imported"})
    people["cohort_role"] = "construction"
    found = {group.subgroup: len(group.frame) for group in groups(people, Selection(("A",)), ["site"]) if group.by}
    assert found == {"1000001": 4, "1000002": 4, "2.5": 4, "missing": 4}
