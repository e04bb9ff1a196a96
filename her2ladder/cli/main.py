"""The command `ladder`: global options, the list of commands, and what becomes of an error.

Commands live in their own files; nothing heavy is imported before a command needs it, so that `ladder --help` answers at once.
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from her2ladder.cli import (
    cohort,
    compare,
    contrast,
    evaluate,
    explain,
    expression,
    features,
    ingest,
    inspect,
    labels,
    membranes,
    methods,
    model,
    report,
    segment,
    serve,
    store,
    synthetic,
    table1,
    xenium,
)
from her2ladder.cli.context import Globals, remember
from her2ladder.cli.stopped import Stopped, listen, tidy
from her2ladder.errors import LadderError

_OF_THE_MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.EMFILE}

app = typer.Typer(
    name="ladder",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="HER2-LADDER: cells of HER2-positive breast cancer slides in one store; sc-MTOP features, the score, and the cohort statistics.",
)
for part in (
    store, segment, labels, ingest, xenium, membranes, features, model, evaluate, explain, cohort, compare, contrast, table1, expression, report, methods, inspect, serve,
    synthetic,
):  # fmt: skip
    part.register(app)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(version("her2ladder"))
        raise typer.Exit


@app.callback()
def globals_(
    context: typer.Context,
    store: Annotated[
        Path | None, typer.Option("--store", envvar="LADDER_STORE", help="The store: a folder, or s3://BUCKET/PREFIX.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array of rows on stdout.")] = False,
    as_of: Annotated[str | None, typer.Option("--as-of", metavar="RUN", help="Read the store as it was after this run.")] = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.", is_eager=True, callback=_version)] = False,
) -> None:
    """Global options stand before the command."""
    context.obj = remember(Globals(store, as_json, as_of))


def main() -> None:
    """Run the command; an error raised on purpose becomes one line on stderr and exit code 1, any other keeps its traceback.

    So does what the machine refuses (no space, no permission): that is no bug either.
    """
    listen()
    try:
        app()
    except LadderError as error:
        sys.stderr.write(f"ladder: {error}\n")
        sys.exit(1)
    except Stopped:
        sys.stderr.write(f"ladder: {tidy()}\n")
        sys.exit(130)
    except OSError as error:
        if error.errno in _OF_THE_MACHINE:
            sys.stderr.write(f"ladder: {error.filename or 'writing'}: {error.strerror}\n")
            sys.exit(1)
        if error.errno != errno.EPIPE and "Broken pipe" not in str(error):  # polars raises it without a number
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
