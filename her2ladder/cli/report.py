"""ladder report: one page of everything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from her2ladder.cli.context import globals_of, open_store
from her2ladder.cli.output import say, show


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(report)


def report(
    context: typer.Context,
    output: Annotated[Path, typer.Option("--output", "-o", help="The page, .html")],
    score: Annotated[str | None, typer.Option("--score", metavar="NAME", help="Score; default: the newest trained one.")] = None,
    between: Annotated[
        str | None, typer.Option("--between", metavar="COLUMN", help="Groups of the in-situ sections: band, or a covariate; default band.")
    ] = None,
    pair: Annotated[str | None, typer.Option("--pair", help="A,B: the two groups; default High,Low, or a covariate's only two.")] = None,
    title: Annotated[str | None, typer.Option("--title", help="Title of the page.")] = None,
) -> None:
    """Run every analysis and write one self-contained HTML page: figures, tables, SQL, provenance. It prints well.

    Example: `ladder report -o report.html`
    """
    from her2ladder.analytics.report.build import build_report
    from her2ladder.analytics.report.in_situ_section import Groups
    from her2ladder.cli.progress import Progress

    with Progress("sections", "sections") as progress:
        n_bytes = build_report(
            open_store(context), output, score_name=score, title=title, groups=Groups(between, pair),
            said=lambda done, total: progress(done, total),
        )  # fmt: skip
    if globals_of(context).as_json:
        show([{"report": str(output), "n_bytes": n_bytes}], as_json=True)
    say(f"{output}: {n_bytes / 1e6:.1f} MB, self-contained")
