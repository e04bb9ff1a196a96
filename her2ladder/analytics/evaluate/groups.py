"""Who is evaluated: the patients of a selection with outcome and score, in cohorts and in the levels of the variables asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from her2ladder.analytics.cohort.groups import label_of
from her2ladder.analytics.cohort.selection import Selection
from her2ladder.errors import InputError
from her2ladder.schema.vocabulary import ROLES

MISSING = "missing"
MOST_LEVELS = 30
"""Most levels that a variable of --by may have: beyond, it is a measurement and wants to be cut first."""


@dataclass(frozen=True)
class Group:
    """Patients that one set of numbers speaks of; all have an outcome and a score.

    chosen    names the cohort as asked for
    subgroup  'all', or a level of the variable `by`
    frame     one row a patient, sorted by patient_id: score, residual (0/1), kind, cohort_role, clinical columns
    left_out  why patients of the selection are not in the frame
    """

    chosen: Selection
    subgroup: str
    by: str
    frame: pd.DataFrame
    left_out: str = ""

    @property
    def outcome(self) -> NDArray[np.int64]:
        """(n,), 1 = residual disease."""
        return np.asarray(self.frame["residual"], dtype=np.int64)

    @property
    def score(self) -> NDArray[np.float64]:
        """(n,), high = residual disease."""
        return np.asarray(self.frame["score"], dtype=np.float64)

    @property
    def kinds(self) -> str:
        """Return '276 out_of_fold, 82 final': whose scores these are."""
        return ", ".join(f"{n} {kind}" for kind, n in sorted(Counter(self.frame["kind"]).items()))


def groups(people: pd.DataFrame, chosen: Selection, by: Sequence[str]) -> list[Group]:
    """Return the pooled selection, its roles where no cohort was named, and the levels of each variable within the pool.

    people   one row a patient of the selection, with and without score and outcome
    raises   InputError where nobody has both, or a variable is unknown or a measurement
    """
    pooled = _group(people, chosen, "all", "")
    if pooled.frame.empty:
        why = pooled.left_out or "the selection is empty"
        raise InputError(f"--cohort {chosen.label}: wanted patients with an outcome (is_pcr) and the score, found none; {why}")
    found = [pooled]
    if not chosen.cohorts:
        role = people["cohort_role"].where(people["cohort_role"].notna(), people["cohort"])
        present = [r for r in ROLES if (role == r).any()] + sorted(set(role) - set(ROLES))
        of_role = [_group(people[role == name], Selection((name,), chosen.setting), "all", "") for name in present]
        found += [group for group in of_role if not group.frame.empty]
    taken = Counter(level for variable in by for level in _levels(people, variable))
    for variable in by:
        words = _words(people, variable)
        for level in _levels(people, variable):
            name = level if taken[level] == 1 else f"{variable}={level}"
            found.append(_group(people[words == level], chosen, name, variable))
    return [group for group in found if len(group.frame) or not group.by]


def _group(people: pd.DataFrame, chosen: Selection, subgroup: str, by: str) -> Group:
    known = people["residual"].notna()
    scored = people["score"].notna()
    reasons = [(int((~known).sum()), "without outcome"), (int((known & ~scored).sum()), "with outcome but without score")]
    left_out = ", ".join(f"{n} {why}" for n, why in reasons if n)
    frame = people[known & scored].sort_values("patient_id", kind="stable").reset_index(drop=True)
    return Group(chosen, subgroup, by, frame, f"left out: {left_out}" if left_out else "")


def _words(people: pd.DataFrame, variable: str) -> pd.Series:
    if variable not in people.columns:
        raise InputError(f"--by: patients have no column {variable!r}; there is {', '.join(map(str, people.columns))}")
    return people[variable].map(lambda value: label_of(value) or MISSING)


def _levels(people: pd.DataFrame, variable: str) -> list[str]:
    words = set(_words(people, variable))
    if len(words) > MOST_LEVELS:
        raise InputError(f"--by {variable}: wanted at most {MOST_LEVELS} levels, found {len(words)}; cut it into classes on ingest")
    return sorted(words - {MISSING}) + ([MISSING] if MISSING in words else [])
