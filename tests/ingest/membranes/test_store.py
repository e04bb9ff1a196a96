"""Thresholds, calibrations and classes in the store: the SQL says what Python says, other thresholds need no pixel, older stores open."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from her2ladder.errors import InputError, MissingError
from her2ladder.ingest.segmentation.membranes.cells import MembraneCells, Thresholds
from her2ladder.schema.duck import arrow_table
from her2ladder.schema.lake import sha256_of
from her2ladder.schema.membranes import MACRO
from her2ladder.schema.store import Store
from her2ladder.schema.tables import CELL
from her2ladder.schema.vocabulary import MEMBRANE_THRESHOLDS

CELLS = [  # completeness, density, class by the default thresholds
    (0.95, 0.9, "HER2strong_complete"), (0.8, 0.6, "HER2strong_complete"), (0.79, 0.7, "HER2strong_incomplete"),
    (0.9, 0.3, "HER2weak_complete"), (0.1, 0.59, "HER2weak_incomplete"), (0.09, 0.9, "HER2null"), (0.0, None, "HER2null"),
]  # fmt: skip


def put_cells(ladder: Any, folder: Path, slide: str = "S1") -> None:
    lines = ["cell_id,cell_class,x_um,y_um,membrane_completeness,membrane_od,cytoplasm_od,membrane_mean_od,membrane_gap_um"]
    lines += [f"c{i},{w},{20 * i},5,{c},{'' if d is None else d},0.05,0.4,{3 * i}" for i, (c, d, w) in enumerate(CELLS)]
    lines.append("c9,Other,400,5,0.9,0.9,0.05,0.4,0")
    path = folder / f"{slide}.csv"
    path.write_text("\n".join(lines) + "\n")
    assert ladder("ingest", "cells", path, "--stain", "HER2", "--slide-id", slide, "--patient", "P1", "--workers", 1).code == 0


def rows(root: Path, sql: str, as_of: str | None = None) -> list[dict[str, Any]]:
    with Store(root, as_of=as_of).reading() as con:
        return arrow_table(con, sql).to_pylist()


def test_sql_makes_the_classes_that_python_makes() -> None:
    rng = np.random.default_rng(0)
    edges = np.float32([0, 0.1, 0.8, 0.5999, 0.6, 1])
    completeness = np.concatenate([rng.uniform(0, 1, 300).astype(np.float32), edges])
    od = np.concatenate([rng.uniform(0, 1.3, 300).astype(np.float32), np.float32([np.nan, 0.6, 0.6, 0.9, 0.3, 0.6])])
    none = np.zeros(len(od), np.float32)
    cells = MembraneCells(none, none, completeness, od, none, none, none)
    con = duckdb.connect()
    con.execute(MACRO)
    con.register("c", pa.table({"i": range(len(od)), "completeness": completeness, "od": pa.array(od, mask=np.isnan(od))}))
    for factor in (1.0, 0.7):
        for t in (Thresholds(), Thresholds(0.2, 0.7, 0.45)):
            told = [factor, t.null_completeness, t.complete, t.strong_od]
            found = con.execute("SELECT her2_class(completeness, od, ?, ?, ?, ?) FROM c ORDER BY i", told).fetchall()
            assert [word for (word,) in found] == cells.classes(factor, t)
    con.close()


def counted_rightly(store_dir: Path) -> None:
    """What the manifest keeps of each class is what the cells say."""
    told = "slide_id, stain, cell_class"
    kept = rows(store_dir, f"SELECT {told}, n_cells, n_outlined, area_um2 FROM class_count ORDER BY ALL")
    seen = rows(store_dir, f"SELECT {told}, count(*) n_cells, count(area_um2) n_outlined, avg(area_um2) area_um2 FROM cell GROUP BY {told} ORDER BY ALL")
    assert [pytest.approx(row) for row in seen] == kept
    assert kept


def test_the_default_thresholds_are_the_same_in_python_and_in_a_new_store(run_ladder: Any) -> None:
    assert vars(Thresholds()) == MEMBRANE_THRESHOLDS
    assert run_ladder("--json", "thresholds").rows == [MEMBRANE_THRESHOLDS]


def test_other_thresholds_class_the_cells_again_without_a_pixel_and_features_are_stale(run_ladder: Any, tmp_path: Path, store_dir: Path) -> None:
    put_cells(run_ladder, tmp_path)
    assert [r["her2_class"] for r in rows(store_dir, "SELECT * FROM membrane_class WHERE cell_class <> 'Other' ORDER BY cell_id")] == [
        word for *_, word in CELLS
    ]
    assert run_ladder("features", "--workers", 1).code == 0
    assert rows(store_dir, "SELECT count(*) n FROM slide_feature")[0]["n"] > 0
    before = rows(store_dir, "SELECT * EXCLUDE (cell_class) FROM cell ORDER BY cell_id")
    answer = run_ladder("--json", "thresholds", "--complete", 0.5, "--strong-od", 0.25)
    assert answer.rows == [{"slide_id": "S1", "state": "changed", "n_cells": 8, "n_changed": 3}]
    now = rows(store_dir, "SELECT cell_class, her2_class FROM membrane_class ORDER BY cell_id")
    assert [r["cell_class"] for r in now] == [
        "HER2strong_complete", "HER2strong_complete", "HER2strong_complete", "HER2strong_complete", "HER2strong_incomplete", "HER2null", "HER2null", "Other",
    ]  # fmt: skip
    assert all(r["cell_class"] == r["her2_class"] for r in now[:-1])
    counted_rightly(store_dir)
    assert rows(store_dir, "SELECT * EXCLUDE (cell_class) FROM cell ORDER BY cell_id") == before
    assert rows(store_dir, "SELECT count(*) n FROM slide_feature")[0]["n"] == 0
    assert run_ladder("check").code == 0
    first = rows(store_dir, "SELECT run FROM run WHERE stage = 'ingest cells'")[0]["run"]
    past = rows(store_dir, "SELECT her2_class FROM membrane_class WHERE cell_class <> 'Other' ORDER BY cell_id", as_of=first)
    assert [r["her2_class"] for r in past] == [word for *_, word in CELLS]
    again = run_ladder("--json", "thresholds", "--complete", 0.5)
    assert again.rows[0]["state"] == "unchanged"
    assert "null_completeness <= complete" in run_ladder("thresholds", "--complete", 0.01).err


def test_there_and_back_gives_the_same_file(run_ladder: Any, tmp_path: Path, store_dir: Path) -> None:
    put_cells(run_ladder, tmp_path)
    first = rows(store_dir, "SELECT sha256 FROM slide")
    run_ladder("thresholds", "--complete", 0.5)
    assert rows(store_dir, "SELECT sha256 FROM slide") != first
    run_ladder("thresholds", "--complete", 0.8)
    assert rows(store_dir, "SELECT sha256 FROM slide") == first


def test_the_summary_counts_tumour_cells_beside_the_words_of_asco_and_cap(run_ladder: Any, tmp_path: Path, store_dir: Path) -> None:
    put_cells(run_ladder, tmp_path)
    [row] = rows(store_dir, "SELECT * FROM her2_summary")
    assert (row["n_cells"], row["calibration"], row["label"]) == (7, "none", "not a diagnosis")
    assert row["strong_complete"] == pytest.approx(2 / 7)
    assert row["asco_cap_words"].startswith("3+")
    assert rows(store_dir, "SELECT strong_complete + strong_incomplete + weak_complete + weak_incomplete + no_stain AS s FROM her2_summary")[0][
        "s"
    ] == pytest.approx(1)


@pytest.mark.parametrize("counts, word", [
    ({"HER2strong_complete": 11}, "3+"), ({"HER2strong_complete": 10}, "2+"), ({"HER2weak_complete": 11}, "2+"), ({"HER2strong_incomplete": 11}, "2+"),
    ({"HER2weak_incomplete": 11}, "1+"), ({"HER2weak_complete": 6, "HER2weak_incomplete": 5}, "1+"), ({"HER2weak_incomplete": 10}, "0:"), ({}, "0:"),
])  # fmt: skip
def test_the_words_follow_ten_percent_of_the_cells(counts: dict[str, int], word: str) -> None:
    """ASCO/CAP 2018: more than 10 %, so that 10 of 100 cells are not enough."""
    words = [name for name, n in counts.items() for _ in range(n)]
    words += ["HER2null"] * (100 - len(words))
    told = pa.table({"slide_id": ["S"] * 100, "patient_id": ["P"] * 100, "stain": ["HER2"] * 100, "cell_class": words, "her2_class": words,
                     "calibration": pa.nulls(100, pa.string())})  # fmt: skip
    con = duckdb.connect()
    con.register("membrane_class", told)
    body = files("her2ladder.schema").joinpath("views", "her2_summary.sql").read_text()
    assert str(con.sql(f"SELECT asco_cap_words FROM ({body})").fetchall()[0][0]).startswith(word)
    con.close()


def made_old(store_dir: Path) -> None:
    """Turn a store into one of schema version 1: what that version did not have is taken away, from the catalog and from the lake."""
    con = duckdb.connect(str(store_dir / "catalog.duckdb"))
    con.execute("DROP TABLE base.membrane_threshold")
    con.execute("DROP TABLE base.calibration_control")
    con.execute("DROP TABLE base.tile_quality")
    con.execute("UPDATE base.store_info SET schema_version = 1")
    for (path,) in con.sql("SELECT path FROM base.manifest").fetchall():
        table = pq.ParquetFile(store_dir / path).read()
        old = table.drop_columns([c.name for c in CELL.columns if c.since > 1])
        pq.write_table(old, store_dir / path)
        con.execute("UPDATE base.manifest SET schema_version = 1, class_counts = NULL, sha256 = ?, cells_sha256 = ?, n_bytes = ? WHERE path = ?",
                    [sha := sha256_of(store_dir / path), sha, (store_dir / path).stat().st_size, path])  # fmt: skip
    con.close()


def test_a_store_of_version_1_opens_after_migrate_and_takes_new_slides_beside_old_ones(run_ladder: Any, tmp_path: Path, store_dir: Path) -> None:
    put_cells(run_ladder, tmp_path)
    was = rows(store_dir, "SELECT cell_id, cell_class, membrane_od FROM cell ORDER BY cell_id")
    made_old(store_dir)
    assert "has schema version 1, wanted 4: run `ladder migrate`" in run_ladder("sql", "SELECT 1").err
    assert run_ladder("migrate").code == 0
    assert rows(store_dir, "SELECT cell_id, cell_class, membrane_od FROM cell ORDER BY cell_id") == was
    counted_rightly(store_dir)  # counts that version 1 did not keep
    assert {r["membrane_gap_um"] for r in rows(store_dir, "SELECT membrane_gap_um FROM cell")} == {None}
    assert run_ladder("--json", "thresholds").rows == [MEMBRANE_THRESHOLDS]
    put_cells(run_ladder, tmp_path, "S2")
    gaps = rows(store_dir, "SELECT slide_id, count(*) n, count(membrane_gap_um) g FROM cell GROUP BY ALL ORDER BY ALL")
    assert gaps == [{"slide_id": "S1", "n": 8, "g": 0}, {"slide_id": "S2", "n": 8, "g": 8}]
    asked = run_ladder("--json", "sql", "SELECT slide_id, count(*) n, count(membrane_gap_um) g FROM cell GROUP BY ALL ORDER BY ALL")
    assert asked.rows == gaps  # through Arrow, as the sandbox reads
    with Store(store_dir).reading() as con:
        told = con.sql("SELECT slide_id, count(*), count(membrane_gap_um), sum(x_um) FROM cell GROUP BY ALL ORDER BY ALL").fetchall()
        assert told == [("S1", 8, 0, 820.0), ("S2", 8, 8, 820.0)]
        assert con.sql("SELECT count(*) FROM cell WHERE slide_id = 'S1'").fetchall() == [(8,)]
    plain = duckdb.connect()
    text = (store_dir / "open.sql").read_text()
    plain.execute(text.replace("'cells/", f"'{store_dir}/cells/"))
    assert plain.sql("SELECT count(membrane_gap_um) FROM cell").fetchall() == [(8,)]
    assert plain.sql("SELECT count(*) FROM membrane_class").fetchall() == [(16,)]
    plain.close()
    counted_rightly(store_dir)
    assert run_ladder("thresholds", "--complete", 0.5).code == 0  # rewrites the old file in today's layout
    assert run_ladder("check").code == 0


# ---- calibrations ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A control tile of strong cells as a JPEG at 0.5 um/px."""
    pytest.importorskip("cv2")
    from PIL import Image

    from her2ladder.ingest.segmentation.membranes import drawn

    rng = np.random.default_rng(1)
    rgb, _ = drawn.draw_tile(rng, drawn.any_look(rng, "packed", 0.5), 160, classes=("HER2strong_complete",))
    path = tmp_path_factory.mktemp("control") / "strong.jpg"
    Image.fromarray(rgb).save(path, quality=85, subsampling=2, dpi=(50_800, 50_800))
    return path


