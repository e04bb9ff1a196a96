"""A rate with its interval, and two rates compared: Wilson, Clopper-Pearson, Pearson's chi-square, Fisher's exact test."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest, chi2_contingency, fisher_exact
from scipy.stats.contingency import expected_freq

from her2ladder.analytics.statistics.estimate import Estimate
from her2ladder.analytics.statistics.inputs import LEVEL
from her2ladder.errors import InputError


@dataclass(frozen=True, slots=True)
class TwoRates:
    """Two rates compared.

    difference        rate A minus rate B with Newcombe's score interval
    chi_square        Pearson's statistic without continuity correction, one degree of freedom; None where undefined
    chi_square_p      its P; None where undefined (an empty group, or both rates 0 or 100 %)
    fisher_p          Fisher's exact two-sided P; None where a group is empty
    smallest_expected smallest of the four expected counts; None where a group is empty
    note              why a P is None, or that an expected count is below 5
    """

    difference: Estimate
    chi_square: float | None
    chi_square_p: float | None
    fisher_p: float | None
    smallest_expected: float | None
    note: str


def wilson(k: int, n: int) -> Estimate:
    """Return k/n with Wilson's score interval (R: prop.test(k, n, correct = FALSE)); n = 0 gives None.

    raises   InputError where not 0 <= k <= n
    """
    _counts(k, n)
    if n == 0:
        return Estimate(None, None, None, n=0, events=0, test="Wilson", note="no patients")
    found = binomtest(k, n).proportion_ci(LEVEL, method="wilson")
    return Estimate(k / n, float(found.low), float(found.high), n=n, events=k, test="Wilson")


def clopper_pearson(k: int, n: int) -> Estimate:
    """Return k/n with the exact (Clopper-Pearson) interval (R: binom.test(k, n)); n = 0 gives None.

    raises   InputError where not 0 <= k <= n
    """
    _counts(k, n)
    if n == 0:
        return Estimate(None, None, None, n=0, events=0, test="Clopper-Pearson", note="no patients")
    found = binomtest(k, n).proportion_ci(LEVEL, method="exact")
    return Estimate(k / n, float(found.low), float(found.high), n=n, events=k, test="Clopper-Pearson")


def expected_counts(table: ArrayLike) -> NDArray[np.float64]:
    """Return the counts expected under independence; the table must hold at least one patient."""
    return np.asarray(expected_freq(np.asarray(table, dtype=np.float64)), dtype=np.float64)


def pearson_chi_square(table: ArrayLike) -> tuple[float, float, int] | None:
    """Return Pearson's chi-square, its P and degrees of freedom, without continuity correction.

    table    (r, c) counts
    returns  None where a row or a column is empty or there is only one: the statistic is not defined
    """
    counts = np.asarray(table, dtype=np.float64)
    if min(counts.shape) < 2 or not (counts.sum(axis=0).all() and counts.sum(axis=1).all()):
        return None
    found = chi2_contingency(counts, correction=False)
    return float(found.statistic), float(found.pvalue), int(found.dof)


def two_rates(k_a: int, n_a: int, k_b: int, n_b: int) -> TwoRates:
    """Compare k_a/n_a with k_b/n_b; an empty group gives None throughout, never an error.

    raises   InputError where not 0 <= k <= n
    """
    rate_a, rate_b = wilson(k_a, n_a), wilson(k_b, n_b)
    if rate_a.value is None or rate_b.value is None:
        note = "no patients in " + ("either group" if n_a == n_b == 0 else "the first group" if n_a == 0 else "the second group")
        return TwoRates(Estimate(None, None, None, n=n_a + n_b, events=k_a + k_b, test="Newcombe", note=note), None, None, None, None, note)
    table = np.array([[k_a, n_a - k_a], [k_b, n_b - k_b]])
    smallest = float(expected_counts(table).min())
    pearson = pearson_chi_square(table)
    note = ""
    if pearson is None:
        note = f"both rates are {100 if k_a else 0} %: chi-square is undefined"
    elif smallest < 5:
        note = f"smallest expected count {smallest:.2g} is below 5: see Fisher's exact P"
    statistic, p = (None, None) if pearson is None else pearson[:2]
    fisher = float(fisher_exact(table).pvalue)
    return TwoRates(_newcombe(rate_a, rate_b), statistic, p, fisher, smallest, note)


def _newcombe(a: Estimate, b: Estimate) -> Estimate:
    """Return the difference of two rates with the hybrid score interval (Newcombe 1998, method 10)."""
    assert a.value is not None
    assert a.lo is not None
    assert a.hi is not None
    assert b.value is not None
    assert b.lo is not None
    assert b.hi is not None
    difference = a.value - b.value
    lo = difference - sqrt((a.value - a.lo) ** 2 + (b.hi - b.value) ** 2)
    hi = difference + sqrt((a.hi - a.value) ** 2 + (b.value - b.lo) ** 2)
    return Estimate(difference, lo, hi, n=(a.n or 0) + (b.n or 0), events=(a.events or 0) + (b.events or 0), test="Newcombe")


def _counts(k: int, n: int) -> None:
    if not 0 <= k <= n:
        raise InputError(f"rate: wanted 0 <= k <= n, found k = {k}, n = {n}")
