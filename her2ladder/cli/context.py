"""What every command shares: where the store is, whether to speak JSON, and as of which run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from her2ladder.schema.place import CATALOG_FILE, is_remote

if TYPE_CHECKING:
    from her2ladder.schema.store import Store


@dataclass(frozen=True)
class Globals:
    """The global options of one call."""

    store: Path | None
    as_json: bool
    as_of: str | None


_last: list[Globals] = []


def remember(given: Globals) -> Globals:
    """Keep the global options of the call, for what comes after it: a stop."""
    _last[:] = [given]
    return given


def last_globals() -> Globals | None:
    """Return the global options of the last call; None before there is one."""
    return _last[0] if _last else None


def globals_of(context: typer.Context) -> Globals:
    """Return the global options that the call was given."""
    found = context.find_root().obj
    return found if isinstance(found, Globals) else Globals(None, False, None)


@dataclass(frozen=True)
class Address:
    """Where a store is, before anything is opened: what a question needs, whose process opens it."""

    root: Path
    as_of: str | None
    catalog_file: str = CATALOG_FILE


def store_address(context: typer.Context) -> Address | Store:
    """Return where the store is that --store or LADDER_STORE names; a store in a bucket is opened, since its catalog must be fetched.

    raises   InputError where neither is given
    """
    from her2ladder.errors import InputError

    given = globals_of(context)
    if given.store is None:
        raise InputError("no store named: put `--store DIR` before the command, or set LADDER_STORE")
    if is_remote(given.store):
        from her2ladder.schema.remote import store_at

        return store_at(given.store, given.as_of)
    return Address(given.store, given.as_of)


def open_store(context: typer.Context) -> Store:
    """Return the store that --store or LADDER_STORE names.

    raises   InputError where neither is given; MissingError where there is no store
    """
    from her2ladder.schema.store import Store

    given = store_address(context)
    return given if isinstance(given, Store) else Store(given.root, as_of=given.as_of)
