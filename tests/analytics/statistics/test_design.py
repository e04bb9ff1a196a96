"""A design holds complete cases and only columns that can be fitted; the others keep their reason."""

from __future__ import annotations

import numpy as np
import pytest

from her2ladder.analytics.statistics import covariates as cov
from her2ladder.analytics.statistics.design import design_of, independent, profile_term, wald_term
from her2ladder.errors import InputError


def test_only_complete_patients_stay_and_the_others_are_counted() -> None:
    design = design_of([cov.number("a", [1, 2, None, 4]), cov.factor("b", ["x", "y", "x", "y"])], np.array([0.0, 1.0, 1.0, np.nan]))
    assert design.kept.tolist() == [True, True, False, False]
    assert (design.n, design.n_missing) == (2, 2)


def test_a_factors_reference_is_the_first_level_left_among_complete_patients() -> None:
    design = design_of([cov.number("a", [None, 1, 2, 3, 5]), cov.factor("s", ["I", "II", "III", "II", "III"])])
    assert design.names == ("a", "s III vs II")
    assert design.matrix[:, 1].tolist() == [0, 1, 0, 1]


def test_a_constant_column_is_left_out_with_its_reason() -> None:
    design = design_of([cov.number("a", [1, 2, 3]), cov.number("b", [7, 7, 7]), cov.factor("c", ["x", "x", "x"])])
    assert design.names == ("a",)
    assert [term.note for term in design.unfitted("why")] == [
        "why",
        "every patient has the same value (n = 3)",
        "every patient has the same value (n = 3)",
    ]


def test_a_collinear_column_is_named() -> None:
    x = np.arange(6.0) ** 2
    with pytest.raises(InputError, match="months is fixed by the covariates before it"):
        design_of([cov.number("years", x), cov.number("other", np.sin(x)), cov.number("months", 12 * x + 3)])


def test_a_column_that_two_others_add_up_to_is_named() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 20))
    with pytest.raises(InputError, match="c is fixed"):
        design_of([cov.number("a", a), cov.number("b", b * 1e6), cov.number("c", a * 1e-3 + b)])


def test_a_calendar_year_is_not_taken_for_a_constant_or_an_intercept() -> None:
    assert design_of([cov.number("year", [2015, 2016, 2017, 2019])]).names == ("year",)


def test_a_name_that_stands_twice_and_a_short_column_are_refused() -> None:
    with pytest.raises(InputError, match="stands twice"):
        design_of([cov.number("a", [1, 2]), cov.number("a", [2, 1])])
    with pytest.raises(InputError, match="b: wanted one entry a patient"):
        design_of([cov.number("a", [1, 2]), cov.number("b", [1])])
    with pytest.raises(InputError, match="at least one covariate"):
        design_of([])


def test_independence_agrees_with_the_rank_of_leading_columns() -> None:
    rng = np.random.default_rng(3)
    for _ in range(30):
        base = rng.normal(size=(15, 3))
        matrix = base @ rng.integers(-1, 2, size=(3, 6)) * 10.0 ** rng.integers(-4, 5, 6)
        scaled = matrix / np.maximum(np.linalg.norm(matrix, axis=0), 1e-300)
        ranks = [0] + [int(np.linalg.matrix_rank(scaled[:, :k], tol=1e-8)) for k in range(1, 7)]
        assert independent(matrix).tolist() == (np.diff(ranks) > 0).tolist()


def test_a_limit_beyond_any_number_is_none_with_a_reason() -> None:
    term = wald_term("x", "x", 2.0, 1e3)
    assert term.hi is None
    assert "beyond" in term.note
    open_ended = profile_term("x", "x", 1.0, 1.0, -1.0, np.nan, np.nan)
    assert (open_ended.hi, open_ended.p) == (None, None)
    assert open_ended.note == "upper limit not found; P value not found"


def test_a_term_becomes_a_row_with_both_notes() -> None:
    row = wald_term("x", "x", 0.0, 1.0).estimate(10, 4, "test", "note")
    assert (row.value, row.n, row.events, row.test, row.note) == (1.0, 10, 4, "test", "note")
    assert row.p == 1.0
