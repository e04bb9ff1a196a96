"""What the training patients lacked: whole stains, single features, and how many values each score rests on a median for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from her2ladder.analytics.learning.train import Fitted

_FLAG = " (missing)"


@dataclass(frozen=True)
class Missing:
    """How many of `n` patients lack every feature of a stain, by stain, and how many lack at least one feature of any kind."""

    n: int
    stains: dict[str, int]
    any_feature: int

    def words(self) -> list[str]:
        """Return one line a finding; none where nobody lacks anything."""
        lines = [f"{k} of {self.n} training patients have no {stain} feature at all: each is filled with its training median"
                 for stain, k in self.stains.items()]  # fmt: skip
        return lines + ([f"{self.any_feature} of {self.n} training patients lack at least one feature"] if self.any_feature else [])


def missing_of(fitted: Fitted, stains: Mapping[str, str | None]) -> Missing:
    """Return what the training patients of a model lack of the features it was offered.

    stains   feature -> stain, None where it is of none that is known; columns that are not here (clinical ones) do not count
    """
    gone = np.isnan(fitted.values)
    of = np.array([stains.get(column) or "" for column in fitted.columns])
    is_feature = np.array([column in stains for column in fitted.columns], dtype=bool)
    whole = {stain: int(gone[:, of == stain].all(axis=1).sum()) for stain in sorted(set(of) - {""})}
    return Missing(len(gone), {stain: n for stain, n in whole.items() if n}, int(gone[:, is_feature].any(axis=1).sum()))


def filled_apparent(fitted: Fitted) -> NDArray[np.int64]:
    """Return for each training patient how many of the columns that the final model reads were missing; (n,)."""
    used = list(fitted.ensemble.used_columns())
    return np.asarray(np.isnan(fitted.values[:, used]).sum(axis=1), dtype=np.int64)


def filled_out_of_fold(fitted: Fitted) -> NDArray[np.int64]:
    """Return the same for the models that held the patient out: columns that at least one of them reads; (n,)."""
    place = {column: at for at, column in enumerate(fitted.columns)}
    read = np.zeros(fitted.values.shape, dtype=bool)
    for fold in fitted.folds:
        used = np.array(sorted({place[name if name in place else name.removesuffix(_FLAG)] for name in fold.selected}), dtype=np.int64)
        read[np.ix_(fold.rows, used)] = True
    return np.asarray((np.isnan(fitted.values) & read).sum(axis=1), dtype=np.int64)
