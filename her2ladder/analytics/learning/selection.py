"""Rank columns by what the training patients say: univariate first, then L1 stability selection among the best of them.

The paper says "feature engineering" and no more; the ranking is chosen (statistics.md, Model: univariate + L1 / stability selection,
about 10 to 20 features). It runs anew in every training fold, outer and inner.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression

SCREEN = 60
"""Columns that go from the univariate screen into the L1 fits (chosen: three times the most that a model may keep)."""
HALVES = 50
"""Half-samples of the stability selection (Meinshausen and Buehlmann use 100; the order of the first 20 is stable at 50)."""
TARGET = 15
"""The L1 penalty is set so that about this many columns, but at most half of them, enter a fit on all training patients."""
FEW = 10
"""Designs of this many columns or fewer are ranked but need no L1 fits: every column is kept."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Ranking:
    """The order of the columns of a prepared matrix.

    order       (q,) column numbers, the most useful first
    univariate  (q,) |AUC - 0.5| of each column alone
    frequency   (q,) share of half-samples in which L1 took the column; 0 where screened out, NaN where no fit was needed
    """

    order: Ints
    univariate: Floats
    frequency: Floats


def rank(prepared: Floats, y: Ints, seed: int) -> Ranking:
    """Return the ranking of (n, q) prepared columns for the outcome; ties go to the stronger univariate, then to the earlier column."""
    univariate = _univariate(prepared, y)
    frequency = np.full(prepared.shape[1], np.nan)
    if prepared.shape[1] > FEW:
        screened = np.sort(np.argsort(-univariate, kind="stable")[:SCREEN])
        frequency[:] = 0.0
        frequency[screened] = _stability(prepared[:, screened], y, seed)
    order = np.lexsort((np.arange(len(univariate)), -univariate, -np.nan_to_num(frequency)))
    return Ranking(order.astype(np.int64), univariate, frequency)


def _univariate(prepared: Floats, y: Ints) -> Floats:
    ones = int(y.sum())
    ranks = rankdata(prepared, axis=0)
    auc = (ranks[y == 1].sum(axis=0) - ones * (ones + 1) / 2) / (ones * (len(y) - ones))
    return np.asarray(np.abs(auc - 0.5), dtype=np.float64)


def _stability(columns: Floats, y: Ints, seed: int) -> Floats:
    spread = columns.std(axis=0)
    scaled = (columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    penalty = _penalty(scaled, y)
    random = np.random.default_rng(seed)
    taken = np.zeros(columns.shape[1])
    for _ in range(HALVES):
        half = np.concatenate(
            [random.permutation(rows)[: (len(rows) + 1) // 2] for rows in (np.flatnonzero(y == 0), np.flatnonzero(y == 1))]
        )
        # C multiplies a sum over patients: half of them at twice the C is the same penalty per patient
        taken += _l1(scaled[half], y[half], 2 * penalty, seed) != 0
    return taken / HALVES


def _penalty(scaled: Floats, y: Ints) -> float:
    """Return the smallest C of a fixed grid at which L1 takes TARGET columns (or half of them); the grid's end where none does."""
    wanted = min(TARGET, scaled.shape[1] // 2)
    strongest = np.abs(scaled.T @ (y - y.mean())).max()
    grid = np.asarray(np.geomspace(1.0, 100.0, 25) / max(strongest, 1e-12))
    low, high = 0, len(grid) - 1
    while low < high:
        middle = (low + high) // 2
        if np.count_nonzero(_l1(scaled, y, grid[middle], 0)) >= wanted:
            high = middle
        else:
            low = middle + 1
    return float(grid[low])


def _l1(scaled: Floats, y: Ints, penalty: float, seed: int) -> Floats:
    model = LogisticRegression(
        l1_ratio=1.0, solver="liblinear", C=penalty, intercept_scaling=10.0, random_state=seed % 2**31, max_iter=2000, tol=1e-3
    )
    return np.asarray(model.fit(scaled, y).coef_[0], dtype=np.float64)
