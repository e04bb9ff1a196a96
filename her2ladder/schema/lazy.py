"""Views that are made when a query first names them: a question pays for the views that it reads, and for no other.

A name in a comment or a string makes a view too many, which costs a little and changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import duckdb

_WORD = re.compile(r"\w+")
_LISTS_VIEWS = re.compile(r"\b(show|describe|information_schema|duckdb_\w+|pg_\w+|sqlite_master|pragma\w*)\b", re.IGNORECASE)


class ViewMaker:
    """Makes views and macros on a connection, each once, after those that its own text names.

    names   in an order in which each comes after those that it names
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, names: Iterable[str], statement: Callable[[str], str]) -> None:
        self._con, self._statement = con, statement
        self._place = {name: at for at, name in enumerate(names)}
        self._left = set(self._place)

    def need(self, text: str) -> None:
        """Make what a query names; all, where it asks what views there are."""
        if _LISTS_VIEWS.search(text):
            for name in sorted(self._left, key=self._place.__getitem__):
                self._make(name)
        else:
            self._named(text, len(self._place))

    def _named(self, text: str, before: int) -> None:
        """Make what a text names; a view's own text can only mean those that come before it, whatever else a word may be."""
        for name in sorted(self._left & set(_WORD.findall(text.lower())), key=self._place.__getitem__):
            if self._place[name] < before:
                self._make(name)

    def _make(self, name: str) -> None:
        if name not in self._left:
            return
        self._left.discard(name)
        statement = self._statement(name)
        self._named(statement, self._place[name])
        self._con.execute(statement)


class LazyConnection:
    """A DuckDB connection on which every public view answers; the views of a text are made before it runs."""

    def __init__(self, con: duckdb.DuckDBPyConnection, maker: ViewMaker) -> None:
        self._con, self.maker = con, maker

    def execute(self, query: Any, *args: Any, **more: Any) -> Any:
        """As duckdb's."""
        self._need(query)
        return self._con.execute(query, *args, **more)

    def sql(self, query: Any, *args: Any, **more: Any) -> Any:
        """As duckdb's."""
        self._need(query)
        return self._con.sql(query, *args, **more)

    def _need(self, query: Any) -> None:
        self.maker.need(query if isinstance(query, str) else str(query.query))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._con, name)
