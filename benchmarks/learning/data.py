"""Seeded cohorts of known truth for the model's benchmarks."""

from __future__ import annotations

import numpy as np

from her2ladder.analytics.learning.design import Design

FEATURES = 142


def planted(seed: int, n: int, informative: int, log_odds: float) -> tuple[Design, np.ndarray, np.ndarray]:
    """Return design, outcome and true log-odds: N(0, 1) features of which the first `informative` each add `log_odds` per unit."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(n, FEATURES))
    truth = log_odds * values[:, :informative].sum(axis=1)
    y = (truth + random.logistic(size=n) > 0).astype(np.int64)
    return _design(values), y, truth


def noise(seed: int, n: int, residual: int) -> tuple[Design, np.ndarray]:
    """Return features and an outcome that have nothing to do with each other."""
    random = np.random.default_rng(seed)
    y = random.permutation(np.arange(n) < residual).astype(np.int64)
    return _design(random.normal(size=(n, FEATURES))), y


def _design(values: np.ndarray) -> Design:
    n, p = values.shape
    return Design(tuple(f"P{i:04d}" for i in range(n)), tuple(f"f{j}" for j in range(p)), ("continuous",) * p, values)
