"""Table 1 by hand and against scipy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency, kruskal

from her2ladder.analytics.statistics.baseline import Cell, categorical_rows, continuous_rows, size_row
from her2ladder.analytics.statistics.fisher_table import fisher_table
from her2ladder.errors import InputError


def test_categories_count_those_who_have_a_value_and_missing_stands_apart() -> None:
    values = ["positive", "negative", None, "positive", "negative", "negative", float("nan"), "", "positive", None]
    group = ["a", "a", "a", "a", "b", "b", "b", "b", "elsewhere", "elsewhere"]
    negative, positive, missing = categorical_rows("hr_status", values, group, ["a", "b"])
    assert [str(cell) for cell in positive.cells] == ["2 (66.7 %)", "0 (0.0 %)", "2 (40.0 %)"]
    assert [str(cell) for cell in negative.cells] == ["1 (33.3 %)", "2 (100.0 %)", "3 (60.0 %)"]
    assert [str(cell) for cell in missing.cells] == ["1 (25.0 %)", "2 (50.0 %)", "3 (37.5 %)"]
    assert [cell.group for cell in missing.cells] == ["a", "b", "Overall"]
    assert (negative.test, negative.p) == ("Fisher's exact", fisher_table([[1, 2], [2, 0]]).p)
    assert (positive.test, positive.p, missing.p) == ("", None, None)


def test_large_counts_take_pearson_and_name_it(cohort: pd.DataFrame) -> None:
    regimens = sorted(cohort.regimen.unique())
    first, *_ = categorical_rows("stage", cohort.stage.tolist(), cohort.regimen.tolist(), regimens)
    wanted = chi2_contingency(pd.crosstab(cohort.stage, cohort.regimen), correction=False)
    assert wanted.expected_freq.min() >= 5
    assert first.test == "Pearson chi-square"
    assert first.p == pytest.approx(wanted.pvalue, abs=1e-12)


def test_an_expected_count_below_five_takes_fisher() -> None:
    values, group = ["x"] * 9 + ["y"] + ["x"] * 5 + ["y"] * 5, ["a"] * 10 + ["b"] * 10
    first, *_ = categorical_rows("v", values, group, ["a", "b"])
    assert first.test == "Fisher's exact"


def test_medians_and_kruskal_wallis_agree_with_numpy_and_scipy(cohort: pd.DataFrame) -> None:
    age = cohort.age_years.astype(float).to_numpy()
    age[::7] = np.nan
    regimens = sorted(cohort.regimen.unique())
    first, missing = continuous_rows("age_years", age, cohort.regimen.tolist(), regimens)
    samples = [age[(cohort.regimen == r) & ~np.isnan(age)] for r in regimens]
    assert first.p == pytest.approx(kruskal(*samples).pvalue, abs=1e-12)
    assert (first.test, first.level) == ("Kruskal-Wallis", "median [IQR]")
    q1, median, q3 = np.quantile(samples[0], [0.25, 0.5, 0.75])
    assert first.cells[0] == Cell(regimens[0], len(samples[0]), median=median, q1=q1, q3=q3)
    assert first.cells[-1].n == sum(len(s) for s in samples)
    assert missing.cells[-1].n == len(age[::7])
    assert missing.cells[-1].percent == pytest.approx(100 * len(age[::7]) / 400)
    assert first.smd is not None


def test_the_first_row_alone_carries_the_difference() -> None:
    rows = categorical_rows("v", ["x", "y", "x", "y"], ["a", "a", "b", "b"], ["a", "b"], levels=["x", "y", "z"])
    assert [row.smd for row in rows] == [pytest.approx(0.0), None, None, None]
    assert [str(cell) for cell in rows[2].cells] == ["0 (0.0 %)"] * 3


def test_nothing_to_test_says_so() -> None:
    one, *_ = categorical_rows("v", ["x", "x"], ["a", "b"], ["a", "b"])
    assert (one.p, one.test) == (None, "")
    assert "nothing to test" in one.note
    empty_group, *_ = continuous_rows("v", [1.0, 2.0], ["a", "a"], ["a", "b"])
    assert empty_group.note == "fewer than two groups hold values: nothing to test"
    assert empty_group.cells[1] == Cell("b", 0)
    flat, *_ = continuous_rows("v", [1.0, 1.0], ["a", "b"], ["a", "b"])
    assert flat.note == "every value is the same: nothing to test"
    only_missing = categorical_rows("v", [None, None], ["a", "b"], ["a", "b"])
    assert [row.level for row in only_missing] == ["Missing"]
    assert only_missing[0].p is None
    nobody, missing = continuous_rows("v", [], [], ["a"])
    assert (nobody.cells[0].n, missing.cells[0].percent) == (0, None)


def test_the_order_of_patients_changes_nothing(cohort: pd.DataFrame) -> None:
    shuffled = cohort.sample(frac=1, random_state=3)
    groups = sorted(cohort.regimen.unique())
    one, other = (continuous_rows("tils", t.tils_percent.astype(float), t.regimen.tolist(), groups) for t in (cohort, shuffled))
    assert one == other
    one, other = (categorical_rows("hr", t.hr_status.tolist(), t.regimen.tolist(), groups) for t in (cohort, shuffled))
    assert one == other


def test_sizes_head_the_table() -> None:
    row = size_row(["a", "b", "a", "c"], ["a", "b"])
    assert [str(cell) for cell in row.cells] == ["2", "1", "3"]


def test_wrong_input_is_refused() -> None:
    with pytest.raises(InputError, match=r"v: wanted one value a patient \(1\), found 2"):
        categorical_rows("v", ["x", "y"], ["a"], ["a"])
    with pytest.raises(InputError, match="wanted one of 2\\+, 3\\+, found 1\\+"):
        categorical_rows("her2_ihc", ["1+"], ["a"], ["a"], levels=["2+", "3+"])
    with pytest.raises(InputError, match="infinite"):
        continuous_rows("v", [np.inf], ["a"], ["a"])
