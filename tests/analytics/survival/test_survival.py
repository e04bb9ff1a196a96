"""Survival through the command line: against R and lifelines, its exports read back, and small odd cohorts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter, KaplanMeierFitter
from lifelines.datasets import load_gbsg2

from her2ladder.errors import InputError
from her2ladder.queries.init import init
from her2ladder.schema.duck import arrow_table
from her2ladder.schema.store import Store

Ladder = Callable[..., list[dict[str, Any]]]
Clinic = Callable[..., Store]
Rows = list[dict[str, Any]]

BANDS = ("Low", "Medium", "High")
SCORE = "score (per 0.1)"
AS_R = ("--adjust", "age_years,clinical_stage")  # what the reference's multivariable model has


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the exports of `dfs` are."""
    return tmp_path_factory.mktemp("exports")


@pytest.fixture(scope="module")
def dfs(reference_store: Store, ladder: Ladder, folder: Path) -> Rows:
    return ladder(reference_store, "survival", "--score", "ref", "--endpoint", "dfs", *AS_R, "-o", str(folder))


@pytest.fixture(scope="module")
def os_(reference_store: Store, ladder: Ladder) -> Rows:
    return ladder(reference_store, "survival", "--score", "ref", "--endpoint", "os", "--adjust", "")


def one(rows: Rows, metric: str, term: str, subgroup: str = "all") -> dict[str, Any]:
    found = [row for row in rows if (row["metric"], row["term"], row["subgroup"]) == (metric, term, subgroup)]
    assert len(found) == 1, (metric, term, subgroup, len(found))
    return found[0]


def is_empty(row: dict[str, Any]) -> bool:
    """No number, and a reason."""
    return [row["value"], row["lo"], row["hi"], row["p"]] == [None] * 4 and bool(row["note"])


# ---- against R -------------------------------------------------------------------------------------------------------


def test_the_curve_at_times_its_log_log_interval_and_the_number_at_risk_agree_with_R(dfs: Rows, truth: dict[str, Any]) -> None:
    """R: summary(survfit(Surv(dfs_months, dfs_event) ~ band, conf.type = "log-log"), times = c(0, 12, ..., 60))."""
    assert len(truth["km"]) == 18
    for said in truth["km"]:
        row = one(dfs, "survival_at", f"{said['time']:g}", said["band"])
        assert [row["value"], row["lo"], row["hi"]] == pytest.approx([said["surv"], said["lo"], said["hi"]], abs=1e-10)
        assert row["n"] == said["n_risk"]
        assert row["test"] == "Kaplan-Meier, log-log"


def test_the_log_interval_agrees_with_R_and_the_times_are_those_asked_for(
    reference_store: Store, ladder: Ladder, truth: dict[str, Any]
) -> None:
    """R: survfit(conf.type = "log"), its default."""
    rows = ladder(reference_store, "survival", "--score", "ref", "--interval", "log", "--times", "24, 60,500", "--adjust", "")
    for said in truth["km_log"]:
        row = one(rows, "survival_at", f"{said['time']:g}", said["band"])
        assert [row["lo"], row["hi"]] == pytest.approx([said["lo"], said["hi"]], abs=1e-10)
        assert row["test"] == "Kaplan-Meier, log"
    assert {row["term"] for row in rows if row["metric"] == "survival_at"} == {"24", "60", "500"}
    beyond = one(rows, "survival_at", "500", "Low")
    assert (beyond["value"], beyond["n"]) == (None, 0)
    assert beyond["note"].startswith("beyond the last follow-up")


def test_a_median_that_is_not_reached_is_no_number(dfs: Rows, truth: dict[str, Any]) -> None:
    for band in BANDS:
        assert truth["km_median"][f"band={band}"] == "NA"
        row = one(dfs, "median_survival", "dfs", band)
        assert row["value"] is None
        assert row["note"] == "the curve does not fall to one half"
        assert row["n"] == truth["band_n"][band]


def test_log_rank_agrees_with_R_survdiff(dfs: Rows, truth: dict[str, Any]) -> None:
    for term, key in (("Low vs Medium vs High", "logrank_all"), ("High vs Low", "logrank_high_low")):
        row = one(dfs, "logrank", term)
        assert row["value"] == pytest.approx(truth[key]["chisq"], rel=1e-8)
        assert row["p"] == pytest.approx(truth[key]["p"], rel=1e-8)


