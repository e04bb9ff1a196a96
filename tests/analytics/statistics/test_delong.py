"""DeLong against R's pROC, against the definition by double loop, and at its edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from her2ladder.analytics.statistics.delong import auc_delong, auc_logit, delong_paired
from her2ladder.errors import InputError


def by_definition(y: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """AUC(a) - AUC(b) and its variance by DeLong's structural components, every pair of patients compared."""

    def psi(s: np.ndarray) -> np.ndarray:
        x, z = s[y == 1][:, None], s[y == 0][None, :]
        return (x > z) + 0.5 * (x == z)

    pairs = psi(a) - psi(b)
    variance = pairs.mean(axis=1).var(ddof=1) / (y == 1).sum() + pairs.mean(axis=0).var(ddof=1) / (y == 0).sum()
    return float(pairs.mean()), float(variance)


@pytest.mark.parametrize("column", ["score", "rival"])
def test_auc_and_its_interval_agree_with_pROC(cohort: pd.DataFrame, truth: dict[str, Any], column: str) -> None:
    """pROC: ci.auc(roc(1 - is_pcr, score, levels = c(0, 1), direction = "<")); the rival has ties."""
    found = auc_delong(cohort.residual, cohort[column])
    assert [found.lo, found.value, found.hi] == pytest.approx(truth[f"auc_{column}"], abs=1e-10, rel=0)
    assert (found.n, found.events) == (400, int(cohort.residual.sum()))


def test_paired_test_agrees_with_pROC(cohort: pd.DataFrame, truth: dict[str, Any]) -> None:
    """pROC: roc.test(roc(score), roc(rival), paired = TRUE, method = "delong")."""
    found = delong_paired(cohort.residual, cohort.score, cohort.rival)
    wanted = truth["delong"]
    assert found.z == pytest.approx(wanted["z"], abs=1e-10, rel=0)
    assert found.difference.p == pytest.approx(wanted["p"], abs=1e-10, rel=1e-9)
    assert found.difference.value == pytest.approx(wanted["diff"], abs=1e-10, rel=0)
    assert [found.difference.lo, found.difference.hi] == pytest.approx(wanted["ci"], abs=1e-10, rel=0)
    assert found.auc_a == auc_delong(cohort.residual, cohort.score)


@pytest.mark.parametrize("seed", range(20))
def test_variance_agrees_with_the_definition_by_double_loop_ties_included(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(8, 60))
    y = np.r_[1, 1, 0, 0, rng.integers(0, 2, n)]
    a, b = rng.integers(0, 6, (2, n + 4)).astype(float)
    difference, variance = by_definition(y, a, b)
    found = delong_paired(y, a, b)
    assert found.difference.value == pytest.approx(difference, abs=1e-13)
    assert found.z == pytest.approx(difference / np.sqrt(variance), abs=1e-11)
    alone, (area, variance) = auc_delong(y, a), by_definition(y, a, np.zeros_like(a))
    ends = [max(0, area + 0.5 - norm.ppf(0.975) * np.sqrt(variance)), min(1, area + 0.5 + norm.ppf(0.975) * np.sqrt(variance))]
    assert [alone.lo, alone.hi] == pytest.approx(ends, abs=1e-12)


def test_a_four_patient_case_worked_by_hand() -> None:
    """Positives 1, 3; negatives 0, 2. Placements: 1/2, 1 and 1, 1/2; variance 1/8/2 + 1/8/2 = 1/8; AUC 3/4."""
    found = auc_delong([1, 1, 0, 0], [1.0, 3.0, 0.0, 2.0])
    assert found.value == 0.75
    assert found.lo == pytest.approx(0.75 - norm.ppf(0.975) * np.sqrt(0.125))
    assert found.hi == 1.0  # clipped
    mirrored = auc_delong([0, 0, 1, 1], [1.0, 3.0, 0.0, 2.0])
    assert (mirrored.value, mirrored.lo) == (0.25, 0.0)  # clipped below


def test_logit_interval_is_the_delta_method_on_the_log_odds(cohort: pd.DataFrame) -> None:
    wald, logit = auc_delong(cohort.residual, cohort.score), auc_logit(cohort.residual, cohort.score)
    assert wald.value == logit.value
    assert wald.value is not None
    assert wald.lo is not None
    assert logit.lo is not None
    assert logit.hi is not None
    se = (wald.value - wald.lo) / norm.ppf(0.975)
    log_odds = [np.log(edge / (1 - edge)) for edge in (logit.lo, logit.hi)]
    assert np.mean(log_odds) == pytest.approx(np.log(wald.value / (1 - wald.value)))
    assert (log_odds[1] - log_odds[0]) / 2 == pytest.approx(norm.ppf(0.975) * se / (wald.value * (1 - wald.value)))


