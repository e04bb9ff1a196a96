"""Wilcoxon's rank-sum test against R and against every arrangement written out."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu
from statsmodels.stats.multitest import multipletests

from her2ladder.analytics.statistics.bands import band_of, tertile_cuts
from her2ladder.analytics.statistics.contrast import contrast_table, rank_sum
from her2ladder.errors import InputError


def test_exact_and_approximate_p_agree_with_R(cohort: pd.DataFrame, truth: dict[str, Any]) -> None:
    """R: wilcox.test(feature[High], feature[Low]) (133 against 134) and wilcox.test(feature[1:11], feature[12:21])."""
    band = np.array(band_of(cohort.score, tertile_cuts(cohort.score)))
    large = rank_sum(cohort.feature[band == "High"], cohort.feature[band == "Low"])
    assert large.p == pytest.approx(truth["wilcoxon_high_low"], rel=1e-10)
    assert "continuity" in large.test
    small = rank_sum(cohort.feature[:11], cohort.feature[11:21])
    assert small.p == pytest.approx(truth["wilcoxon_first11_next10"], abs=1e-12)
    assert small.test == "Wilcoxon rank-sum, exact"


@pytest.mark.parametrize("seed", range(6))
def test_exact_p_counts_every_arrangement(seed: int) -> None:
    """All choices of who is in group A, U as far from its mean or farther on the nearer side, doubled (R's pwilcox rule)."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(0.5, 1, 5), rng.normal(0, 1, 4 + seed % 3)
    pooled = np.r_[a, b]
    every = [
        sum(pooled[i] > pooled[j] for i in chosen for j in set(range(len(pooled))) - set(chosen))
        for chosen in combinations(range(len(pooled)), 5)
    ]
    found = rank_sum(a, b)
    tail = min(np.mean([u >= found.w for u in every]), np.mean([u <= found.w for u in every]))
    assert found.p == pytest.approx(min(1.0, 2 * tail), abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_tied_values_take_the_corrected_normal_approximation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 6, 23), rng.integers(1, 7, 31)
    found, wanted = rank_sum(a, b), mannwhitneyu(a, b, method="asymptotic", use_continuity=True)
    assert found.p == pytest.approx(wanted.pvalue, rel=1e-10)
    assert found.w == wanted.statistic


@pytest.mark.parametrize("n_a, n_b, exact", [(49, 49, True), (50, 3, False), (3, 50, False)])
def test_exactness_ends_at_fifty_in_either_group(n_a: int, n_b: int, exact: bool) -> None:
    values = np.random.default_rng(0).permutation(n_a + n_b).astype(float)
    assert rank_sum(values[:n_a], values[n_a:]).test.endswith("exact") == exact


def test_effect_and_medians_by_hand() -> None:
    """A = 1 4 5, B = 2 3: A wins 4 of 6 pairs: 2 x 4/6 - 1 = 1/3; medians 4 and 2.5."""
    found = rank_sum([1, 4, 5], [2, 3])
    assert (found.w, found.median_a, found.median_b) == (4.0, 4.0, 2.5)
    assert found.rank_biserial == pytest.approx(1 / 3)
    assert rank_sum([3, 4], [1, 2]).rank_biserial == 1.0


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=15), st.lists(st.integers(-5, 5), min_size=1, max_size=15))
def test_swapping_the_groups_flips_the_effect_and_keeps_the_p(a: list[int], b: list[int]) -> None:
    one, other, cubed = rank_sum(a, b), rank_sum(b, a), rank_sum(np.array(a) ** 3, np.array(b) ** 3)
    assert one.rank_biserial == pytest.approx(-(other.rank_biserial or 0.0), abs=1e-12)
    assert (one.p is None) == (other.p is None)
    if one.p is not None:
        assert 0 < one.p <= 1
        assert one.p == pytest.approx(other.p, rel=1e-9)
    assert (cubed.w, cubed.p) == (one.w, one.p)


def test_missing_values_are_left_out_and_counted() -> None:
    found, whole = rank_sum([1, np.nan, 4, 5], [2, 3, np.nan]), rank_sum([1, 4, 5], [2, 3])
    assert (found.p, found.n_a, found.n_b, found.n_missing) == (whole.p, 3, 2, 2)


def test_nothing_to_compare_is_none_with_the_reason() -> None:
    assert rank_sum([], []).note == "no value in either group"
    assert rank_sum([np.nan], [1.0]).note == "no value in the first group"
    assert rank_sum([1.0], []).note == "no value in the second group"
    flat = rank_sum([2.0, 2.0], [2.0])
    assert (flat.p, flat.rank_biserial) == (None, 0.0)
    assert "every value is the same" in flat.note
    with pytest.raises(InputError, match="infinite"):
        rank_sum([np.inf], [1.0])
    with pytest.raises(InputError, match="one-dimensional"):
        rank_sum([[1.0]], [1.0])


def test_a_table_adjusts_over_all_features_asked_for() -> None:
    rng = np.random.default_rng(6)
    values = rng.normal(size=(60, 8)) + np.outer(np.arange(60) < 25, np.linspace(0, 1.2, 8))
    values[:, 5] = 1.0  # no P, still one of the family of 8
    values[50:, 2] = np.nan
    in_a, in_b = np.arange(60) < 25, np.arange(60) >= 30
    rows = contrast_table(values, in_a, in_b, [f"f{i}" for i in range(8)])
    assert [row.feature for row in rows] == [f"f{i}" for i in range(8)]
    assert rows[0].p == rank_sum(values[:25, 0], values[30:, 0]).p
    assert (rows[2].n_b, rows[2].n_missing) == (20, 10)
    assert (rows[5].p, rows[5].p_fdr, rows[5].p_bonferroni) == (None, None, None)
    p = [1.0 if row.p is None else row.p for row in rows]
    for name, method in (("p_bonferroni", "bonferroni"), ("p_fdr", "fdr_bh")):
        found = [getattr(row, name) for row in rows if row.p is not None]
        assert found == pytest.approx(list(np.delete(multipletests(p, method=method)[1], 5)), abs=1e-14)


def test_a_table_of_wrong_shape_or_overlapping_groups_is_refused() -> None:
    yes, no = np.array([True, False]), np.array([False, True])
    with pytest.raises(InputError, match=r"shape \(2, 1\)"):
        contrast_table(np.zeros((2, 2)), yes, no, ["f"])
    with pytest.raises(InputError, match="found 1 in both"):
        contrast_table(np.zeros((2, 1)), yes, yes, ["f"])
    with pytest.raises(InputError, match="f: rank sum: a value must be finite"):
        contrast_table(np.array([[np.inf], [1.0]]), yes, no, ["f"])
