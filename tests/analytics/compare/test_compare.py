"""pCR by band and regimen through the command line, against R and against counts made by hand."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency

from her2ladder.analytics.cohort.selection import Selection
from her2ladder.analytics.compare.figure import pcr_bars_figure
from her2ladder.analytics.compare.stage import CompareOptions, compare
from her2ladder.analytics.statistics.rates import two_rates
from her2ladder.errors import InputError
from her2ladder.queries.run import run
from her2ladder.schema.store import Store
from her2ladder.schema.tables import MODEL, SCORE

Ladder = Callable[..., list[dict[str, Any]]]
Clinic = Callable[..., Store]

TWO_ROLES = {"A": "construction", "B": "regimen"}


def only(rows: list[dict[str, Any]], metric: str) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["subgroup"], row["term"]): row for row in rows if row["metric"] == metric}


@pytest.fixture(scope="module")
def compared(reference_store: Store, ladder: Ladder) -> list[dict[str, Any]]:
    return ladder(reference_store, "compare", "--score", "ref", "--by", "band,regimen")


def test_every_pair_of_regimens_agrees_with_R_chisq_test_fisher_test_and_p_adjust(
    compared: list[dict[str, Any]], truth: dict[str, Any]
) -> None:
    """R: chisq.test(correct = FALSE)$p.value, p.adjust("bonferroni", 30), fisher.test."""
    pairs, fisher, rates = (only(compared, f"pcr_{name}") for name in ("comparison", "comparison_fisher", "rate"))
    assert len(pairs) == len(truth["pcr_pairs"]) == 30
    for one in truth["pcr_pairs"]:
        row = pairs[one["band"], f"{one['a']} vs {one['b']}"]
        assert row["p"] == pytest.approx(one["chi2_p"], rel=1e-10)
        assert row["p_adjusted"] == pytest.approx(one["chi2_p_bonferroni"], rel=1e-10)
        assert row["value"] == pytest.approx(one["pcr_a"] / one["n_a"] - one["pcr_b"] / one["n_b"])
        assert (row["n"], row["events"]) == (one["n_a"] + one["n_b"], one["pcr_a"] + one["pcr_b"])
        assert "30 planned comparisons" in row["family"]
        assert "Pearson" in row["test"]
        cell = rates[one["band"], one["a"]]
        assert (cell["events"], cell["n"]) == (one["pcr_a"], one["n_a"])
        if (key := (one["band"], row["term"])) in fisher:
            assert fisher[key]["p"] == pytest.approx(one["fisher_p"], rel=1e-9)
            assert "below 5" in row["note"]


def test_fisher_stands_beside_exactly_where_an_expected_count_is_below_five(compared: list[dict[str, Any]], truth: dict[str, Any]) -> None:
    small = set()
    for one in truth["pcr_pairs"]:
        table = [[one["pcr_a"], one["n_a"] - one["pcr_a"]], [one["pcr_b"], one["n_b"] - one["pcr_b"]]]
        if chi2_contingency(table, correction=False).expected_freq.min() < 5:
            small.add((one["band"], f"{one['a']} vs {one['b']}"))
    assert set(only(compared, "pcr_comparison_fisher")) == small


@pytest.mark.parametrize(("interval", "name"), [("wilson", "pcr_wilson"), ("clopper-pearson", "pcr_clopper")])
def test_the_overall_rate_agrees_with_R_prop_test_and_binom_test(
    reference_store: Store, ladder: Ladder, truth: dict[str, Any], interval: str, name: str
) -> None:
    rows = ladder(reference_store, "compare", "--score", "ref", "--by", "band,regimen", "--interval", interval)
    overall = only(rows, "pcr_rate")["all", "all"]
    assert [overall["lo"], overall["hi"]] == pytest.approx(truth[name], abs=1e-12)
    assert overall["test"].lower() == interval


def test_bands_hold_as_many_patients_as_R_cut_and_the_cuts_are_its_quantiles(
    reference_store: Store, ladder: Ladder, truth: dict[str, Any]
) -> None:
    rates = only(ladder(reference_store, "compare", "--score", "ref", "--by", "band"), "pcr_rate")
    assert {band: rates["all", band]["n"] for band in ("Low", "Medium", "High")} == truth["band_n"]
    with reference_store.reading() as con:
        cuts = con.sql("SELECT low_max, medium_max FROM score_band WHERE score_name = 'ref' AND is_frozen").fetchall()
    assert list(cuts[0]) == pytest.approx(truth["tertiles"], abs=1e-12)


def test_the_printed_rows_are_those_of_the_store_and_a_rerun_supersedes_them(reference_store: Store, ladder: Ladder) -> None:
    first = ladder(reference_store, "compare", "--score", "ref", "--fdr")
    again = ladder(reference_store, "compare", "--score", "ref", "--fdr")
    with reference_store.reading() as con:
        held = con.execute("SELECT count(*), any_value(run) FROM analysis_result WHERE run IN (?, ?)", [first[0]["run"], again[0]["run"]])
        assert held.fetchall() == [(len(again), again[0]["run"])]
    strip = [[{k: v for k, v in row.items() if k != "run"} for row in rows] for rows in (first, again)]
    assert strip[0] == strip[1]


def test_corrections_are_those_of_R_p_adjust_over_thirty(reference_store: Store, ladder: Ladder, compared: list[dict[str, Any]]) -> None:
    from scipy.stats import false_discovery_control

    p = np.array([row["p"] for row in only(compared, "pcr_comparison").values()])
    order, m = np.argsort(p), len(p)
    holm = np.empty(m)
    holm[order] = np.minimum(np.maximum.accumulate(p[order] * (m - np.arange(m))), 1)
    for option, wanted in (("--holm", holm), ("--fdr", false_discovery_control(p)), ("--no-correction", p)):
        rows = only(ladder(reference_store, "compare", "--score", "ref", option), "pcr_comparison").values()
        assert [row["p_adjusted"] for row in rows] == pytest.approx(list(wanted), rel=1e-12)
        assert all(row["p"] == was for row, was in zip(rows, p, strict=True))


def test_a_single_covariate_compares_its_levels_in_one_subgroup(reference_store: Store, ladder: Ladder, cohort: pd.DataFrame) -> None:
    rows = ladder(reference_store, "compare", "--by", "hr_status")
    pair = only(rows, "pcr_comparison")["all", "negative vs positive"]
    table = pd.crosstab(cohort["hr_status"], cohort["is_pcr"])
    assert pair["p"] == pytest.approx(chi2_contingency(table, correction=False).pvalue, rel=1e-10)
    assert pair["p_adjusted"] == pair["p"]
    assert not [row for row in rows if "construction" in row["metric"] or row["metric"] == "suggestion"]


def test_two_covariates_need_no_score(reference_store: Store, ladder: Ladder) -> None:
    pairs = only(ladder(reference_store, "compare", "--by", "hr_status,regimen"), "pcr_comparison")
    assert len(pairs) == 20
    assert {subgroup for subgroup, _ in pairs} == {"negative", "positive"}
    assert "20 planned comparisons" in next(iter(pairs.values()))["family"]


def test_adjusted_odds_agree_with_statsmodels_on_complete_cases(
    reference_store: Store, compared: list[dict[str, Any]], cohort: pd.DataFrame
) -> None:
    import statsmodels.formula.api as smf

    with reference_store.reading() as con:
        band = con.sql("SELECT patient_id, band FROM score_current WHERE score_name = 'ref'").to_df()
    frame = cohort.merge(band, on="patient_id")
    part = frame[frame["band"] == "High"]
    fit = smf.logit(
        "is_pcr ~ C(regimen, Treatment('TCbHP/PCbHP')) + age_years + C(stage) + C(hr_status)", data=part
    ).fit(disp=False)  # fmt: skip
    odds = only(compared, "odds_ratio_adjusted_pcr")
    for name in ("THP", "TCbH/PCbH", "TH+pyrotinib", "SHR-A1811"):
        row = odds["High", f"{name} vs TCbHP/PCbHP"]
        key = f"C(regimen, Treatment('TCbHP/PCbHP'))[T.{name}]"
        assert row["value"] == pytest.approx(float(np.exp(fit.params[key])), rel=1e-4)
        assert row["p"] == pytest.approx(float(fit.pvalues[key]), rel=1e-4)
        assert "not randomised" in row["note"]
    low = odds["Low", "THP vs TCbHP/PCbHP"]
    assert low["value"] is None
    assert "events per parameter" in low["note"]


def test_band_rates_of_construction_patients_are_marked_and_a_crossfitted_rate_stands_beside(
    compared: list[dict[str, Any]], cohort: pd.DataFrame
) -> None:
    """The same bands by another way: each patient against the quantiles of those dealt into the other folds."""
    assert only(compared, "pcr_rate")["High", "THP"]["note"] == "cut_on_same_patients: 23 of 23 set the cuts"
    frame = cohort.sort_values("patient_id")
    fold = np.random.default_rng(1).permutation(400) % 5
    cuts = {at: frame.loc[fold != at, "score"].quantile([1 / 3, 2 / 3]).tolist() for at in range(5)}
    is_high = [score > cuts[at][1] for score, at in zip(frame["score"], fold, strict=True)]
    cell = frame[np.array(is_high) & (frame["regimen"] == "TCbHP/PCbHP")]
    row = only(compared, "pcr_rate_crossfitted")["High", "TCbHP/PCbHP"]
    assert (row["n"], row["events"]) == (len(cell), cell["is_pcr"].sum())
    assert "400 construction patients" in row["note"]


def test_a_trained_model_brings_its_own_crossfitted_bands(clinic: Clinic, ladder: Ladder) -> None:
    store = clinic(paper_like().drop(columns="score"))
    frame = paper_like()[lambda one: one["cohort_role"] == "construction"]
    told = {"crossfitted": {"patients": list(frame["patient_id"]), "bands": ["High"] * 30 + ["Low"] * 30, "positive": [True] * 60}}
    model = {"model_id": "m-1", "name": "m", "kind": "ensemble", "feature_set": "sc-mtop", "cohort": "C", "sha256": "0"}
    with run(store, "train", {"name": "m"}) as this:
        this.insert_new(MODEL, [{**model, "summary": json.dumps(told)}])
        this.append(
            SCORE,
            [
                {"score_name": "m", "patient_id": p, "kind": "out_of_fold", "score": s, "raw_score": s, "predicts": "residual"}
                for p, s in zip(frame["patient_id"], frame["score"], strict=True)
            ],
        )
    rows = only(ladder(store, "compare", "--score", "m", "--cohort", "C"), "pcr_rate_crossfitted")
    assert {band: rows[band, "TCbHP/PCbHP"]["n"] for band in ("Low", "Medium", "High")} == {"Low": 30, "Medium": 0, "High": 30}
    assert "folds of the training" in rows["Low", "TCbHP/PCbHP"]["note"]


def test_suggestions_are_labelled_exploratory_and_not_for_clinical_use(compared: list[dict[str, Any]]) -> None:
    rows = [row for row in compared if row["metric"] == "suggestion"]
    assert [row["subgroup"] for row in rows] == ["Low", "Medium", "High"]
    assert all("exploratory" in row["note"] and "not for clinical use" in row["note"] for row in rows)
    assert all("not a finding from these data" in row["note"] for row in rows)


@pytest.mark.parametrize(
    ("regimens", "said"),
    [(("A", "B", "C"), {}), (("A", "THP", "SHR-A1811"), {"Low": "de-escalation candidates: THP", "High": "ADC or TKI: SHR-A1811"})],
)
def test_a_suggestion_names_only_regimens_that_are_in_the_data(
    clinic: Clinic, ladder: Ladder, command: Callable[..., Any], regimens: tuple[str, ...], said: dict[str, str]
) -> None:
    frame = pd.DataFrame(
        {"patient_id": [f"P{i}" for i in range(36)], "cohort": "C", "cohort_role": "construction", "regimen": regimens * 12}
    )
    store = clinic(frame.assign(is_pcr=[0, 1] * 18, score=[i / 36 for i in range(36)]))
    rows = ladder(store, "compare", "--score", "s")
    assert {row["subgroup"]: row["term"] for row in rows if row["metric"] == "suggestion"} == said
    folder = store.root.parent / "drawn"
    assert ("suggestion" in command("--store", store.root, "compare", "--score", "s", "-o", folder).out) == bool(said)
    assert (folder / "schematic.png").exists() == bool(said)


def test_baseline_within_a_band_counts_what_is_there(compared: list[dict[str, Any]], reference_store: Store) -> None:
    with reference_store.reading() as con:
        n, of = con.sql(
            "SELECT count(*) FILTER (hr_status = 'negative'), count(*) FROM patient JOIN score_current USING (patient_id) "
            "WHERE score_name = 'ref' AND band = 'High' AND regimen = 'THP'"
        ).fetchall()[0]
    row = only(compared, "baseline_n_percent")["High", "THP: hr_status = negative"]
    assert (row["events"], row["n"]) == (n, of)
    assert row["value"] == pytest.approx(100 * n / of)


def test_three_of_the_papers_five_adjusted_p_values_come_out_and_two_do_not() -> None:
    """Counts that give the paper's percentages at its 160 + 125 + 158 patients of the standard regimen; Bonferroni x 30."""
    medium, high = (100, 125), (31, 158)
    assert f"{30 * _p(medium, (1, 13)):.3e}" == "6.382e-07"
    assert f"{30 * _p(medium, (56, 119)):.3e}" == "6.856e-05" or _any_of(medium, 0.471, 301, "6.856e-05")
    assert _any_of(high, 0.542, 80, "6.914e-03")
    assert not _any_of((154, 160), 0.849, 301, "1.430e-01", digits=3)
    assert not _any_of(high, 0.5, 39, "8.500e-02", digits=2)


