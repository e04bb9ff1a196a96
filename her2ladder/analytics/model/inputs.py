"""Patients as rows, features and clinical variables as columns: the table that a model learns from and scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from her2ladder.analytics.learning.design import hr_binary, stage_ordinal
from her2ladder.errors import InputError
from her2ladder.queries.run import Run
from her2ladder.schema.dictionary import features
from her2ladder.schema.vocabulary import CLASSES

CLINICAL = ("age_years", "clinical_stage", "hr_status")  # what the paper integrates beside the slides


@dataclass(frozen=True)
class DesignTable:
    """One row a patient with features.

    frame         patient_id as index; feature columns in the set's order, then clinical ones; NaN = missing
    features      names of the feature columns
    clinical      names of the clinical columns
    stains        feature -> stain; None for an imported feature that the paper's dictionary does not name
    input_sha256  patient -> hash of the features, so that a score made from them can be told from a stale one
    """

    frame: pd.DataFrame
    features: tuple[str, ...]
    clinical: tuple[str, ...]
    stains: dict[str, str | None]
    input_sha256: dict[str, str]

    @property
    def kinds(self) -> dict[str, str]:
        """What a learner must know of columns that are not measurements on a continuous scale."""
        known = {"clinical_stage": "ordinal", "hr_status": "binary"}
        return {name: known[name] for name in self.clinical if name in known}


def design_table(this: Run, feature_set: str, clinical: Sequence[str]) -> DesignTable:
    """Return the table of every patient that has values in a feature set.

    raises   InputError where the set has no values, or a clinical column is not there or not a number
    """
    rows = this.fetch("cohort/feature_table", feature_set=feature_set).to_pandas()
    if rows.empty:
        sets = [name for (name,) in this.con.sql("SELECT DISTINCT feature_set FROM feature_value ORDER BY 1").fetchall()]
        there = f"there is {', '.join(sets)}" if sets else "run `ladder features`, or bring a table with `ladder ingest features`"
        raise InputError(f"no patient has features of the set {feature_set!r}; {there}")
    names = list(dict.fromkeys(rows["feature"]))
    wide = rows.pivot(index="patient_id", columns="feature", values="value")[names].sort_index()
    told = this.fetch("cohort/all_patients").to_pandas().set_index("patient_id")
    for name in clinical:
        if name not in told.columns:
            raise InputError(f"--clinical: patients have no column {name!r}; there is {', '.join(told.columns)}")
        wide[name] = _as_number(name, told[name].reindex(wide.index))
    hashes = dict(zip(rows["patient_id"], rows["input_sha256"], strict=True))
    stains = {name: stain or _dictionary().get(name) for name, stain in zip(rows["feature"], rows["stain"], strict=True)}
    return DesignTable(wide.astype(float), tuple(names), tuple(clinical), stains, hashes)


@cache
def _dictionary() -> dict[str, str]:
    return {one.feature: stain for stain, classes in CLASSES.items() for one in features(stain, classes)}


def _as_number(name: str, values: pd.Series) -> pd.Series:
    def one(value: object) -> float:
        if value is None or value != value:
            return float("nan")
        if name == "clinical_stage":
            return stage_ordinal(str(value))
        if name == "hr_status":
            return hr_binary(str(value))
        try:
            return float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            raise InputError(f"--clinical: column {name}: wanted numbers, found {value!r}; map words to numbers on ingest") from None

    return values.map(one).astype(np.float64)
