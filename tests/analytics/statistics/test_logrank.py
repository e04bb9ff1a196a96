"""The log-rank test against R survdiff, lifelines and the score test of a Cox model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from lifelines.datasets import load_gbsg2, load_lung
from lifelines.statistics import multivariate_logrank_test

from her2ladder.analytics.statistics import covariates as cov
from her2ladder.analytics.statistics.logrank import log_rank
from her2ladder.analytics.statistics.partial_likelihood import partial_likelihood
from her2ladder.errors import InputError


def banded(cohort: pd.DataFrame) -> pd.DataFrame:
    low, high = np.quantile(cohort.score, [1 / 3, 2 / 3])
    return cohort.assign(band=np.where(cohort.score <= low, "Low", np.where(cohort.score <= high, "Medium", "High")))


def test_logrank_agrees_with_R_survdiff(cohort: pd.DataFrame, truth: dict[str, Any]) -> None:
    """survdiff(Surv(dfs_months, dfs_event) ~ band), and High against Low alone"""
    table = banded(cohort)
    everyone = log_rank(table.dfs_months, table.dfs_event, cov.band(table.band))
    assert (everyone.chi_square, everyone.p) == pytest.approx((truth["logrank_all"]["chisq"], truth["logrank_all"]["p"]), rel=1e-10)
    assert (everyone.groups, everyone.df) == (("Low", "Medium", "High"), 2)
    two = table[table.band != "Medium"]
    pair = log_rank(two.dfs_months, two.dfs_event, cov.band(two.band))
    r = truth["logrank_high_low"]
    assert (pair.chi_square, pair.p, pair.df) == pytest.approx((r["chisq"], r["p"], 1), rel=1e-10)
    row = pair.estimate()
    assert (row.value, row.n, row.events, row.test) == (pair.chi_square, 267, 47, "log-rank, df 1")


def test_published_results_come_out() -> None:
    """GBSG2 hormone therapy: p = 0.0034; survdiff(~ sex, lung): observed 112, 53, expected 91.6, 73.4, chi-square 10.3, p = 0.001"""
    gbsg2 = load_gbsg2()
    assert log_rank(gbsg2.time, gbsg2.cens, cov.factor("horTh", gbsg2.horTh)).p == pytest.approx(0.0034, abs=5e-5)
    lung = load_lung()
    found = log_rank(lung.time, lung.status, cov.factor("sex", lung.sex))
    assert found.observed == (112, 53)
    assert found.expected == pytest.approx((91.6, 73.4), abs=0.05)
    assert (found.chi_square, found.p) == pytest.approx((10.3, 0.0013), rel=0.01)


@pytest.mark.parametrize("seed", range(5))
def test_logrank_agrees_with_lifelines(seed: int) -> None:
    rng = np.random.default_rng(seed)
    time, event, group = np.ceil(rng.exponential(15, 80)), (rng.random(80) < 0.6).astype(int), rng.integers(0, 4, 80)
    found = log_rank(time, event, cov.factor("g", group))
    other = multivariate_logrank_test(time, group, event)
    assert (found.chi_square, found.p) == pytest.approx((other.test_statistic, other.p_value), rel=1e-9)


def test_without_ties_it_is_the_score_test_of_a_cox_model() -> None:
    rng = np.random.default_rng(3)
    time, event, group = rng.exponential(1, 50), rng.random(50) < 0.7, rng.integers(0, 2, 50)
    at_zero = partial_likelihood(group[:, None] - group.mean(), time, event).moments(np.zeros(1))
    assert log_rank(time, event, cov.factor("g", group)).chi_square == pytest.approx(
        float(at_zero.score[0] ** 2 / at_zero.information[0, 0]), rel=1e-10
    )


def test_two_patients_by_hand() -> None:
    """A dies first: E = 1/2, V = 1/4; then B is alone."""
    found = log_rank([1, 2], [1, 1], cov.factor("g", ["A", "B"]))
    assert (found.observed, found.expected, found.chi_square) == ((1, 1), (0.5, 1.5), 1.0)
    assert found.note == "one patient only: A, B"


def test_order_unit_and_names_change_nothing(cohort: pd.DataFrame) -> None:
    table = banded(cohort)
    shuffled = table.sample(frac=1, random_state=2)
    plain = log_rank(table.os_months, table.os_event, cov.band(table.band))
    turned = log_rank(shuffled.os_months / 12, shuffled.os_event, cov.factor("x", shuffled.band, ("High", "Low", "Medium")))
    assert turned.chi_square == pytest.approx(plain.chi_square, rel=1e-10)


@pytest.mark.parametrize(
    ("time", "event", "group", "reason"),
    [
        ([1, 2, 3], [0, 0, 0], ["a", "b", "a"], "no event"),
        ([1, 2, 3], [1, 1, 0], ["a", "a", "a"], "all patients are a"),
        ([], [], [], "no patients"),
        ([1, 2, 3], [0, 1, 1], ["a", "b", "b"], "no event while patients of different groups were at risk"),
        ([2, 2, 2], [1, 1, 1], ["a", "b", "b"], "no event while patients of different groups were at risk"),
    ],
)
def test_what_cannot_be_tested_is_none_with_a_reason(time: list[float], event: list[int], group: list[str], reason: str) -> None:
    found = log_rank(time, event, cov.factor("g", group, ("a", "b")))
    assert (found.chi_square, found.p, found.df) == (None, None, 0)
    assert reason in found.note


def test_all_events_at_the_same_time_in_everyone_at_risk_is_no_crash() -> None:
    found = log_rank([1, 1, 5, 5], [1, 0, 1, 1], cov.factor("g", ["a", "b", "a", "b"]))
    assert found.chi_square is not None


def test_missing_values_are_counted() -> None:
    found = log_rank([1, 2, 3, None], [1, 1, 0, 1], cov.factor("g", ["a", "b", None, "a"]))
    assert found.n == (1, 1)
    assert "2 of 4 patients left out" in found.note


def test_a_number_is_no_group() -> None:
    with pytest.raises(InputError, match="wanted a factor"):
        log_rank([1, 2], [1, 1], cov.number("age", [1, 2]))
    with pytest.raises(InputError, match="wanted a factor"):
        log_rank([1, 2], [1, 1], cov.factor("g", ["a"]))
