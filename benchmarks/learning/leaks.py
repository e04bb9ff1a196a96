"""Does pure noise look like noise out of fold, and does the same test catch a selection made on all patients?

    python benchmarks/learning/leaks.py [--seeds 20] [--budget 10] [--workers 2] [--leaky]

276 patients (113 with residual disease) x 142 features without a signal, all nine candidates, five outer folds once. --leaky ranks the
columns on all patients first and hands the best 15 to the same training. Exit 1 where the honest mean leaves .45-.55 or the leaky stays in.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
from data import noise

from her2ladder.analytics.learning.nested import Settings
from her2ladder.analytics.learning.selection import rank
from her2ladder.analytics.learning.train import train
from her2ladder.analytics.learning.tuning import auc


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option, default in (("--seeds", 20), ("--budget", 10), ("--workers", 2)):
        parser.add_argument(option, type=int, default=default)
    parser.add_argument("--leaky", action="store_true")
    chosen = parser.parse_args()
    areas = []
    for seed in range(1, chosen.seeds + 1):
        design, y = noise(seed, 276, 113)
        if chosen.leaky:
            design = design.only([design.columns[j] for j in rank(design.values, y, seed).order[:15]])
        fitted = train(design, y, Settings(seed=seed, budget=chosen.budget, repeats=1), workers=chosen.workers).model
        areas.append(auc(fitted.oof_mean, y))
        print(f"seed {seed}: out-of-fold {areas[-1]:.3f}, apparent {auc(fitted.apparent['ensemble'], y):.3f}", flush=True)
    mean = float(np.mean(areas))
    which = "leaky" if chosen.leaky else "honest"
    spread = f"SD {np.std(areas, ddof=1):.4f}, {min(areas):.3f} to {max(areas):.3f}"
    print(f"{which}: mean {mean:.4f}, {spread}, {len(areas)} seeds, budget {chosen.budget}")
    return int((0.45 <= mean <= 0.55) == chosen.leaky)


if __name__ == "__main__":
    sys.exit(main())
