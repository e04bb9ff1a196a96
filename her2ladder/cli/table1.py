"""ladder table1: the baseline of every cohort, patient flow, and what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from her2ladder.cli.context import globals_of, open_store
from her2ladder.cli.output import say, show


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(table1)


def table1(
    context: typer.Context,
    by: Annotated[
        str, typer.Option("--by", metavar="COLUMN", help="What stands side by side: cohort, regimen, band, a covariate.")
    ] = "cohort",
    score: Annotated[str | None, typer.Option("--score", metavar="NAME", help="Score whose bands --by band means.")] = None,
    cohort: Annotated[str | None, typer.Option("--cohort", help="Cohorts or roles, comma-separated; default all.")] = None,
    setting: Annotated[str | None, typer.Option("--setting", help="neoadjuvant or adjuvant; default both.")] = None,
    variables: Annotated[
        str | None, typer.Option("--variables", help="Columns to print, comma-separated; default all baseline ones.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder for the table (CSV, HTML, Markdown) and the flow figure.")
    ] = None,
) -> None:
    """Describe the patients: n (%), median [IQR], a named test, SMD, what is missing; who was enrolled, excluded and why, analysed.

    Example: `ladder table1 --by cohort`
    """
    from her2ladder.analytics.cohort.groups import columns_named
    from her2ladder.analytics.cohort.selection import selection
    from her2ladder.analytics.table1.stage import table_one
    from her2ladder.analytics.table1.text import export_table, readable

    store = open_store(context)
    wanted = columns_named(variables, "--variables", 100) if variables else ()
    done = table_one(store, selection(cohort, setting, store), by, score_name=score, variables=wanted)
    if globals_of(context).as_json:
        show(done.rows, as_json=True)
    else:
        show(readable(done), as_json=False, title=f"Baseline by {by} ({done.cohort}), run {done.run}")
        show(done.flow.drop(columns="cohort_role").to_dict("records"), as_json=False, title="Patient flow")
    for variable, why in done.left_out.items():
        say(f"not printed: {variable}: {why}")
    if done.n_without_group:
        say(f"in no column: {done.n_without_group} patients without {by}")
    if done.n_without_clinical_row:
        say(f"{done.n_without_clinical_row} patients are known from slides, scores or features alone: no clinical row speaks of them")
    say(f"run {done.run}: {len(done.rows)} rows")
    if output is not None:
        for path in export_table(done, output):
            say(f"wrote {path}")
