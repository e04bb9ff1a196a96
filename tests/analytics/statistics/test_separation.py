"""Separation and monotone likelihood are found where they are and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog

from her2ladder.analytics.statistics.separation import monotone_likelihood, separation


def column(*values: float) -> np.ndarray:  # type: ignore[type-arg]
    return np.array(values, dtype=float)[:, None]


def test_a_gap_between_the_outcomes_is_complete_separation() -> None:
    found = separation(column(1, 2, 3, 4), np.array([0, 0, 1, 1]))
    assert (found.kind, found.infinite) == ("complete", (0,))


def test_a_shared_edge_is_quasi_complete_separation() -> None:
    found = separation(column(1, 2, 3, 3, 4), np.array([0, 0, 0, 1, 1]))
    assert (found.kind, found.infinite) == ("quasi-complete", (0,))


def test_an_overlap_of_one_patient_is_no_separation() -> None:
    assert not separation(column(1, 2, 3, 2.999999, 4), np.array([0, 0, 0, 1, 1]))


def test_an_empty_cell_makes_only_its_own_column_infinite() -> None:
    level = np.repeat([0, 1, 2], [10, 10, 5])
    outcome = np.array([0, 1] * 10 + [1] * 5)
    score = np.random.default_rng(1).normal(size=25)
    found = separation(np.column_stack([score, level == 1, level == 2]).astype(float), outcome)
    assert (found.kind, found.infinite) == ("quasi-complete", (2,))


def test_one_patient_in_a_thousand_beyond_an_edge_is_still_found() -> None:
    rng = np.random.default_rng(5)
    flag = np.zeros(1000)
    flag[7] = 1
    outcome = rng.integers(0, 2, 1000)
    found = separation(np.column_stack([rng.normal(size=1000), flag]), outcome)
    assert (found.kind, found.infinite) == ("quasi-complete", (1,))


def test_separation_in_the_plane_agrees_with_trying_every_direction() -> None:
    """A line through two patients can be turned until it touches: all candidate directions are normals of pairs (small integers)."""
    rng = np.random.default_rng(8)
    kinds = set()
    for _ in range(50):
        points, outcome = rng.integers(0, 4, size=(7, 2)).astype(float), rng.integers(0, 2, 7)
        if outcome.min() == outcome.max() or np.linalg.matrix_rank(np.column_stack([np.ones(7), points])) < 3:
            continue
        kinds.add(separation(points, outcome).kind)
        assert separation(points, outcome).kind == by_all_directions(points, outcome)
    assert kinds == {"none", "quasi-complete", "complete"}


def by_all_directions(points: np.ndarray, outcome: np.ndarray) -> str:  # type: ignore[type-arg]
    differences = (points[:, None] - points[None]).reshape(-1, 2)
    normals = np.unique(np.vstack([differences, differences @ np.array([[0.0, 1.0], [-1.0, 0.0]])]), axis=0)
    directions = (normals[:, None] + 0.01 * np.vstack([normals, np.zeros(2)])[None]).reshape(-1, 2)
    height = directions @ points.T
    gap = height[:, outcome == 1].min(axis=1) - height[:, outcome == 0].max(axis=1)
    if (gap > 1e-9).any():
        return "complete"
    return "quasi-complete" if ((gap >= -1e-9) & (np.ptp(height, axis=1) > 1e-9)).any() else "none"


def test_the_highest_covariate_dying_first_is_monotone() -> None:
    time = np.array([1.0, 2.0, 3.0])
    found = monotone_likelihood(column(1, 1, 0), time, np.array([True, True, True]))
    assert (found.kind, found.infinite) == ("monotone", (0,))


def test_a_group_without_an_event_is_monotone_and_others_are_not() -> None:
    rng = np.random.default_rng(2)
    group, age, time = rng.integers(0, 2, 40).astype(float), rng.normal(size=40), rng.exponential(size=40)
    event = group == 1
    event[np.flatnonzero(event)[::3]] = False
    assert monotone_likelihood(np.column_stack([age, group]), time, event).infinite == (1,)
    event[np.flatnonzero((group == 0) & (time < np.quantile(time, 0.3)))[0]] = True
    assert not monotone_likelihood(np.column_stack([age, group]), time, event)


def test_two_tied_events_with_different_covariates_are_not_monotone() -> None:
    assert not monotone_likelihood(column(0, 1), np.array([1.0, 1.0]), np.array([True, True]))


def test_patients_who_left_before_the_first_event_do_not_matter() -> None:
    time, event = np.array([0.5, 1.0, 2.0, 3.0]), np.array([False, True, True, False])
    assert monotone_likelihood(column(9, 3, 2, 1), time, event)


@pytest.mark.parametrize("seed", range(4))
def test_monotone_likelihood_agrees_with_a_programme_over_every_pair(seed: int) -> None:
    """The plain statement: every event's predictor is no lower than anyone's at risk, and somewhere higher."""
    rng = np.random.default_rng(seed)
    seen = set()
    for _ in range(25):
        x, time, event = rng.integers(0, 3, size=(8, 2)).astype(float), rng.integers(1, 6, 8).astype(float), rng.random(8) < 0.4
        rows = [x[i] - x[j] for i in np.flatnonzero(event) for j in range(8) if time[j] >= time[i] and j != i]
        if not rows or np.linalg.matrix_rank(np.array(rows)) < 2:
            continue
        pairs = np.array(rows)
        best = linprog(-pairs.sum(axis=0), A_ub=-pairs, b_ub=np.zeros(len(pairs)), bounds=[(-1, 1)] * 2)
        expected = "monotone" if -best.fun > 1e-6 else "none"
        seen.add(expected)
        assert monotone_likelihood(x, time, event).kind == expected
    assert seen == {"none", "monotone"}
