"""How long does a default training of 276 patients x 142 features take, and scoring and explaining a cohort with the model?

    python benchmarks/learning/speed.py [--workers 2]

139 features with 3 % missing values and three clinical columns; default settings with the clinical rival. Exit 1 where the training takes
five minutes or scoring five seconds.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from data import planted
from joblib.externals.loky import get_reusable_executor

from her2ladder.analytics.learning import persist
from her2ladder.analytics.learning.explain import explain
from her2ladder.analytics.learning.nested import Settings
from her2ladder.analytics.learning.score import score
from her2ladder.analytics.learning.train import train


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args()
    design, y, _ = planted(1, 276, 5, 1.0)
    design.values[np.random.default_rng(2).random(design.values.shape) < 0.03] = np.nan
    start = time.perf_counter()
    fitted = train(design, y, Settings(), clinical=design.columns[-3:], workers=chosen.workers).model
    training = time.perf_counter() - start
    get_reusable_executor().shutdown(wait=True)
    cpu = sum(resource.getrusage(who).ru_utime for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    with tempfile.TemporaryDirectory() as folder:
        persist.save(fitted, Path(folder), "speed")
        size = (Path(folder) / "model.skops").stat().st_size
        start = time.process_time()
        score(persist.load(Path(folder)), design)
        scoring = time.process_time() - start
    start = time.process_time()
    explain(fitted.ensemble, design.values, design.values)
    explaining = time.process_time() - start
    print(f"training {training:.0f} s wall with {chosen.workers} workers, {cpu:.0f} CPU s; model.skops {size / 1e6:.1f} MB")
    told = f"load and score 276 patients {scoring:.2f} CPU s; explain them {explaining:.0f} CPU s"
    print(f"{told}; members {list(fitted.ensemble.weights)}")
    return int(training >= 300 or scoring >= 5)


if __name__ == "__main__":
    sys.exit(main())
