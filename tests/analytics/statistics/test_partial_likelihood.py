"""The running sums equal statsmodels' PHReg, and a book, ties and all."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.duration.hazard_regression import PHReg

from her2ladder.analytics.statistics.partial_likelihood import partial_likelihood


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("seed", range(3))
def test_value_score_information_and_third_moments_agree_with_statsmodels(seed: int, ties: str) -> None:
    rng = np.random.default_rng(seed)
    x, time, event = rng.normal(size=(30, 3)), rng.integers(1, 9, 30).astype(float), rng.random(30) < 0.6
    beta = rng.normal(size=3)
    likelihood, other = partial_likelihood(x, time, event, ties=ties), PHReg(time, x, status=event.astype(int), ties=ties)
    found = likelihood.moments(beta, third=True)
    assert found.value == pytest.approx(other.loglike(beta), rel=1e-12)
    np.testing.assert_allclose(found.score, other.score(beta), atol=1e-10)
    np.testing.assert_allclose(found.information, -other.hessian(beta), atol=1e-10)
    step = 1e-5
    for at in range(3):
        moved = step * np.eye(3)[at]
        change = (other.hessian(beta - moved) - other.hessian(beta + moved)) / (2 * step)
        np.testing.assert_allclose(found.third[:, :, at], change, atol=1e-7)


def test_the_book_by_therneau_and_grambsch_comes_out() -> None:
    """Appendix E.1: six patients; Efron: log likelihood and information in closed form, b = 1.676857 at the top."""
    time, event, x = np.array([9.0, 1, 1, 6, 6, 8]), np.array([1, 1, 0, 1, 1, 0], dtype=bool), np.array([0.0, 1, 1, 1, 0, 0])
    r = np.exp(1.676857)
    found = partial_likelihood(x[:, None], time, event).moments(np.array([1.676857]))
    assert found.value == pytest.approx(2 * np.log(r) - np.log(3 * r + 3) - np.log((r + 5) / 2) - np.log(r + 3))
    assert found.information[0, 0] == pytest.approx(sum(part - part**2 for part in (r / (r + 1), r / (r + 5), r / (r + 3))))
    assert found.score[0] == pytest.approx(0, abs=1e-6)


def test_a_predictor_that_leaves_nothing_at_risk_has_no_value() -> None:
    found = partial_likelihood(np.array([[0.0], [1000.0]]), np.array([2.0, 1.0]), np.array([True, True])).moments(np.array([1.0]))
    assert found.value == -np.inf
