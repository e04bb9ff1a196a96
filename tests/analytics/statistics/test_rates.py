"""Rates and their comparison against R, scipy and hand-worked tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, chi2_contingency

from her2ladder.analytics.statistics.rates import clopper_pearson, expected_counts, pearson_chi_square, two_rates, wilson
from her2ladder.errors import InputError


def test_wilson_and_clopper_pearson_agree_with_R(cohort: pd.DataFrame, truth: dict[str, Any]) -> None:
    """R: prop.test(k, n, correct = FALSE)$conf.int and binom.test(k, n)$conf.int, pCR over all 400."""
    k, n = int(cohort.is_pcr.sum()), len(cohort)
    for found, wanted in ((wilson(k, n), truth["pcr_wilson"]), (clopper_pearson(k, n), truth["pcr_clopper"])):
        assert [found.lo, found.hi] == pytest.approx(wanted, abs=1e-10)
        assert (found.value, found.n, found.events) == (k / n, n, k)


@pytest.mark.parametrize("k, n", [(0, 1), (1, 1), (0, 12), (12, 12), (3, 7), (50, 1000)])
def test_intervals_agree_with_scipy_and_touch_the_ends_exactly(k: int, n: int) -> None:
    for kernel, method in ((wilson, "wilson"), (clopper_pearson, "exact")):
        found, wanted = kernel(k, n), binomtest(k, n).proportion_ci(method=method)
        assert [found.lo, found.hi] == pytest.approx([wanted.low, wanted.high], abs=1e-12)
        assert found.lo == 0.0 or k > 0
        assert found.hi == 1.0 or k < n


def test_an_empty_cell_is_none_and_impossible_counts_are_refused() -> None:
    for kernel in (wilson, clopper_pearson):
        found = kernel(0, 0)
        assert (found.value, found.lo, found.hi, found.note) == (None, None, None, "no patients")
        with pytest.raises(InputError, match="found k = 3, n = 2"):
            kernel(3, 2)


def test_chi_square_has_no_continuity_correction() -> None:
    """8/10 against 3/10: expected 5.5 and 4.5, (2.5^2)(2/5.5 + 2/4.5) = 5.0505."""
    found = pearson_chi_square([[8, 2], [3, 7]])
    assert found is not None
    assert found[0] == pytest.approx(2.5**2 * (2 / 5.5 + 2 / 4.5), abs=1e-12)
    assert found[2] == 1


@pytest.mark.parametrize("seed", range(8))
def test_chi_square_agrees_with_scipy_on_tables_of_any_size(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = rng.integers(1, 30, (2 + seed % 3, 2 + seed % 4))
    found, wanted = pearson_chi_square(table), chi2_contingency(table, correction=False)
    assert found == pytest.approx((wanted.statistic, wanted.pvalue, wanted.dof), abs=1e-12)
    assert np.allclose(expected_counts(table), wanted.expected_freq)


def test_two_equal_rates_of_nought_or_all_have_no_chi_square() -> None:
    for k, word in ((0, "0 %"), (4, "100 %")):
        found = two_rates(k, 4, 2 * k, 8)
        assert (found.chi_square, found.chi_square_p) == (None, None)
        assert f"both rates are {word}" in found.note
        assert found.fisher_p == 1.0


def test_a_small_expected_count_is_flagged_at_below_five_only() -> None:
    """2 of 10 against 8 of 10: every expected count is 5 exactly; one event fewer and it is 4.5."""
    assert two_rates(2, 10, 8, 10).note == ""
    flagged = two_rates(2, 10, 7, 10)
    assert flagged.smallest_expected == 4.5
    assert "below 5" in flagged.note


def test_newcombe_interval_of_a_published_example() -> None:
    """Newcombe 1998, table II, example a: 56/70 against 48/80, method 10: 0.0524 to 0.3339."""
    found = two_rates(56, 70, 48, 80).difference
    assert [found.value, found.lo, found.hi] == pytest.approx([0.2, 0.0524, 0.3339], abs=5e-5)


@pytest.mark.parametrize(
    "counts, where", [((0, 0, 1, 2), "the first group"), ((1, 2, 0, 0), "the second group"), ((0, 0, 0, 0), "either group")]
)
def test_an_empty_group_gives_none_throughout(counts: tuple[int, int, int, int], where: str) -> None:
    found = two_rates(*counts)
    assert (found.chi_square_p, found.fisher_p, found.difference.value) == (None, None, None)
    assert found.note == f"no patients in {where}"


def test_swapping_the_groups_flips_the_difference_and_keeps_the_p() -> None:
    one, other = two_rates(3, 17, 9, 20), two_rates(9, 20, 3, 17)
    assert one.difference.lo == pytest.approx(-(other.difference.hi or 0))
    assert one.chi_square_p == pytest.approx(other.chi_square_p, rel=1e-12)
    assert one.fisher_p == pytest.approx(other.fisher_p, rel=1e-12)
