"""Nothing is planted: how often is P below .05, with the patient as the unit, and with the cell? python benchmarks/xenium/null.py [SEEDS]"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from scipy.stats import mannwhitneyu, ttest_ind

from her2ladder.analytics.expression.de import deseq
from her2ladder.analytics.simulate.xenium import MARKERS, drawn, panel


def main() -> None:
    by_patient: list[float] = []
    by_cell: list[float] = []
    shares: list[float] = []
    for seed in range(int(sys.argv[1]) if len(sys.argv) > 1 else 5):
        tumour, composition = [], []
        for number in range(21):
            _, kind, counts = drawn(500, np.random.default_rng([seed, number]), planted=False)
            tumour.append(counts[kind == 0])
            composition.append(np.bincount(kind, minlength=len(MARKERS)) / len(kind))
        sums = pd.DataFrame([cells.sum(axis=0) for cells in tumour], columns=panel(), index=[f"P{i}" for i in range(21)])
        by_patient += list(deseq(sums, ["Low"] * 11 + ["High"] * 10, "Low", "High")["p"].dropna())
        by_cell += list(ttest_ind(np.log1p(np.vstack(tumour[:11])), np.log1p(np.vstack(tumour[11:]))).pvalue)
        share = np.array(composition)
        shares += [mannwhitneyu(share[:11, at], share[11:, at], method="exact").pvalue for at in range(len(MARKERS))]
    for what, p in (("genes, patient as unit (PyDESeq2)", by_patient), ("genes, cell as unit (t test)", by_cell), ("shares of types", shares)):
        print(f"{what}: {np.mean(np.array(p) < 0.05):.1%} of {len(p)} tests have P < .05")


if __name__ == "__main__":
    main()
