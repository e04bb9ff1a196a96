"""Files that a question will read, fetched before it is asked: the child of the sandbox has no network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb

from her2ladder.queries.sandbox.slides_asked import slides_asked
from her2ladder.schema.store import Store


def bring(store: Store, sql: str, parameters: Mapping[str, object]) -> None:
    """Fetch the lake files of the views that a query names, of the slides that it can read.

    A text that DuckDB cannot parse brings nothing: the child says what is wrong with it.
    """

    def fetched(store: Store, kind: str, paths: list[str]) -> Mapping[str, Any]:
        store.fetch(paths)
        return {}

    try:
        slides = slides_asked(sql, parameters)
        with store.reading(lake=fetched, slides=slides) as con:
            con.maker.need(sql)  # type: ignore[attr-defined]
    except duckdb.Error:
        return
