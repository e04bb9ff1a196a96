"""What the views of one store depend on, looked up through an attached connection when a view that needs it is made."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from her2ladder.schema import geometry, views
from her2ladder.schema.contract import literal
from her2ladder.schema.tables import LAKE

if TYPE_CHECKING:
    from her2ladder.schema.store import LakeReader, Store


class ViewState:
    """What the views of one store depend on, looked up through an attached connection when it is asked for."""

    def __init__(
        self,
        store: Store,
        con: duckdb.DuckDBPyConnection,
        lake: LakeReader | None,
        slides: Collection[str] | None,
        *,
        root: Path | None = None,
    ) -> None:
        self._store, self._con, self._lake, self._slides = store, con, lake, slides
        self._root = store.root if root is None else root
        self._seen = f"run <= {literal(store.as_of)}" if store.as_of else "true"
        self._has_functions = False

    def relation(self, kind: str) -> str | None:
        """The scan of the current files of a kind: those of the slides that are shown."""
        body = (Path(views.__file__).parent / "views" / "manifest_current.sql").read_text().replace("/*seen*/ true", self._seen)
        shown = "" if self._slides is None else "AND list_contains($slides, slide_id)"
        given = {"kind": kind} if self._slides is None else {"kind": kind, "slides": sorted(self._slides)}
        found = self._con.execute(
            f"SELECT path, schema_version FROM ({body}) WHERE kind = $kind {shown} ORDER BY slide_id, stain", given
        ).fetchall()
        if not found:
            return None
        if self._lake is None and self._root == self._store.root:
            self._store.fetch(path for path, _ in found)
        if self._lake is None:
            return views.parquet_relation(LAKE[kind], [views.LakeFile(str(self._root / path), version) for path, version in found])
        relation = None
        for relation, dataset in self._lake(self._store, kind, [path for path, _ in found]).items():
            self._con.register(relation, dataset)
        return relation

    def features(self) -> list[tuple[str, str]]:
        """The feature dictionary."""
        asked = f"SELECT stain, feature FROM ladder.base.feature_dictionary WHERE {self._seen} ORDER BY stain, position"
        return [(stain, feature) for stain, feature in self._con.execute(asked).fetchall()]

    def extras(self) -> dict[str, str]:
        """The extra covariates and their types."""
        asked = f"SELECT extra FROM ladder.base.patient_clinical WHERE extra IS NOT NULL AND {self._seen} ORDER BY run"
        return views.extra_types([text for (text,) in self._con.execute(asked).fetchall()])

    def add_functions(self) -> None:
        """Give the connection our functions, once."""
        if not self._has_functions:
            geometry.add_functions(self._con)
            self._has_functions = True