def _p(a: tuple[int, int], b: tuple[int, int]) -> float:
    return float(two_rates(*a, *b).chi_square_p or np.nan)


def _any_of(a: tuple[int, int], rate: float, at_most: int, printed: str, digits: int = 4) -> bool:
    """Whether some k/n that prints as the paper's rate gives its adjusted P to the digits printed."""
    wanted = f"{float(printed):.{digits - 1}e}"
    found = ((k, n) for n in range(1, at_most + 1) for k in range(n + 1) if f"{k / n:.3f}" == f"{rate:.3f}" and k < n)
    return any(f"{30 * _p(a, b):.{digits - 1}e}" == wanted for b in found)


# ---- the paper's pooling ---------------------------------------------------------------------------------------------


def paper_like() -> pd.DataFrame:
    """Patients of every role and regimen; construction scores 0.01 … 0.60."""
    rows: list[dict[str, Any]] = []

    def add(n: int, cohort: str, role: str, regimen: str, setting: str = "neoadjuvant") -> None:
        for _ in range(n):
            i = len(rows)
            rows.append(
                {"patient_id": f"P{i:03d}", "cohort": cohort, "cohort_role": role, "regimen": regimen, "setting": setting,
                 "is_pcr": int(i % 3 > 0), "score": 0.01 * (37 * i % 60 + 1), "age_years": 40 + i % 30, "clinical_stage": "II",
                 "hr_status": "positive" if i % 2 else "negative"}
            )  # fmt: skip

    add(60, "C", "construction", "TCbHP/PCbHP")
    add(12, "T", "temporal_validation", "TCbHP/PCbHP")
    add(9, "F", "trial_validation", "TCbHP/PCbHP")
    add(15, "X", "external_validation", "TCbHP/PCbHP")
    add(18, "R1", "regimen", "THP")
    add(21, "R2", "regimen", "TCbH/PCbH")
    add(12, "R3", "regimen", "SHR-A1811")
    add(6, "R4", "regimen", "ddAC-THP")
    add(9, "A", "adjuvant", "THP", "adjuvant")
    return pd.DataFrame(rows)


