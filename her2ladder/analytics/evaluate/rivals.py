"""What a score is set beside: other scores of the store, and clinical variables in their fixed directions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from her2ladder.analytics.statistics.delong import PairedAuc, delong_paired
from her2ladder.analytics.statistics.directions import DIRECTIONS, rival_values
from her2ladder.analytics.statistics.estimate import Estimate
from her2ladder.errors import InputError


@dataclass(frozen=True)
class Rival:
    """One rival, turned toward residual disease.

    name       the variable's or the score's name, as it stands in `term`
    direction  the rule by which it was turned
    values     by patient_id; NaN where a patient lacks it
    is_score   another score of the store
    """

    name: str
    direction: str
    values: pd.Series
    is_score: bool


@dataclass(frozen=True)
class Compared:
    """A rival's AUC and DeLong's test of score minus rival, both on the patients who have both.

    outcome, rival   (m,) of these patients
    """

    auc: Estimate
    paired: PairedAuc
    outcome: np.ndarray
    rival: np.ndarray


def rival_names(
    against: Sequence[str] | None, score_name: str, scores: Sequence[str], people: pd.DataFrame, clinical_rival: str
) -> list[str]:
    """Return the rivals asked for; by default every clinical variable that a patient has, and the model's clinical-only rival.

    raises   InputError for a name that is neither a score nor a clinical variable with a fixed direction, or the score itself
    """
    if against is None:
        present = [name for name in DIRECTIONS if name in people.columns and people[name].notna().any()]
        return present + ([clinical_rival] if clinical_rival in scores else [])
    for name in against:
        if name == score_name:
            raise InputError(f"--against {name}: that is the score itself; name another score or a clinical variable")
        if name not in DIRECTIONS and name not in scores:
            others = ", ".join(one for one in scores if one != score_name) or "none"
            raise InputError(
                f"--against {name}: wanted a clinical variable ({', '.join(DIRECTIONS)}) or a score of the store ({others});"
                " bring a measurement of your own with `ladder ingest scores`, which states what it predicts"
            )
    return list(dict.fromkeys(against))


def variable_rival(name: str, people: pd.DataFrame) -> Rival:
    """Return a clinical variable as a rival; raises InputError for a value outside its vocabulary."""
    values = rival_values(name, people[name].tolist())
    return Rival(name, DIRECTIONS[name].rule, pd.Series(values, index=people["patient_id"]), False)


def score_rival(name: str, predicts: str, values: Mapping[str, float]) -> Rival:
    """Return a score of the store as a rival."""
    return Rival(name, direction_of(predicts), pd.Series(values, dtype=np.float64), True)


def direction_of(predicts: str) -> str:
    """Return how a score is read."""
    if predicts == "pcr":
        return "imported as predicting pCR: turned, 1 - s for probabilities, else -s"
    return "high predicts residual disease"


def compare(ids: Sequence[str], outcome: np.ndarray, score: np.ndarray, score_name: str, rival: Rival) -> Compared:
    """Return the comparison on the patients who have both values.

    ids      (n,) patients with outcome (n,) and score (n,)
    """
    other = rival.values.reindex(list(ids)).to_numpy(np.float64)
    paired = delong_paired(outcome, score, other, (score_name, rival.name))
    both = ~np.isnan(other)
    return Compared(paired.auc_b, paired, outcome[both], other[both])
