"""Decision curves against the package dcurves and by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from dcurves import dca

from her2ladder.analytics.statistics.decision import THRESHOLDS, decision_curve, net_benefit_band, net_benefit_difference
from her2ladder.errors import InputError


@pytest.mark.parametrize("column", ["score", "rival"])
def test_net_benefit_agrees_with_dcurves(cohort: pd.DataFrame, column: str) -> None:
    """Two decimals of the rival put patients exactly on the thresholds."""
    found = decision_curve(cohort.residual, cohort[column])
    table = dca(data=cohort[["residual", column]].copy(), outcome="residual", modelnames=[column], thresholds=THRESHOLDS)
    for model, ours in ((column, found.model), ("all", found.treat_all), ("none", found.treat_none)):
        wanted = table[table.model == model].sort_values("threshold")
        assert np.array_equal(wanted.threshold, found.threshold)
        assert np.abs(wanted.net_benefit.to_numpy() - ours).max() < 1e-12


def test_net_benefit_worked_by_hand() -> None:
    """Five patients, threshold .25: two events and one other reach it: 2/5 - 1/5 x 1/3."""
    found = decision_curve([1, 1, 0, 0, 0], [0.25, 0.9, 0.3, 0.1, 0.24], [0.25])
    assert found.model[0] == pytest.approx(2 / 5 - 1 / 15)
    assert found.treat_all[0] == pytest.approx(2 / 5 - 3 / 5 / 3)
    assert found.treat_none[0] == 0
    assert (found.n, found.events) == (5, 2)


def test_a_score_that_calls_everyone_is_treat_all(cohort: pd.DataFrame) -> None:
    found = decision_curve(cohort.residual, np.ones(len(cohort)))
    assert np.array_equal(found.model, found.treat_all)
    assert (decision_curve(cohort.residual, np.zeros(len(cohort))).model == 0).all()


def test_band_holds_the_curve_and_repeats_in_any_order(cohort: pd.DataFrame) -> None:
    found, curve = net_benefit_band(cohort.residual, cohort.score), decision_curve(cohort.residual, cohort.score)
    assert ((found.lo <= curve.model) & (curve.model <= found.hi)).mean() > 0.95
    assert (found.lo[5:80] < found.hi[5:80]).all()
    shuffled = cohort.sample(frac=1, random_state=0)
    again = net_benefit_band(shuffled.residual, shuffled.score)
    assert np.array_equal(found.lo, again.lo)
    assert np.array_equal(found.hi, again.hi)
    assert found.replicates == 2000


def test_band_is_the_spread_of_resampled_decision_curves() -> None:
    """Against a plain bootstrap that writes the patients out: percentiles within Monte Carlo error."""
    rng = np.random.default_rng(2)
    y = np.r_[np.ones(40, int), np.zeros(60, int)]
    score = np.clip(rng.normal(0.35 + 0.3 * y, 0.2), 0, 1)
    plain = []
    for _ in range(1500):
        rows = np.r_[rng.integers(0, 40, 40), rng.integers(40, 100, 60)]
        plain.append(decision_curve(y[rows], score[rows], [0.3, 0.5]).model)
    band = net_benefit_band(y, score, [0.3, 0.5])
    assert np.allclose([band.lo, band.hi], np.quantile(plain, [0.025, 0.975], axis=0), atol=0.02)


def test_difference_is_between_the_two_curves_and_swaps_sign(cohort: pd.DataFrame) -> None:
    found = net_benefit_difference(cohort.residual, cohort.score, cohort.rival)
    curves = [decision_curve(cohort.residual, cohort[c]).model for c in ("score", "rival")]
    assert np.abs(found.difference - (curves[0] - curves[1])).max() < 1e-12
    assert ((found.band.lo <= found.difference) & (found.difference <= found.band.hi)).mean() > 0.95
    assert np.allclose(net_benefit_difference(cohort.residual, cohort.rival, cohort.score).difference, -found.difference)
    same = net_benefit_difference(cohort.residual, cohort.score, cohort.score)
    assert (same.difference == 0).all()


def test_against_a_score_that_calls_nobody_the_difference_and_its_band_are_those_of_the_score(cohort: pd.DataFrame) -> None:
    """The patients are drawn in one order whichever score is asked for, so the two bands are the same to the last bit."""
    found = net_benefit_difference(cohort.residual, cohort.score, np.zeros(len(cohort)))
    alone = net_benefit_band(cohort.residual, cohort.score)
    assert np.array_equal(found.band.lo, alone.lo)
    assert np.array_equal(found.band.hi, alone.hi)


def test_one_class_has_a_curve_but_no_band() -> None:
    assert decision_curve([1, 1], [0.2, 0.9], [0.5]).model[0] == 0.5
    band = net_benefit_band([1, 1, 0], [0.2, 0.9, 0.4])
    assert np.isnan(band.lo).all()
    assert band.replicates == 0


def test_what_is_no_probability_is_refused() -> None:
    with pytest.raises(InputError, match="found none"):
        decision_curve([], [])
    with pytest.raises(InputError, match=r"found scores from -0\.2 to 0\.4"):
        decision_curve([0, 1], [-0.2, 0.4])
    for thresholds in ([0.0, 0.5], [0.5, 1.0], []):
        with pytest.raises(InputError, match="strictly between 0 and 1"):
            decision_curve([0, 1], [0.2, 0.4], thresholds)
    with pytest.raises(InputError, match="got nan at position 0"):
        net_benefit_difference([0, 1], [0.2, 0.4], [np.nan, 0.4])
