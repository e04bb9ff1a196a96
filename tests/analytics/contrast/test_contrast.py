"""Feature contrasts through the command line, against R's wilcox.test and scipy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control, mannwhitneyu

from her2ladder.analytics.cohort.selection import Selection
from her2ladder.analytics.contrast.features import PAPER
from her2ladder.analytics.contrast.stage import contrast, default_population
from her2ladder.errors import InputError
from her2ladder.ingest.made_elsewhere import ingest_features, ingest_scores
from her2ladder.schema.dictionary import features as dictionary
from her2ladder.schema.store import Store
from her2ladder.schema.vocabulary import CLASSES

Ladder = Callable[..., list[dict[str, Any]]]
Clinic = Callable[..., Store]


def only(rows: list[dict[str, Any]], metric: str) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["subgroup"], row["term"]): row for row in rows if row["metric"] == metric}


def people(n: int = 90, seed: int = 5) -> pd.DataFrame:
    """Patients whose feature `f1` follows the score, `f2` nothing, `f3` is missing in all and `f4` the same in all."""
    rng = np.random.default_rng(seed)
    score = rng.permutation(np.arange(n)) / n
    return pd.DataFrame(
        {
            "patient_id": [f"P{i:03d}" for i in range(n)],
            "cohort": "C",
            "cohort_role": "construction",
            "is_pcr": (rng.uniform(size=n) > score).astype(int),
            "score": score,
            "f1": score + rng.normal(0, 0.3, n),
            "f2": rng.normal(size=n),
            "f3": np.nan,
            "f4": 2.0,
        }
    )


def with_set(clinic: Clinic, tmp_path: Path, frame: pd.DataFrame, name: str = "mine") -> Store:
    store = clinic(frame.drop(columns=["f1", "f2", "f3", "f4"]))
    frame[["patient_id", "f1", "f2", "f3", "f4"]].to_csv(tmp_path / "features.csv", index=False)
    ingest_features(store, tmp_path / "features.csv", name)
    return store


def test_high_against_low_agrees_with_R_wilcox_test(reference_store: Store, ladder: Ladder, truth: dict[str, Any]) -> None:
    """R: wilcox.test(feature[band == "High"], feature[band == "Low"])$p.value, normal approximation with continuity correction."""
    rows = ladder(reference_store, "contrast", "--between", "band", "--score", "ref", "--features", "feature")
    row = only(rows, "rank_sum")["High vs Low", "feature"]
    assert row["p"] == pytest.approx(truth["wilcoxon_high_low"], rel=1e-10)
    assert row["value"] > 0
    assert "normal approximation" in row["test"]
    assert "descriptive" in row["note"]
    assert row["n"] == truth["band_n"]["High"] + truth["band_n"]["Low"]


def test_small_groups_without_ties_agree_with_R_exact_wilcox_test(
    clinic: Clinic, ladder: Ladder, cohort: pd.DataFrame, truth: dict[str, Any]
) -> None:
    """R: wilcox.test(d$feature[1:11], d$feature[12:21])."""
    frame = cohort.iloc[:21][["patient_id", "feature"]].assign(cohort="C", cohort_role="adjuvant", half=["first"] * 11 + ["next"] * 10)
    rows = ladder(clinic(frame), "contrast", "--between", "half", "--features", "feature")
    row = only(rows, "rank_sum")["first vs next", "feature"]
    assert row["p"] == pytest.approx(truth["wilcoxon_first11_next10"], rel=1e-10)
    assert "exact" in row["test"]


def test_a_set_is_contrasted_whole_with_both_corrections_named(clinic: Clinic, ladder: Ladder, tmp_path: Path) -> None:
    frame = people()
    frame["f2"] += frame["score"]  # a second small P: only then do the two corrections differ
    store = with_set(clinic, tmp_path, frame)
    rows = ladder(store, "contrast", "--between", "band", "--features", "mine:")
    fdr, bonferroni = only(rows, "rank_sum"), only(rows, "rank_sum_bonferroni")
    cut = np.quantile(frame["score"], [1 / 3, 2 / 3])
    high, low = frame["score"] > cut[1], frame["score"] <= cut[0]
    p = [mannwhitneyu(frame.loc[high, f], frame.loc[low, f], method="exact").pvalue for f in ("f1", "f2")]
    assert [fdr["High vs Low", f]["p"] for f in ("f1", "f2")] == pytest.approx(p, rel=1e-12)
    # f3 and f4 have no P, but were asked for: they stand in the family as P = 1
    assert [fdr["High vs Low", f]["p_adjusted"] for f in ("f1", "f2")] == pytest.approx(false_discovery_control([*p, 1, 1])[:2], rel=1e-12)
    assert [bonferroni["High vs Low", f]["p_adjusted"] for f in ("f1", "f2")] == pytest.approx([4 * one for one in p], rel=1e-12)
    assert fdr["High vs Low", "f1"]["family"] == "Benjamini-Hochberg, 4 features"
    assert bonferroni["High vs Low", "f1"]["family"] == "Bonferroni, 4 features"
    for name, why in (("f3", "no value in either group"), ("f4", "every value is the same")):
        assert fdr["High vs Low", name]["p"] is None
        assert why in fdr["High vs Low", name]["note"]
    found = contrast(store, Selection(), score_name="s", features="mine:").tests.set_index(["between", "feature"])
    assert found.loc[("band", "f2"), "p_adjusted"] == fdr["High vs Low", "f2"]["p_adjusted"], "the figure's P is the Benjamini-Hochberg one"
    medians = only(rows, "median")
    assert medians["High", "f1"]["value"] == pytest.approx(frame.loc[high, "f1"].median())
    assert medians["Low", "f1"]["n"] == int(low.sum())


def test_the_contrast_by_response_stands_beside_without_being_called_descriptive(clinic: Clinic, ladder: Ladder, tmp_path: Path) -> None:
    frame = people()
    store = with_set(clinic, tmp_path, frame)
    beside = only(ladder(store, "contrast"), "rank_sum")["residual vs pCR", "f1"]
    sick, well = (frame.loc[frame["is_pcr"] == value, "f1"] for value in (0, 1))
    assert beside["p"] == pytest.approx(mannwhitneyu(sick, well, method="exact").pvalue, rel=1e-10)
    assert beside["value"] == pytest.approx(2 * mannwhitneyu(sick, well).statistic / (len(sick) * len(well)) - 1)
    assert "descriptive" not in beside["note"]
    alone = only(ladder(store, "contrast", "--between", "is_pcr"), "rank_sum")
    assert {subgroup for subgroup, _ in alone} == {"residual vs pCR"}
    assert alone["residual vs pCR", "f1"]["p"] == beside["p"]


def test_all_pairs_of_bands_put_the_higher_band_first(clinic: Clinic, ladder: Ladder, tmp_path: Path) -> None:
    store = with_set(clinic, tmp_path, people())
    rows = only(ladder(store, "contrast", "--pairs", "all", "--features", "f1"), "rank_sum")
    assert [subgroup for subgroup, _ in rows] == ["High vs Medium", "High vs Low", "Medium vs Low", "residual vs pCR"]
    assert ("Medium vs Low", "f1") in only(ladder(store, "contrast", "--pairs", "Medium,Low", "--features", "f1"), "rank_sum")


def test_the_population_is_construction_and_temporal_validation_unless_another_is_asked_for(clinic: Clinic, ladder: Ladder) -> None:
    frame = people()
    frame["cohort_role"] = ["construction"] * 50 + ["temporal_validation"] * 20 + ["regimen"] * 20
    frame["cohort"] = frame["cohort_role"]
    store = clinic(frame)
    assert default_population(store) == "construction,temporal_validation"
    rows = ladder(store, "contrast", "--between", "is_pcr", "--features", "f1")
    row = only(rows, "rank_sum")["residual vs pCR", "f1"]
    assert (row["n"], row["cohort"]) == (70, "construction,temporal_validation")
    rows = ladder(store, "contrast", "--between", "is_pcr", "--features", "f1", "--cohort", "regimen")
    assert only(rows, "rank_sum")["residual vs pCR", "f1"]["n"] == 20


def test_the_papers_features_are_those_of_the_dictionary() -> None:
    names = {feature.feature for stain, classes in CLASSES.items() for feature in dictionary(stain, classes)}
    assert set(PAPER) <= names
    assert len(PAPER) == 8


def test_a_missing_stain_leaves_rows_with_a_reason(clinic: Clinic, ladder: Ladder, tmp_path: Path) -> None:
    """Only the H&E half of the paper's features is there."""
    frame = people()
    store = clinic(frame[["patient_id", "cohort", "cohort_role", "is_pcr", "score"]])
    there = [name for name in PAPER if not name.startswith(("HER2", "Pi_HER2"))]
    frame[["patient_id"]].assign(**dict.fromkeys(there, frame["f1"])).to_csv(tmp_path / "he.csv", index=False)
    ingest_features(store, tmp_path / "he.csv", "he")
    rows = only(ladder(store, "contrast", "--features", "paper", "-o", str(tmp_path / "out")), "rank_sum")
    assert len([key for key in rows if key[0] == "High vs Low"]) == 8
    absent = rows["High vs Low", PAPER[0]]
    assert absent["value"] is None
    assert "no value in either group" in absent["note"]
    assert "Nsubgraph grows with tissue area" in rows["High vs Low", "Lymph_Lymph_Nsubgraph"]["note"]
    assert (tmp_path / "out" / "contrast_band.png").stat().st_size > 10_000