@pytest.mark.parametrize(("endpoint", "key"), [("dfs", "cox_dfs_high_low"), ("os", "cox_os_high_low")])
def test_cox_of_high_against_low_agrees_with_R_coxph_and_cox_zph(
    endpoint: str, key: str, truth: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    """R: coxph(Surv(months, event) ~ band, subset = band != "Medium"), cox.zph(transform = "km"), concordance."""
    rows, said = request.getfixturevalue({"dfs": "dfs", "os": "os_"}[endpoint]), truth[key]
    row, c, ph = (one(rows, metric, "High vs Low") for metric in ("hazard_ratio", "c_index", "ph_test"))
    assert [row["value"], row["lo"], row["hi"], row["p"]] == pytest.approx([said[name][0] for name in ("hr", "lo", "hi", "p")], rel=1e-5)
    assert (row["n"], row["test"]) == (truth["band_n"]["High"] + truth["band_n"]["Low"], "Cox (Efron), Wald")
    assert c["value"] == pytest.approx(said["cindex"], abs=1e-10)
    assert [ph["value"], ph["p"]] == pytest.approx([said["zph_chisq"]["GLOBAL"], said["zph_p"]["GLOBAL"]], rel=1e-5)


def test_multivariable_cox_agrees_with_R_where_the_score_is_per_unit(dfs: Rows, truth: dict[str, Any]) -> None:
    """R: coxph(Surv(dfs_months, dfs_event) ~ score + age_years + stage): per 1 of the score, so ours per 0.1 to the tenth power."""
    said = truth["cox_multi"]
    for term, key, power in ((SCORE, "score", 10), ("age (per year)", "age_years", 1), ("stage III vs II", "stageIII", 1)):
        row = one(dfs, "hazard_ratio", f"{term}, adjusted")
        ours = [row[name] ** power for name in ("value", "lo", "hi")]
        assert ours == pytest.approx([said[name][key] for name in ("hr", "lo", "hi")], rel=1e-5)
        assert row["p"] == pytest.approx(said["p"][key], rel=1e-5)
    assert one(dfs, "c_index", f"{SCORE}, adjusted")["value"] == pytest.approx(said["cindex"], abs=1e-10)
    for term, key in ((SCORE, "score"), ("age (per year)", "age_years"), ("stage", "stage"), ("GLOBAL", "GLOBAL")):
        row = one(dfs, "ph_test", f"{SCORE}, adjusted: {term}")
        assert [row["value"], row["p"]] == pytest.approx([said["zph_chisq"][key], said["zph_p"][key]], rel=1e-5)


def test_median_follow_up_is_reverse_kaplan_meier_as_in_R(dfs: Rows, truth: dict[str, Any]) -> None:
    row = one(dfs, "median_followup", "dfs")
    assert row["value"] == truth["median_followup_reverse_km"]
    assert "reverse Kaplan-Meier" in row["test"]
    assert row["n"] == 400


def test_hormone_therapy_in_GBSG2_has_the_published_hazard_ratio_and_log_rank(ladder: Ladder, tmp_path: Path) -> None:
    """R: coxph(Surv(time, cens) ~ horTh, GBSG2), survdiff: HR 0.695 (0.544-0.888), p 0.0034; by a column map, days made months."""
    data = load_gbsg2()
    data.insert(0, "patient", [f"G{i:03d}" for i in range(len(data))])
    data.to_csv(tmp_path / "gbsg2.csv", index=False)
    (tmp_path / "map.toml").write_text(
        'extra = ["horTh", "menostat", "tsize", "tgrade", "pnodes", "progrec", "estrec"]\n'
        '[columns]\npatient_id = "patient"\nage_years = "age"\ndfs_months = "time"\ndfs_event = "cens"\n'
        '[constants]\ncohort = "GBSG2"\n[scale]\ndfs_months = 0.0328549\n'
    )
    store = init(tmp_path / "store")
    ladder(store, "ingest", "clinical", str(tmp_path / "gbsg2.csv"), "--map", str(tmp_path / "map.toml"))
    rows = ladder(store, "survival", "--by", "horTh", "--endpoint", "dfs", "--adjust", "age_years,pnodes")
    hazard, logrank = one(rows, "hazard_ratio", "yes vs no"), one(rows, "logrank", "yes vs no")
    assert [round(hazard[name], 3) for name in ("value", "lo", "hi")] == [0.695, 0.544, 0.888]
    assert round(logrank["p"], 4) == 0.0034
    assert (hazard["n"], hazard["events"]) == (686, 299)
    assert "age_years, pnodes" in one(rows, "hazard_ratio", "yes vs no, adjusted")["note"]
    assert one(rows, "median_survival", "dfs", "no")["value"] == pytest.approx(1528 * 0.0328549)  # R: print(survfit)


# ---- exports ---------------------------------------------------------------------------------------------------------


def test_the_exports_read_back_give_the_curve_of_lifelines(dfs: Rows, folder: Path, reference_store: Store) -> None:
    """Step table and raw rows, CSV and Parquet: the raw rows through KaplanMeierFitter are the step table."""
    steps, raw = (pd.read_parquet(folder / f"survival_dfs_{name}.parquet") for name in ("steps", "patients"))
    assert len(raw) == 400
    for band in BANDS:
        mine, people = steps[steps["label"] == band], raw[raw["label"] == band]
        fit = KaplanMeierFitter().fit(people["time_months"], people["is_event"])
        assert mine["surv"].to_numpy() == pytest.approx(fit.survival_function_at_times(mine["time_months"]).to_numpy(), abs=1e-12)
        limits = fit.confidence_interval_survival_function_.loc[mine["time_months"]].to_numpy()
        known = mine["surv"].between(0, 1, inclusive="neither").to_numpy()
        assert mine[["lo", "hi"]].to_numpy()[known] == pytest.approx(limits[known], abs=1e-12)
        table = fit.event_table.loc[mine["time_months"]]
        assert (mine["n_event"].to_numpy() == table["observed"].to_numpy()).all()
        assert (mine["n_censor"].to_numpy() == table["censored"].to_numpy()).all()
        assert (mine["n_risk"].to_numpy() == [(people["time_months"] >= t).sum() for t in mine["time_months"]]).all()
    with reference_store.reading() as con:
        held = arrow_table(con, "SELECT patient_id, dfs_months, dfs_event FROM patient ORDER BY patient_id").to_pandas()
    assert raw["patient_id"].tolist() == held["patient_id"].tolist()
    assert raw["time_months"].tolist() == held["dfs_months"].tolist()


def test_csv_and_parquet_say_the_same_and_every_row_names_run_and_convention(dfs: Rows, folder: Path) -> None:
    for name in ("steps", "patients"):
        parquet = pd.read_parquet(folder / f"survival_dfs_{name}.parquet")
        csv = pd.read_csv(folder / f"survival_dfs_{name}.csv", float_precision="round_trip")
        pd.testing.assert_frame_equal(parquet, csv, check_dtype=False)
        said = {
            "endpoint": "dfs",
            "by": "band",
            "score_name": "ref",
            "interval": "log-log, 95 %",
            "at_risk": "time >= t",
            "run": dfs[0]["run"],
        }
        for column, value in said.items():
            assert set(parquet[column]) == {value}
    assert pd.read_parquet(folder / "survival_dfs_rows.parquet")["value"].tolist() == pytest.approx(
        [np.nan if row["value"] is None else row["value"] for row in dfs], nan_ok=True
    )
    assert {f"survival_dfs.{kind}" for kind in ("png", "svg", "pdf")} <= {path.name for path in folder.iterdir()}


def test_the_risk_table_goes_on_in_its_last_step_for_as_long_as_anyone_is_followed(dfs: Rows, folder: Path) -> None:
    people = pd.read_csv(folder / "survival_dfs_patients.csv")
    table = pd.read_csv(folder / "survival_dfs_at_risk.csv")
    last = people["time_months"].max()
    assert last > 72
    for label, part in table.groupby("label"):
        own = people[people["label"] == label]["time_months"]
        assert part["time"].tolist() == [12.0 * at for at in range(int(last // 12) + 1)]
        assert part["n_risk"].tolist() == [(own >= time).sum() for time in part["time"]]
    assert {row["term"] for row in dfs if row["metric"] == "survival_at"} == {"0", "12", "24", "36", "48", "60"}


def test_rows_stand_in_the_store_as_they_are_printed(dfs: Rows, reference_store: Store) -> None:
    with reference_store.reading() as con:
        held = arrow_table(con, "SELECT * FROM analysis_result WHERE run = ?", [dfs[0]["run"]]).to_pylist()

    def order(row: dict[str, Any]) -> list[str]:
        return [row[name] for name in ("metric", "subgroup", "term")]

    assert sorted(held, key=order) == sorted(dfs, key=order)


# ---- odd cohorts -----------------------------------------------------------------------------------------------------


def followed(name: str, n: int, seed: int, **columns: object) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "patient_id": [f"{name}-{i:03d}" for i in range(n)],
            "cohort": name,
            "cohort_role": "adjuvant",
            "setting": "adjuvant",
            "age_years": rng.integers(30, 75, n).astype(float),
            "score": np.linspace(0.02, 0.98, n).round(3) if n > 1 else [0.9],
            "dfs_months": rng.exponential(40, n).round(1) + 0.5,
            "dfs_event": rng.integers(0, 2, n),
        }
    )
    return frame.assign(**columns)


@pytest.fixture(scope="module")
def odd(clinic: Clinic) -> Store:
    """One store of small adjuvant cohorts, each odd in its own way, beside the construction patients that the bands are cut on."""
    learned = followed("made", 60, 1, cohort_role="construction", setting="neoadjuvant")
    cohorts = [
        learned.assign(is_pcr=[0, 1] * 30),
        followed("quiet", 30, 2, dfs_event=0),
        followed("deadly", 30, 3, dfs_event=1),
        followed("no_high", 30, 4, score=np.linspace(0.02, 0.6, 30).round(3)),
        followed("single", 1, 5, dfs_event=1),
        followed("few", 40, 6, regimen=["one"] + ["many"] * 39, dfs_event=[1] * 20 + [0] * 18 + [1] * 2),
        followed("lost", 5, 7),
        followed("unscored", 20, 8),
    ]
    frame = pd.concat(cohorts, ignore_index=True).astype({"is_pcr": "Int64", "dfs_event": "Int64"})
    frame.loc[frame["cohort"] == "lost", ["dfs_months", "dfs_event"]] = pd.NA
    frame.loc[frame["cohort"] == "unscored", "score"] = np.nan
    return clinic(frame)


def of(ladder: Ladder, store: Store, cohort: str, *words: str) -> Rows:
    return ladder(store, "survival", "--score", "s", "--cohort", cohort, "--adjust", "age_years", *words)


def test_high_against_low_uses_those_two_bands_alone(odd: Store, ladder: Ladder) -> None:
    rows = of(ladder, odd, "few")
    sizes = {band: one(rows, "median_survival", "dfs", band)["n"] for band in BANDS}
    assert sum(sizes.values()) == 40
    for metric in ("hazard_ratio", "logrank", "c_index"):
        assert one(rows, metric, "High vs Low")["n"] == sizes["High"] + sizes["Low"] < 40
    assert one(rows, "hazard_ratio", "High vs Low, all levels")["n"] == 40
    assert one(rows, "hazard_ratio", SCORE)["n"] == 40


def test_few_events_in_a_band_are_answered_by_firth_and_say_so(odd: Store, ladder: Ladder) -> None:
    row = one(of(ladder, odd, "few"), "hazard_ratio", "High vs Low")
    assert "2 events in High" in row["note"]
    assert "Firth" in row["test"]
    assert 0 < row["lo"] < row["value"] < row["hi"] < np.inf


def test_no_events_give_flat_curves_and_no_invented_numbers(odd: Store, ladder: Ladder, tmp_path: Path) -> None:
    rows = of(ladder, odd, "quiet", "--times", "0,1", "-o", str(tmp_path))
    for row in rows:
        if row["metric"] == "survival_at":
            assert row["value"] == 1
            assert (row["lo"], row["hi"]) == ((1, 1) if row["term"] == "0" else (None, None))
        elif row["metric"] != "median_followup":
            assert is_empty(row), row
    assert "no event" in one(rows, "hazard_ratio", "High vs Low")["note"]
    assert (tmp_path / "survival_dfs.png").stat().st_size > 1000


def test_all_events_bring_the_curve_to_zero_and_leave_no_follow_up_median(odd: Store, ladder: Ladder, tmp_path: Path) -> None:
    rows = of(ladder, odd, "deadly", "-o", str(tmp_path))
    assert one(rows, "hazard_ratio", "High vs Low")["value"] is not None
    assert one(rows, "median_survival", "dfs", "Low")["value"] is not None
    assert one(rows, "median_followup", "dfs")["value"] is None
    steps = pd.read_parquet(tmp_path / "survival_dfs_steps.parquet")
    last = steps.groupby("label").tail(1)
    assert last["surv"].tolist() == [0, 0, 0]
    assert last[["lo", "hi", "se"]].isna().all().all()


@pytest.mark.parametrize(("scores", "pair"), [((0.1, 0.9), "High vs Low"), ((0.5, 0.9), "High vs Medium"), ((0.1, 0.5), "Medium vs Low")])
def test_the_model_of_all_levels_names_the_levels_that_are_there(
    clinic: Callable[..., Store], ladder: Ladder, scores: tuple[float, float], pair: str
) -> None:
    construction = pd.DataFrame({"patient_id": [f"C{i:02d}" for i in range(99)], "score": np.arange(1, 100) / 100, "cohort": "C", "cohort_role": "construction"})
    adjuvant = followed("A", 60, 4, score=np.resize(scores, 60), cohort_role="adjuvant")
    rows = ladder(clinic(pd.concat([construction, adjuvant])), "survival", "--score", "s", "--endpoint", "dfs", "--cohort", "adjuvant")
    found = [row for row in rows if row["term"].endswith("all levels")]
    assert [row["term"] for row in found] == [f"{pair}, all levels"]
    if pair == "High vs Low":
        assert found[0]["value"] == pytest.approx(one(rows, "hazard_ratio", "High vs Low")["value"], rel=1e-9)


def test_an_empty_band_has_a_row_that_says_so(odd: Store, ladder: Ladder, tmp_path: Path) -> None:
    rows = of(ladder, odd, "no_high", "-o", str(tmp_path))
    high = one(rows, "median_survival", "dfs", "High")
    assert is_empty(high)
    assert (high["n"], high["note"]) == (0, "no patients")
    for metric in ("hazard_ratio", "logrank", "ph_test", "c_index"):
        assert is_empty(one(rows, metric, "High vs Low"))
    assert one(rows, "logrank", "Low vs Medium vs High")["value"] is not None
    assert set(pd.read_parquet(tmp_path / "survival_dfs_steps.parquet")["label"]) == {"Low", "Medium"}


def test_one_patient_and_a_regimen_of_one_have_curves_and_no_tests(odd: Store, ladder: Ladder, tmp_path: Path) -> None:
    rows = of(ladder, odd, "single", "-o", str(tmp_path / "single"))
    assert one(rows, "median_survival", "dfs", "High")["n"] == 1
    for row in rows:
        if row["metric"] in ("hazard_ratio", "logrank", "ph_test", "c_index"):
            assert is_empty(row), row
    rows = of(ladder, odd, "few", "--within", "regimen", "-o", str(tmp_path / "few"))
    for row in rows:
        if row["subgroup"] == "one" and row["metric"] != "median_followup":
            assert is_empty(row), row
    assert one(rows, "median_survival", "dfs", "one: Low")["n"] == 1
    assert one(rows, "hazard_ratio", "High vs Low", "many")["value"] is not None
    assert (tmp_path / "few" / "survival_dfs_one.png").is_file()


def test_the_setting_chooses_the_patients(odd: Store, ladder: Ladder) -> None:
    sizes = {}
    for setting in ("adjuvant", "neoadjuvant"):
        rows = ladder(odd, "survival", "--score", "s", "--setting", setting, "--adjust", "")
        sizes[setting] = one(rows, "median_followup", "dfs")["n"]
    assert sizes == {"adjuvant": 30 + 30 + 30 + 1 + 40 + 20, "neoadjuvant": 60}


def test_patients_without_a_score_are_in_no_band_and_in_no_model(odd: Store, ladder: Ladder) -> None:
    rows = of(ladder, odd, "few,unscored")
    assert one(rows, "hazard_ratio", SCORE)["n"] == 40
    assert sum(one(rows, "median_survival", "dfs", band)["n"] for band in BANDS) == 40


def test_rows_of_a_covariate_do_not_count_who_has_no_score(odd: Store, ladder: Ladder) -> None:
    rows = ladder(odd, "survival", "--score", "s", "--by", "cohort", "--cohort", "few,unscored", "--adjust", "")
    notes = {row["term"]: row["note"] or "" for row in rows if row["metric"] == "hazard_ratio"}
    assert len(notes) == 2
    assert {term for term, note in notes.items() if "have no score s" in note} == {SCORE}


def test_patients_without_a_score_are_counted_in_words(odd: Store, command: Callable[..., Any], tmp_path: Path) -> None:
    answer = command("--store", odd.root, "--json", "survival", "--score", "s", "--cohort", "few,unscored", "--adjust", "", "-o", tmp_path)
    said = "20 of 60 patients with follow-up have no score s"
    assert answer.err.splitlines()[0] == said
    for metric, term in (
        ("hazard_ratio", SCORE),
        ("c_index", SCORE),
        ("hazard_ratio", "High vs Low"),
        ("logrank", "Low vs Medium vs High"),
    ):
        assert said in one(answer.rows, metric, term)["note"]
    assert said not in str(one(answer.rows, "median_followup", "dfs")["note"])  # which is of all 60
    assert (tmp_path / "survival_dfs.svg").read_text().count("20 of 60 patients with follow-up have no") == 1  # the line ends there


def test_a_score_that_leaves_0_to_1_says_so_in_its_rows(clinic: Clinic, ladder: Ladder) -> None:
    frame = followed("made", 60, 1, cohort_role="construction")
    rows = ladder(clinic(frame.assign(score=frame["score"] * 100)), "survival", "--score", "s", "--adjust", "age_years")
    for term in (SCORE, f"{SCORE}, adjusted"):
        assert "score s leaves 0..1 (2 to 98): per 0.1 of its own scale" in one(rows, "hazard_ratio", term)["note"]
    assert "leaves" not in str(one(rows, "hazard_ratio", "High vs Low")["note"])


@pytest.mark.parametrize("cohort", ["few", "few,deadly,quiet,no_high"])
def test_a_number_has_one_curve_and_a_ratio_per_unit_however_many_patients(odd: Store, ladder: Ladder, cohort: str, tmp_path: Path) -> None:
    words = ("survival", "--by", "age_years", "--cohort", cohort, "--adjust", "age_years,regimen", "-o", str(tmp_path))
    rows = ladder(odd, *words)
    assert {row["subgroup"] for row in rows} == {"all"}
    assert not [row for row in rows if row["metric"] == "logrank"]
    for metric in ("hazard_ratio", "c_index", "ph_test"):
        assert one(rows, metric, "age (per year)")["value"] is not None
    for metric in ("median_survival", "median_followup"):
        one(rows, metric, "dfs")
    assert set(pd.read_parquet(tmp_path / "survival_dfs_steps.parquet")["label"]) == {"all"}
    assert (tmp_path / "survival_dfs.png").is_file()


def test_the_ratio_per_unit_agrees_with_lifelines(reference_store: Store, ladder: Ladder, cohort: pd.DataFrame) -> None:
    rows = ladder(reference_store, "survival", "--by", "age_years", "--adjust", "")
    row = one(rows, "hazard_ratio", "age (per year)")
    fit = CoxPHFitter().fit(cohort[["age_years", "dfs_months", "dfs_event"]], "dfs_months", "dfs_event")
    assert row["value"] == pytest.approx(float(fit.hazard_ratios_["age_years"]), rel=1e-5)
    assert row["n"] == 400


def test_a_number_beside_a_score_leaves_the_score_s_own_model_as_it_is_and_no_row_stands_twice(odd: Store, ladder: Ladder) -> None:
    words = ("survival", "--score", "s", "--cohort", "few", "--adjust", "age_years,regimen")
    rows, plain = ladder(odd, *words, "--by", "age_years"), ladder(odd, *words)
    keys = [(row["metric"], row["term"], row["subgroup"]) for row in rows]
    assert len(set(keys)) == len(keys)
    assert one(rows, "hazard_ratio", f"{SCORE}, adjusted")["value"] == one(plain, "hazard_ratio", f"{SCORE}, adjusted")["value"]
    assert one(rows, "hazard_ratio", "age (per year), adjusted")["note"].endswith("multivariable with regimen")


def test_an_imported_class_that_is_a_number_has_a_curve_for_each(clinic: Clinic, ladder: Ladder) -> None:
    rows = ladder(clinic(followed("A", 60, 5, cluster=np.resize([1, 2, 3], 60))), "survival", "--by", "cluster", "--endpoint", "dfs")
    assert {row["subgroup"] for row in rows if row["metric"] == "median_survival"} == {"1", "2", "3"}
    assert {row["term"] for row in rows if row["metric"] == "logrank"} == {"1 vs 2 vs 3", "2 vs 1", "3 vs 1", "3 vs 2"}


def test_a_number_of_two_values_stays_a_factor_and_missing_values_are_counted(clinic: Clinic, ladder: Ladder) -> None:
    frame = followed("made", 60, 1, flag=[0, 1] * 30, size=np.arange(60) % 7 + 0.5)
    frame.loc[:5, "size"] = np.nan
    store = clinic(frame)
    assert one(ladder(store, "survival", "--by", "flag", "--adjust", ""), "hazard_ratio", "1 vs 0")["value"] is not None
    row = one(ladder(store, "survival", "--by", "size", "--adjust", ""), "hazard_ratio", "size (per unit)")
    assert row["n"] == 54
    assert "6 of 60 patients with follow-up have no size" in row["note"]


def test_an_adjuvant_store_has_the_score_itself_and_says_why_there_are_no_bands(
    clinic: Clinic, ladder: Ladder, command: Callable[..., Any], tmp_path: Path
) -> None:
    store = clinic(followed("only", 40, 6))
    answer = command("--store", store.root, "--json", "survival", "--score", "s", "--adjust", "age_years", "-o", tmp_path)
    assert answer.code == 0
    assert answer.err.startswith(
        "no bands, the score itself instead: score s: bands are cut on construction patients, and none has this score"
    )
    assert one(answer.rows, "hazard_ratio", SCORE)["n"] == 40
    assert one(answer.rows, "median_survival", "dfs")["n"] == 40
    assert {row["subgroup"] for row in answer.rows} == {"all"}
    assert "score (per 0.1)" in (tmp_path / "survival_dfs.svg").read_text()
    with pytest.raises(InputError, match=r"bands are cut on construction patients.*cohort_role = construction.*\[constants\]"):
        ladder(store, "survival", "--score", "s", "--by", "band")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), r"survival: wanted --score NAME \(its bands\), or --by COVARIATE"),
        (("--by", "band"), r"survival: wanted --score NAME \(its bands\), or --by COVARIATE"),
        (("--score", "s", "--endpoint", "pfs"), r"--endpoint: wanted dfs or os, found 'pfs'"),
        (("--score", "s", "--interval", "plain"), r"--interval: wanted log-log or log, found 'plain'"),
        (("--score", "s", "--times", "-1"), r"--times: wanted months from 0 up"),
        (("--score", "s", "--times", "ten"), r"--times: wanted months, comma-separated, found 'ten'"),
        (("--score", "s", "--times", "nan"), r"--times: wanted months from 0 up"),
        (("--score", "nobody"), r"no score called 'nobody'; there is s"),
        (("--by", "shoe_size"), r"--by: patients have no column 'shoe_size' to group by; there is "),
        (("--by", "dfs_months"), r"--by dfs_months: it is what the survival analysis is of"),
        (("--by", "score"), r"survival: wanted --score NAME"),
        (("--score", "s", "--within", "shoe_size"), r"--within: patients have no column 'shoe_size'"),
        (("--score", "s", "--adjust", "shoe_size"), r"--adjust: patients have no column 'shoe_size'; there is "),
        (("--score", "s", "--cohort", "lost"), r"--cohort lost: no patient has dfs_months and dfs_event"),
        (("--score", "s", "--endpoint", "os"), r"--cohort all: no patient has os_months and os_event"),
        (("--score", "s", "--cohort", "Z"), r"--cohort: no cohort or role called 'Z'"),
    ],
)
def test_a_wrong_call_is_one_clear_line(odd: Store, ladder: Ladder, words: tuple[str, ...], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        ladder(odd, "survival", *words)
    assert "\n" not in str(caught.value)
