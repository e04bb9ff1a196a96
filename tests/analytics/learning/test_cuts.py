"""Tertiles and Youden's threshold, against R's and by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from her2ladder.analytics.learning.cuts import band, learn_cuts, tertiles, youden
from her2ladder.errors import InputError


def test_tertiles_and_band_sizes_agree_with_R_quantile_type_7(reference: Path) -> None:
    """R: quantile(score, c(1, 2) / 3, type = 7); table(cut(...))."""
    truth = json.loads((reference / "r_truth.json").read_text())
    scores = pd.read_csv(reference / "cohort.csv")["score"].to_numpy()
    q1, q2 = tertiles(scores)
    np.testing.assert_allclose((q1, q2), truth["tertiles"], rtol=0, atol=1e-12)
    bands = band(scores, q1, q2)
    assert sorted(bands.count(name) for name in ("Low", "Medium", "High")) == sorted(np.ravel(list(_numbers(truth["band_n"]))))


def _numbers(found: object) -> list[int]:
    return list(found.values()) if isinstance(found, dict) else list(found)  # type: ignore[call-overload]


def test_a_score_on_a_cut_belongs_to_the_lower_band() -> None:
    assert band(np.array([0.2, 0.200001, 0.5, 0.500001]), 0.2, 0.5) == ["Low", "Medium", "Medium", "High"]


def test_equal_tertiles_are_refused() -> None:
    with pytest.raises(InputError, match="tertile cuts of 4 scores must differ"):
        tertiles(np.array([0.5, 0.5, 0.5, 0.9]))


def test_the_threshold_is_the_observed_score_with_the_largest_youden_index() -> None:
    scores, y = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]), np.array([0, 0, 1, 0, 1, 1])
    # at 0.3: 3/3 + 2/3; at 0.5: 2/3 + 3/3: a tie, won by the higher sensitivity
    assert youden(scores, y) == 0.3


def test_of_cuts_with_the_same_index_and_sensitivity_the_lowest_wins() -> None:
    scores, y = np.array([0.1, 0.1, 0.4, 0.4]), np.array([0, 1, 0, 1])
    assert youden(scores, y) == 0.1


def test_the_threshold_agrees_with_a_search_over_all_cuts() -> None:
    for seed in range(20):
        random = np.random.default_rng(seed)
        scores, y = random.integers(0, 12, size=40) / 11, random.integers(0, 2, size=40)

        def worth(cut: float, scores: np.ndarray = scores, y: np.ndarray = y) -> tuple[int, int, float]:
            hit, passed = int(((scores >= cut) & (y == 1)).sum()), int(((scores < cut) & (y == 0)).sum())
            return hit * int((y == 0).sum()) + passed * int((y == 1).sum()), hit, -cut

        assert learn_cuts(scores, y).threshold == max(scores.tolist(), key=worth)
