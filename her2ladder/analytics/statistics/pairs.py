"""pCR rates by band and regimen, and every pair of regimens compared within every band, as one family of tests.

The factor of the correction is what was planned, pairs x bands (the paper: ten pairs x three bands = 30), also where a cell is
empty or a P undefined: a comparison that could not be made was still one that would have been looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from her2ladder.analytics.statistics.adjust import Correction, adjust
from her2ladder.analytics.statistics.estimate import Estimate
from her2ladder.analytics.statistics.inputs import checked_outcome
from her2ladder.analytics.statistics.rates import two_rates
from her2ladder.errors import InputError

Test = Literal["pearson", "fisher"]
TEST_NAMES: dict[Test, str] = {"pearson": "Pearson chi-square, no continuity correction", "fisher": "Fisher's exact"}
CORRECTION_NAMES: dict[Correction, str] = {"bonferroni": "Bonferroni", "holm": "Holm", "fdr": "Benjamini-Hochberg", "none": "none"}


@dataclass(frozen=True, slots=True)
class PairRow:
    """One pair of regimens within one band, named `A vs B`; k of n are events (pCR).

    difference     rate A minus rate B with Newcombe's interval
    p              P of the chosen test, None where undefined (`note` says why)
    p_adjusted     adjusted over the whole family, `family` names it: correction, factor and where the factor comes from
    fisher_p       Fisher's exact P, to be read instead where `small_expected`; never adjusted unless it is the chosen test
    small_expected an expected count is below 5
    """

    band: str
    a: str
    b: str
    term: str
    k_a: int
    n_a: int
    k_b: int
    n_b: int
    difference: Estimate
    p: float | None
    p_adjusted: float | None
    fisher_p: float | None
    small_expected: bool
    test: str
    family: str
    note: str


def count_cells(
    y: Sequence[int] | NDArray[np.int64],
    band: Sequence[str | None],
    regimen: Sequence[str | None],
    bands: Sequence[str],
    regimens: Sequence[str],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return k (patients with y = 1) and n per band and regimen, both (bands, regimens).

    y        (n,), 0 or 1, here 1 = pCR (or whatever is counted)
    band     label or None: a patient without a band or outside the lists given is in no cell
    raises   InputError for unequal lengths or an outcome that is missing
    """
    outcome = checked_outcome(y)
    if not len(outcome) == len(band) == len(regimen):
        raise InputError(
            f"rates: wanted one band and one regimen a patient ({len(outcome)} outcomes), found {len(band)} and {len(regimen)}"
        )
    k, n = (np.zeros((len(bands), len(regimens)), dtype=np.int64) for _ in range(2))
    row, column = ({name: at for at, name in enumerate(names)} for names in (bands, regimens))
    for value, b, r in zip(outcome, band, regimen, strict=True):
        if b in row and r in column:
            n[row[b], column[r]] += 1
            k[row[b], column[r]] += value
    return k, n


def compare_pairs(
    k: NDArray[np.int64],
    n: NDArray[np.int64],
    bands: Sequence[str],
    regimens: Sequence[str],
    *,
    test: Test = "pearson",
    correction: Correction = "bonferroni",
    family: int | None = None,
) -> list[PairRow]:
    """Return every pair of regimens in every band, bands outer, pairs in the order of `regimens` (`A vs B`: A stands first).

    k, n     (bands, regimens), events and patients
    family   comparisons planned; default pairs x bands
    raises   InputError for counts of another shape, k above n, an unknown test or correction
    """
    if test not in get_args(Test):
        raise InputError(f"test: must be one of {', '.join(get_args(Test))}, got {test!r}")
    if not np.shape(k) == np.shape(n) == (len(bands), len(regimens)):
        raise InputError(f"rates: wanted counts of shape ({len(bands)}, {len(regimens)}), found {np.shape(k)} and {np.shape(n)}")
    made = [
        _pair(band, regimens[i], regimens[j], [int(c) for c in (k[row, i], n[row, i], k[row, j], n[row, j])], test)
        for row, band in enumerate(bands)
        for i, j in combinations(range(len(regimens)), 2)
    ]
    planned = len(made) if family is None else family
    adjusted = adjust([row.p for row in made], correction, planned)
    named = f"{CORRECTION_NAMES[correction]}, {planned} planned comparisons"
    return [replace(row, p_adjusted=p, family=named) for row, p in zip(made, adjusted, strict=True)]


def _pair(band: str, a: str, b: str, counts: list[int], test: Test) -> PairRow:
    k_a, n_a, k_b, n_b = counts
    found = two_rates(k_a, n_a, k_b, n_b)
    return PairRow(
        band=band,
        a=a,
        b=b,
        term=f"{a} vs {b}",
        k_a=k_a,
        n_a=n_a,
        k_b=k_b,
        n_b=n_b,
        difference=found.difference,
        p=found.chi_square_p if test == "pearson" else found.fisher_p,
        p_adjusted=None,
        fisher_p=found.fisher_p,
        small_expected=found.smallest_expected is not None and found.smallest_expected < 5,
        test=TEST_NAMES[test],
        family="",
        note=found.note,
    )