def test_a_batch_is_calibrated_stored_and_found_by_name(run_ladder: Any, store_dir: Path, control: Path) -> None:
    from her2ladder.ingest.segmentation.membranes.calibration import factor_of

    answer = run_ladder("--json", "calibrate", control, "--expect", "strong", "--name", "BATCH7")
    assert answer.code == 0, answer.err
    [row] = answer.rows
    assert 0.3 < row["factor"] < 1.1
    [stored] = rows(store_dir, "SELECT * FROM calibration")
    assert (stored["calibration"], stored["controls"], stored["factor"]) == ("BATCH7", "strong", row["factor"])
    assert factor_of(Store(store_dir), "BATCH7") == row["factor"]
    [made] = rows(store_dir, "SELECT inputs, arguments FROM run WHERE stage = 'calibrate'")
    assert json.loads(made["inputs"]) == {"strong.jpg": sha256_of(control)}
    with pytest.raises(MissingError, match="no calibration called 'BATCH8'; there is BATCH7"):
        factor_of(Store(store_dir), "BATCH8")
    again = run_ladder("--json", "calibrate", control, "--expect", "strong", "--name", "BATCH7")
    assert again.rows[0]["factor"] == row["factor"]
    assert len(rows(store_dir, "SELECT * FROM calibration")) == 1


