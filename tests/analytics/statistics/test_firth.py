"""Firth's logistic fit against R (brglm2, logistf) and against a plain maximisation that shares no code with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq, minimize
from scipy.stats import chi2

from her2ladder.analytics.statistics.climb import Model, climb
from her2ladder.analytics.statistics.firth import firth_fit, firth_logistic, logistic_model, restricted_p

# Urinary-tract infection and contraceptive use, 239 women (Cytel 1999; logistf's `sex2`): how many with each pattern of
# age, oc, vic, vicl, vis, dia.
CASES = {
    "000010": 1, "001000": 14, "001010": 3, "001100": 10, "001110": 12, "001111": 1, "010000": 44, "010001": 3, "011000": 15,
    "011001": 1, "011010": 2, "011100": 7, "011110": 3, "101000": 2, "101010": 1, "101011": 1, "101100": 1, "101111": 1,
    "110000": 5, "111000": 3,
}  # fmt: skip
CONTROLS = {
    "000010": 1, "001000": 2, "001010": 1, "001100": 8, "001110": 18, "010000": 42, "010010": 1, "011000": 1, "011100": 5,
    "011110": 6, "101100": 2, "101110": 4, "110000": 14, "110010": 1, "111000": 1, "111110": 2,
}  # fmt: skip


def infections() -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    rows = [(pattern, outcome) for outcome, table in ((1, CASES), (0, CONTROLS)) for pattern, count in table.items() for _ in range(count)]
    return np.array([[float(digit) for digit in pattern] for pattern, _ in rows]), np.array([outcome for _, outcome in rows])


def test_firth_agrees_with_R_brglm2_under_complete_separation(truth: dict[str, Any]) -> None:
    """glm(y ~ x, method = "brglmFit", type = "AS_mean")"""
    r = truth["firth_separated"]
    fit = firth_logistic(np.array(r["x"], dtype=float)[:, None], np.array(r["y"]))
    np.testing.assert_allclose(fit.coef, r["coef"], atol=1e-6)
    np.testing.assert_allclose(fit.se, r["se"], atol=1e-6)


def test_firth_agrees_with_R_logistf_in_estimates_and_profile_intervals() -> None:
    """logistf(case ~ age + oc + vic + vicl + vis + dia, sex2), as its tests and those of firthlogist print it"""
    fit = firth_logistic(*infections())
    coef = [0.12025405, -1.10598131, -0.06881673, 2.26887464, -2.11140817, -0.78831694, 3.09601166]
    lo = [-0.8185591, -1.9737884, -0.9414363, 1.2730216, -3.2608611, -1.6080879, 0.7745682]
    hi = [1.07315122, -0.30742514, 0.78920202, 3.43543273, -1.11773495, 0.01518468, 8.03029352]
    np.testing.assert_allclose(fit.coef, coef, rtol=1e-6)
    np.testing.assert_allclose(fit.lo, lo, rtol=1e-6)
    np.testing.assert_allclose(fit.hi, hi, rtol=1e-6)


def test_a_two_by_two_table_is_fitted_as_with_half_a_patient_more_in_each_cell() -> None:
    """Firth 1993: in a saturated model the penalty adds one half to each cell."""
    x = np.repeat([0.0, 0.0, 1.0, 1.0], [7, 3, 5, 0])
    y = np.repeat([0, 1, 0, 1], [7, 3, 5, 0])
    fit = firth_logistic(x[:, None], y)
    assert fit.coef[1] == pytest.approx(np.log((0.5 / 5.5) / (3.5 / 7.5)), abs=1e-9)


def plainly(x: np.ndarray, y: np.ndarray) -> Callable[[np.ndarray], float]:  # type: ignore[type-arg]
    columns = np.column_stack([np.ones(len(x)), x])

    def minus(beta: np.ndarray) -> float:  # type: ignore[type-arg]
        eta = columns @ beta
        p = 1 / (1 + np.exp(-eta))
        _, logdet = np.linalg.slogdet((columns * (p * (1 - p))[:, None]).T @ columns)
        return -float(np.sum(y * eta - np.logaddexp(0, eta)) + 0.5 * logdet)

    return minus


def test_profile_interval_and_p_agree_with_a_plain_search() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(25, 2))
    y = (x[:, 0] > 0.2).astype(int)
    minus = plainly(x, y)
    fit = firth_logistic(x, y)
    top = minimize(minus, np.zeros(3), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 5000})
    np.testing.assert_allclose(fit.coef, top.x, atol=1e-5)

    def below(value: float, at: int) -> float:
        others = [place for place in range(3) if place != at]

        def held(free: np.ndarray) -> float:  # type: ignore[type-arg]
            beta = np.empty(3)
            beta[at], beta[others] = value, free
            return minus(beta)

        best = minimize(held, fit.coef[others], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 5000})
        return 2 * (best.fun - top.fun)

    for at in (1, 2):
        lower = brentq(lambda value, at=at: below(value, at) - chi2.ppf(0.95, 1), fit.coef[at] - 4 * fit.se[at], fit.coef[at], xtol=1e-7)
        assert fit.lo[at] == pytest.approx(lower, abs=1e-4)
        assert fit.p[at] == pytest.approx(chi2.sf(below(0.0, at), 1), abs=1e-6)


def test_many_patients_leave_firth_and_maximum_likelihood_together() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20000, 1))
    y = (rng.random(20000) < 1 / (1 + np.exp(-x[:, 0]))).astype(int)
    fit = firth_logistic(x, y)
    assert fit.coef[1] == pytest.approx(1.0, abs=0.05)
    assert (fit.coef[1] - fit.lo[1]) / fit.se[1] == pytest.approx(1.96, abs=0.02)


def test_the_unit_and_the_origin_of_a_column_change_nothing_but_its_scale() -> None:
    x, y = infections()
    plain, moved = firth_logistic(x, y), firth_logistic(x * [1, 1, 100, 1, 1, 1e-3] + [0, 0, 50, 0, 0, 0], y)
    np.testing.assert_allclose(moved.coef[1:] * [1, 1, 100, 1, 1, 1e-3], plain.coef[1:], rtol=1e-7)
    np.testing.assert_allclose(moved.hi[1:] * [1, 1, 100, 1, 1, 1e-3], plain.hi[1:], rtol=1e-6)
    np.testing.assert_allclose(moved.p[1:], plain.p[1:], rtol=1e-6)


def test_swapping_the_outcome_turns_the_interval_round() -> None:
    x, y = infections()
    plain, swapped = firth_logistic(x, y), firth_logistic(x, 1 - y)
    np.testing.assert_allclose(swapped.lo, -plain.hi, rtol=1e-7)
    np.testing.assert_allclose(swapped.p, plain.p, rtol=1e-7)


def test_a_joint_test_of_one_parameter_is_its_own_test() -> None:
    x, y = infections()
    columns = np.column_stack([np.ones(len(x)), x])
    model = logistic_model(columns, y)
    top = climb(model, np.zeros(7), np.ones(7, dtype=bool))
    assert restricted_p(model, top, np.arange(7) == 6) == pytest.approx(firth_logistic(x, y).p[6], rel=1e-7)


def without(hole: Callable[[np.ndarray], bool]) -> Model:  # type: ignore[type-arg]
    """A parabola about 0 (one parameter), or about (1, 1) along a ridge, that has no value where the hole is."""

    def model(beta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:  # type: ignore[type-arg]
        turn = np.eye(1) if len(beta) == 1 else np.array([[1.0, 0.0], [-1.0, 1.0]])
        off = turn @ beta - (np.zeros(1) if len(beta) == 1 else np.array([1.0, 0.0]))
        return -np.inf if hole(beta) else -float(off @ off) / 2, -turn.T @ off, turn.T @ turn

    return model


@pytest.mark.parametrize(("begins", "ends", "hi"), [(9, 9, 1.959964), (2.05, 9, 1.959964), (1.5, 9, np.nan), (1.9, 2.0, np.nan)])
def test_an_end_of_the_interval_is_found_before_a_hole_and_is_none_where_the_hole_hides_it(begins: float, ends: float, hi: float) -> None:
    fit = firth_fit(without(lambda beta: begins < beta[0] < ends), 1)
    assert fit.lo[0] == pytest.approx(-1.959964, abs=1e-6)
    assert fit.hi[0] == pytest.approx(hi, abs=1e-6, nan_ok=True)


def test_a_restricted_fit_that_cannot_start_at_the_peak_starts_at_zero() -> None:
    model = without(lambda beta: beta[0] == 0 and beta[1] > 0.5)
    top = climb(model, np.zeros(2), np.ones(2, dtype=bool))
    assert top.beta == pytest.approx([1, 1])
    assert restricted_p(model, top, np.array([True, False])) == pytest.approx(chi2.sf(1, 1))
