"""A baseline table of patients by group: which variables, in which order of levels, and its cells as rows of analysis_result.

Used by `ladder table1`, and by `ladder compare` for regimens within a band (regimens are not randomised: the reader must see how the
groups differ).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from her2ladder.analytics.cohort.groups import MOST_LEVELS, labels_of, levels_of
from her2ladder.analytics.cohort.selection import Selection
from her2ladder.analytics.results.rows import result_row
from her2ladder.analytics.statistics.baseline import MISSING, OVERALL, Cell, Row, categorical_rows, continuous_rows
from her2ladder.analytics.statistics.directions import stage_ordinal
from her2ladder.analytics.statistics.estimate import Estimate
from her2ladder.errors import InputError
from her2ladder.schema.vocabulary import HR_STATUS, SETTINGS

CONTINUOUS = ("age_years", "tils_percent")
CATEGORICAL = ("clinical_stage", "hr_status", "her2_ihc", "setting", "regimen", "is_pcr")
_KNOWN = {
    *CONTINUOUS,
    *CATEGORICAL,
    *("patient_id", "cohort", "cohort_role", "os_months", "os_event", "dfs_months", "dfs_event", "excluded_reason", "run"),
    *("residual", "score", "band", "kind", "subgroup", "group"),
}
MEDIAN = "median [IQR]"
FEW = 5  # chosen: a numeric covariate with at most as many different values is a code, and is counted


def variables_of(frame: pd.DataFrame, by: Sequence[str] = ()) -> tuple[list[str], dict[str, str]]:
    """Return the baseline variables to print, and why a covariate is left out; the grouping columns are not among them.

    A known column that is missing in everyone stays in the table (its row says so); further covariates follow in their own order.
    """
    known = [name for name in ("age_years", *CATEGORICAL[:3], "tils_percent", *CATEGORICAL[3:]) if name in frame and name not in by]
    extras = [name for name in frame.columns if name not in _KNOWN and name not in by]
    found = [*known, *extras]
    left_out = {name: f"more than {MOST_LEVELS} different words" for name in found if _is_text(frame, name) and _wide(frame, name)}
    return [name for name in found if name not in left_out], left_out


def variable_rows(frame: pd.DataFrame, variable: str, group: Sequence[object], groups: Sequence[str]) -> list[Row]:
    """Return the printed rows of one variable: median [IQR] for a measurement, one row a level for anything counted, then Missing.

    raises   InputError where a value is outside what the variable allows
    """
    if variable in CONTINUOUS or (variable not in CATEGORICAL and not _is_text(frame, variable) and frame[variable].nunique() > FEW):
        return continuous_rows(variable, frame[variable].astype(float).to_numpy(), group, groups)
    labels = labels_of(frame, variable)
    return categorical_rows(variable, labels, group, groups, _level_order(variable, labels))


def result_rows(
    rows: Sequence[Row], analysis: str, chosen: Selection, *, prefix: str = "", within: str | None = None, score_name: str | None = None
) -> list[dict[str, Any]]:
    """Return the cells and tests of printed rows as rows of analysis_result.

    n_percent, missing   value per cent, events patients, n denominator (missing: all of the group)
    median_iqr           value median, lo and hi quartiles; n patients with a value
    kruskal_wallis, chi_square, fisher_exact   p;   smd   value
    prefix               before each metric's name;  within: the subgroup all rows stand in (a group's name then stands in the term)
    """
    made: list[dict[str, Any]] = []
    known = _denominators(rows)

    def add(metric: str, estimate: Estimate, group: str, term: str) -> None:
        subgroup, placed = _place(group, term, within)
        made.append(result_row(analysis, chosen, prefix + metric, estimate, subgroup=subgroup, term=placed, score_name=score_name))

    for row in rows:
        term = f"{row.variable} = {row.level}" if row.level not in ("", MISSING, MEDIAN) else row.variable
        for cell in row.cells:
            add(*_cell(row, cell, known.get((row.variable, cell.group), 0)), cell.group, term)
        if row.test or row.note or row.smd is not None:
            n = known.get((row.variable, OVERALL), 0)
            add(_test_metric(row), Estimate(None, None, None, row.p, n, None, row.test, row.note), OVERALL, row.variable)
            note = "" if row.smd is not None else "no spread, or fewer than two groups with values"
            add("smd", Estimate(row.smd, None, None, None, n, None, "largest over pairs of groups", note), OVERALL, row.variable)
    return made


def _denominators(rows: Sequence[Row]) -> dict[tuple[str, str], int]:
    """Return how many patients have a value, by variable and group."""
    known: dict[tuple[str, str], int] = {}
    for row in rows:
        for cell in row.cells:
            if row.level != MISSING:
                known[row.variable, cell.group] = known.get((row.variable, cell.group), 0) + cell.n
    return known


def _cell(row: Row, cell: Cell, known: int) -> tuple[str, Estimate]:
    if row.level == MEDIAN:
        note = "" if cell.n else "no value"
        return "median_iqr", Estimate(cell.median, cell.q1, cell.q3, n=cell.n, test="median and quartiles (type 7)", note=note)
    if row.level == "":
        return "n", Estimate(float(cell.n), None, None, n=cell.n)
    is_missing = row.level == MISSING
    note = "" if cell.percent is not None else "no patient" if is_missing else "no patient with a value"
    estimate = Estimate(cell.percent, None, None, n=known + cell.n if is_missing else known, events=cell.n, test="per cent", note=note)
    return ("missing" if is_missing else "n_percent"), estimate


def _place(group: str, term: str, within: str | None) -> tuple[str, str]:
    if within is None:
        return ("all" if group == OVERALL else group), term
    return within, (term if group == OVERALL else f"{group}: {term}")


def _test_metric(row: Row) -> str:
    if row.level == MEDIAN:
        return "kruskal_wallis"
    return "fisher_exact" if row.test.startswith("Fisher") else "chi_square"


def _level_order(variable: str, labels: Sequence[str | None]) -> list[str]:
    present = {label for label in labels if label is not None}
    if variable == "clinical_stage":
        return sorted(present, key=_stage_place)
    fixed = {"hr_status": HR_STATUS, "setting": SETTINGS}.get(variable)
    return [word for word in fixed if word in present] if fixed else list(levels_of(labels, variable))


def _stage_place(stage: str) -> tuple[float, str]:
    try:
        return (stage_ordinal(stage), stage)
    except InputError:
        return (float("inf"), stage)


def _is_text(frame: pd.DataFrame, name: str) -> bool:
    return not pd.api.types.is_numeric_dtype(frame[name]) and not frame[name].isna().all()


def _wide(frame: pd.DataFrame, name: str) -> bool:
    return bool(frame[name].nunique() > MOST_LEVELS)
