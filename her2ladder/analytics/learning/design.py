"""What a model learns from: patients, named columns, numbers with NaN where a value is missing, and the checks before training.

Stage is ordinal here (statistics.md, Model); HR is 1 for positive. One row is one patient, never one slide: pooling slides
is the feature stage's work, and a patient named twice is refused, since the folds are cut between rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from her2ladder.analytics.statistics import directions
from her2ladder.errors import InputError

KINDS = ("continuous", "ordinal", "binary")
MIN_PER_CLASS = 10
"""Fewest patients of each outcome for training (chosen: five outer and five inner folds then still hold one of each)."""


@dataclass(frozen=True)
class Design:
    """Patients by columns.

    patient_ids  (n,), each once
    columns      (p,), each once
    kinds        (p,), of KINDS
    values       (n, p) float64, NaN where missing
    """

    patient_ids: tuple[str, ...]
    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    values: NDArray[np.float64]

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, kinds: Mapping[str, str] | None = None) -> Design:
        """Return the design of a frame whose index is the patient id; columns without a kind are continuous."""
        kinds = kinds or {}
        columns = tuple(str(c) for c in frame.columns)
        values = np.ascontiguousarray(frame.to_numpy(dtype=np.float64, na_value=np.nan))
        design = cls(tuple(str(i) for i in frame.index), columns, tuple(kinds.get(c, "continuous") for c in columns), values)
        _check_shape(design)
        return design

    def only(self, columns: Sequence[str]) -> Design:
        """Return the same patients with the named columns alone, in the order asked for.

        raises   InputError naming every column that the design lacks
        """
        place = {c: j for j, c in enumerate(self.columns)}
        lacking = [c for c in columns if c not in place]
        if lacking:
            raise InputError(
                f"features: the model needs {len(columns)} columns and {len(lacking)} are not there: {', '.join(lacking)};"
                " compute or ingest them, or train a model on the features that the store has"
            )
        at = [place[c] for c in columns]
        return replace(
            self, columns=tuple(columns), kinds=tuple(self.kinds[j] for j in at), values=np.ascontiguousarray(self.values[:, at])
        )


def stage_ordinal(stage: str | None) -> float:
    """Return the clinical stage as the number by which the rivals of the score are ordered too; NaN for a missing one.

    raises   InputError where the text is no stage
    """
    if stage is None or not str(stage).strip():
        return float("nan")
    return directions.stage_ordinal(stage)


def hr_binary(hr_status: str | None) -> float:
    """Return 1 for HR positive, 0 for negative, NaN for a missing one; raises InputError on any other text."""
    if hr_status is None or not str(hr_status).strip():
        return float("nan")
    try:
        return {"positive": 1.0, "negative": 0.0}[str(hr_status).strip().lower()]
    except KeyError:
        raise InputError(f"hr_status: wanted positive or negative, got {hr_status!r}; map it on ingest") from None


def ready(design: Design, y: NDArray[np.int64], *, drop_unusable: bool = False) -> tuple[Design, NDArray[np.int64], tuple[str, ...]]:
    """Return the design and outcome sorted by patient id, checked, and the columns left out because nothing can be learned from them.

    design          of the training patients
    y               (n,), 1 = residual disease, 0 = pCR
    drop_unusable   leave out columns that are missing or equal for every patient, instead of refusing them
    raises          InputError in one line: doubled patient, outcome not 0/1, one class, too few of a class, unusable column
    """
    _check_shape(design)
    _check_outcome(y, len(design.patient_ids))
    unusable = _unusable(design)
    if unusable and (not drop_unusable or len(unusable) == len(design.columns)):
        named = "; ".join(f"{column} {why}" for column, why in unusable.items())
        raise InputError(f"features: each column must vary between the {len(y)} training patients; {named}; leave these columns out")
    design = design.only([c for c in design.columns if c not in unusable])
    order = np.argsort(np.asarray(design.patient_ids), kind="stable")
    ids = tuple(design.patient_ids[i] for i in order)
    return replace(design, patient_ids=ids, values=np.ascontiguousarray(design.values[order])), y[order].astype(np.int64), tuple(unusable)


def _check_shape(design: Design) -> None:
    n, p = len(design.patient_ids), len(design.columns)
    if design.values.shape != (n, p) or len(design.kinds) != p:
        raise InputError(f"features: wanted values of shape ({n}, {p}) and {p} kinds, got {design.values.shape} and {len(design.kinds)}")
    for what, names in (("patient", design.patient_ids), ("column", design.columns)):
        doubled = [name for name, times in Counter(names).items() if times > 1]
        if doubled:
            raise InputError(f"features: each {what} must stand once, {', '.join(doubled[:5])} stand{'s' * (len(doubled) == 1)} more often")
    strange = sorted(set(design.kinds) - set(KINDS))
    if strange:
        raise InputError(f"features: kinds must be one of {', '.join(KINDS)}, got {', '.join(strange)}")
    infinite = [design.columns[j] for j in np.flatnonzero(np.isinf(design.values).any(axis=0))]
    if infinite:
        raise InputError(f"features: values must be finite or missing, found infinity in {', '.join(infinite[:5])}")


def _check_outcome(y: NDArray[np.int64], n: int) -> None:
    if y.shape != (n,) or not np.isin(y, (0, 1)).all():
        raise InputError(
            f"outcome: wanted {n} values of 0 (pCR) or 1 (residual disease), got shape {y.shape} with {sorted(set(y.tolist()))[:5]}"
        )
    residual = int(y.sum())
    if residual in (0, n):
        raise InputError(f"outcome: both classes are needed to train, all {n} patients have {'residual disease' if residual else 'pCR'}")
    if min(residual, n - residual) < MIN_PER_CLASS:
        raise InputError(
            f"outcome: at least {MIN_PER_CLASS} patients of each outcome are needed to train,"
            f" found {residual} with residual disease and {n - residual} with pCR; add patients"
        )


def _unusable(design: Design) -> dict[str, str]:
    why: dict[str, str] = {}
    for column, values in zip(design.columns, design.values.T, strict=True):
        seen = values[~np.isnan(values)]
        if seen.size == 0:
            why[column] = "is missing for all"
        elif seen.min() == seen.max() and seen.size == values.size:
            why[column] = f"is {seen[0]:g} for all"
        elif seen.min() == seen.max():
            why[column] = f"is {seen[0]:g} wherever it is known"
    return why
