"""ladder expression …: what in-situ sections say of groups of patients."""

from __future__ import annotations

from typing import Annotated

import typer

from her2ladder.cli.context import globals_of, open_store
from her2ladder.cli.output import say, show


def register(app: typer.Typer) -> None:
    """Add the group of this file."""
    group = typer.Typer(no_args_is_help=True, help="Compare in-situ sections between groups of patients; the patient is the unit.")
    for command in (qc,):
        group.command()(command)
    app.add_typer(group, name="expression")


def qc(
    context: typer.Context,
    min_counts: Annotated[int, typer.Option("--min-counts", help="Fewest transcripts of a cell.")] = 20,
    min_genes: Annotated[int, typer.Option("--min-genes", help="Fewest genes of a cell.")] = 5,
    max_control_share: Annotated[float, typer.Option("--max-control-share", help="Largest share of control counts.")] = 0.05,
    min_area_um2: Annotated[float, typer.Option("--min-area-um2", help="Smallest area of a cell.")] = 0.0,
) -> None:
    """Count the cells of each in-situ section that pass quality control, and why the others do not.

    Example: `ladder expression qc --min-counts 20`
    """
    from her2ladder.analytics.expression.qc import quality

    done = quality(open_store(context), min_counts, min_genes, max_control_share, min_area_um2)
    as_json = globals_of(context).as_json
    show(done.rows if as_json else done.sections, as_json=as_json)
    say(f"run {done.run}: {len(done.rows)} rows")
