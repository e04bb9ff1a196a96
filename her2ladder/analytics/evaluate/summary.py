"""The rows of an evaluation as tables that fit a screen or a page: a line a cohort, subgroup and term."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

SHOWN = ("ap", "brier", "sensitivity", "specificity", "ppv", "npv", "kappa", "calibration_intercept", "calibration_slope")


def overview(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return n, events, AUC with its interval and the metrics beside it; the logit interval, which covers at these sizes."""
    lines: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in rows:
        if row["metric"] in ("net_benefit", "auc_difference", "auc_difference_z"):
            continue
        place = (row["cohort"], row["subgroup"], row["term"])
        line = lines.setdefault(
            place,
            {"cohort": place[0], "subgroup": place[1], "term": place[2], "n": None, "events": None, "auc": None, "95 % CI (logit)": ""},
        )
        if row["metric"] == "auc":
            line |= {"n": row["n"], "events": row["events"], "auc": rounded(row["value"])}
        elif row["metric"] == "auc_logit":
            line["95 % CI (logit)"] = span(row["lo"], row["hi"])
        elif row["metric"] in SHOWN:
            line[row["metric"]] = rounded(row["value"])
    columns = dict.fromkeys(name for line in lines.values() for name in line)
    return [{name: line.get(name) for name in columns} for line in lines.values()]


def differences(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the DeLong rows, a line each."""
    return [
        {
            "cohort": row["cohort"],
            "subgroup": row["subgroup"],
            "difference": row["term"],
            "value": rounded(row["value"]),
            "95 % CI": span(row["lo"], row["hi"]),
            "p": row["p"],
            "n": row["n"],
        }
        for row in rows
        if row["metric"] == "auc_difference"
    ]


def rounded(value: float | None) -> float | None:
    """Return a value to three digits after the point; None stays None."""
    return None if value is None else round(value, 3)


def span(lo: float | None, hi: float | None) -> str:
    """Return '0.811 to 0.892', or nothing where there is no interval."""
    return "" if lo is None or hi is None else f"{lo:.3f} to {hi:.3f}"
