"""Preparation: what is filtered, what a missing value becomes, and that nothing is learned from rows it was not fitted on."""

from __future__ import annotations

import numpy as np

from her2ladder.analytics.learning.pipeline import Keep, Prepare

NAN = np.nan


def test_a_missing_value_becomes_the_training_median_and_raises_its_flag() -> None:
    train = np.array([[1.0, 5.0], [3.0, NAN], [10.0, 2.0], [NAN, 7.0]])
    prepare = Prepare().fit(train)
    assert prepare.names(("a", "b")) == ("a", "b", "a (missing)", "b (missing)")
    assert prepare.transform(np.array([[NAN, NAN], [4.0, 4.0]])).tolist() == [[3.0, 5.0, 1.0, 1.0], [4.0, 4.0, 0.0, 0.0]]


def test_a_value_missing_only_in_new_patients_has_no_flag() -> None:
    prepare = Prepare().fit(np.array([[1.0], [2.0], [4.0]]))
    assert prepare.transform(np.array([[NAN]])).tolist() == [[2.0]]


def test_a_column_with_one_value_for_nineteen_of_twenty_is_left_out_and_for_eighteen_is_kept() -> None:
    values = np.zeros((20, 2))
    values[:1, 0] = 1.0
    values[:2, 1] = [1.0, 2.0]
    assert Prepare().fit(values).source_.tolist() == [1]


def test_a_column_that_is_missing_for_all_training_patients_is_left_out() -> None:
    assert Prepare().fit(np.array([[NAN, 1.0], [NAN, 2.0], [NAN, 4.0]])).source_.tolist() == [1]


def test_the_later_of_two_columns_correlated_beyond_the_limit_is_left_out() -> None:
    random = np.random.default_rng(0)
    first = random.normal(size=200)
    near, apart = first + 0.1 * random.normal(size=200), first + 0.6 * random.normal(size=200)
    values = np.column_stack([first, -near, apart])
    assert abs(np.corrcoef(first, near)[0, 1]) > 0.95 > abs(np.corrcoef(first, apart)[0, 1])
    assert Prepare().fit(values).source_.tolist() == [0, 2]


def test_flags_of_columns_that_go_missing_together_stand_once() -> None:
    values = np.array([[1.0, 9.0], [NAN, NAN], [3.0, 1.0], [4.0, 7.0], [5.0, 2.0]])
    assert Prepare().fit(values).names(("a", "b")) == ("a", "b", "a (missing)")


def test_keep_takes_the_first_k_of_the_ranking_in_its_order() -> None:
    assert Keep(np.array([2, 0, 1]), 2).transform(np.array([[10.0, 11.0, 12.0]])).tolist() == [[12.0, 10.0]]
    assert Keep(np.array([1, 0]), 20).transform(np.array([[10.0, 11.0]])).tolist() == [[11.0, 10.0]]
