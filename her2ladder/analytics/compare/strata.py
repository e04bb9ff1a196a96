"""The patients of a comparison: in which subgroup and group each is, who has no place in the table and why; the paper's pooling."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from her2ladder.analytics.cohort.groups import count_reasons, labels_of, levels_of
from her2ladder.analytics.cohort.selection import Selection
from her2ladder.analytics.statistics.pairs import count_cells
from her2ladder.errors import InputError

ALL = "all"
CONSTRUCTION = "construction"
STANDARD = "TCbHP/PCbHP"
PAPER_REGIMENS = tuple(sorted((STANDARD, "THP", "TCbH/PCbH", "SHR-A1811", "TH+pyrotinib")))
PAPER_ROLES = (CONSTRUCTION, "temporal_validation", "trial_validation")
_NOT_IN_PAPER = ("external_validation", "adjuvant", "xenium")


@dataclass(frozen=True)
class Strata:
    """The patients that are compared: columns subgroup, group, is_pcr, cohort_role and the clinical ones, nothing of these missing."""

    frame: pd.DataFrame
    subgroups: tuple[str, ...]
    groups: tuple[str, ...]
    compared: str

    def of(self, frame: pd.DataFrame) -> Strata:
        """Return the same table over other patients."""
        return replace(self, frame=frame)


def counts(strata: Strata) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return pCR and patients, (subgroups, groups)."""
    y = strata.frame["is_pcr"].to_numpy(np.int64)
    return count_cells(y, list(strata.frame["subgroup"]), list(strata.frame["group"]), strata.subgroups, strata.groups)


def strata_of(everyone: pd.DataFrame, by: tuple[str, ...], chosen: Selection, *, as_paper: bool) -> tuple[Strata, dict[str, int]]:
    """Return the patients with an outcome and a place in the table, and how many have none for which reason.

    raises   InputError where nobody is left, there is no such column, or it has too many levels
    """
    if everyone.empty:
        raise InputError(f"--cohort {chosen.label}: no patient to compare; bring a clinical table (ladder ingest clinical)")
    frame = everyone.copy()
    outer, compared = (None, by[0]) if len(by) == 1 else by
    frame["subgroup"] = ALL if outer is None else labels_of(frame, outer)
    frame["group"] = labels_of(frame, compared)
    reason = pd.Series("", index=frame.index)
    for wrong, why in (
        (_outside_paper(frame) if as_paper else pd.Series(False, index=frame.index), "not in a group that the paper compares"),
        (frame["is_pcr"].isna(), "no pCR status"),
        (frame["subgroup"].isna(), f"no {outer}"),
        (frame["group"].isna(), f"no {compared}"),
    ):
        reason = reason.mask((reason == "") & wrong, why)
    used = frame[reason == ""]
    if used.empty:
        told = "; ".join(f"{n} {why}" for why, n in count_reasons(reason).items())
        raise InputError(f"--cohort {chosen.label}: none of {len(frame)} patients can be compared: {told}")
    subgroups = (ALL,) if outer is None else levels_of(list(used["subgroup"]), outer)
    groups = PAPER_REGIMENS if as_paper else levels_of(list(used["group"]), compared)
    return Strata(used, subgroups, groups, compared), count_reasons(reason)


def _outside_paper(frame: pd.DataFrame) -> pd.Series:
    """Where a patient is in none of the paper's groups: the standard regimen counts in its three cohorts alone, no other external one."""
    role, regimen = frame["cohort_role"], frame["regimen"]
    pooled = (regimen == STANDARD) & role.isin(PAPER_ROLES)
    others = regimen.isin([name for name in PAPER_REGIMENS if name != STANDARD]) & ~role.isin(_NOT_IN_PAPER)
    return ~(pooled | others)
