"""Which slides a query can read: never fewer than it does read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from her2ladder.queries.sandbox.slides_asked import slides_asked
from her2ladder.schema.store import Store
from her2ladder.schema.views import NAMES


@pytest.mark.parametrize(
    ("sql", "slides"),
    [
        ("SELECT 1", set()),
        ("SELECT * FROM patient", set()),
        ("SELECT count(*) FROM cell WHERE slide_id = 'S1'", {"S1"}),
        ("SELECT count(*) FROM cell c WHERE c.slide_id = 'S1' AND x_um > 3", {"S1"}),
        ("FROM cell WHERE 'S1' = slide_id AND (stain = 'HE' OR stain = 'HER2')", {"S1"}),
        ("FROM cell WHERE slide_id IN ('S1', $other)", {"S1", "S2"}),
        ("FROM neighbours('S1', 'HE', 'A', 'B', 25)", {"S1"}),
        ("FROM CELLS_WITHIN($other, 'HE', 1, 2, 3)", {"S2"}),
        ("WITH a AS (FROM cell WHERE slide_id = 'S1'), b AS (FROM cell_pair WHERE slide_id = 'S2') FROM a JOIN b USING (cell_id)", {"S1", "S2"}),
        ("SELECT (SELECT count(*) FROM cell WHERE slide_id = 'S1')", {"S1"}),
        # whatever else reads the lake reads all of it
        ("SELECT count(*) FROM cell", None),
        ("FROM cell WHERE slide_id = 'S1' OR slide_id = 'S2'", None),
        ("FROM cell WHERE NOT slide_id = 'S1'", None),
        ("FROM cell WHERE slide_id <> 'S1'", None),
        ("FROM cell WHERE slide_id LIKE 'S1'", None),
        ("FROM cell WHERE lower(slide_id) = 's1'", None),
        ("FROM cell WHERE slide_id = patient_id", None),
        ("FROM cell WHERE slide_id = $missing", None),
        ("FROM cell WHERE slide_id = 'it''s'", None),
        ("FROM cell WHERE slide_id = 'S1' UNION ALL FROM cell", None),
        ("FROM cell a JOIN cell_pair b USING (slide_id, cell_id) WHERE slide_id = 'S1'", None),
        ("FROM cell AS c(slide_id, x) WHERE c.slide_id = 'S1'", None),
        ("SELECT (SELECT count(*) FROM cell WHERE s.slide_id = 'S1') FROM slide s", None),
        ("SELECT * FROM query_table('cell')", None),
        ("FROM query('FROM cell')", None),
        ("PIVOT cell ON cell_class USING count(*)", None),
        ("SUMMARIZE cell", None),
        ("not sql", None),
    ],
)
def test_the_slides_of_a_query(sql: str, slides: set[str] | None) -> None:
    assert slides_asked(sql, {"other": "S2"}) == slides


ASKED = (
    "SELECT count(*) FROM cell",
    "SELECT count(*) FROM cell WHERE slide_id = 'S1'",
    "SELECT count(*) FROM cell WHERE slide_id IN ('S1', 'S3')",
    "SELECT count(*) FROM cell WHERE slide_id = 'S9'",
    "SELECT count(*) FROM cell WHERE slide_id <> 'S1'",
    "SELECT count(*) FROM neighbours('S2', 'HE', 'Tumor', 'Lymph', 10)",
    "SELECT (SELECT count(*) FROM cell WHERE slide_id = 'S1') + (SELECT count(*) FROM cell WHERE slide_id = 'S2')",
    "SELECT count(*) FROM slide s WHERE (SELECT count(*) FROM cell WHERE slide_id = s.slide_id) = 2",
)


def test_the_sandbox_answers_what_an_open_store_answers(put: Callable[..., Any], run_ladder: Any, store_dir: Path) -> None:
    for at, n in (("S1", 2), ("S2", 3), ("S3", 5)):
        put(at, *(("Tumor" if i % 2 else "Lymph", 3.0 * i, 0.0) for i in range(n)))
    with Store(store_dir).reading() as con:
        for sql in ASKED:
            assert run_ladder("--json", "sql", sql).rows[0].popitem()[1] == con.sql(sql).fetchall()[0][0], sql


def test_a_question_makes_the_views_that_it_names_and_a_list_of_views_makes_all(run_ladder: Any, store_dir: Path) -> None:
    def made(con: Any) -> set[str]:
        rows = con.maker._con.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
        return {name for (name,) in rows}

    with Store(store_dir).reading() as con:
        con.sql("SELECT count(*) FROM score_band")
        assert "cell" not in made(con)
        con.sql("SELECT count(*) FROM cell_shape")
        assert {"cell", "cell_shape", "score_band"} <= made(con)
        assert "patient_feature" not in made(con)
    assert {row["name"] for row in run_ladder("--json", "sql", "SHOW TABLES").rows} >= {"cell", "patient", "v_km"}
    views = [row["name"] for row in run_ladder("--json", "sql", "SHOW TABLES").rows]
    assert {name for name in NAMES if name in views} >= {"cell", "patient_feature", "score_current", "analysis_result"}
    for name in views:  # each alone, from a connection that has made no other
        with Store(store_dir).reading() as con:
            con.sql(f"SELECT count(*) FROM {name}").fetchall()


def test_a_view_that_is_not_there_is_told_with_those_that_come_near(run_ladder: Any) -> None:
    assert "Did you mean cell" in run_ladder("sql", "FROM cel").err
