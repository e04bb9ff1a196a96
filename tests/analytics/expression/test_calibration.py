"""Where nothing is planted P is below .05 about as often as it may be, if patients are compared; with cells as the unit far more often.

The large run is benchmarks/xenium/calibration.py; here are about 200 tests of each kind, seeded.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import chi2_contingency, ttest_ind

from her2ladder.analytics.expression.de import deseq
from her2ladder.analytics.expression.interactions import log_ratio, observed_expected
from her2ladder.analytics.simulate.xenium import MARKERS, drawn, panel
from her2ladder.analytics.statistics.contrast import rank_sum

LOW, HIGH = 11, 10


def level(p: list[float]) -> float:
    return float(np.mean(np.array(p) < 0.05))


def wilcoxon(values: np.ndarray) -> float:
    p = rank_sum(list(values[:LOW]), list(values[LOW:])).p
    assert p is not None
    return p


def test_composition_holds_its_level_and_the_test_over_cells_does_not() -> None:
    by_patient, by_cell = [], []
    for seed in range(34):
        counts = np.array([np.bincount(drawn(150, np.random.default_rng([seed, n]), planted=False)[1], minlength=len(MARKERS)) for n in range(LOW + HIGH)])
        for at in range(len(MARKERS)):
            by_patient.append(wilcoxon(counts[:, at] / 150))
            both = np.column_stack([counts[:, at], 150 - counts[:, at]])
            by_cell.append(chi2_contingency([both[:LOW].sum(axis=0), both[LOW:].sum(axis=0)]).pvalue)
    assert len(by_patient) == 204
    assert 0.03 <= level(by_patient) <= 0.07
    assert level(by_cell) > 0.2


def test_genes_hold_their_level_and_the_test_over_cells_does_not() -> None:
    by_patient, by_cell = [], []
    for seed in range(3):
        cells = [counts[kind == 0] for _, kind, counts in (drawn(150, np.random.default_rng([50 + seed, n]), planted=False) for n in range(LOW + HIGH))]
        sums = pd.DataFrame([one.sum(axis=0) for one in cells], columns=panel(), index=[f"P{n}" for n in range(LOW + HIGH)])
        by_patient += list(deseq(sums, ["a"] * LOW + ["b"] * HIGH, "a", "b")["p"].dropna())
        by_cell += list(ttest_ind(np.log1p(np.vstack(cells[:LOW])), np.log1p(np.vstack(cells[LOW:]))).pvalue)
    assert len(by_patient) > 200
    assert 0.03 <= level(by_patient) <= 0.07
    assert level(by_cell) > 0.2


def test_interactions_hold_their_level_though_patients_differ_in_how_much_they_make() -> None:
    rng = np.random.default_rng(3)
    p = []
    for _ in range(20):
        values = []
        for _ in range(LOW + HIGH):
            mean = rng.lognormal(0, 0.5, 10)  # of this patient, for ten pairs
            s, r = (np.sqrt(rng.poisson(mean, (n, 10))) for n in (60, 40))
            n = int(rng.integers(40, 200))
            observed, expected, _ = observed_expected(s, r, rng.integers(0, 60, n), rng.integers(0, 40, n), 0, rng)
            values.append(log_ratio(observed, expected, n))
        p += [wilcoxon(np.array(values)[:, at]) for at in range(10)]
    assert len(p) == 200
    assert 0.03 <= level(p) <= 0.07
