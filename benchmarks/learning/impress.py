"""What does the procedure give on real patients: IMPRESS (Huang et al. 2023), image + clinical beside clinical alone?

    python benchmarks/learning/impress.py FOLDER [--subtype HER2+] [--budget 8] [--repeats 20] [--workers 2] [--leave-one-out]

FOLDER holds features/IMPRESS/, clinical/ of the authors' repository. Their features are indexed by patient number while the clinical table
is numbered from 0: the order of rows agrees, the index does not, so the tables are put side by side by row and the lengths must match.
--leave-one-out is biased low under the null (a pooled leave-one-out AUC of noise is .33, not .5): only to set beside the authors' figures.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from her2ladder.analytics.learning.design import Design
from her2ladder.analytics.learning.nested import Settings
from her2ladder.analytics.learning.train import Fitted, train
from her2ladder.analytics.learning.tuning import auc
from her2ladder.analytics.statistics.delong import auc_logit, delong_paired
from her2ladder.errors import InputError


def cohort(folder: Path, subtype: str) -> tuple[Design, np.ndarray, list[str]]:
    """Return design, residual disease (1 - pCR) and the clinical columns."""
    tables = [pd.read_csv(folder / part / f"{subtype}.csv", header=[0, 1], index_col=0) for part in ("features/IMPRESS", "clinical")]
    for table in tables:
        table.columns = ["_".join(column) for column in table.columns]
    features, clinical = tables
    if len(features) != len(clinical):
        raise InputError(f"{folder}: {len(features)} rows of features and {len(clinical)} of clinical data; they are matched by row")
    clinical.index = features.index
    pcr = clinical.pop("clinical_pCR").astype(int)
    design = Design.from_frame(pd.concat([features, clinical], axis=1))
    return design, (1 - pcr).to_numpy(np.int64), list(clinical.columns)


def _said(name: str, fitted: Fitted) -> None:
    of_mean = auc_logit(fitted.y, fitted.oof_mean)
    repeats = [auc(scores, fitted.y) for scores in fitted.oof["ensemble"]]
    apparent = auc(fitted.apparent["ensemble"], fitted.y)
    print(f"{name}: AUC of the mean score {of_mean.value:.3f} (logit 95 % CI {of_mean.lo:.3f}-{of_mean.hi:.3f}),", end=" ")
    print(f"mean of per-repeat AUCs {np.mean(repeats):.3f} (SD {np.std(repeats):.3f}), apparent {apparent:.3f}")
    alone = {member: round(auc(scores.mean(axis=0), fitted.y), 3) for member, scores in fitted.oof.items()}
    print(f"  members of the final vote {fitted.ensemble.weights}; out-of-fold AUC of each candidate {alone}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--subtype", default="HER2+", choices=("HER2+", "TNBC"))
    for option, default in (("--budget", 8), ("--repeats", 20), ("--workers", 2)):
        parser.add_argument(option, type=int, default=default)
    parser.add_argument("--leave-one-out", action="store_true")
    chosen = parser.parse_args()
    design, y, clinical = cohort(chosen.folder, chosen.subtype)
    folds = {"outer_folds": 0, "repeats": 1} if chosen.leave_one_out else {"outer_folds": 5, "repeats": chosen.repeats}
    trained = train(design, y, Settings(budget=chosen.budget, **folds), clinical=clinical, workers=chosen.workers)
    assert trained.rival is not None
    how = "leave-one-out (biased low under the null)" if chosen.leave_one_out else f"5 folds x {chosen.repeats} repeats"
    print(f"{chosen.subtype}: {len(y)} patients, {int(y.sum())} with residual disease; {how}; budget {chosen.budget}")
    _said(f"image + clinical ({len(design.columns)} columns)", trained.model)
    _said(f"clinical alone ({len(clinical)} columns)", trained.rival)
    test = delong_paired(trained.model.y, trained.model.oof_mean, trained.rival.oof_mean)
    d = test.difference
    if d.value is not None and d.lo is not None and d.hi is not None and d.p is not None:
        print(f"DeLong, image + clinical - clinical: {d.value:+.3f} ({d.lo:+.3f} to {d.hi:+.3f}), z {test.z:.2f}, p {d.p:.3f}, n {d.n}")
    print("most often selected:", ", ".join(f"{name} {share:.2f}" for name, share, _ in trained.model.selected()[:12]))


if __name__ == "__main__":
    main()
