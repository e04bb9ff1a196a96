"""Restricted means against R's printed answer, a hand-made curve and resampling."""

from __future__ import annotations

import numpy as np
import pytest

from her2ladder.analytics.statistics.restricted_mean import difference, restricted_mean
from her2ladder.errors import InputError

MAINTAINED = ([9, 13, 13, 18, 23, 28, 31, 34, 45, 48, 161], [1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 0])  # R's `aml`
NOT = ([5, 5, 8, 8, 12, 16, 23, 27, 30, 33, 43, 45], [1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1])


def test_the_means_of_aml_agree_with_R_as_printed() -> None:
    """print(survfit(Surv(time, status) ~ x, aml), rmean = "common"): 52.6 (se 19.83) and 22.7 (se 4.18), upper limit 161"""
    for group, value, se in ((MAINTAINED, 52.6, 19.83), (NOT, 22.7, 4.18)):
        found = restricted_mean(*group, 161)
        assert found.value == pytest.approx(value, abs=0.05)
        assert found.se == pytest.approx(se, abs=0.005)


def test_a_hand_made_curve() -> None:
    """Four patients; one dies at 2, one at 3; to 4: 2 x 1 + 1 x 3/4 + 1 x 1/2. Areas ahead of the deaths: 5/4 and 1/2."""
    found = restricted_mean([2, 3, 5, 5], [1, 1, 0, 0], 4)
    assert found.value == pytest.approx(3.25)
    assert found.se == pytest.approx(np.sqrt(1.25**2 / (4 * 3) + 0.5**2 / (3 * 2)))


def test_without_censoring_it_is_the_mean_and_its_standard_error() -> None:
    time = np.random.default_rng(1).exponential(10, 200)
    found = restricted_mean(time, np.ones(200), 15)
    held = np.minimum(time, 15)
    assert found.value == pytest.approx(held.mean())
    assert found.se == pytest.approx(held.std() / np.sqrt(200), rel=1e-9)


def test_the_interval_of_a_difference_holds_the_truth_as_often_as_it_says() -> None:
    rng, inside = np.random.default_rng(5), 0
    truth = (1 - np.exp(-1.0)) * 10 - (1 - np.exp(-0.5)) * 20
    for _ in range(300):
        means = []
        for scale in (10.0, 20.0):
            time, end = rng.exponential(scale, 80), rng.uniform(10, 40, 80)
            means.append(restricted_mean(np.minimum(time, end), time <= end, 10))
        row = difference(*means)
        inside += bool(row.lo <= truth <= row.hi)  # type: ignore[operator]
    assert 0.91 <= inside / 300 <= 0.98


def test_a_horizon_beyond_the_follow_up_gives_no_number_but_one_beyond_the_last_death_does() -> None:
    assert restricted_mean([5, 8], [1, 0], 10).note == "the curve is not known to 10: the last follow-up is 8"
    assert restricted_mean([5, 8], [1, 1], 10).value == pytest.approx(6.5)
    a, b = restricted_mean([5, 8], [1, 0], 10), restricted_mean([5, 8], [1, 1], 10)
    assert difference(a, b).value is None
    assert "last follow-up is 8" in difference(a, b).note


def test_nobody_and_no_event_are_answered() -> None:
    assert restricted_mean([], [], 5).note == "no patients"
    flat = restricted_mean([6, 7], [0, 0], 5)
    assert (flat.value, flat.se) == (5.0, 0.0)
    assert "no interval" in difference(flat, flat).note
    with pytest.raises(InputError, match="above 0, found 0"):
        restricted_mean([1], [1], 0)
