"""Which columns of a patient a model can take, as numbers or factors in the field's own contrasts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from her2ladder.analytics.cohort.groups import labels_of, levels_of
from her2ladder.analytics.statistics import covariates as cov
from her2ladder.analytics.statistics.covariates import Covariate
from her2ladder.errors import InputError

ADJUST = ("age_years", "clinical_stage")  # the paper's multivariable model adjusts for these
Make = Callable[[pd.Series], Covariate]
CLINICAL: tuple[tuple[str, Make], ...] = (
    ("her2_ihc", cov.her2_ihc_3_against_2),
    ("hr_status", cov.hr_negative),
    ("tils_percent", cov.tils_per_ten_points),
    ("tils_percent", cov.tils_per_point),
)
_NUMBERS: dict[str, Make] = {"age_years": cov.age_years, "tils_percent": cov.tils_per_point}
_ADJUSTERS: dict[str, Make] = {
    "age_years": cov.age_years,
    "clinical_stage": cov.stage,
    "hr_status": cov.hr_negative,
    "her2_ihc": cov.her2_ihc_3_against_2,
}


def covariate_of(frame: pd.DataFrame, name: str) -> Covariate:
    """A covariate: the field's own contrasts for the known ones, a number per unit, or a factor whose first level is the reference."""
    known = dict(CLINICAL) | _ADJUSTERS
    if name in known and name in frame:
        return known[name](frame[name])
    labels = labels_of(frame, name)
    return number_of(frame, name) or cov.factor(name, labels, levels_of(labels, name))


def number_of(frame: pd.DataFrame, name: str) -> Covariate | None:
    """Return a column as a number per unit; None for a factor: words, or numbers with no more than two values."""
    if name in _NUMBERS:
        return _NUMBERS[name](frame[name])
    values = pd.to_numeric(frame[name], errors="coerce")
    is_number = values.notna().sum() == frame[name].notna().sum() and values.nunique() > 2
    return cov.number(f"{name} (per unit)", values) if is_number else None


def adjusters(frame: pd.DataFrame, names: Sequence[str]) -> tuple[list[Covariate], str]:
    """Return the covariates that a multivariable model adjusts for, and their names as words: those in which patients differ."""
    usable = [name for name in names if _usable(frame, name)]
    return [_ADJUSTERS[name](frame[name]) if name in _ADJUSTERS else covariate_of(frame, name) for name in usable], ", ".join(usable)


def _usable(frame: pd.DataFrame, name: str) -> bool:
    """A column that nobody has, or that all share, cannot be adjusted for; the row's note names those that were."""
    if name not in frame.columns:
        raise InputError(f"--adjust: patients have no column {name!r}; there is {', '.join(frame.columns)}")
    return int(frame[name].dropna().nunique()) > 1
