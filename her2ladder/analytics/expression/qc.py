"""The stage behind `ladder expression qc`: what each in-situ section holds, and what quality control drops of it, as rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from her2ladder.analytics.cohort.selection import Selection
from her2ladder.analytics.results.rows import result_row, with_run
from her2ladder.analytics.statistics.estimate import Estimate
from her2ladder.errors import MissingError
from her2ladder.queries.run import run
from her2ladder.schema.store import Store
from her2ladder.schema.tables import ANALYSIS_RESULT

MEANINGS = {
    "n_cells": "cells",
    "n_kept": "cells that pass",
    "n_few_counts": "too few transcripts",
    "n_few_genes": "too few genes",
    "n_controls": "too many control counts",
    "n_small": "too small",
    "median_counts": "transcripts, median",
    "median_genes": "genes, median",
}


@dataclass(frozen=True)
class Checked:
    """A line a section, and the rows of analysis_result behind them."""

    run: str
    sections: list[dict[str, Any]]
    rows: list[dict[str, Any]]


def quality(store: Store, min_counts: int, min_genes: int, max_control_share: float, min_area_um2: float) -> Checked:
    """Write how many cells of each section pass quality control, and why the others do not.

    raises   MissingError where the store has no in-situ section
    """
    limits = {"min_counts": min_counts, "min_genes": min_genes, "max_control_share": max_control_share, "min_area_um2": min_area_um2}
    told = f"at least {min_counts} transcripts and {min_genes} genes, controls at most {max_control_share:g}, area {min_area_um2:g} um2 or more"
    with run(store, "expression qc", limits) as this:
        sections = this.fetch("expression/qc", **limits).to_pylist()
        if not sections:
            raise MissingError("no in-situ section with counts in the store: bring one by `ladder ingest xenium`")
        rows = [
            result_row(
                "expression qc", Selection(), name, Estimate(None if one[name] is None else float(one[name]), None, None, test=told),
                subgroup=one["slide_id"], term=MEANINGS[name],
            )
            for one in sections
            for name in MEANINGS
        ]  # fmt: skip
        this.append(ANALYSIS_RESULT, rows)
    return Checked(this.id, sections, with_run(rows, this.id))