@pytest.mark.parametrize("words, said", [
    (("--expect", "moderate"), "--expect: wanted strong, weak, null"), (("--expect", "strong", "--mpp", 352.8), "--mpp: wanted"),
    (("--expect", "strong", "--white", "a,b"), "--white: wanted red,green,blue"), (("--expect", "null"), "this is no null control"),
])  # fmt: skip
def test_a_control_that_cannot_be_is_one_line(run_ladder: Any, control: Path, words: tuple[object, ...], said: str) -> None:
    answer = run_ladder("calibrate", control, "--name", "B", *words)
    assert (answer.code, len(answer.err.strip().splitlines())) == (1, 1)
    assert said in answer.err


def test_a_file_that_is_no_tile_is_one_line(run_ladder: Any, tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "no.png").write_bytes(b"not a picture")
    Image.new("RGB", (64, 64), "white").save(tmp_path / "plain.png")
    for name, said in (("no.png", "wanted a tile as PNG"), ("gone.png", "no such file"), ("plain.png", "does not say its micrometres per pixel")):
        assert said in run_ladder("calibrate", tmp_path / name, "--expect", "strong", "--name", "B").err


def test_a_calibration_stands_in_every_row_it_touched(tmp_path: Path) -> None:
    from her2ladder.ingest.cellfile import CellSource, write_cells
    from her2ladder.schema.labels import load_label_map

    (tmp_path / "c.csv").write_text("cell_id,cell_class,x_px,y_px,membrane_completeness,membrane_od\na,HER2null,1,1,0,\nb,HER2null,9,9,0.9,0.5\n")
    spec = CellSource("S", "P", "HER2", 0.5, 0.5, load_label_map("store", "HER2"), calibration="B7", calibration_factor=0.8)
    table = pq.ParquetFile(write_cells(tmp_path / "c.csv", tmp_path, spec).path).read()
    assert table.column("calibration").to_pylist() == ["B7", "B7"]
    assert table.column("calibration_factor").to_pylist() == [0.8, 0.8]


def test_thresholds_are_checked() -> None:
    with pytest.raises(InputError):
        Thresholds(strong_od=0)
