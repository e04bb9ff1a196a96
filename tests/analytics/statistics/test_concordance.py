"""Concordance counts pairs as R does."""

from __future__ import annotations

import numpy as np
import pytest
from lifelines.datasets import load_lung

from her2ladder.analytics.statistics import covariates as cov
from her2ladder.analytics.statistics.concordance import concordance
from her2ladder.analytics.statistics.cox import cox


def by_pairs(predictor: np.ndarray, time: np.ndarray, event: np.ndarray) -> float:  # type: ignore[type-arg]
    won, pairs = 0.0, 0
    for i in range(len(time)):
        for j in range(len(time)):
            first = event[i] and (time[i] < time[j] or (time[i] == time[j] and not event[j]))
            if i != j and first:
                pairs += 1
                won += 1.0 if predictor[i] > predictor[j] else 0.5 if predictor[i] == predictor[j] else 0.0
    return won / pairs


def test_ties_of_time_and_predictor_count_as_in_R() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        predictor, time, event = rng.integers(0, 4, 25).astype(float), rng.integers(1, 7, 25).astype(float), rng.random(25) < 0.5
        assert concordance(predictor, time, event).value == pytest.approx(by_pairs(predictor, time, event))


def test_two_events_at_one_time_are_no_pair() -> None:
    found = concordance(np.array([1.0, 2.0]), np.array([3.0, 3.0]), np.array([True, True]))
    assert (found.value, found.note) == (None, "no pair of patients whose order in time is known")
    beside = concordance(np.array([2.0, 1.0]), np.array([3.0, 3.0]), np.array([True, False]))
    assert beside.value == 1.0


def test_lung_has_the_published_concordance() -> None:
    """coxph(Surv(time, status) ~ age + sex, lung): Concordance = 0.603"""
    lung = load_lung()
    fit = cox(lung.time, lung.status, [cov.number("age", lung.age), cov.number("sex", lung.sex)])
    assert fit.c_index.value == pytest.approx(0.603, abs=5e-4)
