"""Covariates of a regression as the paper codes them: the score per 0.1, HER2 3+ against 2+, TILs, stage as a factor.

A covariate is a number or a factor; missing entries stay missing here and are left out, and counted, when a design is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from her2ladder.analytics.statistics.directions import stage_ordinal
from her2ladder.errors import InputError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Covariate:
    """One covariate over all patients.

    name     as printed: `score (per 0.1)`
    values   (n,), a number a patient, NaN where missing; for a factor the place of the patient's level in `levels`
    levels   a factor's levels, the reference first; empty for a number
    """

    name: str
    values: FloatArray
    levels: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.values)


def as_numbers(name: str, values: object) -> FloatArray:
    """Return a column as floats, NaN where it is missing (None, NA, NaN).

    values   (n,) list, array or series; booleans and nullable columns are taken
    raises   InputError where an entry is no number, or infinite
    """
    series = pd.Series(values)  # type: ignore[call-overload]
    try:
        numbers = pd.to_numeric(series, errors="raise").to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: wanted numbers, found something else ({error}); a column of words is a factor") from error
    infinite = np.flatnonzero(np.isinf(numbers))
    if len(infinite):
        at = int(infinite[0])
        raise InputError(f"{name}: wanted finite numbers, found {numbers[at]} at position {at}; mend it or leave it empty")
    return np.array(numbers, dtype=np.float64)


def number(name: str, values: object, *, per: float = 1.0) -> Covariate:
    """Return a numeric covariate whose ratio is per `per` units; raises InputError where an entry is no number."""
    return Covariate(name, as_numbers(name, values) / per)


def factor(name: str, values: Sequence[object] | ArrayLike, levels: Sequence[str] | None = None) -> Covariate:
    """Return a factor; the first level is the reference.

    values   (n,), any labels; None, NaN and empty text are missing
    levels   order of the levels; without it the labels that occur, sorted
    raises   InputError where a label is not among `levels`
    """
    labels = _labels(values)
    present = sorted({label for label in labels if label is not None})
    order = tuple(levels) if levels is not None else tuple(present)
    unknown = [label for label in present if label not in order]
    if unknown:
        raise InputError(f"{name}: wanted one of {', '.join(order)}, found {unknown[0]!r}; mend it or leave it empty")
    place = {label: float(at) for at, label in enumerate(order)}
    return Covariate(name, np.array([np.nan if label is None else place[label] for label in labels], dtype=np.float64), order)


def score_per_tenth(score: object) -> Covariate:
    """Return the score per 0.1, the unit of the paper's odds ratios (Fig. 2j)."""
    return number("score (per 0.1)", score, per=0.1)


def age_years(age: object) -> Covariate:
    """Return age per year."""
    return number("age (per year)", age)


def tils_per_point(tils_percent: object) -> Covariate:
    """Return TILs per percentage point."""
    return number("TILs (per point)", tils_percent)


def tils_per_ten_points(tils_percent: object) -> Covariate:
    """Return TILs per 10 percentage points."""
    return number("TILs (per 10 points)", tils_percent, per=10.0)


def her2_ihc_3_against_2(her2_ihc: Sequence[object] | ArrayLike) -> Covariate:
    """Return HER2 IHC 3+ against 2+; 0 and 1+ belong to neither side and count as missing (*chosen*: the paper names only 3+ and 2+)."""
    grades = [None if label is None else label.removesuffix(".0").removesuffix("+") for label in _labels(her2_ihc)]
    wrong = next((grade for grade in grades if grade not in (None, "0", "1", "2", "3")), None)
    if wrong is not None:
        raise InputError(f"HER2 IHC: wanted 0, 1+, 2+ or 3+, found {wrong!r}; mend it or leave it empty")
    return factor("HER2 IHC", [f"{grade}+" if grade in ("2", "3") else None for grade in grades], ("2+", "3+"))


def hr_negative(hr_status: Sequence[object] | ArrayLike) -> Covariate:
    """Return hormone-receptor negative against positive."""
    return factor("HR", [None if label is None else label.lower() for label in _labels(hr_status)], ("positive", "negative"))


def stage(clinical_stage: Sequence[object] | ArrayLike) -> Covariate:
    """Return the clinical stage as a factor, the lowest stage that occurs as the reference; raises InputError for an unknown stage."""
    labels = _labels(clinical_stage)
    present = sorted({label for label in labels if label is not None}, key=lambda label: (stage_ordinal(label), label))
    return factor("stage", labels, present)


def band(bands: Sequence[object] | ArrayLike) -> Covariate:
    """Return the band with Low as the reference."""
    return factor("band", bands, ("Low", "Medium", "High"))


def _labels(values: Sequence[object] | ArrayLike) -> list[str | None]:
    """Return labels as text, None where missing."""
    series = pd.Series(values, dtype=object)  # type: ignore[call-overload]
    return [None if missing or not str(value).strip() else str(value).strip() for value, missing in zip(series, series.isna(), strict=True)]