def test_as_paper_pools_three_roles_leaves_the_others_out_and_keeps_thirty(clinic: Clinic, ladder: Ladder) -> None:
    """TH+pyrotinib is absent: its cells are NULL and the factor stays 30."""
    store = clinic(paper_like())
    rows = ladder(store, "compare", "--score", "s", "--by", "band,regimen", "--as", "paper")
    rates, pairs = only(rows, "pcr_rate"), only(rows, "pcr_comparison")
    by_regimen = {name: sum(row["n"] for (_, term), row in rates.items() if term == name) for name in {t for _, t in rates}}
    assert by_regimen == {"TCbHP/PCbHP": 81, "THP": 18, "TCbH/PCbH": 21, "SHR-A1811": 12, "TH+pyrotinib": 0, "all": 132}
    assert len(pairs) == 30
    defined = [row for row in pairs.values() if row["p"] is not None]
    assert len(defined) == 18
    assert all(row["p_adjusted"] == pytest.approx(min(1, 30 * row["p"])) for row in defined)
    assert all(row["p_adjusted"] is None and row["note"] for row in pairs.values() if row["p"] is None)
    assert {row["cohort"] for row in rows if row["metric"] == "pcr_rate"} == {"as paper"}
    (left_out,) = only(rows, "left_out").values()
    assert left_out["value"] == 15 + 6  # external TCbHP/PCbHP and ddAC-THP; the adjuvant ones are another setting


