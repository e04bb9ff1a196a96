"""Two groups of patients compared in a feature: Wilcoxon's rank-sum test as R runs it, rank-biserial effect, medians.

P between bands is descriptive, since bands are functions of these features; whoever prints such a row says so (statistics.md, Contrasts).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import mannwhitneyu, norm, rankdata

from her2ladder.analytics.statistics.adjust import adjust
from her2ladder.errors import InputError

Floats = NDArray[np.float64]
EXACT_BELOW = 50  # R's wilcox.test: exact where both groups are smaller and there are no ties


@dataclass(frozen=True, slots=True)
class RankSum:
    """Group A against group B in one feature.

    w              Mann-Whitney U of A (R's W): pairs in which A is higher, a tie counts a half
    rank_biserial  2 W / (n_a n_b) - 1: from -1 (every A below every B) to 1, 0 = no shift
    p              two-sided; None where undefined
    p_bonferroni, p_fdr  adjusted over the features asked for; None outside a table
    n_missing      values left out because they were NaN
    """

    n_a: int
    n_b: int
    median_a: float | None
    median_b: float | None
    w: float | None
    rank_biserial: float | None
    p: float | None
    test: str
    note: str = ""
    n_missing: int = 0
    feature: str = ""
    p_bonferroni: float | None = None
    p_fdr: float | None = None


def rank_sum(a: ArrayLike, b: ArrayLike) -> RankSum:
    """Return the two-sided Wilcoxon rank-sum test (R: wilcox.test(a, b)).

    a, b     values of the two groups; NaN = missing, left out and counted
    returns  exact P where both groups are below 50 and no value is tied, else the normal approximation with continuity and tie
             correction; all None with the reason where a group is empty, P None where every value is the same
    raises   InputError for an infinite value or a group that is not one-dimensional
    """
    (left, lost_a), (right, lost_b) = _present(a), _present(b)
    n_a, n_b = len(left), len(right)
    medians = [float(np.median(side)) if len(side) else None for side in (left, right)]
    if not n_a or not n_b:
        note = "no value in " + ("either group" if n_a == n_b else "the first group" if not n_a else "the second group")
        return RankSum(n_a, n_b, medians[0], medians[1], None, None, None, "Wilcoxon rank-sum", note, lost_a + lost_b)
    ranks = rankdata(np.concatenate([left, right]))
    w = float(ranks[:n_a].sum() - n_a * (n_a + 1) / 2)
    tied = np.unique(ranks, return_counts=True)[1].astype(np.float64)
    if max(n_a, n_b) < EXACT_BELOW and tied.max() == 1:
        p: float | None = float(mannwhitneyu(left, right, alternative="two-sided", method="exact").pvalue)
        test, note = "Wilcoxon rank-sum, exact", ""
    else:
        p = _normal_p(w, n_a, n_b, tied)
        test = "Wilcoxon rank-sum, normal approximation with continuity correction"
        note = "every value is the same: P is undefined" if p is None else ""
    return RankSum(n_a, n_b, medians[0], medians[1], w, 2 * w / (n_a * n_b) - 1, p, test, note, lost_a + lost_b)


def contrast_table(values: ArrayLike, in_a: ArrayLike, in_b: ArrayLike, features: Sequence[str]) -> list[RankSum]:
    """Return one row a feature, in the order given, with Bonferroni and Benjamini-Hochberg P over all features asked for.

    values      (n, f), NaN = missing
    in_a, in_b  (n,) bool: patients of the two groups; a patient in neither is not used
    raises      InputError where shapes disagree, a patient is in both groups, or a value is infinite (feature named)
    """
    table = np.asarray(values, dtype=np.float64)
    first, second = np.asarray(in_a, dtype=bool), np.asarray(in_b, dtype=bool)
    if table.shape != (len(first), len(features)) or first.shape != second.shape:
        raise InputError(
            f"contrast: wanted values of shape ({len(first)}, {len(features)}), found {table.shape}; groups {first.shape}, {second.shape}"
        )
    if (first & second).any():
        raise InputError(f"contrast: each patient must be in one group, found {int((first & second).sum())} in both")
    rows = []
    for at, feature in enumerate(features):
        try:
            rows.append(replace(rank_sum(table[first, at], table[second, at]), feature=feature))
        except InputError as error:
            raise InputError(f"{feature}: {error}") from error
    p = [row.p for row in rows]
    adjusted = zip(rows, adjust(p, "bonferroni"), adjust(p, "fdr"), strict=True)
    return [replace(row, p_bonferroni=bonferroni, p_fdr=fdr) for row, bonferroni, fdr in adjusted]


def _normal_p(w: float, n_a: int, n_b: int, tied: Floats) -> float | None:
    """Return the two-sided P of W under the normal approximation, as R: continuity 1/2 toward the mean, variance less ties."""
    n = n_a + n_b
    variance = n_a * n_b / 12 * ((n + 1) - float((tied**3 - tied).sum()) / (n * (n - 1)))
    if variance <= 0 or len(tied) == 1:
        return None
    distance = w - n_a * n_b / 2
    z = (distance - np.sign(distance) * 0.5) / sqrt(variance)
    return float(min(1.0, 2 * min(norm.cdf(z), norm.sf(z))))


def _present(values: ArrayLike) -> tuple[Floats, int]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise InputError(f"rank sum: a group must be one-dimensional, got shape {array.shape}")
    if np.isinf(array).any():
        raise InputError("rank sum: a value must be finite or NaN, got an infinite one")
    kept = array[~np.isnan(array)]
    return kept, len(array) - len(kept)
