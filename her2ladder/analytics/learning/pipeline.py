"""The steps before a model, as scikit-learn transformers that learn from the rows they are fitted on and from nothing else.

Prepare: near-constant filter, median imputation with missing flags, |r| > 0.95 filter. Keep: the first k columns of a ranking.
Both are plain estimators with array attributes, so that skops can save them under the fixed list of types in persist.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

NEAR_CONSTANT = 0.95
"""A column is left out where one value has at least this share of the known ones (chosen)."""
MAX_CORRELATION = 0.95
"""Of two columns with a larger absolute Pearson correlation the later one is left out (statistics.md, Model)."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Prepare(BaseEstimator, TransformerMixin):  # type: ignore[misc]
    """Filter, impute and flag; the output holds the kept columns first and then the missing flags that vary.

    learns   source_ (q,) input column of each output, is_flag_ (q,), median_ (q,): what a missing value becomes (0 for flags)
    """

    source_: Ints
    is_flag_: NDArray[np.bool_]
    median_: Floats

    def fit(self, values: Floats, y: Any = None) -> Prepare:
        """Learn from (n, p) values with NaN; y is not looked at."""
        missing = np.isnan(values)
        kept = [j for j in range(values.shape[1]) if not _near_constant(values[~missing[:, j], j])]
        flags = [j for j in range(values.shape[1]) if missing[:, j].any() and not _near_constant(missing[:, j])]
        self.source_ = np.array(kept + flags, dtype=np.int64)
        self.is_flag_ = np.array([False] * len(kept) + [True] * len(flags))
        self.median_ = np.array([np.nanmedian(values[:, j]) for j in kept] + [0.0] * len(flags))
        distinct = _distinct(self.transform(values))
        self.source_, self.is_flag_, self.median_ = self.source_[distinct], self.is_flag_[distinct], self.median_[distinct]
        return self

    def transform(self, values: Floats) -> Floats:
        """Return (n, q) numbers without NaN."""
        taken = values[:, self.source_]
        missing = np.isnan(taken)
        return np.ascontiguousarray(np.where(self.is_flag_, missing, np.where(missing, self.median_, taken)), dtype=np.float64)

    def names(self, columns: tuple[str, ...]) -> tuple[str, ...]:
        """Return the output's names: a flag is its column's name with ` (missing)`."""
        return tuple(columns[j] + (" (missing)" if flag else "") for j, flag in zip(self.source_, self.is_flag_, strict=True))


class Keep(BaseEstimator, TransformerMixin):  # type: ignore[misc]
    """Keep the first `k` columns of a ranking that was learned on the same rows."""

    def __init__(self, order: Ints, k: int) -> None:
        self.order = order
        self.k = k

    def fit(self, values: Floats, y: Any = None) -> Keep:
        """Learn nothing: the order was learned by selection.rank on the same training rows."""
        return self

    def transform(self, values: Floats) -> Floats:
        """Return (n, min(k, q)) columns, the best-ranked first."""
        return np.ascontiguousarray(values[:, self.order[: self.k]])

    def __sklearn_is_fitted__(self) -> bool:
        return True


def _near_constant(known: NDArray[Any]) -> bool:
    if known.size == 0:
        return True
    counts = np.unique(known, return_counts=True)[1]
    return bool(counts.max() >= NEAR_CONSTANT * known.size)


def _distinct(prepared: Floats) -> Ints:
    """Return the columns that correlate with no earlier kept column beyond MAX_CORRELATION."""
    centred = prepared - prepared.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    unit = centred / np.where(length > 0, length, 1.0)
    correlation = np.abs(unit.T @ unit)
    kept: list[int] = []
    for j in range(prepared.shape[1]):
        if not kept or correlation[j, kept].max() <= MAX_CORRELATION:
            kept.append(j)
    return np.array(kept, dtype=np.int64)
