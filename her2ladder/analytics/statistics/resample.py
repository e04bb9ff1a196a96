"""The bootstrap that every interval shares: patients are drawn with replacement within each outcome class.

Keeping the classes at their size is pROC's stratified bootstrap: an AUC is then defined in every replicate. Draws are made as
multiplicities (how often each patient was drawn), so that a statistic is a weighted sum and a thousand replicates are one matrix.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from her2ladder.analytics.statistics.estimate import Estimate

REPLICATES = 2000
_CHUNK = 250  # replicates held in memory at once; the draws do not depend on it


def stratified_draws(
    n_positive: int, n_negative: int, replicates: int, seed: int
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Yield the multiplicities of the patients of both classes, a chunk of replicates at a time.

    returns  pairs (b, n_positive), (b, n_negative); each row sums to its class's size
    """
    positive, negative = np.random.default_rng([seed, 1]), np.random.default_rng([seed, 0])
    for start in range(0, replicates, _CHUNK):
        b = min(_CHUNK, replicates - start)
        yield _multiplicities(positive, b, n_positive), _multiplicities(negative, b, n_negative)


def percentile_interval(
    value: float, replicates: NDArray[np.float64], *, smaller_class: int, n: int, events: int, test: str = "stratified bootstrap"
) -> Estimate:
    """Return the value with the 2.5 and 97.5 % points of its replicates (numpy's `linear` quantile).

    smaller_class   patients in the smaller class; below 2 nothing can be resampled there and the interval is None
    """
    named = f"{test}, {len(replicates)} replicates, percentile"
    if smaller_class < 2:
        return Estimate(value, None, None, n=n, events=events, test=named, note="fewer than two patients in a class: no bootstrap interval")
    lo, hi = (float(q) for q in np.quantile(replicates, (0.025, 0.975)))
    if not lo < hi:
        return Estimate(value, None, None, n=n, events=events, test=named, note="all bootstrap replicates agree: no interval")
    return Estimate(value, lo, hi, n=n, events=events, test=named)


def _multiplicities(rng: np.random.Generator, b: int, n: int) -> NDArray[np.float64]:
    drawn = rng.integers(0, n, size=(b, n)) + n * np.arange(b)[:, None]
    return np.bincount(drawn.ravel(), minlength=b * n).reshape(b, n).astype(np.float64)
