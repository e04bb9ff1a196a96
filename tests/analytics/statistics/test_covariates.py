"""Covariates are coded as the paper's models want them, and a missing entry stays missing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from her2ladder.analytics.statistics import covariates as cov
from her2ladder.errors import InputError


def test_a_score_is_counted_in_tenths() -> None:
    assert cov.score_per_tenth([0.0, 0.25, 1.0]).values.tolist() == [0.0, 2.5, 10.0]


def test_tils_are_counted_in_points_or_in_tens_and_say_so() -> None:
    assert cov.tils_per_point([5, 30]).values.tolist() == [5.0, 30.0]
    tens = cov.tils_per_ten_points([5, 30])
    assert (tens.name, tens.values.tolist()) == ("TILs (per 10 points)", [0.5, 3.0])


def test_missing_entries_of_any_kind_stay_missing() -> None:
    assert np.isnan(cov.as_numbers("x", [None, np.nan, 1])[:2]).all()
    assert np.isnan(cov.as_numbers("x", pd.array([1, pd.NA], dtype="Int64"))[1])
    assert np.isnan(cov.factor("x", ["a", None, "", np.nan]).values[1:]).all()


def test_booleans_are_numbers() -> None:
    assert cov.as_numbers("x", [True, False]).tolist() == [1.0, 0.0]


def test_the_lowest_stage_that_occurs_is_the_reference() -> None:
    found = cov.stage(["IIIA", "IIB", "IV", None, "IIA", "IIB"])
    assert found.levels == ("IIA", "IIB", "IIIA", "IV")
    assert found.values[[0, 1, 2, 4, 5]].tolist() == [2, 1, 3, 0, 1]


def test_her2_grades_below_2_belong_to_neither_side() -> None:
    found = cov.her2_ihc_3_against_2(["3+", "2+", "1+", "0", 3, None])
    assert found.levels == ("2+", "3+")
    np.testing.assert_array_equal(found.values, [1, 0, np.nan, np.nan, 1, np.nan])


def test_hormone_receptor_positive_is_the_reference() -> None:
    assert cov.hr_negative(["negative", "Positive"]).values.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("make", "wanted"),
    [
        (lambda: cov.number("x", ["a"]), "x: wanted numbers"),
        (lambda: cov.number("x", [np.inf]), "x: wanted finite numbers"),
        (lambda: cov.factor("x", ["a", "b"], ["a"]), "found 'b'"),
        (lambda: cov.her2_ihc_3_against_2(["4+"]), "HER2 IHC: wanted 0, 1"),
        (lambda: cov.stage(["V"]), "stage: wanted"),
        (lambda: cov.band(["low"]), "band: wanted one of Low, Medium, High"),
    ],
)
def test_a_wrong_entry_is_named(make, wanted) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=wanted):
        make()
