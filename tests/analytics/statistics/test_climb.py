"""The climb comes to rest at the top, or says that it did not."""

from __future__ import annotations

import numpy as np

from her2ladder.analytics.statistics.climb import climb

ONE = np.ones(1, dtype=bool)


def test_a_step_that_overshoots_twofold_does_not_swing_for_ever() -> None:
    """Half of the true curvature: each plain step lands as far on the other side."""
    found = climb(lambda b: (-float(b[0] ** 2), -2 * b, np.eye(1)), np.array([3.0]), ONE)
    assert found.converged
    assert abs(found.beta[0]) < 1e-9


def test_held_parameters_stay_where_they_start() -> None:
    found = climb(lambda b: (-float(b @ b) / 2, -b, np.eye(2)), np.array([3.0, 2.0]), np.array([True, False]))
    assert found.converged
    np.testing.assert_allclose(found.beta, [0.0, 2.0], atol=1e-9)


def test_a_model_without_a_value_does_not_converge() -> None:
    assert not climb(lambda b: (-np.inf, b, np.eye(1)), np.zeros(1), ONE).converged


def test_a_slope_without_a_top_does_not_converge() -> None:
    found = climb(lambda b: (float(-np.exp(-b[0])), np.exp(-b), np.exp(-b)[:, None]), np.zeros(1), ONE)
    assert not found.converged or found.beta[0] > 20


def test_where_no_step_helps_the_climb_stops_and_says_so() -> None:
    assert not climb(lambda b: (-float(b[0] ** 2), np.ones(1), np.eye(1)), np.zeros(1), ONE).converged


def test_an_information_without_an_inverse_is_no_top() -> None:
    assert not climb(lambda b: (0.0, np.ones(1), np.zeros((1, 1))), np.zeros(1), ONE).converged
    assert not climb(lambda b: (0.0, np.ones(1), -np.eye(1)), np.zeros(1), ONE).converged
