"""Standardised mean differences by hand."""

from __future__ import annotations

import numpy as np
import pytest

from her2ladder.analytics.statistics.smd import smd_categorical, smd_continuous


def test_continuous_by_hand() -> None:
    """Means 2 and 4, variances 1 and 4: 2 / sqrt(2.5)."""
    assert smd_continuous([np.array([1.0, 2, 3]), np.array([2.0, 4, 6])]) == pytest.approx(2 / np.sqrt(2.5))


def test_two_levels_give_the_usual_formula_for_a_proportion() -> None:
    p, q = 0.3, 0.6
    usual = abs(p - q) / np.sqrt((p * (1 - p) + q * (1 - q)) / 2)
    assert smd_categorical(np.array([[30, 12], [70, 8]])) == pytest.approx(usual)


def test_three_levels_by_the_inverse_of_the_pooled_covariance() -> None:
    """Yang & Dalton: T' S^-1 T with two free levels, whichever level is left out."""
    counts = np.array([[20, 10], [30, 25], [50, 15]])
    p, q = counts[:, 0] / 100, counts[:, 1] / 50
    for free in ([0, 1], [1, 2], [0, 2]):
        cov = (np.diag(p[free]) - np.outer(p[free], p[free]) + np.diag(q[free]) - np.outer(q[free], q[free])) / 2
        t = p[free] - q[free]
        assert smd_categorical(counts) == pytest.approx(np.sqrt(t @ np.linalg.inv(cov) @ t))


def test_more_than_two_groups_give_the_largest_pair() -> None:
    a, b, c = np.array([1.0, 2, 3]), np.array([1.5, 2.5, 3.5]), np.array([8.0, 9, 10])
    assert smd_continuous([a, b, c]) == smd_continuous([a, c])
    counts = np.array([[5, 6, 20], [15, 14, 2]])
    assert smd_categorical(counts) == smd_categorical(counts[:, [0, 2]])


def test_no_difference_is_nought_and_an_infinite_one_is_none() -> None:
    assert smd_continuous([np.array([1.0, 1]), np.array([1.0, 1])]) == 0.0
    assert smd_continuous([np.array([1.0, 1]), np.array([2.0, 2])]) is None
    assert smd_categorical(np.array([[5, 0], [0, 5]])) is None
    assert smd_categorical(np.array([[5, 9]])) == 0.0
    assert smd_categorical(np.array([[5, 10], [5, 10], [0, 0]])) == pytest.approx(0.0, abs=1e-12)


def test_a_level_that_one_group_lacks_still_has_a_distance() -> None:
    found = smd_categorical(np.array([[5, 5], [5, 3], [0, 2]]))
    assert found is not None
    assert found > 0


def test_groups_without_values_are_passed_over() -> None:
    assert smd_continuous([np.array([1.0, 2]), np.array([])]) is None
    assert smd_continuous([np.array([]), np.array([1.0, 2]), np.array([1.0, 2])]) == 0.0
    assert smd_categorical(np.zeros((2, 2), dtype=np.int64)) is None
