"""Bands by cuts that never saw the patient: the honest value beside tertiles that were cut on the patients they sort.

source   statistics.md, Model: band rates of construction patients stand beside a cross-fitted value
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from her2ladder.analytics.statistics.bands import band_of, tertile_cuts
from her2ladder.errors import InputError

FOLDS = 5


def crossfitted_bands(scores: ArrayLike, folds: int = FOLDS, seed: int = 1) -> list[str | None]:
    """Return for each patient the band by the tertiles of the other folds.

    scores   (n,), of construction patients, none missing
    folds    parts that the patients are dealt into (*chosen*: five, as in training), fewer where there are fewer patients
    seed     of the dealing; the answer depends on the order of the patients, so sort them by id
    returns  (n,); None for the patients of a fold without which the two cuts coincide or nobody is left
    """
    values = np.asarray(scores, dtype=np.float64)
    bands: list[str | None] = [None] * len(values)
    parts = min(folds, len(values))
    fold = np.random.default_rng(seed).permutation(len(values)) % max(parts, 1)
    for at in range(parts):
        try:
            cuts = tertile_cuts(values[fold != at])
        except InputError:
            continue
        for place in np.flatnonzero(fold == at):
            bands[place] = band_of([values[place]], cuts)[0]
    return bands
