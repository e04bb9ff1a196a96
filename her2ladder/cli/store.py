"""ladder init · check · runs · migrate: the store itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from her2ladder.cli.context import globals_of, open_store
from her2ladder.cli.output import say, show


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(init)
    app.command()(check)
    app.command()(runs)
    app.command()(migrate)


def init(
    context: typer.Context, folder: Annotated[Path | None, typer.Argument(help="New or empty folder; default: --store.")] = None
) -> None:
    """Make an empty store.

    Example: `ladder init study`
    """
    from her2ladder.errors import InputError, shell_word
    from her2ladder.queries.init import init as make
    from her2ladder.schema.place import is_remote, url_of

    chosen: str | Path | None = folder or globals_of(context).store
    if chosen is None:
        raise InputError("which folder? `ladder init DIR`")
    chosen = url_of(chosen) if is_remote(chosen) else chosen
    store = make(chosen)
    say(f"made an empty store in {chosen}; next: export LADDER_STORE={shell_word(chosen)}, then ladder ingest cells …")
    if globals_of(context).as_json:
        show([{"store": str(getattr(store, "url", store.root))}], as_json=True)


def check(
    context: typer.Context,
    mend: Annotated[bool, typer.Option("--mend", help="Sweep orphans, rewrite open.sql, withdraw damaged files.")] = False,
    fast: Annotated[bool, typer.Option("--fast", help="Compare sizes only, do not read every byte.")] = False,
) -> None:
    """Verify hashes, keys, orphans and every rule of queries/checks; exit 1 where something is wrong.

    Example: `ladder check --mend`
    """
    from her2ladder.queries.check import check as verify

    found = verify(open_store(context), mend=mend, fast=fast)
    show([problem.row() for problem in found], as_json=globals_of(context).as_json, columns=("rule", "where", "found", "state"))
    left = sum(1 for problem in found if not problem.is_mended)
    say(f"{len(found)} problems, {len(found) - left} mended" if found else "the store is whole")
    if left:
        raise typer.Exit(1)


def runs(
    context: typer.Context,
    last: Annotated[int, typer.Option("--last", min=1, help="How many, newest last.")] = 50,
    run: Annotated[str | None, typer.Argument(help="One run, in full.")] = None,
) -> None:
    """List runs: what was asked, when, what came of it.

    Example: `ladder runs`
    """
    from her2ladder.queries.runs import list_runs, one_run

    store, as_json = open_store(context), globals_of(context).as_json
    if run is None:
        rows = list_runs(store, last)
        show(rows, as_json=as_json, columns=("run", "stage", "started", "seconds", "n_rows", "fingerprint", "arguments"))
    elif as_json:
        show([one_run(store, run)], as_json=True)
    else:
        show([{"what": key, "value": value} for key, value in one_run(store, run).items()], as_json=False)


def migrate(context: typer.Context) -> None:
    """Bring a store of an older schema version up to date; a copy of the old catalog is kept beside it.

    Example: `ladder --store study migrate`
    """
    from her2ladder.errors import InputError
    from her2ladder.schema.migrations import migrate as bring_up
    from her2ladder.schema.place import is_remote, url_of

    given = globals_of(context).store
    if given is None:
        raise InputError("no store named: put `--store DIR` before the command, or set LADDER_STORE")
    if is_remote(given):
        raise InputError(f"{url_of(given)}: a store in a bucket cannot be migrated there: copy it to a disk, migrate it, and copy it back")
    say(bring_up(given))
