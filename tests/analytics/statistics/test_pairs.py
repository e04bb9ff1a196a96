"""The table of bands x regimens against R, pair by pair, and with holes in it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from her2ladder.analytics.statistics.bands import BANDS, band_of, tertile_cuts
from her2ladder.analytics.statistics.pairs import compare_pairs, count_cells
from her2ladder.errors import InputError


def test_every_pair_agrees_with_R(cohort: pd.DataFrame, truth: dict[str, Any]) -> None:
    """R: chisq.test(correct = FALSE), x 30, fisher.test, for every pair of regimens within every band."""
    regimens = sorted(cohort.regimen.unique())
    bands = band_of(cohort.score, tertile_cuts(cohort.score))
    k, n = count_cells(cohort.is_pcr.to_numpy(), bands, cohort.regimen.tolist(), BANDS, regimens)
    rows = compare_pairs(k, n, BANDS, regimens)
    assert len(rows) == len(truth["pcr_pairs"]) == 30
    for row, wanted in zip(rows, truth["pcr_pairs"], strict=True):
        assert (row.band, row.term) == (wanted["band"], f"{wanted['a']} vs {wanted['b']}")
        assert (row.k_a, row.n_a, row.k_b, row.n_b) == (wanted["pcr_a"], wanted["n_a"], wanted["pcr_b"], wanted["n_b"])
        assert row.p == pytest.approx(wanted["chi2_p"], abs=1e-10)
        assert row.p_adjusted == pytest.approx(wanted["chi2_p_bonferroni"], abs=1e-10)
        assert row.fisher_p == pytest.approx(wanted["fisher_p"], abs=1e-10)
        assert row.family == "Bonferroni, 30 planned comparisons"


def test_an_empty_cell_is_none_and_the_factor_stays(cohort: pd.DataFrame) -> None:
    k, n = np.array([[5, 0, 1], [8, 2, 3]]), np.array([[10, 0, 9], [10, 2, 3]])
    rows = {(row.band, row.term): row for row in compare_pairs(k, n, ["Low", "High"], ["A", "B", "C"])}
    assert len(rows) == 6
    hole = rows["Low", "A vs B"]
    assert (hole.p, hole.p_adjusted, hole.fisher_p, hole.difference.value) == (None, None, None, None)
    assert hole.note == "no patients in the second group"
    assert not hole.small_expected
    undefined = rows["High", "B vs C"]
    assert (undefined.p, undefined.p_adjusted) == (None, None)
    assert "both rates are 100 %" in undefined.note
    made = rows["Low", "A vs C"]
    assert made.p is not None
    assert made.p_adjusted == min(1.0, 6 * made.p)
    assert made.small_expected
    middling = compare_pairs(np.array([[4, 5]]), np.array([[10, 10]]), ["Low"], ["A", "B"])[0]
    assert middling.small_expected  # 4.5 expected, though no count is below 4


def test_test_correction_and_family_are_options_that_the_row_names() -> None:
    k, n = np.array([[5, 1, 9]]), np.array([[10, 9, 10]])
    fisher = compare_pairs(k, n, ["Low"], ["A", "B", "C"], test="fisher", correction="holm")
    assert all(row.p == row.fisher_p for row in fisher)
    assert {(row.test, row.family) for row in fisher} == {("Fisher's exact", "Holm, 3 planned comparisons")}
    plain = compare_pairs(k, n, ["Low"], ["A", "B", "C"], correction="none")
    assert all(row.p == row.p_adjusted for row in plain)
    wide = compare_pairs(k, n, ["Low"], ["A", "B", "C"], family=30)
    assert wide[1].p_adjusted == pytest.approx(min(1.0, 30 * (plain[1].p or 0)))
    for name, value in (("test", "barnard"), ("correction", "sidak")):
        with pytest.raises(InputError, match=f"{name}: must be one of"):
            compare_pairs(k, n, ["Low"], ["A", "B", "C"], **{name: value})  # type: ignore[arg-type]


def test_patients_without_band_or_outside_the_regimens_are_in_no_cell() -> None:
    k, n = count_cells([1, 0, 1, 1], ["Low", "Low", None, "Low"], ["A", "A", "A", "other"], ["Low"], ["A", "B"])
    assert k.tolist() == [[1, 0]]
    assert n.tolist() == [[2, 0]]
    with pytest.raises(InputError, match="one band and one regimen"):
        count_cells([1, 0], ["Low"], ["A"], ["Low"], ["A"])


def test_one_regimen_has_no_pairs_and_wrong_shapes_are_refused() -> None:
    assert compare_pairs(np.array([[1]]), np.array([[2]]), ["Low"], ["A"]) == []
    with pytest.raises(InputError, match=r"shape \(1, 2\)"):
        compare_pairs(np.array([[1]]), np.array([[2]]), ["Low"], ["A", "B"])


def test_relabelling_the_regimens_permutes_the_rows_and_nothing_else() -> None:
    rng = np.random.default_rng(4)
    n = rng.integers(1, 30, (3, 4))
    k = rng.binomial(n, 0.6)
    order = [2, 0, 3, 1]
    names = ["A", "B", "C", "D"]
    plain = {(r.band, frozenset((r.a, r.b))): r for r in compare_pairs(k, n, BANDS, names)}
    for row in compare_pairs(k[:, order], n[:, order], BANDS, [names[i] for i in order]):
        before = plain[row.band, frozenset((row.a, row.b))]
        assert row.p == (None if before.p is None else pytest.approx(before.p, rel=1e-12))