def test_patients_without_band_or_features_are_counted(clinic: Clinic, ladder: Ladder) -> None:
    frame = people()
    frame.loc[:2, "score"] = np.nan
    frame.loc[5:8, "f1"] = np.nan
    rows = ladder(clinic(frame), "contrast", "--features", "f1")
    assert {term: row["value"] for (_, term), row in only(rows, "left_out").items()} == {"no band": 3, "none of the features": 4}


def test_no_response_is_one_row_with_a_reason(clinic: Clinic, ladder: Ladder) -> None:
    rows = ladder(clinic(people().assign(is_pcr=np.nan)), "contrast", "--features", "f1")
    assert "no patient has a value of is_pcr" in only(rows, "rank_sum")["residual vs pCR", ""]["note"]


def test_what_cannot_be_contrasted_is_one_line(clinic: Clinic, tmp_path: Path) -> None:
    store = with_set(clinic, tmp_path, people())
    for options, message in (
        ({"features": "f9"}, "no feature or numeric covariate called 'f9'"),
        ({"features": "other:"}, "no such feature set"),
        ({"features": "mine:f9"}, "has no feature 'f9'"),
        ({"pairs": "High,Top"}, "--pairs: wanted all, or two of Low, Medium, High"),
        ({"between": "colour"}, "no column 'colour'"),
        ({"between": "cohort"}, "at least two groups"),
    ):
        with pytest.raises(InputError, match=message):
            contrast(store, Selection(), **options)  # type: ignore[arg-type]
    people()[["patient_id", "score"]].to_csv(tmp_path / "t.csv", index=False)
    ingest_scores(store, tmp_path / "t.csv", "t")
    with pytest.raises(InputError, match="wanted --score NAME; there is s, t"):
        contrast(store, Selection())
