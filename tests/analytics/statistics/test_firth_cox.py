"""Firth's Cox model against closed forms and a plain search over statsmodels' likelihood (R coxphf is the model)."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq, minimize, minimize_scalar
from scipy.stats import chi2
from statsmodels.duration.hazard_regression import PHReg

from her2ladder.analytics.statistics.firth_cox import firth_cox


def test_the_example_of_coxphf_comes_out_in_closed_form() -> None:
    """coxphf(Surv(time, cens) ~ x) of its manual: times 1, 2, 3, all events, x = 1, 1, 0: maximum likelihood is infinite."""
    fit = firth_cox(np.array([[1.0], [1.0], [0.0]]), np.array([1.0, 2.0, 3.0]), np.ones(3, dtype=bool))

    def penalised(beta: float) -> float:
        r = np.exp(beta)
        value = 2 * beta - np.log(2 * r + 1) - np.log(r + 1)
        return float(value + 0.5 * np.log(2 * r / (2 * r + 1) ** 2 + r / (r + 1) ** 2))

    best = minimize_scalar(lambda beta: -penalised(beta), bounds=(-5, 10), method="bounded", options={"xatol": 1e-10})
    assert fit.coef[0] == pytest.approx(best.x, abs=1e-6)
    drop = chi2.ppf(0.95, 1) / 2
    lower = brentq(lambda beta: penalised(beta) + best.fun + drop, best.x - 10, best.x)
    upper = brentq(lambda beta: penalised(beta) + best.fun + drop, best.x, best.x + 30)
    assert (fit.lo[0], fit.hi[0]) == pytest.approx((lower, upper), abs=1e-6)
    assert fit.p[0] == pytest.approx(chi2.sf(2 * (-best.fun - penalised(0.0)), 1), abs=1e-8)


@pytest.mark.parametrize("seed", [0, 1])
def test_estimates_intervals_and_p_agree_with_a_plain_search_with_tied_events(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.normal(size=24), rng.integers(0, 2, 24)])
    time, event = rng.integers(1, 8, 24).astype(float), (rng.random(24) < 0.6) & (x[:, 1] == 1)
    fit = firth_cox(x, time, event)
    breslow = PHReg(time, x, status=event.astype(int), ties="breslow")
    options = {"xatol": 1e-9, "fatol": 1e-12, "maxiter": 2000}

    def minus(beta: np.ndarray) -> float:  # type: ignore[type-arg]
        return -float(breslow.loglike(beta) + 0.5 * np.linalg.slogdet(-breslow.hessian(beta))[1])

    top = minimize(minus, np.zeros(2), method="Nelder-Mead", options=options)
    np.testing.assert_allclose(fit.coef, top.x, atol=1e-6)
    for at in range(2):

        def below(value: float, at: int = at) -> float:
            def held(other: float) -> float:
                return minus(np.array([value, other]) if at == 0 else np.array([other, value]))

            best = minimize_scalar(held, bounds=(fit.coef[1 - at] - 6, fit.coef[1 - at] + 12), method="bounded", options={"xatol": 1e-8})
            return float(2 * (best.fun - top.fun))

        assert fit.p[at] == pytest.approx(chi2.sf(below(0.0), 1), abs=1e-6)
        assert below(fit.lo[at]) == pytest.approx(chi2.ppf(0.95, 1), abs=1e-4)
        assert below(fit.hi[at]) == pytest.approx(chi2.ppf(0.95, 1), abs=1e-4)
        assert fit.lo[at] < fit.coef[at] < fit.hi[at]


def test_many_events_leave_firth_and_maximum_likelihood_together() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(1500, 1))
    fit = firth_cox(x, rng.exponential(np.exp(-0.5 * x[:, 0])), np.ones(1500, dtype=bool))
    assert fit.coef[0] == pytest.approx(0.5, abs=0.1)
    assert (fit.hi[0] - fit.coef[0]) / fit.se[0] == pytest.approx(1.96, abs=0.02)


def test_unit_order_and_sign_change_nothing_but_themselves() -> None:
    rng = np.random.default_rng(6)
    x, time, event = rng.normal(size=(30, 2)), rng.exponential(size=30), rng.random(30) < 0.3
    plain = firth_cox(x, time, event)
    order = rng.permutation(30)
    turned = firth_cox((x * [-10, 1] + [3, 0])[order], time[order] * 12, event[order])
    np.testing.assert_allclose(turned.coef * [-10, 1], plain.coef, rtol=1e-7)
    np.testing.assert_allclose(turned.lo[0] * -10, plain.hi[0], rtol=1e-6)
    np.testing.assert_allclose(turned.p, plain.p, rtol=1e-6)


def test_one_event_is_enough_for_a_finite_interval() -> None:
    fit = firth_cox(np.array([[0.0], [1.0], [2.0], [0.5]]), np.array([1.0, 2.0, 3.0, 4.0]), np.array([False, True, False, False]))
    assert fit.converged
    assert np.isfinite([fit.lo[0], fit.hi[0], fit.p[0]]).all()


@pytest.mark.parametrize("seed", range(12))
def test_small_cohorts_with_ties_always_have_estimates_inside_finite_intervals(seed: int) -> None:
    """Scoring overshoots here by more than twofold, and the profile bends: both once kept the climb from coming to rest."""
    rng = np.random.default_rng(seed)
    level = rng.integers(0, 3, 20)
    x = np.column_stack([level == 1, level == 2, rng.normal(size=20)]).astype(float)
    fit = firth_cox(x, np.ceil(rng.exponential(5, 20)), rng.random(20) < 0.3)
    assert fit.converged
    assert (np.isfinite(fit.lo) & np.isfinite(fit.hi) & (fit.lo < fit.coef) & (fit.coef < fit.hi)).all()
    assert ((fit.p > 0.05) == ((fit.lo < 0) & (fit.hi > 0))).all()
