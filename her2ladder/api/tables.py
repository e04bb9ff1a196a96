"""What a study holds, as tables: SQL, named queries, patients, slides, cells, features, scores."""

from __future__ import annotations

from collections.abc import Mapping

from her2ladder.api.results import Answer
from her2ladder.api.words import in_python
from her2ladder.schema.store import Store


class Tables:
    """The tables of one store; each is an `Answer`."""

    def __init__(self, store: Store) -> None:
        self.store = store

    @in_python
    def sql(self, text: str, *, timeout_seconds: float = 300.0, **params: object) -> Answer:
        """Ask in SQL, read-only and sandboxed, as `ladder sql`.

        params  values of `$name` in the query
        raises  SandboxError in one line: refused, failed, or stopped
        """
        return self._ask(text, params, timeout_seconds)

    @in_python
    def query(self, name: str, **params: object) -> Answer:
        """Run a named query (`ladder query list`).

        raises  MissingError where there is none of this name; SandboxError where a parameter is missing or too many
        """
        from her2ladder.queries.catalog import query

        return self._ask(query(name).sql, params)

    def patients(self) -> Answer:
        """Return the view `patient`: one row a patient, covariates as columns."""
        return self.sql("SELECT * FROM patient ORDER BY patient_id")

    def slides(self) -> Answer:
        """Return the view `slide`: one row a slide."""
        return self.sql("SELECT * FROM slide ORDER BY slide_id, stain")

    def cells(self, slide: str, *, stain: str | None = None) -> Answer:
        """Return the cells of one slide, as in the view `cell`.

        raises  MissingError where there is no such slide
        """
        from her2ladder.errors import MissingError

        where = "slide_id = $slide" if stain is None else "slide_id = $slide AND stain = $stain"
        given = {"slide": slide} if stain is None else {"slide": slide, "stain": stain}
        found = self._ask(f"SELECT * FROM cell WHERE {where} ORDER BY stain, cell_id", given)
        if not len(found) and not len(self._ask(f"SELECT 1 FROM slide WHERE {where}", given)):
            raise MissingError(f"slide: no slide called {slide!r}{f' of stain {stain}' if stain else ''} in the store; see slides()")
        return found

    def features(self) -> Answer:
        """Return the view `patient_feature`: sc-MTOP, one row a patient, one column a feature."""
        return self.sql("SELECT * FROM patient_feature ORDER BY patient_id")

    def scores(self) -> Answer:
        """Return the view `score_current`: score and band of every patient."""
        return self.sql("SELECT * FROM score_current ORDER BY score_name, patient_id")

    def _ask(self, text: str, params: Mapping[str, object], timeout_seconds: float = 300.0) -> Answer:
        from her2ladder.queries.sandbox.ask import ask

        with ask(self.store, text, parameters=params, timeout_seconds=timeout_seconds) as reader:
            return Answer(reader.read_all())
