"""The ranking of columns."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import roc_auc_score

from her2ladder.analytics.learning.selection import rank


def _planted(seed: int, n: int = 300, p: int = 142) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    values = random.normal(size=(n, p))
    return values, (values[:, :5].sum(axis=1) + random.logistic(size=n) > 0).astype(np.int64)


def test_planted_columns_come_first_and_are_taken_in_most_half_samples() -> None:
    values, y = _planted(0)
    ranking = rank(values, y, 1)
    assert sorted(ranking.order[:5].tolist()) == [0, 1, 2, 3, 4]
    assert ranking.frequency[:5].min() > 0.8
    assert sorted(ranking.order.tolist()) == list(range(142))


def test_the_univariate_part_is_the_distance_of_the_auc_from_one_half() -> None:
    values, y = _planted(1, n=60, p=4)
    values = np.round(values)
    expected = [abs(roc_auc_score(y, column) - 0.5) for column in values.T]
    np.testing.assert_allclose(rank(values, y, 1).univariate, expected, atol=1e-12)


def test_a_few_columns_are_ranked_without_l1_and_all_are_kept() -> None:
    values, y = _planted(2, p=3)
    ranking = rank(values, y, 1)
    assert np.isnan(ranking.frequency).all()
    assert ranking.order.tolist() == np.argsort(-ranking.univariate).tolist()


def test_the_same_seed_gives_the_same_ranking() -> None:
    values, y = _planted(3, n=100)
    assert rank(values, y, 5).order.tobytes() == rank(values, y, 5).order.tobytes()
    assert not np.array_equal(rank(values, y, 5).frequency, rank(values, y, 6).frequency)
