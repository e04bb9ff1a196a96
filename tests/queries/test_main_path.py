"""The main path end to end: cells in, features out, SQL over both, checked by eye on a 3-4-5 triangle."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


def test_a_3_4_5_triangle_gives_the_values_anyone_can_check_by_eye(put, run_ladder):
    put("S1", ("Tumor", 0, 0), ("Lymph", 3, 4), ("Lymph", 500, 500))
    assert run_ladder("features", "--workers", 1).code == 0
    rows = run_ladder(
        "--json",
        "sql",
        "SELECT cell_id, n_subgraph, degrees, min_edge_um, mean_edge_um FROM cell_pair WHERE pair = 'Tumor_Lymph' ORDER BY 1",
    ).rows
    assert [tuple(row.values()) for row in rows] == [(0, 2, 1, 5.0, 5.0), (1, 2, 1, 5.0, 5.0), (2, 1, 0, None, None)]
    wide = run_ladder("--json", "sql", "SELECT * FROM patient_feature").rows[0]
    assert len(wide) == 1 + 69 + 70
    assert wide["Tumor_Lymph_minEdgeLength"] == 5.0
    assert wide["Pi_Lymph_in_all_cells"] == pytest.approx(2 / 3)
    assert wide["Neutro_Lymph_minEdgeLength"] is None
    assert wide["Lymph_Macro_minEdgeLength"] == 25.0, "an empty list counts as the radius"
    assert wide["Pi_HER2null_in_tumor_cells"] is None


def test_both_engines_publish_the_same_fingerprint(put, run_ladder, command, store_dir, tmp_path):
    put("S1", *[("Tumor" if i % 3 else "Lymph", 7.0 * (i % 6), 5.0 * (i // 6)) for i in range(30)])
    twin = tmp_path / "twin"
    shutil.copytree(store_dir, twin)
    assert run_ladder("features", "--workers", 1).code == 0
    assert command("--store", twin, "features", "--engine", "sql", "--workers", 1).code == 0
    ask = "SELECT fingerprint FROM run WHERE stage = 'features'"
    assert run_ladder("--json", "sql", ask).rows == command("--store", twin, "--json", "sql", ask).rows


def test_a_second_ingest_of_the_same_file_reads_nothing(put, run_ladder):
    put("S1", ("Tumor", 0, 0))
    answer = put("S1", ("Tumor", 0, 0))
    assert "unchanged" in answer.out
    assert run_ladder("--json", "sql", "SELECT count(*) AS n FROM run WHERE stage = 'ingest cells'").rows == [{"n": 1}]


def test_whatever_decides_what_the_cells_are_makes_a_second_ingest_read_again(run_ladder, tmp_path):
    (tmp_path / "S1.csv").write_text("cell_id,cell_class,other,x_px,y_px\n1,a,b,8,8\n")
    words = {"--label-map": tmp_path / "map.toml", "--mpp": 0.5, "--width-px": 100, "--height-px": 100, "--slide-mpp": 0.5, "--columns": "cell_class=cell_class"}

    def ingest(a="Tumor", **changed):
        (tmp_path / "map.toml").write_text(f'name = "m"\n[labels]\na = "{a}"\nb = "Lymph"\n')
        told = {**words, **{f"--{name.replace('_', '-')}": value for name, value in changed.items()}}
        flat = [word for pair in told.items() for word in pair]
        (row,) = run_ladder("--json", "ingest", "cells", tmp_path / "S1.csv", "--stain", "HE", "--workers", 1, *flat).rows
        return row["state"]

    assert [ingest(), ingest()] == ["read", "unchanged"]
    for changed in ({"a": "Macro"}, {"mpp": "0.5,0.25"}, {"width_px": 99}, {"height_px": 99}, {"slide_mpp": 0.51}, {"columns": "cell_class=other"}):
        ingest()
        assert [ingest(**changed), ingest(**changed)] == ["read", "unchanged"], changed
    assert run_ladder("--json", "sql", "SELECT cell_class, x_um, y_um FROM cell").rows == [{"cell_class": "Lymph", "x_um": 4, "y_um": 4}]


def test_a_changed_source_supersedes_and_takes_the_stale_features_out_of_view(put, run_ladder):
    put("S1", ("Tumor", 0, 0), ("Lymph", 3, 4))
    run_ladder("features", "--workers", 1)
    put("S1", ("Tumor", 0, 0))
    assert run_ladder("--json", "sql", "SELECT count(*) AS n FROM cell").rows == [{"n": 1}]
    assert run_ladder("--json", "sql", "SELECT count(*) AS n FROM cell_pair").rows == [{"n": 0}]
    assert run_ladder("--json", "sql", "SELECT count(*) AS n FROM slide_feature").rows == [{"n": 0}]


def test_the_store_can_be_read_as_of_an_older_run(put, run_ladder):
    put("S1", ("Tumor", 0, 0), ("Lymph", 3, 4))
    put("S1", ("Tumor", 0, 0))
    assert run_ladder("--json", "--as-of", "r000001", "sql", "SELECT count(*) AS n FROM cell").rows == [{"n": 2}]
    assert run_ladder("--as-of", "r000001", "features").code == 1, "the past cannot be written"


def test_two_different_files_for_one_slide_and_stain_are_refused_and_nothing_is_written(run_ladder, tmp_path):
    for name, x in (("a", 1), ("b", 2)):
        (tmp_path / f"{name}.csv").write_text(f"cell_id,cell_class,x_um,y_um\n1,Tumor,{x},0\n")
    (tmp_path / "m.csv").write_text("path,slide_id,patient_id,stain,mpp\na.csv,S,P,HE,\nb.csv,S,P,HE,\n")
    answer = run_ladder("ingest", "cells", tmp_path / "m.csv")
    assert answer.code == 1
    assert "two different files" in answer.err
    assert run_ladder("--json", "sql", "SELECT count(*) AS n FROM run").rows == [{"n": 1}]


def test_one_bad_slide_is_quarantined_and_the_other_is_read(run_ladder, tmp_path):
    (tmp_path / "good.csv").write_text("cell_id,cell_class,x_um,y_um\n1,Tumor,1,0\n")
    (tmp_path / "bad.csv").write_text("cell_id,cell_class,x_um,y_um\n1,Banana,1,0\n")
    (tmp_path / "m.csv").write_text("path,slide_id,patient_id,stain,mpp\ngood.csv,A,P,HE,\nbad.csv,B,P,HE,\n")
    answer = run_ladder("ingest", "cells", tmp_path / "m.csv", "--workers", 1)
    assert answer.code == 1
    assert [row["slide_id"] for row in run_ladder("--json", "sql", "SELECT slide_id FROM slide").rows] == ["A"]
    reason = run_ladder("--json", "sql", "SELECT slide_id, reason FROM quarantine").rows[0]
    assert reason["slide_id"] == "B"
    assert "Banana" in reason["reason"]


@pytest.mark.parametrize("mpp", ["", "352.8", "0", "-1", "nan", "quarter"])
def test_a_slide_without_a_plausible_mpp_is_refused_and_told_how_to_give_it(run_ladder, tmp_path, mpp):
    (tmp_path / "a.json").write_text('{"mag": 40, "nuc": {}}')
    words = ["--mpp", mpp] if mpp else []
    answer = run_ladder("ingest", "cells", tmp_path / "a.json", "--stain", "HE", "--label-map", "nucls", *words)
    assert answer.code == 1
    assert "mpp" in answer.err


def test_two_workers_publish_what_one_does(command, store_dir, tmp_path):
    rows = []
    for i in range(5):
        (tmp_path / f"s{i}.csv").write_text(
            "cell_id,cell_class,x_um,y_um\n" + "".join(f"{j},Tumor,{j * 3 + i},{j % 4}\n" for j in range(20))
        )
        rows.append(f"s{i}.csv,S{i},P{i},HE,")
    (tmp_path / "m.csv").write_text("path,slide_id,patient_id,stain,mpp\n" + "\n".join(rows) + "\n")
    twin = tmp_path / "twin"
    shutil.copytree(store_dir, twin)
    for root, workers in ((store_dir, 1), (twin, 2)):
        assert command("--store", root, "ingest", "cells", tmp_path / "m.csv", "--workers", workers).code == 0
        assert command("--store", root, "features", "--workers", workers).code == 0
    ask = "SELECT run, stage, fingerprint FROM run WHERE stage <> 'init' ORDER BY run"
    assert command("--store", store_dir, "--json", "sql", ask).rows == command("--store", twin, "--json", "sql", ask).rows


def test_a_patient_with_two_slides_of_a_stain_is_pooled_with_cells_as_weights(put, run_ladder):
    put("S1", ("Tumor", 0, 0), ("Lymph", 3, 4), patient="P")
    put("S2", ("Tumor", 0, 0), ("Tumor", 100, 0), ("Tumor", 200, 0), ("Lymph", 300, 4), patient="P")
    run_ladder("features", "--workers", 1)
    wide = run_ladder("--json", "sql", "SELECT * FROM patient_feature").rows[0]
    assert wide["Pi_Tumor_in_all_cells"] == pytest.approx(4 / 6)
    assert wide["Tumor_Lymph_minEdgeLength"] == pytest.approx((5 + 3 * 25) / 4)


def test_a_slide_that_stood_for_its_patient_moves_to_the_one_it_is_given(put, run_ladder):
    """Cells, features and the list of patients follow; the past stays as it was, and the next move is refused with what to say."""
    cells = [("Tumor", 0, 0), ("Lymph", 3, 4), ("Tumor", 50, 50)]
    assert put("S1", *cells).code == put("S2", *cells, patient="P1").code == 0
    assert run_ladder("features", "--workers", 1).code == 0
    moved = put("S1", *cells, patient="P1")
    assert moved.code == 0, moved.err
    ask = lambda sql, *more: [tuple(row.values()) for row in run_ladder("--json", *more, "sql", sql).rows]  # noqa: E731
    patients = "SELECT patient_id FROM patient ORDER BY 1"
    assert ask(patients) == [("P1",)]
    assert ask(patients, "--as-of", "r000003") == [("P1",), ("S1",)]
    assert ask("SELECT DISTINCT patient_id FROM cell") == ask("SELECT DISTINCT patient_id FROM slide") == [("P1",)]
    assert ask("SELECT DISTINCT slide_id FROM slide_feature") == [("S2",)]
    assert run_ladder("features", "--workers", 1).code == 0
    assert ask("SELECT DISTINCT slide_id, patient_id FROM slide_feature ORDER BY 1") == [("S1", "P1"), ("S2", "P1")]
    assert ask("SELECT patient_id FROM patient_feature") == [("P1",)]
    assert run_ladder("check").code == 0
    for patient in ("S1", "P2"):
        refused = put("S1", *cells, patient=patient)
        assert refused.code == 1
        assert f"slide S1, stain HE: belongs to patient P1 in the store, found {patient}: say --patient P1 (" in refused.err


@pytest.mark.parametrize(
    ("what", "text", "words"),
    [
        ("clinical", "patient_id,cohort\nS1,A\n", []),
        ("scores", "patient_id,score\nS1,0.5\n", ["--name", "s"]),
        ("features", "patient_id,f\nS1,1\n", ["--name", "set"]),
    ],
)
def test_a_slide_keeps_a_patient_of_its_own_name_that_more_is_known_of(put, run_ladder, tmp_path, what, text, words):
    assert put("S1", ("Tumor", 0, 0)).code == 0
    (tmp_path / "table.csv").write_text(text)
    assert run_ladder("ingest", what, tmp_path / "table.csv", *words).code == 0
    refused = put("S1", ("Tumor", 0, 0), patient="P1")
    assert refused.code == 1
    assert "belongs to patient S1 in the store, found P1: say --patient S1 (" in refused.err


def test_a_stain_of_a_slide_that_has_not_moved_keeps_its_patient(put, run_ladder):
    for stain in ("HE", "HER2"):
        name = "Tumor" if stain == "HE" else "HER2null"
        assert put("S1", (name, 0, 0), stain=stain).code == 0
    assert put("S1", ("Tumor", 0, 0), patient="P1").code == 0
    rows = run_ladder("--json", "sql", "SELECT patient_id FROM patient ORDER BY 1").rows
    assert [row["patient_id"] for row in rows] == ["P1", "S1"]


def test_plain_duckdb_opens_the_views_from_open_sql(put, store_dir, monkeypatch):
    import duckdb

    put("S1", ("Tumor", 0, 0), ("Lymph", 3, 4))
    monkeypatch.chdir(store_dir)
    con = duckdb.connect()
    con.execute(Path("open.sql").read_text())
    assert con.sql("SELECT count(*) FROM cell").fetchall() == [(2,)]
    con.close()


@pytest.mark.shared
def test_the_issue_s_own_commands_work_on_real_cells(run_ladder, shared_data):
    files = sorted((shared_data / "nucls" / "hovernet_json").glob("*.json"))
    answer = run_ladder("ingest", "cells", *files, "--stain", "HE", "--mpp", "0.25", "--label-map", "nucls", "--workers", 1)
    assert answer.code == 0
    assert run_ladder("features", "--workers", 1).code == 0
    rows = run_ladder("--json", "sql", "SELECT cell_class, count(*) n, avg(area_um2) FROM cell GROUP BY ALL ORDER BY n DESC").rows
    assert {row["cell_class"] for row in rows} == {"Other", "Tumor", "Lymph", "Stroma", "Macro"}
    assert run_ladder("check").code == 0
