"""Threshold metrics against counting, scikit-learn and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, confusion_matrix
from statsmodels.stats.inter_rater import cohens_kappa

from her2ladder.analytics.statistics.rates import wilson
from her2ladder.analytics.statistics.threshold import at_cut, kappa_of_table, youden_cut
from her2ladder.errors import InputError


def test_a_score_at_the_cut_is_positive() -> None:
    """Scores .2 .5 .5 .9 with outcomes 0 1 0 1, cut .5: TP 2, FP 1, FN 0, TN 1."""
    found = at_cut([0, 1, 0, 1], [0.2, 0.5, 0.5, 0.9], 0.5)
    counts = found.confusion
    assert (counts.true_positive, counts.false_positive, counts.false_negative, counts.true_negative) == (2, 1, 0, 1)
    assert found.sensitivity == wilson(2, 2)
    assert found.specificity == wilson(1, 2)
    assert found.ppv == wilson(2, 3)
    assert found.npv == wilson(1, 1)
    assert found.accuracy == wilson(3, 4)
    assert found.kappa.value == 0.5


@pytest.mark.parametrize("seed", range(6))
def test_counts_and_kappa_agree_with_scikit_learn_and_statsmodels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y = np.r_[0, 1, rng.integers(0, 2, 70)]
    score = rng.normal(y, 1.5).round(1)
    cut = float(np.median(score))
    found, called = at_cut(y, score, cut), (score >= cut).astype(int)
    counts = found.confusion
    assert [[counts.true_negative, counts.false_positive], [counts.false_negative, counts.true_positive]] == confusion_matrix(
        y, called
    ).tolist()
    assert found.kappa.value == pytest.approx(cohen_kappa_score(y, called), abs=1e-12)
    wanted = cohens_kappa(confusion_matrix(y, called))
    assert [found.kappa.lo, found.kappa.hi] == pytest.approx([max(-1, wanted.kappa_low), min(1, wanted.kappa_upp)], abs=1e-12)


def test_kappa_interval_of_the_published_three_by_three_example() -> None:
    """Fleiss, Cohen & Everitt 1969, table 1 (n = 200): kappa .429 unweighted; statsmodels gives the same standard error."""
    table = np.array([[106, 10, 4], [22, 28, 10], [2, 12, 6]])
    found, wanted = kappa_of_table(table), cohens_kappa(table)
    assert found.value == pytest.approx(0.429, abs=5e-4)
    assert [found.lo, found.hi] == pytest.approx([wanted.kappa_low, wanted.kappa_upp], abs=1e-12)
    assert found.n == 200


def test_kappa_limits_stay_within_minus_one_and_one() -> None:
    """One patient of six agrees: kappa -.667, whose lower limit would lie below -1."""
    found = kappa_of_table([[1, 3], [2, 0]])
    assert found.value == pytest.approx((1 / 6 - 1 / 2) / (1 - 1 / 2))
    assert found.lo == -1.0
    assert kappa_of_table([[9, 1], [0, 9]]).hi == 1.0


def test_kappa_without_variance_has_no_interval() -> None:
    complete = kappa_of_table([[2, 0], [0, 1]])
    assert (complete.value, complete.lo) == (1.0, None)
    assert "no asymptotic variance" in complete.note
    one_sided = kappa_of_table([[2, 1], [0, 0]])
    assert (one_sided.value, one_sided.lo) == (0.0, None)
    assert kappa_of_table([[2, 0], [0, 0]]).value is None
    assert kappa_of_table([[0, 0], [0, 0]]).note == "no patients"


def test_rates_without_patients_under_them_are_none_with_the_reason() -> None:
    nobody_called = at_cut([0, 1], [0.1, 0.2], 0.9)
    assert (nobody_called.ppv.value, nobody_called.ppv.note) == (None, "no patient is called positive")
    everybody_called = at_cut([0, 1], [0.1, 0.2], 0.0)
    assert (everybody_called.npv.value, everybody_called.npv.note) == (None, "no patient is called negative")
    assert at_cut([0, 0], [0.1, 0.2], 0.15).sensitivity.note == "no patient has residual disease"
    assert at_cut([1, 1], [0.1, 0.2], 0.15).specificity.note == "no patient has pCR"
    assert at_cut([], [], 0.5).accuracy.value is None


def by_search(y: np.ndarray, score: np.ndarray) -> float:
    """Every cut tried, best (Youden, sensitivity, -cut) kept, in fractions of whole numbers."""
    n1, n0 = int((y == 1).sum()), int((y == 0).sum())

    def key(cut: float) -> tuple[int, int, float]:
        tp, fp = int(((score >= cut) & (y == 1)).sum()), int(((score >= cut) & (y == 0)).sum())
        return tp * n0 - fp * n1, tp, -cut

    return float(max(np.unique(score), key=key))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=2, max_size=30))
def test_youden_cut_is_the_best_of_all_cuts_ties_by_sensitivity_then_lowest(rows: list[tuple[bool, int]]) -> None:
    y, score = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    if len(set(y)) < 2:
        return
    found = youden_cut(y, score / 7)
    assert found.cut == by_search(y, score / 7)
    read = at_cut(y, score / 7, found.cut)
    assert (read.sensitivity.value, read.specificity.value) == pytest.approx((found.sensitivity, found.specificity))
    assert found.youden == pytest.approx(found.sensitivity + found.specificity - 1)


def test_youden_ties_take_the_higher_sensitivity() -> None:
    """Scores 1 2 3 4 with outcomes 0 1 0 1: cuts 2 and 4 both reach 1/2; 2 finds both."""
    found = youden_cut([0, 1, 0, 1], [1, 2, 3, 4])
    assert (found.cut, found.sensitivity, found.specificity) == (2.0, 1.0, 0.5)


def test_cuts_that_cannot_be_are_refused() -> None:
    with pytest.raises(InputError, match="Youden's cut: wanted patients with residual disease and with pCR, found one class"):
        youden_cut([1, 1], [0.1, 0.2])
    with pytest.raises(InputError, match="cut: must be a finite number"):
        at_cut([0, 1], [0.1, 0.2], float("nan"))
