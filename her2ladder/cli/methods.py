"""ladder methods: the sentences of a methods section, with references."""

from __future__ import annotations

from typing import Annotated

import typer

from her2ladder.cli.context import globals_of, open_store
from her2ladder.cli.output import show


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(methods)


def methods(
    context: typer.Context,
    run: Annotated[str | None, typer.Argument(help="Run, as `ladder runs` names it; default: the newest run of each analysis.")] = None,
) -> None:
    """Print what a methods section needs of a run: population and n, tests, adjustment, software, chosen parameters, seed, references.

    Example: `ladder methods`
    """
    from her2ladder.analytics.report.methods import methods_of, newest

    store = open_store(context)
    told = [methods_of(store, one) for one in ([run] if run else newest(store))]
    if globals_of(context).as_json:
        show([{**one.__dict__, "references": list(one.references)} for one in told], as_json=True)
        return
    for one in told:
        typer.echo(f"{one.text}\n")
    references = list(dict.fromkeys(reference for one in told for reference in one.references))
    for number, reference in enumerate(references, 1):
        typer.echo(f"{number}. {reference}")
