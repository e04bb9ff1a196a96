"""The stage behind `ladder table1`: baseline of every cohort, patient flow, and what is missing.

source   statistics.md, Table 1 and reporting; paper, Table 1
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from her2ladder.analytics.cohort.bands import freeze_bands
from her2ladder.analytics.cohort.characteristics import result_rows, variable_rows, variables_of
from her2ladder.analytics.cohort.groups import labels_of, levels_of
from her2ladder.analytics.cohort.selection import Selection, patients
from her2ladder.analytics.results.rows import result_row, with_run
from her2ladder.analytics.statistics.baseline import MISSING, Row, continuous_rows, size_row
from her2ladder.analytics.statistics.estimate import Estimate
from her2ladder.errors import InputError
from her2ladder.queries.run import Run, run
from her2ladder.schema.store import Store
from her2ladder.schema.tables import ANALYSIS_RESULT
from her2ladder.schema.vocabulary import ROLES

OUTCOMES = ("os_months", "dfs_months")  # only what is missing of them stands in the table: a median time is no median survival


@dataclass(frozen=True)
class TableOne:
    """The printed rows, the patient flow (cohort, cohort_role, step, reason, n), and the rows of the store."""

    run: str
    rows: list[dict[str, Any]]
    printed: list[Row]
    groups: tuple[str, ...]
    by: str
    cohort: str
    flow: pd.DataFrame
    patients: pd.DataFrame
    left_out: dict[str, str]
    n_without_group: int
    n_without_clinical_row: int


def table_one(
    store: Store, chosen: Selection, by: str = "cohort", *, score_name: str | None = None, variables: Sequence[str] = ()
) -> TableOne:
    """Write the baseline of the analysed patients by cohort (or another column), the patient flow, and what is missing.

    score_name  needed for `by` = band
    variables   columns to print; default all baseline variables and further covariates
    raises      InputError for a column that patients do not have, or where there is no patient
    """
    if by == "band" and score_name is None:
        raise InputError("--by band: bands are cut from a score: name it with --score NAME")
    score_name = score_name if by == "band" else None
    if score_name is not None:
        freeze_bands(store, score_name)
    asked = {"by": by, "cohort": chosen.label, "setting": chosen.setting, "score_name": score_name, "variables": list(variables)}
    with run(store, "table1", asked) as this:
        frame = patients(this, chosen, score_name)
        flow = _flow(this, chosen)
        if frame.empty:
            raise InputError(f"--cohort {chosen.label}: no patient to describe; bring a clinical table (ladder ingest clinical)")
        labels = labels_of(frame, by)
        groups = _groups(frame, labels, by)
        wanted, left_out = _variables(frame, by, variables)
        grouped = frame[[label is not None for label in labels]]
        group = [label for label in labels if label is not None]
        printed = [size_row(group, groups)]
        for variable in wanted:
            printed += variable_rows(grouped, variable, group, groups)
        if not variables:
            printed += _missing_outcomes(grouped, group, groups)
        n_slides_only = int(this.con.sql("SELECT count(*) FROM patient WHERE cohort IS NULL").fetchall()[0][0])
        rows = result_rows(printed, "table1", chosen, score_name=score_name) + _flow_rows(flow, chosen, n_slides_only)
        this.append(ANALYSIS_RESULT, rows)
    return TableOne(
        run=this.id,
        rows=with_run(rows, this.id),
        printed=printed,
        groups=groups,
        by=by,
        cohort=chosen.label,
        flow=flow,
        patients=frame,
        left_out=left_out,
        n_without_group=len(frame) - len(grouped),
        n_without_clinical_row=n_slides_only,
    )


def _groups(frame: pd.DataFrame, labels: Sequence[str | None], by: str) -> tuple[str, ...]:
    """Return the columns of the table; cohorts stand in the order of their roles, then by name."""
    levels = levels_of(labels, by)
    if by != "cohort":
        return levels
    role = dict(zip(frame["cohort"], frame["cohort_role"], strict=True))
    return tuple(sorted(levels, key=lambda name: (ROLES.index(role[name]) if role[name] in ROLES else len(ROLES), name)))


def _variables(frame: pd.DataFrame, by: str, asked: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    found, left_out = variables_of(frame, (by,))
    if not asked:
        return found, left_out
    unknown = [name for name in asked if name not in found]
    if unknown:
        why = left_out.get(unknown[0], "not a baseline variable of these patients")
        raise InputError(f"--variables {unknown[0]}: {why}; there is {', '.join(found)}")
    return list(asked), {}


def _missing_outcomes(frame: pd.DataFrame, group: Sequence[str], groups: Sequence[str]) -> list[Row]:
    rows = [row for name in OUTCOMES for row in continuous_rows(name, frame[name].astype(float).to_numpy(), group, groups)]
    return [row for row in rows if row.level == MISSING]


def _flow(this: Run, chosen: Selection) -> pd.DataFrame:
    flow = this.fetch("cohort/patient_flow", cohorts=list(chosen.cohorts), setting=chosen.setting).to_pandas()
    place = flow["cohort_role"].map(lambda role: ROLES.index(role) if role in ROLES else len(ROLES))
    return flow.assign(place=place).sort_values(["place", "cohort"], kind="stable").drop(columns="place").reset_index(drop=True)


def _flow_rows(flow: pd.DataFrame, chosen: Selection, n_slides_only: int) -> list[dict[str, Any]]:
    """Return the flow of each cohort and of all together: subgroup the cohort, term the step (and why)."""
    told = flow.assign(
        term=[step if reason is None else f"{step}: {reason}" for step, reason in zip(flow["step"], flow["reason"], strict=True)]
    )
    counts = [(str(row.cohort), str(row.term), int(row.n)) for row in told.itertuples()]
    counts += [("all", str(term), int(n)) for term, n in told.groupby("term", sort=False)["n"].sum().items()]
    if n_slides_only:
        counts.append(("all", "known from slides, scores or features alone: no clinical row", n_slides_only))
    return [
        result_row("table1", chosen, "patient_flow", Estimate(float(n), None, None, n=n), subgroup=s, term=term) for s, term, n in counts
    ]
