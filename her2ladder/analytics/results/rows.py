"""How a number becomes a row of analysis_result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from her2ladder.analytics.statistics.estimate import Estimate


class Chosen(Protocol):
    """Whom the numbers speak of: a selection of patients."""

    @property
    def label(self) -> str: ...


def result_row(
    analysis: str,
    chosen: Chosen,
    metric: str,
    estimate: Estimate,
    *,
    subgroup: str = "all",
    term: str = "",
    family: str = "",
    p_adjusted: float | None = None,
    score_name: str | None = None,
    note: str = "",
) -> dict[str, Any]:
    """Return one row of analysis_result; NaN becomes NULL."""
    notes = "; ".join(part for part in (estimate.note, note) if part)
    row = {
        "analysis": analysis,
        "cohort": chosen.label,
        "subgroup": subgroup,
        "term": term,
        "metric": metric,
        "value": estimate.value,
        "lo": estimate.lo,
        "hi": estimate.hi,
        "p": estimate.p,
        "p_adjusted": p_adjusted,
        "n": estimate.n,
        "events": estimate.events,
        "test": estimate.test,
        "family": family,
        "note": notes or None,
        "score_name": score_name,
    }
    return {key: _null(value) for key, value in row.items()}


def with_run(rows: Sequence[Mapping[str, Any]], run_id: str) -> list[dict[str, Any]]:
    """Return the rows as they stand in the store: each names its run."""
    return [{**row, "run": run_id} for row in rows]


def _null(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and value != value else value
