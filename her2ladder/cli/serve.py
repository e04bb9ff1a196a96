"""ladder serve: the store over HTTP, read-only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from her2ladder.cli.context import open_store
from her2ladder.cli.output import say
from her2ladder.cli.stopped import Stopped


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(serve)


def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option("--host", help="Address to listen at; one that others reach needs --token-file.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port.")] = 8321,
    token_file: Annotated[
        Path | None, typer.Option("--token-file", help="Lines `name token`: who may ask, by Authorization: Bearer.")
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds until a question is stopped.")] = 30.0,
    most_rows: Annotated[int, typer.Option("--most-rows", min=1, help="Rows that one answer may have.")] = 100_000,
    audit: Annotated[
        Path | None, typer.Option("--audit", help="File, outside of the store, that gets a line per request: who, what, when.")
    ] = None,
) -> None:
    """Answer questions about the store over HTTP: SQL, named queries, patients, cells of a window; OpenAPI at /openapi.json.

    Example: `ladder serve --port 8321`
    """
    from her2ladder.errors import InputError, MissingError
    from her2ladder.schema.remote import RemoteStore
    from her2ladder.serve.settings import LOOPBACK, Settings, read_tokens

    store = open_store(context)
    if isinstance(store, RemoteStore):
        raise InputError("ladder serve answers from a folder: a store in a bucket is not served (copy it to this machine)")
    tokens = read_tokens(token_file) if token_file else {}
    is_local = host in LOOPBACK
    if not is_local and not tokens:
        raise InputError(f"--host {host}: others could read the store: give --token-file, or leave --host out")
    if audit is not None and audit.absolute().is_relative_to(store.root.absolute()):
        raise InputError(f"--audit {audit}: wanted a file outside of the store, which stays as it is")
    try:
        from her2ladder.serve.app import serve as run
    except ModuleNotFoundError as error:
        raise MissingError(f"ladder serve needs {error.name}: pip install 'her2ladder[serve]'") from error
    hosts = LOOPBACK if is_local else ()
    settings = Settings(store.root, tokens, hosts, timeout, most_rows, audit=audit)
    say(f"http://{f'[{host}]' if ':' in host else host}:{port}/openapi.json  (read-only; Ctrl-C ends it)")
    try:
        run(settings, host, port)
    except (KeyboardInterrupt, Stopped):  # Ctrl-C is how a server ends, and nothing is lost by it
        say("ended")