def test_as_paper_leaves_external_patients_out_whatever_their_regimen(clinic: Clinic, ladder: Ladder) -> None:
    frame = paper_like()
    frame.loc[frame.index[frame["cohort"] == "X"][:5], "regimen"] = "THP"
    rows = ladder(clinic(frame), "compare", "--score", "s", "--by", "band,regimen", "--as", "paper")
    assert sum(row["n"] for (_, term), row in only(rows, "pcr_rate").items() if term == "THP") == 18
    (left_out,) = only(rows, "left_out").values()
    assert left_out["value"] == 15 + 6


def test_the_table_without_construction_patients_has_names_of_its_own(clinic: Clinic, ladder: Ladder) -> None:
    rows = ladder(clinic(paper_like()), "compare", "--score", "s", "--as", "paper")
    without = only(rows, "pcr_rate_without_construction")
    assert without["all", "all"]["n"] == 132 - 60
    assert {row["cohort"] for row in without.values()} == {"as paper without construction"}
    assert len(only(rows, "pcr_comparison_without_construction")) == 30


def test_as_paper_refuses_what_the_paper_did_not_do(clinic: Clinic) -> None:
    store = clinic(paper_like())
    with pytest.raises(InputError, match="Pearson and Bonferroni"):
        compare(store, Selection(), CompareOptions(score_name="s", as_paper=True, test="fisher"))


