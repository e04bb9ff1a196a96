"""`ladder check`: every rule of queries/checks names the one broken row that is put into a store for it, and no other rule speaks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from her2ladder.queries.catalog import catalogue
from her2ladder.schema.store import Store
from her2ladder.schema.tables import CATALOG, RUN_TABLE

Break = Callable[[Path], None]


@pytest.fixture(scope="module")
def original(command: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Slide S1 of patient P1, three cells 5 to 6 um apart, one alone and one of no class, with features; P1 and P2 in a clinical table."""
    folder = tmp_path_factory.mktemp("rules")
    root = folder / "store"
    (folder / "S1.csv").write_text("cell_class,x_um,y_um\nTumor,0,0\nLymph,3,4\nLymph,6,0\nLymph,500,500\nOther,9,9\n")
    (folder / "c.csv").write_text("patient_id,cohort,cohort_role\nP1,A,construction\nP2,A,construction\n")
    assert command("init", root).code == 0
    for words in (
        ["ingest", "cells", folder / "S1.csv", "--stain", "HE", "--patient", "P1", "--workers", 1],
        ["features", "--workers", 1],
        ["ingest", "clinical", folder / "c.csv"],
    ):
        assert command("--store", root, *words).code == 0
    return root


def sql(statement: str) -> Break:
    """Change the catalog as nothing of ours would."""

    def change(root: Path) -> None:
        with Store(root).publishing() as con:
            con.execute(statement)

    return change


def cell(**values: object) -> Break:
    """Write values into row 0 of the cells file of S1, and make the manifest agree."""
    return lambda root: rewrite(root, "cells", 0, values)


def pair(at: int, **values: object) -> Break:
    """Write values into the row of one cell in the graph Tumor_Lymph, and make the manifest agree."""
    return lambda root: rewrite(root, "cell_pairs", at, values)


def rewrite(root: Path, kind: str, cell_id: int, values: dict[str, object]) -> None:
    (path,) = (root / kind / "stain=HE" / "slide_id=S1").glob("*.parquet")
    table = pq.ParquetFile(path).read()
    rows = table.to_pylist()
    (row,) = [row for row in rows if row["cell_id"] == cell_id and row.get("pair", "Tumor_Lymph") == "Tumor_Lymph"]
    row.update(values)
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    sha256, n_bytes = hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size
    cells = f", cells_sha256 = '{sha256}'" if kind == "cells" else ""
    place = path.relative_to(root).as_posix()
    sql(f"UPDATE base.manifest SET sha256 = '{sha256}', n_bytes = {n_bytes}{cells} WHERE path = '{place}'")(root)


def pairs_of_another_slide(root: Path) -> None:
    """Move the pairs of S1 into the folder of a slide that was never read."""
    (path,) = (root / "cell_pairs" / "stain=HE" / "slide_id=S1").glob("*.parquet")
    moved = root / "cell_pairs" / "stain=HE" / "slide_id=S9" / path.name
    moved.parent.mkdir()
    path.rename(moved)
    sql(f"UPDATE base.manifest SET path = '{moved.relative_to(root).as_posix()}' WHERE kind = 'cell_pairs'")(root)


PROPORTION = "feature = 'Pi_Tumor_in_all_cells' AND rule = 'ratio'"
CASES: list[tuple[str, Break, str, str]] = [
    ("cell_classes", sql("DELETE FROM base.vocabulary WHERE stain = 'HE' AND cell_class = 'Lymph'"), "HE", "Lymph: 3 cells"),
    ("calibrations_named", cell(calibration="B9", calibration_factor=0.8), "S1 HE", "B9: 1 cells"),
    ("cell_classes", cell(cell_class="Banana"), "HE", "Banana: 1 cells"),
    ("cell_coordinates", cell(x_um=float("inf")), "S1 HE 0", "inf, 0.0"),
    ("cell_coordinates", cell(y_um=float("nan")), "S1 HE 0", "0.0, nan"),
    ("cell_ids", cell(cell_id=3), "S1 HE", "5 cells, 4 ids from 1 to 4"),
    ("cell_ids", cell(cell_id=-1), "S1 HE", "5 cells, 5 ids from -1 to 4"),
    (
        "cohort_roles",
        sql(
            "INSERT INTO base.patient_clinical SELECT * REPLACE ('temporal_validation' AS cohort_role, 'r000002' AS run) "
            "FROM base.patient_clinical WHERE patient_id = 'P2'; "
            "DELETE FROM base.patient_clinical WHERE patient_id = 'P2' AND cohort_role = 'construction'"
        ),
        "A",
        "construction, temporal_validation",
    ),
    (
        "feature_keys",
        sql(f"INSERT INTO base.slide_feature FROM base.slide_feature WHERE {PROPORTION}"),
        "S1 HE",
        "Pi_Tumor_in_all_cells ratio x 2",
    ),
    (
        "feature_names",
        sql(f"INSERT INTO base.slide_feature SELECT * REPLACE ('Pi_Banana' AS feature) FROM base.slide_feature WHERE {PROPORTION}"),
        "HE",
        "Pi_Banana: 1 rows",
    ),
    ("pair_invariants", pair(0, n_subgraph=1), "S1 Tumor_Lymph 0", "Degrees 2, Nsubgraph 1, edges 5.0 / 5.5"),
    ("pair_invariants", pair(3, n_subgraph=2), "S1 Tumor_Lymph 3", "Degrees 0, Nsubgraph 2, edges  / "),
    ("pair_invariants", pair(3, min_edge_um=4.0, mean_edge_um=4.0), "S1 Tumor_Lymph 3", "Degrees 0, Nsubgraph 1, edges 4.0 / 4.0"),
    ("pair_invariants", pair(0, mean_edge_um=None), "S1 Tumor_Lymph 0", "Degrees 2, Nsubgraph 3, edges 5.0 / "),
    ("pair_invariants", pair(0, min_edge_um=5.6), "S1 Tumor_Lymph 0", "Degrees 2, Nsubgraph 3, edges 5.6 / 5.5"),
    ("pair_orphans", pairs_of_another_slide, "S9 HE", " rows"),
    ("proportions", sql(f"UPDATE base.slide_feature SET value = 1.5 WHERE {PROPORTION}"), "S1 Pi_Tumor_in_all_cells", "1.5"),
    ("proportions", sql(f"UPDATE base.slide_feature SET value = -0.1 WHERE {PROPORTION}"), "S1 Pi_Tumor_in_all_cells", "-0.1"),
    ("runs_named", sql("UPDATE base.slide_feature SET run = 'r999999'"), "slide_feature", "r999999"),
    ("slide_patient", sql("UPDATE base.manifest SET patient_id = 'P2' WHERE kind = 'cells'"), "S1 HE", "cells file: P2, slide: P1"),
]


