"""Seeded cohorts for the model's tests, and settings cheap enough for them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from her2ladder.analytics.learning.design import Design
from her2ladder.analytics.learning.nested import Settings
from her2ladder.analytics.learning.train import Trained, train

Cohort = tuple[Design, NDArray[np.int64]]


def make_cohort(seed: int, n: int = 100, p: int = 30, log_odds: float = 1.2, planted: int = 5, missing: float = 0.0) -> Cohort:
    """Normal columns of which the first `planted` move the log-odds; ids in shuffled order, so that sorting is seen to work."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(n, p))
    y = (values[:, :planted].sum(axis=1) * log_odds + random.logistic(size=n) > 0).astype(np.int64)
    values[random.random(values.shape) < missing] = np.nan
    ids = tuple(f"P{i:04d}" for i in random.permutation(n))
    return Design(ids, tuple(f"f{j}" for j in range(p)), ("continuous",) * p, values), y


@pytest.fixture(scope="session")
def cohort() -> Callable[..., Cohort]:
    return make_cohort


@pytest.fixture(scope="session")
def quick() -> Settings:
    """All nine candidates with two draws and small forests, one repeat of three folds."""
    return Settings(seed=3, budget=2, outer_folds=3, repeats=1, inner_folds=3, trees=20)


@pytest.fixture(scope="session")
def trained(quick: Settings) -> Trained:
    """One training with missing values and a rival, shared by the tests that only read it."""
    design, y = make_cohort(11, missing=0.08)
    return train(design, y, quick, clinical=("f0", "f9"))