# ---- small and odd cohorts -------------------------------------------------------------------------------------------


def test_an_empty_band_and_a_regimen_of_one_patient_are_rows_with_reasons(clinic: Clinic, ladder: Ladder) -> None:
    frame = paper_like()
    frame = frame[frame["cohort"].isin(["C", "R1"])].copy()
    frame.loc[frame["cohort"] == "R1", "score"] = 0.001  # every THP patient is Low
    frame = frame[(frame["cohort"] == "C") | (frame["patient_id"] == frame.loc[frame["cohort"] == "R1", "patient_id"].iloc[0])]
    rows = ladder(clinic(frame), "compare", "--score", "s", "--cohort", "R1")
    rates = only(rows, "pcr_rate")
    assert rates["Low", "THP"]["n"] == 1
    assert (rates["High", "THP"]["value"], rates["High", "THP"]["n"], rates["High", "THP"]["note"]) == (None, 0, "no patients")
    assert not only(rows, "pcr_comparison")


def test_rates_of_zero_and_of_a_hundred_percent_have_no_chi_square(clinic: Clinic, ladder: Ladder) -> None:
    for constant in (0, 1):
        rows = ladder(clinic(paper_like().assign(is_pcr=constant)), "compare", "--score", "s")
        pairs = only(rows, "pcr_comparison")
        assert all(row["p"] is None and row["p_adjusted"] is None and row["note"] for row in pairs.values())
        assert all(row["value"] is None for row in only(rows, "odds_ratio_adjusted_pcr").values())


def test_patients_without_score_regimen_or_outcome_are_counted_not_dropped_in_silence(clinic: Clinic, ladder: Ladder) -> None:
    frame = paper_like()
    frame.loc[0, "is_pcr"] = np.nan
    frame.loc[1, "regimen"] = None
    frame.loc[[2, 3], "score"] = np.nan
    rows = ladder(clinic(frame), "compare", "--score", "s")
    assert {term: row["value"] for (_, term), row in only(rows, "left_out").items()} == {"no pCR status": 1, "no regimen": 1, "no band": 2}
    assert only(rows, "pcr_rate")["all", "all"]["n"] == len(frame) - 4


def test_a_patient_without_a_setting_is_in_both(clinic: Clinic, ladder: Ladder) -> None:
    frame = paper_like()[:25].assign(setting=["neoadjuvant"] * 10 + ["adjuvant"] * 10 + [None] * 5)
    store = clinic(frame)
    for words, n in (((), 25), (("--setting", "neoadjuvant"), 15), (("--setting", "adjuvant"), 15)):
        assert only(ladder(store, "compare", "--by", "hr_status", *words), "pcr_rate")["all", "all"]["n"] == n


