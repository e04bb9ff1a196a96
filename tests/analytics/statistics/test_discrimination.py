"""AUC, average precision, Brier and curves against scikit-learn, against plain loops, and at their edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, precision_recall_curve, roc_auc_score
from sklearn.metrics import roc_curve as sklearn_roc

from her2ladder.analytics.statistics import discrimination as d
from her2ladder.analytics.statistics.resample import stratified_draws
from her2ladder.errors import InputError

rows = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=1, max_size=40)


def random_case(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.r_[0, 1, rng.integers(0, 2, 60)]
    return y, np.round(np.clip(rng.normal(0.4 + 0.2 * y, 0.2), 0, 1), 1 + seed % 3)


@pytest.mark.parametrize("seed", range(12))
def test_auc_and_average_precision_agree_with_scikit_learn_ties_included(seed: int) -> None:
    y, score = random_case(seed)
    assert d.auc_value(y, score) == pytest.approx(roc_auc_score(y, score), abs=1e-13)
    assert d.average_precision(y, score) == pytest.approx(average_precision_score(y, score), abs=1e-13)


def test_brier_agrees_with_R_and_scikit_learn(cohort: pd.DataFrame, truth: dict[str, Any]) -> None:
    """R: mean((score - (1 - is_pcr))^2)."""
    found = d.brier(cohort.residual, cohort.score)
    assert found.value == pytest.approx(truth["calibration"]["brier"], abs=1e-12)
    assert found.value == pytest.approx(brier_score_loss(cohort.residual, cohort.score), abs=1e-12)


def test_auc_counts_a_tie_as_half_a_pair() -> None:
    """Positives 2, 3; negatives 1, 2: of four pairs three are right and one is a tie."""
    assert d.auc_value([1, 1, 0, 0], [2, 3, 1, 2]) == 3.5 / 4


def test_an_auc_below_a_half_is_reported_as_it_is() -> None:
    assert d.auc_value([1, 0, 0], [0.2, 0.1, 0.9]) == 0.5
    assert d.auc_value([1, 0, 0], [0.0, 0.1, 0.9]) == 0.0


def test_average_precision_is_the_step_sum() -> None:
    """Cuts 4, 3, 2, 1 with outcomes 1, 0, 1, 0: (1/2)(1/1) + (1/2)(2/3)."""
    assert d.average_precision([1, 0, 1, 0], [4, 3, 2, 1]) == pytest.approx(0.5 + 1 / 3, abs=1e-15)


@given(rows)
def test_auc_is_kept_by_a_monotone_transform_and_by_swapping_class_and_sign(data: list[tuple[bool, int]]) -> None:
    y, score = (np.array(column, dtype=float) for column in zip(*data, strict=True))
    value = d.auc_value(y, score)
    assert d.auc_value(y, np.expm1(score)) == value
    assert d.auc_value(1 - y, -score) == value
    mirrored = d.auc_value(y, -score)
    assert (mirrored is None) if value is None else mirrored == pytest.approx(1 - value, abs=1e-12)


@given(rows, st.randoms())
def test_every_answer_is_the_same_in_any_order_of_the_patients(data: list[tuple[bool, int]], random: Any) -> None:
    shuffled = random.sample(data, len(data))
    (y, score), (other_y, other) = (tuple(np.array(c, dtype=float) for c in zip(*rows_, strict=True)) for rows_ in (data, shuffled))
    for kernel in (d.auc_bootstrap, d.ap_bootstrap):
        assert kernel(y, score, replicates=40) == kernel(other_y, other, replicates=40)
    first, second = d.brier(y, score / 6, replicates=40), d.brier(other_y, other / 6, replicates=40)
    assert (first.lo, first.hi) == (second.lo, second.hi)
    assert first.value == pytest.approx(second.value, abs=1e-15)


@pytest.mark.parametrize("kernel, statistic", [(d.auc_bootstrap, roc_auc_score), (d.ap_bootstrap, average_precision_score)])
def test_bootstrap_replicates_are_the_statistic_of_the_drawn_patients(kernel: Any, statistic: Any) -> None:
    """The same draws, the patients written out one by one and handed to scikit-learn."""
    y, score = random_case(1)
    positive, negative = np.sort(score[y == 1]), np.sort(score[y == 0])
    drawn = []
    for w1, w0 in stratified_draws(len(positive), len(negative), 300, 7):
        for a, b in zip(w1.astype(int), w0.astype(int), strict=True):
            assert (a.sum(), b.sum()) == (len(positive), len(negative))
            drawn.append(statistic(np.sort(y)[::-1], np.r_[np.repeat(positive, a), np.repeat(negative, b)]))
    found = kernel(y, score, replicates=300, seed=7)
    assert [found.lo, found.hi] == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=1e-12)
    assert "300 replicates" in found.test
    assert kernel(y, score, replicates=300, seed=8) != found


def test_brier_interval_is_the_spread_of_resampled_brier_scores() -> None:
    y, score = random_case(2)
    errors = [np.sort(((score - y) ** 2)[y == k]) for k in (1, 0)]
    drawn = [
        np.r_[np.repeat(errors[0], a), np.repeat(errors[1], b)].mean()
        for w1, w0 in stratified_draws(len(errors[0]), len(errors[1]), 300, 7)
        for a, b in zip(w1.astype(int), w0.astype(int), strict=True)
    ]
    found = d.brier(y, score, replicates=300, seed=7)
    assert [found.lo, found.hi] == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=1e-12)


def test_bootstrap_spread_agrees_with_delong(cohort: pd.DataFrame, truth: dict[str, Any]) -> None:
    """Two ways to the same interval: within a tenth of its width at n = 400."""
    found = d.auc_bootstrap(cohort.residual, cohort.score)
    assert [found.lo, found.hi] == pytest.approx([truth["auc_score"][0], truth["auc_score"][2]], abs=0.008)


@pytest.mark.parametrize("seed", range(4))
def test_curves_agree_with_scikit_learn(seed: int) -> None:
    y, score = random_case(seed)
    roc, (fpr, tpr, cut) = d.roc_curve(y, score), sklearn_roc(y, score, drop_intermediate=False)
    assert np.allclose([roc.false_positive_rate, roc.sensitivity], [fpr, tpr], atol=1e-14)
    assert np.array_equal(roc.cut, cut)
    assert np.trapezoid(roc.sensitivity, roc.false_positive_rate) == pytest.approx(d.auc_value(y, score), abs=1e-13)
    pr, (precision, recall, cut) = d.pr_curve(y, score), precision_recall_curve(y, score)
    assert np.allclose([pr.precision[::-1], pr.recall[::-1]], [precision[:-1], recall[:-1]], atol=1e-14)
    assert np.array_equal(pr.cut[::-1], cut)
    assert pr.prevalence == y.mean()


def test_roc_band_holds_the_curve_and_repeats_by_its_seed(cohort: pd.DataFrame) -> None:
    band, curve = d.roc_band(cohort.residual, cohort.score), d.roc_curve(cohort.residual, cohort.score)
    at = np.interp(band.false_positive_rate, curve.false_positive_rate, curve.sensitivity)
    assert ((band.lo <= at) & (at <= band.hi)).all()
    assert (np.diff(band.lo) >= 0).all()
    assert band.hi[-1] == band.lo[-1] == 1.0
    again = d.roc_band(cohort.residual, cohort.score)
    assert np.array_equal(band.lo, again.lo)
    assert np.array_equal(band.hi, again.hi)


@pytest.mark.parametrize("kernel", [d.auc_bootstrap, d.ap_bootstrap])
def test_bootstrap_without_two_classes_is_none_with_a_reason(kernel: Any) -> None:
    assert kernel([], []).note == "no patients"
    assert kernel([1, 1], [0.1, 0.2]).value is None
    assert "one class" in kernel([0, 0], [0.1, 0.2]).note
    alone = kernel([1, 0, 0, 0], [0.5, 0.1, 0.6, 0.2])
    assert alone.value is not None
    assert alone.lo is None
    assert "fewer than two patients" in alone.note


def test_bootstrap_never_gives_a_zero_width() -> None:
    for y, score, note in [([0, 0, 1, 1], [1, 2, 3, 4], "do not overlap"), ([0, 0, 1, 1], [4, 4, 4, 4], "replicates agree")]:
        found = d.auc_bootstrap(y, score)
        assert (found.lo, found.hi) == (None, None)
        assert note in found.note
    assert d.ap_bootstrap([0, 0, 1, 1], [1, 2, 3, 4]).lo is None


def test_brier_of_a_score_that_is_no_probability_is_none() -> None:
    found = d.brier([0, 1], [-0.3, 0.7])
    assert found.value is None
    assert "no probability" in found.note
    assert d.brier([], []).value is None
    single = d.brier([1, 1], [0.5, 1.0])
    assert single.value == 0.125
    assert "one class" in single.note


def test_curves_of_one_class_are_refused() -> None:
    for kernel in (d.roc_curve, d.pr_curve, d.roc_band):
        with pytest.raises(InputError, match="found one class"):
            kernel([1, 1], [0.1, 0.2])
