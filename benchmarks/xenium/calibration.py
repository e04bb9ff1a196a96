"""Do the tests of in-situ sections hold their level where nothing is planted, find what is planted, and what can 11 against 10 find?

python benchmarks/xenium/calibration.py [SEEDS]      # 40 by default; about two minutes of CPU
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree
from scipy.stats import chi2_contingency, mannwhitneyu, norm, ttest_ind

from her2ladder.analytics.expression.composition import near_cells
from her2ladder.analytics.expression.de import deseq
from her2ladder.analytics.expression.interactions import log_ratio, observed_expected
from her2ladder.analytics.expression.subtypes import load_centroids, nearest
from her2ladder.analytics.simulate.xenium import LIGAND, MARKERS, PATHWAY, RECEPTOR, drawn, panel
from her2ladder.analytics.statistics.contrast import rank_sum

LOW, HIGH, CELLS = 11, 10, 2000
TYPES, GENES = list(MARKERS), panel()
IS_LOW = np.arange(LOW + HIGH) < LOW
PAIRS = [(LIGAND, RECEPTOR), *((f"FILL{i:02d}", f"FILL{i + 1:02d}") for i in range(0, 20, 2))]
SENDERS, RECEIVER, RADIUS = ("Neutro", "B", "M2"), "Th", 30.0


@dataclass
class Patient:
    """One value a patient (her), and what a test over cells would take (cells)."""

    sums: np.ndarray
    share: np.ndarray
    near_share: np.ndarray
    met: np.ndarray
    tumour: np.ndarray = field(repr=False)
    logs: np.ndarray = field(repr=False)
    type_counts: np.ndarray = field(repr=False)
    products: list[np.ndarray] = field(repr=False)


def patient(rng: np.random.Generator, planted: bool) -> Patient:
    where, kind, counts = drawn(CELLS, rng, planted=planted)
    of = {name: kind == at for at, name in enumerate(TYPES)}
    by_type = np.bincount(kind, minlength=len(TYPES))
    near = near_cells(where[:, 0], where[:, 1], of["Neutro"], RADIUS)
    around = np.bincount(kind[near], minlength=len(TYPES)) / max(near.sum(), 1)
    tumour = counts[of["Tumour"]]
    table, _ = load_centroids(None)
    genes = [gene for gene in table.index if gene in GENES]
    value = np.log1p(100 * tumour[:, [GENES.index(g) for g in genes]] / np.maximum(tumour.sum(axis=1), 1)[:, None])
    met, products = [], []
    for sender in SENDERS:
        here, there = where[of[sender]], where[of[RECEIVER]]
        near_by = cKDTree(here).sparse_distance_matrix(cKDTree(there), RADIUS, output_type="coo_matrix")
        s = np.sqrt(counts[of[sender]][:, [GENES.index(a) for a, _ in PAIRS]].astype(float))
        r = np.sqrt(counts[of[RECEIVER]][:, [GENES.index(b) for _, b in PAIRS]].astype(float))
        if len(near_by.row) < 10:
            met.append(np.full(len(PAIRS), np.nan))
            products.append(np.empty((0, len(PAIRS))))
            continue
        observed, expected, _ = observed_expected(s, r, near_by.row, near_by.col, 0, rng)
        met.append(log_ratio(observed, expected, len(near_by.row)))
        products.append(s[near_by.row] * r[near_by.col])
    return Patient(tumour.sum(axis=0), by_type / CELLS, around, np.concatenate(met), value, np.log1p(tumour), by_type, products)


def her2_shares(people: list[Patient]) -> np.ndarray:
    """Share of HER2-enriched tumour cells, centred over the cohort as `expression subtypes` does."""
    table, _ = load_centroids(None)
    genes = [gene for gene in table.index if gene in GENES]
    middle = np.median(np.vstack([one.tumour for one in people]), axis=0)
    her2 = list(table.columns).index("Her2")
    return np.array([np.mean(nearest(one.tumour - middle, table.loc[genes].to_numpy(float)) == her2) for one in people])


def wilcoxon(values: np.ndarray) -> tuple[float, float]:
    """Return P and rank-biserial, Low against High; patients without a value left out."""
    kept = np.isfinite(values)
    test = rank_sum(list(values[kept & IS_LOW]), list(values[kept & ~IS_LOW]))
    return float("nan") if test.p is None else test.p, test.rank_biserial


def nothing(seeds: int) -> None:
    found: dict[str, list[float]] = {}
    for seed in range(seeds):
        people = [patient(np.random.default_rng([1000 + seed, number]), planted=False) for number in range(LOW + HIGH)]
        if seed < seeds // 4:  # 75 genes a cohort are many tests
            sums = pd.DataFrame([one.sums for one in people], columns=GENES, index=[f"P{i}" for i in range(LOW + HIGH)])
            found.setdefault("genes: patient (PyDESeq2)", []).extend(deseq(sums, ["Low"] * LOW + ["High"] * HIGH, "Low", "High")["p"].dropna())
            cells = [one.logs for one in people]
            found.setdefault("genes: cell (t test of log counts)", []).extend(ttest_ind(np.vstack(cells[:LOW]), np.vstack(cells[LOW:])).pvalue)
        for at in range(len(TYPES)):
            found.setdefault("composition: patient (Wilcoxon)", []).append(wilcoxon(np.array([one.share[at] for one in people]))[0])
            count = np.array([[one.type_counts[at], CELLS - one.type_counts[at]] for one in people])
            found.setdefault("composition: cell (chi-square)", []).append(chi2_contingency([count[IS_LOW].sum(0), count[~IS_LOW].sum(0)]).pvalue)
            if TYPES[at] != "Neutro":
                found.setdefault("composition near neutrophils: patient (Wilcoxon)", []).append(wilcoxon(np.array([one.near_share[at] for one in people]))[0])
        found.setdefault("subtypes (HER2E): patient (Wilcoxon)", []).append(wilcoxon(her2_shares(people))[0])
        met = np.array([one.met for one in people])
        for at in range(met.shape[1]):
            found.setdefault("interactions: patient (Wilcoxon)", []).append(wilcoxon(met[:, at])[0])
            sender, pair = divmod(at, len(PAIRS))
            own = [one.products[sender][:, pair] for one in people]
            found.setdefault("interactions: neighbours (Mann-Whitney)", []).append(mannwhitneyu(np.concatenate(own[:LOW]), np.concatenate(own[LOW:])).pvalue)
    print(f"Nothing planted, {seeds} cohorts of {LOW} and {HIGH} patients, {CELLS:,} cells each")
    for what, p in found.items():
        known = np.array(p)[np.isfinite(p)]
        print(f"{what:52s} {np.mean(known < 0.05):6.1%} of {len(known)} tests have P < .05")


def planted(seeds: int = 10) -> None:
    told: dict[str, list[tuple[float, float]]] = {}
    for seed in range(seeds):
        people = [patient(np.random.default_rng([seed, number]), planted=bool(IS_LOW[number])) for number in range(LOW + HIGH)]
        sums = pd.DataFrame([one.sums for one in people], columns=GENES, index=[f"P{i}" for i in range(LOW + HIGH)])
        genes = deseq(sums, ["Low"] * LOW + ["High"] * HIGH, "Low", "High").set_index("gene")
        told.setdefault("ERBB2 up", []).append((genes.loc["ERBB2", "p"], genes.loc["ERBB2", "log2_fold_change"]))
        told.setdefault("pathway up (its genes' median)", []).append((genes.loc[list(PATHWAY), "p"].median(), genes.loc[list(PATHWAY), "log2_fold_change"].median()))
        told.setdefault("HER2E share up", []).append(wilcoxon(her2_shares(people)))
        told.setdefault("helper T near neutrophils up", []).append(wilcoxon(np.array([one.near_share[TYPES.index("Th")] for one in people])))
        told.setdefault(f"{LIGAND} - {RECEPTOR} up", []).append(wilcoxon(np.array([one.met[0] for one in people])))
    print(f"\nPlanted in Low, {seeds} cohorts")
    for what, found in told.items():
        print(f"{what:52s} right sign in {sum(effect > 0 for _, effect in found)} of {seeds}, P < .05 in {sum(p < 0.05 for p, _ in found)}")


def power(draws: int = 4000) -> None:
    """What 11 against 10 finds, if an effect is as large as the paper's P says: a normal shift of the same probability of superiority."""
    rng = np.random.default_rng(7)
    sd, middle = np.sqrt(LOW * HIGH * (LOW + HIGH + 1) / 12), LOW * HIGH / 2

    def share(shift: float, level: float) -> float:
        x = rng.normal(size=(draws, LOW + HIGH))
        x[:, :LOW] += shift
        p = mannwhitneyu(x[:, :LOW], x[:, LOW:], axis=1, method="exact").pvalue
        return float(np.mean(p < level))

    print("\nPower of 11 against 10 (exact Wilcoxon), were the effect as large as the paper found it")
    for what, p in (("HER2E share", 2.6e-3), ("LumA share", 6.5e-3), ("LumB share", 0.05), ("helper T near neutrophils", 3.8e-3), ("contacts neutrophil - helper T", 0.01), ("contacts helper T - M1", 2.8e-3), ("contacts helper T - NKT", 0.024), ("contacts helper T - plasma", 6.2e-3)):
        superior = (middle + norm.isf(p / 2) * sd) / (LOW * HIGH)
        shift = float(np.sqrt(2) * norm.ppf(superior))
        print(f"{what:36s} P {p:<7g} P(one above the other) {superior:.2f}  shift {shift:.2f} SD  power {share(shift, 0.05):.0%} at .05, {share(shift, 0.05 / 14):.0%} at .05 / 14 types")
    for shift in (0.8, 1.0, 1.25, 1.5):
        print(f"shift of {shift} SD: power {share(shift, 0.05):.0%} at .05")


if __name__ == "__main__":
    nothing(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
    planted()
    power()
