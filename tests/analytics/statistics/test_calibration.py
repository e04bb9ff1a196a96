"""Calibration against R's rms::val.prob and against statsmodels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import expit, logit

from her2ladder.analytics.statistics.calibration import calibration, calibration_bins, calibration_smooth
from her2ladder.analytics.statistics.rates import wilson
from her2ladder.errors import InputError


def test_intercept_and_slope_agree_with_R(cohort: pd.DataFrame, truth: dict[str, Any]) -> None:
    """rms::val.prob(score, 1 - is_pcr): Intercept and Slope (R stops its iterations at about 1e-8)."""
    found = calibration(cohort.residual, cohort.score)
    assert found.intercept.value == pytest.approx(truth["calibration"]["intercept"], abs=1e-6)
    assert found.slope.value == pytest.approx(truth["calibration"]["slope"], abs=1e-6)
    assert found.n_clipped == 0
    assert (found.slope.n, found.slope.events) == (400, int(cohort.residual.sum()))


@pytest.mark.parametrize("seed", range(5))
def test_estimates_and_intervals_agree_with_statsmodels_clipped_scores_included(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 2, 150)
    y = (rng.uniform(size=150) < expit(0.3 + 0.7 * x)).astype(int)
    score = np.r_[expit(x[:146]), 0.0, 1.0, 1e-9, 1.0]
    found = calibration(y, score)
    logits = logit(np.clip(score, 1e-6, 1 - 1e-6))
    joint = sm.GLM(y, sm.add_constant(logits), family=sm.families.Binomial()).fit(tol=1e-12)
    large = sm.GLM(y, np.ones(150), family=sm.families.Binomial(), offset=logits).fit(tol=1e-12)
    for estimate, value, interval in (
        (found.intercept, joint.params[0], joint.conf_int()[0]),
        (found.slope, joint.params[1], joint.conf_int()[1]),
        (found.in_the_large, large.params[0], large.conf_int()[0]),
    ):
        assert estimate.value == pytest.approx(value, abs=1e-9)
        assert [estimate.lo, estimate.hi] == pytest.approx(list(interval), abs=1e-7)
        assert estimate.note == "4 of 150 scores clipped to [1e-6, 1 - 1e-6]"
    assert found.n_clipped == 4
    assert found.intercept.p == pytest.approx(joint.pvalues[0], abs=1e-7)


def test_p_of_the_slope_is_against_one() -> None:
    """A slope whose interval just holds 1 has P just above .05."""
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1.5, 4000)
    found = calibration((rng.uniform(size=4000) < expit(x)).astype(int), expit(x)).slope
    assert found.lo is not None
    assert found.hi is not None
    assert (found.p is not None and found.p > 0.05) == (found.lo < 1 < found.hi)
    assert "P against 1" in found.test


def test_calibration_in_the_large_solves_expected_equals_observed() -> None:
    y, score = np.array([0, 0, 1, 1, 1, 0]), np.array([0.1, 0.5, 0.4, 0.3, 0.8, 0.2])
    shift = calibration(y, score).in_the_large.value
    assert shift is not None
    assert expit(logit(score) + shift).sum() == pytest.approx(y.sum(), abs=1e-9)


@pytest.mark.parametrize(
    "y, score, note",
    [
        ([], [], "no patients"),
        ([1, 1], [0.2, 0.4], "one class"),
        ([0, 1], [-0.1, 0.4], "no probability"),
        ([0, 1, 1, 0], [0.4] * 4, "does not vary"),
        ([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4], "separates the classes"),
        ([1, 1, 0, 0], [0.1, 0.2, 0.3, 0.4], "separates the classes"),
        ([0, 0, 1, 1], [0.1, 0.2, 0.2, 0.4], "separates the classes"),
    ],
)
def test_a_slope_that_does_not_exist_is_none_with_the_reason(y: list[int], score: list[float], note: str) -> None:
    found = calibration(y, score)
    for estimate in (found.intercept, found.slope):
        assert (estimate.value, estimate.lo, estimate.p) == (None, None, None)
        assert note in estimate.note
    computable = note in ("does not vary", "separates the classes")
    assert (found.in_the_large.value is not None) == computable


def test_extreme_scores_converge() -> None:
    """All scores at the clip on the wrong side: a Newton step from 0 would overshoot without halving."""
    y = np.array([0, 1] * 20)
    found = calibration(y, np.where(y == 1, 0.0, 1.0) * 0.999999999)
    assert found.in_the_large.value == pytest.approx(0.0, abs=1e-9)
    assert "separates" in found.slope.note
    far = calibration(np.r_[y, 0, 1], np.r_[np.full(40, 1e-6), 2e-6, 3e-6])
    assert far.in_the_large.value == pytest.approx(-logit(1e-6), abs=0.05)
    assert far.slope.value is not None


def test_bins_hold_every_patient_once_with_wilson_bars(cohort: pd.DataFrame) -> None:
    bins = calibration_bins(cohort.residual, cohort.score)
    assert len(bins) == 10
    assert [b.observed.n for b in bins] == [40] * 10
    assert sum(b.observed.events or 0 for b in bins) == cohort.residual.sum()
    inside = (cohort.score > bins[3].lower) & (cohort.score <= bins[3].upper)
    assert bins[3].observed == wilson(int(cohort.residual[inside].sum()), int(inside.sum()))
    assert bins[3].mean_score == pytest.approx(cohort.score[inside].mean())
    assert len(calibration_bins(cohort.residual[:99], cohort.score[:99])) == 5


def test_there_are_ten_bins_from_a_hundred_patients_on_and_five_below() -> None:
    assert [len(calibration_bins(np.arange(n) % 2, np.linspace(0.01, 0.99, n))) for n in (99, 100)] == [5, 10]


def test_equal_scores_never_stand_in_two_bins() -> None:
    y, score = [0, 1, 0, 1, 1, 0, 1], [0.2] * 5 + [0.6, 0.9]
    bins = calibration_bins(y, score)
    assert bins[0].observed.n == 5
    assert sum(b.observed.n or 0 for b in bins) == 7
    flat = calibration_bins([0, 1], [0.3, 0.3])
    assert [(b.lower, b.upper, b.observed.n) for b in flat] == [(0.3, 0.3, 2)]
    assert calibration_bins([], []) == []
    with pytest.raises(InputError, match="at least 1, got 0"):
        calibration_bins(y, score, bins=0)


def test_a_score_at_an_edge_is_in_the_lower_bin() -> None:
    """Six scores in five bins: every edge is one of the scores, so the first bin holds the lowest two."""
    bins = calibration_bins([0, 1, 0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    assert [b.observed.n for b in bins] == [2, 1, 1, 1, 1]
    assert [b.upper for b in bins] == pytest.approx([0.2, 0.3, 0.4, 0.5, 0.6])


def test_smooth_curve_follows_a_calibrated_score_and_ignores_the_order() -> None:
    rng = np.random.default_rng(5)
    score = rng.uniform(0.02, 0.98, 3000).round(3)
    y = (rng.uniform(size=3000) < score).astype(int)
    curve = calibration_smooth(y, score)
    assert curve is not None
    assert np.abs(curve.observed - curve.score).max() < 0.06
    assert (curve.score[0], curve.score[-1]) == (score.min(), score.max())
    order = rng.permutation(3000)
    shuffled = calibration_smooth(y[order], score[order])
    assert shuffled is not None
    assert np.array_equal(curve.observed, shuffled.observed)


def test_smooth_curve_ignores_the_order_of_tied_patients() -> None:
    rng = np.random.default_rng(8)
    score = rng.choice(np.linspace(0.1, 0.9, 12), 70)
    y = (rng.uniform(size=70) < score).astype(int)
    first, curves = calibration_smooth(y, score), []
    for _ in range(5):
        order = rng.permutation(70)
        curves.append(calibration_smooth(y[order], score[order]))
    assert first is not None
    assert all(c is not None and np.array_equal(first.observed, c.observed) for c in curves)


def test_no_smooth_curve_is_invented_from_a_handful() -> None:
    assert calibration_smooth([0, 1] * 20, [0.2, 0.7] * 20) is None
    assert calibration_smooth([1] * 30, np.linspace(0, 1, 30)) is None
    assert calibration_smooth([], []) is None