@pytest.mark.parametrize(("rule", "broken", "where", "found"), CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_a_rule_names_the_row_that_breaks_it(whole: Path, run_ladder: Any, rule: str, broken: Break, where: str, found: str) -> None:
    broken(whole)
    answer = run_ladder("--json", "check")
    assert answer.code == 1
    assert [(row["rule"], row["where"], row["state"]) for row in answer.rows] == [(f"checks/{rule}", where, "open")]
    assert answer.rows[0]["found"].endswith(found)


def test_every_rule_has_a_row_that_breaks_it() -> None:
    assert {f"checks/{rule}" for rule, *_ in CASES} == {name for name in catalogue() if name.startswith("checks/")}


FILL = {  # a row for each table that the store has none of
    "imported_feature": "(feature_set, patient_id, feature, run) VALUES ('set', 'P1', 'f', 'r1')",
    "model": "(model_id, name, kind, feature_set, cohort, sha256, summary, run) VALUES ('m-1', 'm', 'ensemble', 'set', 'A', '', '{}', 'r1')",
    "model_band": "(score_name, low_max, medium_max, rule, n, cohort, run) VALUES ('m', 0.3, 0.6, '', 0, 'A', 'r1')",
    "score": "(score_name, patient_id, kind, predicts, run) VALUES ('m', 'P1', 'imported', 'residual', 'r1')",
    "fold_prediction": "(score_name, patient_id, member, repeat, fold, score, run) VALUES ('m', 'P1', 'knn', 0, 0, 0.5, 'r1')",
    "analysis_result": "(analysis, cohort, metric, run) VALUES ('odds', 'all', 'n', 'r1')",
    "calibration_control": "(calibration, expect, control_factor, factor, n_cells, n_used, mpp, white, parameters, run) "
    "VALUES ('b', 'strong', 1, 1, 9, 9, 0.25, '[]', '{}', 'r1')",
    "tile_quality": "(slide_id, stain, x0_um, y0_um, x1_um, y1_um, tissue_share, pen_share, fold_share, flags, run) "
    "SELECT slide_id, stain, 0, 0, 1, 1, 1, 0, 0, '', 'r1' FROM base.slide LIMIT 1",
    "quarantine": "(what, source_name, reason, run) VALUES ('cell', 'S1.csv', '', 'r1')",
}


def test_a_run_that_is_not_there_is_named_for_every_table_whose_rows_name_runs(whole: Path, run_ladder: Any) -> None:
    tables = sorted(table.name for table in CATALOG if table is not RUN_TABLE)
    sql("; ".join([f"INSERT INTO base.{table} {row}" for table, row in FILL.items()]))(whole)
    sql("; ".join([f"UPDATE base.{table} SET run = 'r999999'" for table in tables]))(whole)
    named = [(row["where"], row["found"]) for row in run_ladder("--json", "check").rows if row["rule"] == "checks/runs_named"]
    assert named == [(table, "r999999") for table in tables]


def test_the_store_that_is_broken_was_whole(whole: Path, run_ladder: Any) -> None:
    assert run_ladder("check").code == 0


def test_a_cell_that_was_left_out_leaves_a_gap_in_the_ids_and_breaks_no_rule(run_ladder: Any, tmp_path: Path) -> None:
    """A number stays that of the record: the first of 150 is bad, the second dropped by the map."""
    own = tmp_path / "own.toml"
    own.write_text('name = "own"\nidentity = true\n[labels]\ndust = "drop"\n')
    path = tmp_path / "S1.csv"
    path.write_text("cell_class,x_um,y_um\nTumor,nan,1\ndust,2,2\n" + "".join(f"Tumor,{i},1\n" for i in range(148)))
    assert run_ladder("ingest", "cells", path, "--stain", "HE", "--label-map", own, "--workers", 1).code == 0
    rows = run_ladder("--json", "sql", "SELECT min(cell_id) AS first, max(cell_id) AS last, count(*) AS n FROM cell").rows
    assert rows == [{"first": 2, "last": 149, "n": 148}]
    assert run_ladder("check").code == 0
