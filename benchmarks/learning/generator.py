"""How far is the out-of-fold AUC from the oracle's on a generator whose truth is known?

    python benchmarks/learning/generator.py [--seeds 20] [--budget 40] [--repeats 1] [--workers 2] [--weak]

142 N(0, 1) features, n = 300; five with log-odds 1.0, or with --weak twenty with 0.5. Prints a row a seed (the oracle's AUC on the same
patients, the out-of-fold AUC, the vote's members) and the mean gap. Exit 1 where the strong generator's mean gap exceeds 0.05.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
from data import planted

from her2ladder.analytics.learning.nested import Settings
from her2ladder.analytics.learning.train import train
from her2ladder.analytics.learning.tuning import auc


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option, default in (("--seeds", 20), ("--budget", 40), ("--repeats", 1), ("--workers", 2)):
        parser.add_argument(option, type=int, default=default)
    parser.add_argument("--weak", action="store_true")
    chosen = parser.parse_args()
    informative, log_odds = (20, 0.5) if chosen.weak else (5, 1.0)
    gaps, inner_gaps = [], []
    start = time.perf_counter()
    for seed in range(1, chosen.seeds + 1):
        design, y, truth = planted(seed, 300, informative, log_odds)
        settings = Settings(seed=seed, budget=chosen.budget, repeats=chosen.repeats)
        fitted = train(design, y, settings, workers=chosen.workers).model
        oracle, ours = auc(truth, y), auc(fitted.oof_mean, y)
        per_repeat = float(np.mean([auc(scores, y) for scores in fitted.oof["ensemble"]]))
        alone = {name: round(auc(scores.mean(axis=0), y), 3) for name, scores in fitted.oof.items()}
        gaps.append(oracle - ours)
        inner_gaps.append(oracle - per_repeat)
        weights = ", ".join(f"{name} {weight:.2f}" for name, weight in fitted.ensemble.weights.items())
        print(f"| {seed} | {oracle:.3f} | {ours:.3f} | {oracle - ours:+.3f} | {weights} | {alone} |", flush=True)
    print(
        f"mean gap {np.mean(gaps):.4f} (SE {np.std(gaps, ddof=1) / len(gaps) ** 0.5:.4f}), of per-repeat AUCs {np.mean(inner_gaps):.4f};",
        end=" ",
    )
    print(f"{len(gaps)} seeds, budget {chosen.budget}, repeats {chosen.repeats}, {time.perf_counter() - start:.0f} s wall")
    return int(not chosen.weak and np.mean(gaps) > 0.05)


if __name__ == "__main__":
    sys.exit(main())
