"""Fisher's exact test of larger tables."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from scipy.stats import fisher_exact

from her2ladder.analytics.statistics.fisher_table import fisher_table
from her2ladder.errors import InputError

JOB_SATISFACTION = [[1, 2, 1, 0], [3, 3, 6, 1], [10, 10, 14, 9], [6, 7, 12, 11]]


def test_agrees_with_the_example_of_R_fisher_test() -> None:
    """help(fisher.test), Agresti's job satisfaction: p-value = 0.7827 (R simulates .7842 or so). Too many tables: simulated here."""
    found = fisher_table(JOB_SATISFACTION)
    assert found.test == "Fisher's exact, Monte Carlo (10000 tables)"
    assert found.p == pytest.approx(0.7827, abs=0.015)


@pytest.mark.parametrize("seed", range(8))
def test_two_by_two_agrees_with_scipy(seed: int) -> None:
    table = np.random.default_rng(seed).integers(0, 14, (2, 2)) + np.eye(2, dtype=int)
    found = fisher_table(table)
    assert found.p == pytest.approx(fisher_exact(table).pvalue, abs=1e-10)
    assert found.test == "Fisher's exact"


@pytest.mark.parametrize("table", [[[2, 0, 1], [0, 2, 2]], [[3, 0], [1, 1], [0, 2]], [[1, 1, 0], [0, 1, 1], [2, 0, 1]]])
def test_enumeration_is_every_permutation_of_the_patients(table: list[list[int]]) -> None:
    """Seven patients, all orders of one label against the other: the share of tables no likelier than the one observed."""
    rows = [i for i, row in enumerate(table) for j, k in enumerate(row) for _ in range(k)]
    columns = [j for row in table for j, k in enumerate(row) for _ in range(k)]
    tally: dict[tuple[int, ...], int] = {}
    for order in permutations(columns):
        key = np.zeros(np.shape(table), dtype=int)
        np.add.at(key, (rows, list(order)), 1)
        tally[tuple(key.ravel())] = tally.get(tuple(key.ravel()), 0) + 1
    observed = tally[tuple(np.ravel(table))]
    wanted = sum(n for n in tally.values() if n <= observed) / sum(tally.values())
    assert fisher_table(table).p == pytest.approx(wanted, abs=1e-12)


def test_monte_carlo_repeats_by_its_seed_and_meets_the_enumeration() -> None:
    table = [[8, 3, 2], [2, 7, 4]]
    exact, simulated = fisher_table(table), fisher_table(table, work=1)
    assert exact.p is not None
    assert simulated.p == pytest.approx(exact.p, abs=4 * np.sqrt(exact.p * (1 - exact.p) / 10_000))
    assert simulated == fisher_table(table, work=1)
    assert "Monte Carlo" in simulated.test


def test_the_observed_table_counts_among_the_simulated_so_that_p_is_never_0() -> None:
    """Nothing as uneven as 30 patients a diagonal cell is ever drawn: P = (1 + 0) / (1 + 10000)."""
    assert fisher_table(np.diag([30] * 4), work=0).p == 1 / 10_001


def test_transposing_permuting_and_empty_lines_change_nothing() -> None:
    table = np.array([[5, 1, 2], [0, 4, 3]])
    p = fisher_table(table).p
    padded = np.pad(table, ((0, 1), (1, 0)))
    for other in (table.T, table[::-1, [2, 0, 1]], padded):
        assert fisher_table(other).p == pytest.approx(p, abs=1e-12)


def test_a_single_row_has_no_p_and_fractions_are_refused() -> None:
    assert fisher_table([[3, 4]]).p is None
    assert fisher_table([[3, 4], [0, 0]]).note.startswith("one row or column")
    assert fisher_table(np.zeros((2, 2))).p is None
    for wrong in ([[1.5, 2], [1, 1]], [[-1, 2], [1, 1]], [1, 2]):
        with pytest.raises(InputError, match="whole counts"):
            fisher_table(wrong)
