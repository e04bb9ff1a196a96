"""Result rows as tables that a clinician can read: estimate and interval in one cell, tests and remarks as numbered notes below."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from her2ladder.analytics.figures.words import p_value
from her2ladder.analytics.report.parts import Table
from her2ladder.analytics.statistics.baseline import OVERALL
from her2ladder.analytics.survival.asked import ENDPOINTS

METRICS = {
    "odds_ratio": "odds ratio",
    "interaction": "interaction (chi-square)",
    "pcr_rate": "pCR rate",
    "pcr_comparison": "difference of pCR rates",
    "pcr_comparison_fisher": "Fisher's exact test",
    "hazard_ratio": "hazard ratio",
    "logrank": "log-rank (chi-square)",
    "c_index": "C-index",
    "ph_test": "proportional hazards (chi-square)",
    "median_survival": "median survival, months",
    "median_followup": "median follow-up, months",
    "survival_at": "survival at months",
    "rank_sum": "rank-sum",
}
NOTHING = "no value"


def result_table(title: str, rows: Sequence[Mapping[str, Any]], *, is_folded: bool = False) -> Table:
    """Return rows of analysis_result as a table; a column that says the same of all rows is left out."""
    notes: dict[str, int] = {}
    lines = [_line(row, notes) for row in rows]
    told = {name for name in ("cohort", "subgroup", "what") if len({line[name] for line in lines}) > 1}
    filled = {name for name in ("P", "adjusted P", "events", "notes") if any(line[name] not in ("", None) for line in lines)}
    columns = [name for name in _COLUMNS if name in told | filled or name in ("term", "estimate (95 % CI)", "n")]
    return Table(title, lines, columns, is_folded, tuple(notes))


def estimate(row: Mapping[str, Any]) -> str:
    """Return 'value (lo to hi)', or why there is no value."""
    if row["value"] is None:
        return f"not given: {_reason(row)}" if row["p"] is None else ""
    span = "" if row["lo"] is None or row["hi"] is None else f" ({number(row['lo'])} to {number(row['hi'])})"
    return f"{number(row['value'])}{span}"


def number(value: float) -> str:
    """Return three significant digits, the last ones also where they are 0: what stands in one column is equally exact."""
    if value == 0:
        return "0"
    if 0.001 <= abs(value) < 999.5:
        return f"{value:#.3g}".removesuffix(".")
    return f"{value:,.0f}" if 999.5 <= abs(value) < 1e6 else f"{value:.1e}"


def baseline(lines: Sequence[Mapping[str, str]]) -> Table:
    """Return Table 1 with each variable named once, tests as notes, and no row of missing values where nobody misses one.

    Everyone stands before the groups: with many cohorts the last columns are seen by scrolling alone.
    """
    notes: dict[str, int] = {}
    kept: list[dict[str, str]] = []
    complete: list[str] = []
    last = ""
    for line in lines:
        groups = [value for name, value in line.items() if name not in ("Variable", "Level", "P", "Test", "SMD")]
        if line["Level"] == "Missing" and all(value.startswith("0 (") for value in groups):
            complete.append(line["Variable"])
            continue
        shown = {name: "0" if value.startswith("0 (") else value for name, value in line.items()}  # what is there stands out
        test = shown.pop("Test")
        shown["P"] += f" [{notes.setdefault(test, len(notes) + 1)}]" if test else ""
        shown["Variable"] = "" if line["Variable"] == last else line["Variable"]
        last = line["Variable"]
        kept.append({name: shown[name] for name in dict.fromkeys(("Variable", "Level", OVERALL, *shown)) if name in shown})
    told = [f"Nobody lacks a value of: {', '.join(complete)}."] if complete else []
    return Table("Table 1. Baseline by cohort", kept, footnotes=tuple(notes), remarks=tuple(told))


_EXPECTED = re.compile(r"smallest expected count [0-9.]+ is below 5")  # one note for all: the counts are in the store's row
_COLUMNS = ("cohort", "subgroup", "term", "what", "estimate (95 % CI)", "P", "adjusted P", "n", "events", "notes")


def _line(row: Mapping[str, Any], notes: dict[str, int]) -> dict[str, Any]:
    said = [_EXPECTED.sub("an expected count is below 5", part) for part in (row["note"] or "").split("; ") if part]
    reason = _reason(row) if row["value"] is None and row["p"] is None else None
    family = "" if row["family"] in ENDPOINTS else row["family"]
    texts = [part for part in (row["test"], family, *said) if part and part != reason]
    numbers = [notes.setdefault(text, len(notes) + 1) for text in texts]
    return {
        "cohort": row["cohort"],
        "subgroup": row["subgroup"],
        "term": row["term"],
        "what": METRICS.get(row["metric"], str(row["metric"]).replace("_", " ")),
        "estimate (95 % CI)": estimate(row),
        "P": _p(row["p"]),
        "adjusted P": _p(row["p_adjusted"]),
        "n": row["n"],
        "events": row["events"],
        "notes": ", ".join(str(one) for one in numbers),
    }


def _reason(row: Mapping[str, Any]) -> str:
    return (row["note"] or NOTHING).split("; ")[0]


def _p(value: float | None) -> str:
    return "" if value is None else p_value(value)
