"""Table 1 through the command line: counts, quartiles and tests against pandas and scipy, flow and missing values by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency, kruskal

from her2ladder.analytics.cohort.selection import Selection
from her2ladder.analytics.table1.stage import table_one
from her2ladder.errors import InputError
from her2ladder.schema.store import Store

Ladder = Callable[..., list[dict[str, Any]]]
Clinic = Callable[..., Store]


def only(rows: list[dict[str, Any]], metric: str) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["subgroup"], row["term"]): row for row in rows if row["metric"] == metric}


def enrolled() -> pd.DataFrame:
    """Twelve patients of two cohorts, two of them left out; one age and two receptor statuses missing."""
    return pd.DataFrame(
        {
            "patient_id": [f"P{i:02d}" for i in range(12)],
            "cohort": ["Old"] * 7 + ["New"] * 5,
            "cohort_role": ["construction"] * 7 + ["temporal_validation"] * 5,
            "age_years": [30, 40, 50, 60, 70, 44, 99, 35, 45, np.nan, 65, 99],
            "hr_status": [
                "positive",
                "positive",
                "negative",
                None,
                "positive",
                "negative",
                None,
                "negative",
                "negative",
                None,
                "positive",
                None,
            ],
            "is_pcr": [1, 0, 1, 0, 1, 1, None, 0, 0, 1, 1, None],
            "size_mm": [11.5, 20, 31, 8, 15, 22, 18, 25, 41, 12, 19, 33],
            "excluded_reason": [None] * 6 + ["no slides"] + [None] * 4 + ["withdrew"],
        }
    )


def test_counts_and_percentages_leave_missing_values_out_of_the_denominator(clinic: Clinic, ladder: Ladder) -> None:
    rows = ladder(clinic(enrolled()), "table1", "--by", "cohort")
    shares, missing = only(rows, "n_percent"), only(rows, "missing")
    old = shares["Old", "hr_status = positive"]
    assert (old["events"], old["n"], old["value"]) == (3, 5, 60.0)
    assert (missing["Old", "hr_status"]["events"], missing["Old", "hr_status"]["n"]) == (1, 6)
    assert (shares["all", "is_pcr = 1"]["events"], shares["all", "is_pcr = 1"]["n"]) == (6, 10)
    assert missing["New", "age_years"]["value"] == 25.0
    assert missing["New", "os_months"]["events"] == 4


def test_medians_and_quartiles_are_type_seven_and_the_tests_are_scipys(clinic: Clinic, ladder: Ladder) -> None:
    rows = ladder(clinic(enrolled()), "table1")
    row = only(rows, "median_iqr")["Old", "age_years"]
    assert [row["value"], row["lo"], row["hi"]] == list(np.quantile([30, 40, 50, 60, 70, 44], [0.5, 0.25, 0.75]))
    test = only(rows, "kruskal_wallis")["all", "age_years"]
    assert test["p"] == pytest.approx(kruskal([30, 40, 50, 60, 70, 44], [35, 45, 65]).pvalue)
    assert test["n"] == 9
    assert only(rows, "fisher_exact")["all", "hr_status"]["test"] == "Fisher's exact"
    assert ("all", "size_mm") in only(rows, "kruskal_wallis")  # a further covariate


def test_the_reference_cohort_gives_scipys_chi_square(reference_store: Store, ladder: Ladder, cohort: pd.DataFrame) -> None:
    rows = ladder(reference_store, "table1", "--by", "regimen")
    row = only(rows, "chi_square")["all", "hr_status"]
    assert row["p"] == pytest.approx(chi2_contingency(pd.crosstab(cohort["hr_status"], cohort["regimen"]), correction=False).pvalue)
    assert row["n"] == 400
    assert only(rows, "n")["THP", "n"]["value"] == (cohort["regimen"] == "THP").sum()


def test_patient_flow_counts_enrolled_excluded_by_reason_and_analysed(clinic: Clinic, ladder: Ladder) -> None:
    flow = {key: row["value"] for key, row in only(ladder(clinic(enrolled()), "table1"), "patient_flow").items()}
    assert flow == {
        ("Old", "enrolled"): 7,
        ("Old", "excluded: no slides"): 1,
        ("Old", "analysed"): 6,
        ("New", "enrolled"): 5,
        ("New", "excluded: withdrew"): 1,
        ("New", "analysed"): 4,
        ("all", "enrolled"): 12,
        ("all", "excluded: no slides"): 1,
        ("all", "analysed"): 10,
        ("all", "excluded: withdrew"): 1,
    }


def test_cohorts_stand_in_the_order_of_their_roles(clinic: Clinic) -> None:
    assert table_one(clinic(enrolled()), Selection()).groups == ("Old", "New")


def test_one_cohort_has_nothing_to_test_and_says_so(clinic: Clinic, ladder: Ladder) -> None:
    rows = ladder(clinic(enrolled()), "table1", "--cohort", "Old")
    row = only(rows, "kruskal_wallis")["all", "age_years"]
    assert row["p"] is None
    assert "fewer than two groups" in row["note"]
    assert {row["cohort"] for row in rows} == {"Old"}


def test_a_cohort_whose_patients_are_all_excluded_is_in_the_flow(clinic: Clinic, ladder: Ladder) -> None:
    frame = enrolled()
    frame.loc[frame["cohort"] == "New", "excluded_reason"] = "no slides"
    rows = ladder(clinic(frame), "table1")
    assert only(rows, "patient_flow")["New", "analysed"]["value"] == 0
    assert ("New", "n") not in only(rows, "n")


def test_files_are_readable_escaped_and_name_their_run(clinic: Clinic, ladder: Ladder, tmp_path: Path) -> None:
    frame = enrolled().replace({"cohort": {"New": "<b>New | 2</b>"}})
    rows = ladder(clinic(frame), "table1", "-o", str(tmp_path))
    page, text = (tmp_path / "table1.html").read_text(), (tmp_path / "table1.md").read_text()
    assert "<b>New" not in page
    assert "&lt;b&gt;New | 2&lt;/b&gt;" in page
    assert "<b>New \\| 2</b>" in text
    assert rows[0]["run"] in page
    assert "Hormone receptor status" in page
    assert "no value" in page  # nobody's TILs are known
    assert set(pd.read_csv(tmp_path / "table1.csv")["run"]) == {rows[0]["run"]}
    for name in ("table1_rows.csv", "table1_rows.parquet", "patient_flow.png", "patient_flow.svg", "patient_flow.csv"):
        assert (tmp_path / name).stat().st_size > 0


def test_columns_can_be_chosen_and_wrong_ones_are_one_line(clinic: Clinic, ladder: Ladder) -> None:
    store = clinic(enrolled())
    rows = ladder(store, "table1", "--variables", "age_years")
    assert {row["term"] for row in rows if row["metric"] not in ("patient_flow", "n")} == {"age_years"}
    for options, message in (
        ({"variables": ["colour"]}, "--variables colour: not a baseline variable"),
        ({"by": "colour"}, "no column 'colour'"),
        ({"by": "band"}, "--by band: bands are cut from a score"),
    ):
        with pytest.raises(InputError, match=message):
            table_one(store, Selection(), **options)  # type: ignore[arg-type]