def test_the_paired_test_takes_only_patients_who_have_both_values() -> None:
    rng = np.random.default_rng(3)
    y = rng.integers(0, 2, 80)
    a, b = rng.normal(y, 1, (2, 80))
    holed_a, holed_b = a.copy(), b.copy()
    holed_a[:10], holed_b[5:20] = np.nan, np.nan
    found, whole = delong_paired(y, holed_a, holed_b), delong_paired(y[20:], a[20:], b[20:])
    assert (found.difference, found.z, found.auc_b) == (whole.difference, whole.z, whole.auc_b)
    assert found.difference.n == 60
    assert found.n_dropped == 20


@given(st.lists(st.tuples(st.booleans(), st.integers(-4, 4), st.integers(-4, 4)), min_size=4, max_size=25), st.randoms())
def test_paired_test_obeys_its_symmetries(rows: list[tuple[bool, int, int]], random: Any) -> None:
    """Swapping the scores flips the sign; a monotone transform, and swapping classes with the sign of the score, change nothing."""
    y, a, b = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    found, swapped = delong_paired(y, a, b), delong_paired(y, b, a)
    transformed, mirrored = delong_paired(y, np.exp(a), 3 * b + 1), delong_paired(1 - y, -a, -b)
    order = random.sample(range(len(y)), len(y))
    shuffled = delong_paired(y[order], a[order], b[order])
    if found.difference.value is None:
        assert found.difference.note.startswith(("one class", "no patients"))
        return
    assert swapped.difference.value == pytest.approx(-found.difference.value, abs=1e-14)
    for other in (swapped, transformed, mirrored, shuffled):
        assert (other.z is None) == (found.z is None)
        if found.z is not None and other.z is not None:
            assert abs(other.z) == pytest.approx(abs(found.z), rel=1e-9)
            assert other.difference.p == pytest.approx(found.difference.p, rel=1e-9)


@pytest.mark.parametrize("kernel", [auc_delong, auc_logit])
@pytest.mark.parametrize(
    "y, score, value, note",
    [
        ([], [], None, "no patients"),
        ([1, 1], [0.1, 0.2], None, "one class: all 2 patients"),
        ([0, 0], [0.1, 0.2], None, "one class: none of 2"),
        ([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4], 1.0, "AUC is 1"),
        ([1, 1, 0, 0], [0.1, 0.2, 0.3, 0.4], 0.0, "AUC is 0"),
        ([0, 1, 0], [0.1, 0.2, 0.3], 0.5, "fewer than two"),
        ([0, 1, 0, 1, 1], [0.3] * 5, 0.5, "no variance"),
    ],
)
def test_an_interval_that_cannot_be_computed_is_none_with_its_reason(
    kernel: Any, y: list[int], score: list[float], value: float | None, note: str
) -> None:
    found = kernel(y, score)
    assert (found.value, found.lo, found.hi) == (value, None, None)
    assert note in found.note
    assert found.n == len(y)


@pytest.mark.parametrize("n1, n0", [(3, 7), (6, 10), (49, 31)])
def test_no_variance_is_exactly_none_whatever_the_class_sizes(n1: int, n0: int) -> None:
    """Thirds and sevenths do not leave rounding dust that would pass as a tiny interval."""
    y = np.r_[np.ones(n1), np.zeros(n0)]
    score = np.r_[np.full(n1, 0.4), np.full(n0 - 2, 0.1), 0.4, 0.7]
    flat = np.full(n1 + n0, 0.3)
    assert auc_delong(y, flat).lo is None
    same = delong_paired(y, score, 2 * score)
    assert (same.difference.value, same.difference.p, same.z) == (0.0, None, None)
    assert "no variance" in same.difference.note


def test_a_missing_or_infinite_entry_is_refused_with_its_place() -> None:
    with pytest.raises(InputError, match="score: each entry must be a finite number, got nan at position 1"):
        auc_delong([0, 1], [0.1, np.nan])
    with pytest.raises(InputError, match=r"got 2\.0 at position 0"):
        auc_delong([2, 1], [0.1, 0.2])
    with pytest.raises(InputError, match="found 3"):
        auc_delong([0, 1], [0.1, 0.2, 0.3])
    with pytest.raises(InputError, match="ours: each entry must be a finite number, got inf"):
        delong_paired([0, 1], [np.inf, 1], [0, 1], names=("ours", "theirs"))
    with pytest.raises(InputError, match="one value a patient"):
        delong_paired([0, 1, 1], [0, 1], [0, 1])


def test_logit_interval_covers_where_the_wald_interval_falls_short() -> None:
    """Binormal, AUC .90, 30 against 52, 2,000 cohorts: logit within 93.5-96.5 %, Wald below it (benchmarks/statistics/RESULTS.md)."""
    rng = np.random.default_rng(11)
    y = np.r_[np.ones(30, int), np.zeros(52, int)]
    scores = rng.normal(size=(2000, 82)) + np.sqrt(2) * norm.ppf(0.9) * y
    held = [np.mean([(e.lo or 0) <= 0.9 <= (e.hi or 0) for e in map(kernel, [y] * 2000, scores)]) for kernel in (auc_logit, auc_delong)]
    assert 0.935 <= held[0] <= 0.965
    assert held[1] < held[0] - 0.015