def test_missing_adjusters_are_named_and_not_adjusted_for(clinic: Clinic, ladder: Ladder) -> None:
    frame = paper_like().drop(columns=["age_years", "clinical_stage"])
    notes = {row["note"] for row in only(ladder(clinic(frame), "compare", "--by", "regimen"), "odds_ratio_adjusted_pcr").values()}
    assert all("adjusted for hr_status" in note and "not in the data: age_years, clinical_stage" in note for note in notes)


def test_nothing_to_compare_is_one_line(clinic: Clinic) -> None:
    store = clinic(paper_like().assign(is_pcr=np.nan))
    with pytest.raises(InputError, match=r"none of 162 patients can be compared: 162 no pCR status"):
        compare(store, Selection(), CompareOptions(by=("regimen",)))
    with pytest.raises(InputError, match="no column 'colour'"):
        compare(store, Selection(), CompareOptions(by=("colour",)))
    with pytest.raises(InputError, match="at most 20 levels"):
        compare(clinic(paper_like()), Selection(), CompareOptions(by=("age_years",)))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--score", "ref", "--holm", "--fdr"], "wanted one of --no-correction, --holm, --fdr"),
        (["--score", "ref", "--as", "fiction"], "--as: wanted paper, found 'fiction'"),
        (["--score", "ref", "--as", "paper", "--setting", "adjuvant"], "neoadjuvant setting"),
        (["--score", "ref", "--as", "paper", "--by", "regimen"], "--as paper: wanted --by band,regimen"),
        ([], "wanted --score NAME"),
        (["--by", "band"], "--by band: bands are cut from a score"),
        (["--by", "a,b,c"], "wanted one to 2 different columns"),
        (["--score", "none"], "no score called 'none'; there is ref, rival"),
        (["--by", "regimen", "--cohort", "nowhere"], "no cohort or role called 'nowhere'"),
        (["--by", "regimen", "--interval", "wald"], "--interval: wanted one of wilson, clopper-pearson, found 'wald'"),
        (["--by", "regimen", "--test", "z"], "test: must be one of pearson, fisher"),
    ],
)
def test_wrong_options_are_one_line(reference_store: Store, ladder: Ladder, words: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ladder(reference_store, "compare", *words)


def test_the_figure_names_the_interval_that_was_asked_for(reference_store: Store) -> None:
    done = compare(reference_store, Selection(), CompareOptions(score_name="ref", interval="clopper-pearson"))
    figure = pcr_bars_figure(done.rates, done.comparisons)
    words = " ".join(text.get_text() for text in figure.texts)
    assert "Clopper-Pearson 95 % CI" in words
    assert "Wilson" not in words


def test_files_name_run_and_interval(reference_store: Store, ladder: Ladder, tmp_path: Path) -> None:
    rows = ladder(reference_store, "compare", "--score", "ref", "-o", str(tmp_path))
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        *("compare.png", "compare.svg", "compare_rates.csv", "compare_pairs.csv", "compare_rows.csv", "compare_rows.parquet"),
        *("schematic.png", "schematic.svg", "schematic.csv"),
    }
    ladder_of_bands = pd.read_csv(tmp_path / "schematic.csv")
    with reference_store.reading() as con:
        low, medium = con.sql("SELECT low_max, medium_max FROM score_band WHERE score_name = 'ref'").fetchall()[0]
    assert ladder_of_bands["lower"].tolist() == [0, low, medium]
    assert ladder_of_bands["upper"].tolist() == [low, medium, 1]
    standard = {row["subgroup"]: row["value"] for row in rows if row["metric"] == "pcr_rate" and row["term"] == "TCbHP/PCbHP"}
    assert dict(zip(ladder_of_bands["band"], ladder_of_bands["value"], strict=True)) == pytest.approx(
        {band: standard[band] for band in ("Low", "Medium", "High")}
    )
    rates = pd.read_csv(tmp_path / "compare_rates.csv")
    assert set(rates["run"]) == {rows[0]["run"]}
    assert set(rates["interval"]) == {"Wilson"}
    assert len(pd.read_csv(tmp_path / "compare_rows.csv")) == len(rows) == len(pd.read_parquet(tmp_path / "compare_rows.parquet"))
    assert json.dumps(rows[0]["value"])
    shutil.rmtree(tmp_path)
