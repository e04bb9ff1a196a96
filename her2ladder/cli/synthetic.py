"""ladder simulate · demo: synthetic cohorts with planted truth, and the whole chain over one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from her2ladder.cli.context import globals_of
from her2ladder.cli.output import say, show


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(simulate)
    app.command()(demo)


def simulate(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="New or empty folder to write into.")],
    patients: Annotated[int | None, typer.Option("--patients", min=1, help="Analysed patients; default: the demo's 160.")] = None,
    paper: Annotated[bool, typer.Option("--paper", help="The paper's cohorts and sizes: 1,249 patients.")] = False,
    cells: Annotated[int | None, typer.Option("--cells", min=1, help="Cells a slide, about.")] = None,
    stain: Annotated[list[str] | None, typer.Option("--stain", help="HE or HER2; once for each; default: both.")] = None,
    format_: Annotated[
        str, typer.Option("--format", help="hovernet (JSON with outlines) or parquet (points with membrane measures).")
    ] = "hovernet",
    no_slides: Annotated[bool, typer.Option("--no-slides", help="A feature table instead of slides: for cohort statistics.")] = False,
    xenium: Annotated[bool, typer.Option("--xenium", help="In-situ sections instead: 11 of Low and 10 of High, --cells each.")] = False,
    null: Annotated[bool, typer.Option("--null", help="With --xenium: plant nothing.")] = False,
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same bytes.")] = 1,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes.")] = 1,
) -> None:
    """Write a SYNTHETIC cohort: slides or features, a clinical table, and the truth that was planted.

    Example: `ladder simulate study-data --patients 40 --cells 500`
    """
    from dataclasses import asdict, replace

    from her2ladder.analytics.simulate import plan as plans
    from her2ladder.analytics.simulate.features import simulate_features
    from her2ladder.analytics.simulate.run import simulate as write
    from her2ladder.cli.progress import Progress
    from her2ladder.errors import InputError

    if paper and patients:
        raise InputError("--paper has its own number of patients: leave --patients out")
    if xenium and (paper or stain or no_slides):
        raise InputError("--xenium takes --patients, --cells, --null and --seed alone")
    if null and not xenium:
        raise InputError("--null goes with --xenium")
    plan = plans.paper() if paper else plans.scaled(patients) if patients and not xenium else plans.demo()
    plan = replace(plan, cell_format=format_)
    plan = replace(plan, cells_per_slide=cells) if cells else plan
    plan = replace(plan, stains=tuple(stain)) if stain else plan
    if xenium:
        from her2ladder.analytics.simulate.xenium import simulate_xenium

        n = patients or 21
        written: object = simulate_xenium(folder, n_low=n - n // 2, n_high=n // 2, cells=cells or 2000, seed=seed, null=null)
    elif no_slides:
        written = simulate_features(folder, plan, seed)
    else:
        with Progress("slides", "slides") as progress:
            written = write(folder, plan, seed, workers=workers, progress=progress)
    told = {key: str(value) if isinstance(value, Path) else value for key, value in asdict(written).items()}  # type: ignore[call-overload]
    show([told] if globals_of(context).as_json else [{"what": k, "value": v} for k, v in told.items()], as_json=globals_of(context).as_json)
    say(f"SYNTHETIC data in {folder}: see README.txt there for what was planted")


def demo(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Folder to work in; what an earlier demo left there is replaced.")] = Path("demo"),
    seed: Annotated[int, typer.Option("--seed", help="Seed of the cohort and of the training.")] = 2,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Processes; default: one a core.")] = None,
) -> None:
    """Run the whole chain on a SYNTHETIC cohort, from slides to the report, offline, in a few minutes.

    Example: `ladder demo`
    """
    import os

    from her2ladder.cli.demo import run_demo

    run_demo(context.find_root().command, folder, seed, workers or os.cpu_count() or 1)
