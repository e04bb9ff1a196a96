"""Named queries: a query is a file `folder/name.sql`, its header says what it answers, takes and returns.

Header: first line the question; then one line a parameter (`-- $name  meaning`), then one line a column (`-- name  meaning`).
A header and a body that name different parameters fail at load.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from her2ladder.errors import InputError, MissingError, StageError

_COMMENT = re.compile(r"--[^\n]*")
_STRING = re.compile(r"'(?:[^']|'')*'")
_PARAMETER = re.compile(r"\$([a-z_][a-z0-9_]*)")
_HEADER_PARAMETER = re.compile(r"^-- \$([a-z_][a-z0-9_]*)\s+(\S.*)$", re.MULTILINE)
_HEADER_COLUMN = re.compile(r"^-- ([a-z_][a-z0-9_]*(?:, [a-z_][a-z0-9_]*)*)\s{2,}(\S.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Query:
    """One named query: its text, what it answers, its parameters and columns with their meanings."""

    name: str
    sql: str
    question: str
    parameters: dict[str, str]
    columns: dict[str, str]

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


@cache
def catalogue() -> dict[str, Query]:
    """Return every query by name, `folder/name`."""
    found: dict[str, Query] = {}
    for folder in sorted(_folders(files("her2ladder.queries")), key=lambda f: f.name):
        for file in sorted(folder.iterdir(), key=lambda f: f.name):
            if file.name.endswith(".sql"):
                name = f"{folder.name}/{file.name.removesuffix('.sql')}"
                found[name] = parse(name, file.read_text())
    return found


def query(name: str) -> Query:
    """Return one query.

    raises   MissingError naming those there are
    """
    try:
        return catalogue()[name]
    except KeyError:
        raise MissingError(f"no query called {name!r}; there is {', '.join(catalogue())}") from None


def values_of(asked: Query, given: Mapping[str, str]) -> dict[str, object]:
    """Return the parameters of a query from text: a number where the text is one, but for ids (a slide may be called 007).

    raises   InputError where a parameter is missing or too many
    """
    if set(given) != set(asked.parameters):
        raise InputError(f"query {asked.name} takes {', '.join(asked.parameters) or 'no parameters'}; found {', '.join(given) or 'none'}")
    return {name: text if name.endswith("_id") else _value(text) for name, text in given.items()}


def _value(text: str) -> object:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def parse(name: str, text: str) -> Query:
    """Return the query in `text`.

    raises   StageError where header and body name different parameters, or no question stands first
    """
    header = text[: re.match(r"(?:--[^\n]*\n|\s*\n)*", text).end()]  # type: ignore[union-attr]
    first = re.match(r"-- (\S[^\n]*)\n", text)
    if first is None:
        raise StageError(f"query {name}: the first line must be the question it answers")
    parameters = dict(_HEADER_PARAMETER.findall(header))
    body = _STRING.sub("''", _COMMENT.sub("", text))
    used = set(_PARAMETER.findall(body))
    if used != set(parameters):
        raise StageError(f"query {name}: header names {sorted(parameters)}, body uses {sorted(used)}")
    columns = {one: meaning for names, meaning in _HEADER_COLUMN.findall(header) for one in names.split(", ")}
    return Query(name, text, first.group(1), parameters, columns)


def _folders(root: Traversable) -> list[Traversable]:
    return [entry for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("_")]
