"""Calls by thresholds that never saw the patient: the honest value beside a cut that was learned on the patients it judges.

source   statistics.md, Model: threshold metrics of construction patients stand beside a cross-fitted value
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from her2ladder.analytics.statistics.inputs import checked_pair
from her2ladder.analytics.statistics.threshold import youden_cut

FOLDS = 5


def crossfitted_calls(y: ArrayLike, score: ArrayLike, folds: int = FOLDS, seed: int = 1) -> NDArray[np.float64]:
    """Return for each patient 1 where the score reaches Youden's cut of the other folds, else 0.

    y        (n,), 1 = residual disease
    folds    parts that each outcome class is dealt into (*chosen*: five, as in training); fewer where a class has fewer patients
    seed     of the dealing; the answer depends on the order of the patients, so sort them by id
    returns  (n,); NaN for everyone where a class has fewer than two patients, and no cut can be learned without the patient
    """
    outcome, values = checked_pair(y, score)
    smaller = int(min(outcome.sum(), len(outcome) - outcome.sum()))
    calls = np.full(len(outcome), np.nan)
    if smaller < 2:
        return calls
    parts = min(folds, smaller)
    rng = np.random.default_rng(seed)
    fold = np.empty(len(outcome), dtype=np.int64)
    for value in (0, 1):
        rows = np.flatnonzero(outcome == value)
        fold[rng.permutation(rows)] = np.arange(len(rows)) % parts
    for at in range(parts):
        held = fold == at
        calls[held] = values[held] >= youden_cut(outcome[~held], values[~held]).cut
    return calls
