"""ladder features: sc-MTOP over every slide."""

from __future__ import annotations

from typing import Annotated

import typer

from her2ladder.cli.context import globals_of, open_store
from her2ladder.cli.output import say, say_outcome, show


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(features)


def features(
    context: typer.Context,
    engine: Annotated[
        str, typer.Option("--engine", help="kernel (compiled) or sql (the readable definition); the same values.")
    ] = "kernel",
    radius_um: Annotated[float, typer.Option("--radius-um", help="Longest edge, exclusive, micrometres.")] = 25.0,
    k: Annotated[int, typer.Option("--k", help="Nearest cells of one class that a cell lists.")] = 5,
    stain: Annotated[str | None, typer.Option("--stain", help="Only slides of this stain: HE, HER2, Xenium; default all.")] = None,
    slide_id: Annotated[list[str] | None, typer.Option("--slide-id", help="Only this slide; once for each.")] = None,
    centralities: Annotated[bool, typer.Option("--centralities", help="Also coreness, closeness, betweenness … of each cell.")] = False,
    morphology: Annotated[bool, typer.Option("--morphology", help="Also the shape of each cell's outline.")] = False,
    leave_out: Annotated[
        str | None, typer.Option("--leave-out", help="Cells of tiles with these flags are not counted: out_of_focus,pen,fold,blank.")
    ] = None,
    within: Annotated[
        str | None, typer.Option("--within", metavar="CLASS[,CLASS]", help="Only cells in regions of these classes: set sc-mtop@CLASS.")
    ] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Processes; default: one a core.")] = None,
    scheduler: Annotated[str | None, typer.Option("--scheduler", metavar="ADDRESS", help="dask scheduler, tcp://host:port.")] = None,
    part: Annotated[
        str | None, typer.Option("--part", metavar="I/N", help="The I-th of N jobs that share the slides; one publish, at the end.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Compute again what is there.")] = False,
) -> None:
    """Compute sc-MTOP features of every slide that lacks them.

    Example: `ladder features`
    """
    import os

    from her2ladder.analytics.features.settings import Settings
    from her2ladder.analytics.features.stage import compute_features, summary
    from her2ladder.cli.progress import Progress
    from her2ladder.queries.fan_out import part_of

    settings = Settings(radius_um, k, engine, centralities, morphology, _words(leave_out), _words(within))
    with Progress("slides", "cells", keeps=True) as progress:
        outcomes = compute_features(
            open_store(context),
            settings,
            slides=tuple(slide_id or ()),
            stain=stain,
            force=force,
            workers=workers or os.cpu_count() or 1,
            scheduler=scheduler,
            part=part_of(part) if part else None,
            progress=progress,
        )
    show(
        list(summary(outcomes)), as_json=globals_of(context).as_json, columns=("slide_id", "stain", "state", "n_cells", "n_rows", "reason")
    )
    counts = {
        state: sum(1 for one in outcomes if one.state == state) for state in ("computed", "unchanged", "untyped", "no region", "refused")
    }
    reasons = [one.reason for one in outcomes if one.state == "refused"]
    if counts["untyped"] == len(outcomes):
        reasons = [one.reason for one in outcomes]
    elif counts["untyped"]:
        say(f"note: {counts['untyped']} in-situ sections are left out because none of their cells has a type: run `ladder type`")
    say_outcome(counts, reasons, "no slides in the store: ladder ingest cells …")


def _words(text: str | None) -> tuple[str, ...]:
    """Return the words of a list with commas, sorted, each once."""
    return tuple(sorted({word.strip() for word in (text or "").split(",")} - {""}))
