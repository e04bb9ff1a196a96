"""Xenium bundles: every layout comes back the same; what does not fit is refused with its numbers."""

from __future__ import annotations

import re
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import h5py
import numpy as np
import polars as pl
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from made_xenium import Section, ids_of, section, write_bundle, zipped

from her2ladder.errors import InputError
from her2ladder.ingest.readers.xenium_bundle import opened
from her2ladder.ingest.xenium import expression, matrix
from her2ladder.ingest.xenium.markers import load_markers, offered

GENES = ("ERBB2", "KRT8", "CD3E", "CD4", "NOTHING")
MARKERS = """
name = "two"
[types.Tumour]
positive = ["ERBB2", "KRT8"]
negative = ["CD3E"]
[types.Th]
positive = ["CD3E", "CD4"]
"""


@pytest.fixture(scope="module")
def made() -> Section:
    """Eight cells in two rows: four that make ERBB2 and KRT8, three that make CD3E and CD4, one with a single transcript."""
    tumour, helper, poor = [[30, 20, 0, 0, 0]] * 4, [[0, 1, 25, 22, 0]] * 3, [[1, 0, 0, 0, 0]]
    places = [(10 + 20 * i, 10) for i in range(4)] + [(10 + 20 * i, 100) for i in range(4)]
    return section(np.array([*tumour, *helper, *poor]).T, [p[0] for p in places], [p[1] for p in places], GENES)


def told(run_ladder: Callable[..., Any], slide: str) -> tuple[Any, Any, Any]:
    """What the store says of a slide: cells in file order, counts, panel."""
    sql = "SELECT cell_id, x_um, y_um, round(area_um2, 6) AS area FROM cell WHERE slide_id = '{0}' ORDER BY cell_id"
    counts = "SELECT cell_id, gene, count FROM expression WHERE slide_id = '{0}' ORDER BY ALL"
    panel = "SELECT gene, n_cells, total_count FROM gene WHERE slide_id = '{0}' ORDER BY gene"
    return tuple(run_ladder("--json", "sql", text.format(slide)).rows for text in (sql, counts, panel))


def expected(made: Section) -> tuple[Any, Any, Any]:
    cells = [{"cell_id": i, "x_um": made.x[i], "y_um": made.y[i], "area": 64.0} for i in range(made.n)]
    counts = [
        {"cell_id": i, "gene": gene, "count": int(made.counts[g, i])}
        for i in range(made.n)
        for g, gene in sorted(enumerate(GENES), key=lambda one: one[1])
        if made.counts[g, i]
    ]
    panel = [
        {"gene": gene, "n_cells": int((made.counts[g] > 0).sum()), "total_count": int(made.counts[g].sum())}
        for g, gene in sorted(enumerate(GENES), key=lambda one: one[1])
    ]
    return cells, counts, panel


LAYOUTS = {
    "today": {},
    "bytes_shuffled": {"ids": "bytes", "shuffled": True},
    "version_1": {"ids": "int", "table": "csv"},
    "mex_csv": {"table": "csv", "matrix": "mex", "shuffled": True},
    "int_mex": {"ids": "int", "matrix": "mex"},
    "zarr": {"matrix": "zarr", "shuffled": True},
}


@pytest.fixture(scope="module")
def layouts(made: Section, tmp_path_factory: pytest.TempPathFactory, command: Callable[..., Any]) -> Callable[..., Any]:
    """A store with the same section once in each layout, and once as a zip."""
    folder = tmp_path_factory.mktemp("layouts")
    bundles = [write_bundle(folder / name, made, **how) for name, how in LAYOUTS.items()]
    zipped(bundles[1], folder / "packed.zip", inside="outs/")
    lines = ["path,slide_id,patient_id", *(f"{name},{name},P" for name in LAYOUTS), "packed.zip,packed,P"]
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    assert command("init", folder / "store").code == 0
    done = command("--store", folder / "store", "ingest", "xenium", folder / "manifest.csv", "--workers", 1)
    assert done.code == 0, done.err
    return lambda *words: command("--store", folder / "store", *words)


@pytest.mark.parametrize("name", [*LAYOUTS, "packed"])
def test_every_layout_comes_back_the_same(layouts: Callable[..., Any], made: Section, name: str) -> None:
    assert told(layouts, name) == expected(made)


def test_the_store_is_whole_and_controls_are_no_genes(layouts: Callable[..., Any]) -> None:
    assert layouts("check").code == 0
    assert layouts("--json", "sql", "SELECT count(*) n FROM gene WHERE gene LIKE 'Neg%'").rows == [{"n": 0}]
    one = layouts("--json", "sql", "SELECT n_counts, n_genes, n_control, cell_area_um2 FROM cell_count WHERE slide_id = 'mex_csv' AND cell_id = 4").rows
    assert one == [{"n_counts": 48, "n_genes": 3, "n_control": 1, "cell_area_um2": 64.0}]


def test_of_two_nuclei_the_larger_is_the_outline(tmp_path: Path, run_ladder: Callable[..., Any], made: Section) -> None:
    bundle = write_bundle(tmp_path / "b", made, shuffled=True)
    done = run_ladder("ingest", "xenium", bundle, "--slide-id", "S", "--outline", "nucleus")
    assert "further nucleus outline" in done.err
    assert run_ladder("--json", "sql", "SELECT DISTINCT area_um2 FROM cell").rows == [{"area_um2": 16.0}]


def test_quality_is_counted_for_each_section(layouts: Callable[..., Any]) -> None:
    rows = layouts("--json", "expression", "qc", "--min-counts", 20, "--min-genes", 2).rows
    mine = {row["term"]: row["value"] for row in rows if row["subgroup"] == "today"}
    assert (mine["cells"], mine["cells that pass"], mine["too few transcripts"], mine["too few genes"]) == (8, 7, 1, 1)
    assert mine["too many control counts"] == 1  # one control of two counts
    assert (mine["transcripts, median"], mine["genes, median"]) == (49.0, 2.0)  # of 50 x 4, 48 x 3, 1 and 2 x 4, 3 x 3, 1


def test_markers_give_each_cell_its_type_and_the_type_is_its_class(tmp_path: Path, run_ladder: Callable[..., Any], made: Section) -> None:
    bundle = write_bundle(tmp_path / "b", made)
    run_ladder("ingest", "xenium", bundle, "--slide-id", "S", "--patient", "P")
    (tmp_path / "two.toml").write_text(MARKERS)
    before = run_ladder("features", "--stain", "Xenium")
    assert (before.code, "none of its cells has a type" in before.err) == (1, True)
    done = run_ladder("--json", "type", "--markers", tmp_path / "two.toml", "--min-genes", 2)
    assert done.rows[0]["counts"] == {"Tumour": 4, "Th": 3}
    assert done.rows[0]["n_low_quality"] == 1
    both = run_ladder("--json", "sql", "SELECT type, cell_class, count(*) n FROM cell JOIN cell_type USING (slide_id, cell_id) GROUP BY ALL ORDER BY ALL").rows
    assert both == [
        {"type": "LowQuality", "cell_class": "Other", "n": 1},
        {"type": "Th", "cell_class": "Th", "n": 3},
        {"type": "Tumour", "cell_class": "Tumour", "n": 4},
    ]
    # z by hand over the seven good cells: CD3E is 0 four times and one value three times, so z is +-sqrt(4/3), sqrt(3/4) of either side
    score = run_ladder("--json", "sql", "SELECT DISTINCT round(score, 9) s FROM cell_type WHERE type = 'Th'").rows
    assert score == [{"s": pytest.approx((4 / 3) ** 0.5, abs=1e-8)}]
    assert told(run_ladder, "S") == expected(made)  # counts and outlines stay as they were
    assert run_ladder("check").code == 0
    assert run_ladder("--json", "ingest", "xenium", bundle, "--slide-id", "S", "--patient", "P").rows[0]["state"] == "unchanged"
    run_ladder("ingest", "xenium", write_bundle(tmp_path / "c", made), "--slide-id", "T", "--patient", "Q")
    some = run_ladder("--json", "features", "--stain", "Xenium")
    assert (some.code, [row["state"] for row in some.rows]) == (0, ["computed", "untyped"])
    assert "1 in-situ sections are left out because none of their cells has a type" in some.err
    share = run_ladder("--json", "sql", "SELECT value FROM slide_feature WHERE feature = 'Pi_Tumour_in_all_cells'").rows
    assert share == [{"value": 0.5}]


def test_labels_made_elsewhere_are_joined_by_id(tmp_path: Path, run_ladder: Callable[..., Any], made: Section) -> None:
    run_ladder("ingest", "xenium", write_bundle(tmp_path / "b", made), "--slide-id", "S")
    names = ids_of(8, "text")
    lines = [f"{names[i]},{'A' if i < 5 else 'B'}" for i in (6, 0, 1, 2, 3, 4, 5)]
    (tmp_path / "labels.csv").write_text("cell_id,label\n" + "\n".join([*lines, "stranger-1,A"]) + "\n")
    done = run_ladder("--json", "type", "--labels", tmp_path / "labels.csv")
    assert done.rows[0]["counts"] == {"A": 5, "B": 2}
    assert (done.rows[0]["n_unassigned"], done.rows[0]["n_unmatched"]) == (1, 1)
    assert "1 of 8 labels are of no cell" in done.err
    (tmp_path / "other.csv").write_text("cell_id,label\nx-1,A\n")
    assert "0 of 1 labels are of its 8 cells" in run_ladder("type", "--labels", tmp_path / "other.csv").err


def test_labels_that_could_be_of_two_sections_are_refused(tmp_path: Path, run_ladder: Callable[..., Any], made: Section) -> None:
    """Ids of version 1 are 1 to n in every section: without slide_id a label would go to the wrong patient."""
    for name in ("b", "c"):
        run_ladder("ingest", "xenium", write_bundle(tmp_path / name, made, ids="int"), "--slide-id", name)
    path = tmp_path / "labels.csv"
    path.write_text("cell_id,label\n1,A\n2,A\n")
    done = run_ladder("type", "--labels", path)
    assert "cell '1' is a cell of the sections b and c: add a column slide_id" in done.err
    assert run_ladder("--json", "type", "--labels", path, "--slide", "c").rows[0]["slide_id"] == "c"
    path.write_text("slide_id,cell_id,label\nb,1,A\nb,2,B\nelsewhere,1,C\n")
    done = run_ladder("--json", "type", "--labels", path)  # the section c is not in the file, so it keeps its types
    assert [(row["slide_id"], row["counts"]) for row in done.rows] == [("b", {"A": 1, "B": 1})]
    kept = run_ladder("--json", "sql", "SELECT slide_id, count(*) n FROM cell_type WHERE type IN ('A', 'B') GROUP BY 1 ORDER BY 1").rows
    assert kept == [{"slide_id": "b", "n": 2}, {"slide_id": "c", "n": 2}]
    for text, said in (("slide_id,cell_id,label\nz,1,A\n", "wanted labels of b, c, found those of z"), ("slide_id,cell_id,label\nb,,A\n", "wanted cell_id in every line"), ("cell_id,label\n1,A\n1,B\n", "found cell '1' 2 times")):
        path.write_text(text)
        done = run_ladder("type", "--labels", path)
        assert (done.code, said in done.err) == (1, True), done.err


def test_a_section_that_cannot_be_typed_does_not_stop_the_others(tmp_path: Path, run_ladder: Callable[..., Any], made: Section) -> None:
    run_ladder("ingest", "xenium", write_bundle(tmp_path / "b", made, matrix="none"), "--slide-id", "b")
    run_ladder("ingest", "xenium", write_bundle(tmp_path / "c", made), "--slide-id", "c")
    (tmp_path / "two.toml").write_text(MARKERS)
    done = run_ladder("--json", "type", "--markers", tmp_path / "two.toml", "--min-genes", 2)
    assert (done.code, [(row["slide_id"], row["n_typed"]) for row in done.rows]) == (1, [("b", 0), ("c", 7)])
    assert "1 slide typed, 1 slide refused: slide b: wanted counts" in done.err
    assert len(run_ladder("--json", "sql", "FROM quarantine WHERE what = 'types'").rows) == 1


def test_a_bundle_without_a_matrix_brings_its_cells_alone(tmp_path: Path, run_ladder: Callable[..., Any], made: Section) -> None:
    (write_bundle(tmp_path / "b", made, matrix="none") / "cell_feature_matrix.tar.gz").touch()
    done = run_ladder("--json", "ingest", "xenium", tmp_path / "b", "--slide-id", "S")
    assert (done.code, done.rows[0]["n_cells"], done.rows[0]["counts"]) == (0, 8, "none")
    assert "no cell_feature_matrix" in done.err
    assert "unpack cell_feature_matrix.tar.gz" in done.err
    (tmp_path / "two.toml").write_text(MARKERS)
    assert "wanted counts to type its cells" in run_ladder("type", "--markers", tmp_path / "two.toml").err


def test_a_matrix_of_other_cells_is_refused_with_the_numbers_and_the_cells_are_in(
    tmp_path: Path, run_ladder: Callable[..., Any], made: Section
) -> None:
    bundle = write_bundle(tmp_path / "b", made)
    other = write_bundle(tmp_path / "other", made, ids="int")
    (bundle / "cell_feature_matrix.h5").write_bytes((other / "cell_feature_matrix.h5").read_bytes())
    done = run_ladder("--json", "ingest", "xenium", bundle, "--slide-id", "S")
    assert (done.code, done.rows[0]["n_cells"], done.rows[0]["counts"]) == (1, 8, "refused")
    assert "0 of its 8 barcodes are among the 8 cells" in done.rows[0]["reason"]
    assert len(run_ladder("--json", "sql", "FROM cell").rows) == 8


def truncated(bundle: Path) -> None:
    path = bundle / "cell_feature_matrix.h5"
    path.write_bytes(path.read_bytes()[:3000])


def doubled(bundle: Path) -> None:
    with h5py.File(bundle / "cell_feature_matrix.h5", "a") as file:
        barcodes = file["matrix/barcodes"][:]
        barcodes[1] = barcodes[0]
        file["matrix/barcodes"][:] = barcodes


def negative(bundle: Path) -> None:
    with h5py.File(bundle / "cell_feature_matrix.h5", "a") as file:
        file["matrix/data"][0] = -3


@pytest.mark.parametrize(
    "damage, said", [(truncated, "wanted the counts of a Xenium bundle in HDF5"), (doubled, "found the barcode"), (negative, "whole counts")]
)
def test_damaged_counts_are_one_line_and_the_cells_are_in(
    tmp_path: Path, run_ladder: Callable[..., Any], made: Section, damage: Callable[[Path], None], said: str
) -> None:
    bundle = write_bundle(tmp_path / "b", made)
    damage(bundle)
    done = run_ladder("--json", "ingest", "xenium", bundle, "--slide-id", "S")
    assert (done.code, done.rows[0]["n_cells"], done.rows[0]["counts"]) == (1, 8, "refused")
    assert said in done.rows[0]["reason"]
    assert run_ladder("check").code == 0


def test_what_is_no_bundle_is_said(tmp_path: Path, run_ladder: Callable[..., Any], made: Section) -> None:
    (tmp_path / "folder").mkdir()
    assert "found a folder" in run_ladder("ingest", "xenium", tmp_path / "folder").err
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04 no zip")
    assert "wanted a Xenium bundle" in run_ladder("ingest", "xenium", tmp_path / "x.zip").err
    bundle = write_bundle(tmp_path / "b", made)
    (bundle / "cells.parquet").unlink()
    assert "needs cells.parquet" in run_ladder("ingest", "xenium", bundle).err


def test_a_slide_keeps_its_patient(tmp_path: Path, run_ladder: Callable[..., Any], made: Section) -> None:
    bundle = write_bundle(tmp_path / "b", made)
    assert run_ladder("ingest", "xenium", bundle, "--slide-id", "S", "--patient", "P").code == 0
    assert "belongs to patient P in the store" in run_ladder("ingest", "xenium", bundle, "--slide-id", "S", "--patient", "Q").err


def test_a_cell_that_stands_twice_is_quarantined(tmp_path: Path, run_ladder: Callable[..., Any], made: Section) -> None:
    bundle = write_bundle(tmp_path / "b", made, matrix="none")
    cells = pl.read_parquet(bundle / "cells.parquet")
    pl.concat([cells, cells[:1]]).write_parquet(bundle / "cells.parquet")
    assert "an id of its own" in run_ladder("ingest", "xenium", bundle, "--slide-id", "S").err
    done = run_ladder("--json", "ingest", "xenium", bundle, "--slide-id", "S", "--max-bad-share", 0.2)
    assert (done.rows[0]["n_cells"], done.rows[0]["n_quarantined"]) == (8, 1)


def test_a_zip_never_writes_outside_its_folder(tmp_path: Path, made: Section) -> None:
    bundle = write_bundle(tmp_path / "b", made)
    with zipfile.ZipFile(zipped(bundle, tmp_path / "evil.zip"), "a") as packed:
        packed.writestr("../../evil.txt", "x")
        packed.writestr("../cells.csv", "x")
    with opened(tmp_path / "evil.zip") as unpacked:
        inside = {path.name for path in unpacked.folder.parent.glob("evil*")}
        assert not inside
        assert all(path.is_relative_to(unpacked.folder) for path in unpacked.files)


def test_counts_gathered_in_ranges_of_genes_are_the_same(
    tmp_path: Path, run_ladder: Callable[..., Any], made: Section, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expression, "ROWS_TOGETHER", 4)
    monkeypatch.setattr(matrix, "SLAB", 3)
    run_ladder("ingest", "xenium", write_bundle(tmp_path / "b", made, shuffled=True), "--slide-id", "S", "--workers", 1)
    assert told(run_ladder, "S") == expected(made)


def test_a_panel_of_another_species_names_the_markers_that_it_lacks() -> None:
    with pytest.raises(InputError, match=r"the panel lacks .*another species"):
        offered(load_markers("breast"), {"Erbb2", "Cd3e", "Krt8"})


def test_a_type_that_the_panel_cannot_tell_from_another_is_not_offered() -> None:
    panel = {"CD3E", "CD4", "IL7R", "EPCAM", "KRT8"}  # of Treg's markers only CD3E and CD4, which Th has too
    kept, absent, lacking = offered(load_markers("breast"), panel)
    assert [one.name for one in kept] == ["Tumour", "Th"]
    assert "Treg" in absent
    assert "FOXP3" in lacking


def test_tumour_cells_are_not_told_by_genes_that_are_compared_in_them() -> None:
    tumour = next(one for one in load_markers("breast").types if one.name == "Tumour")
    pam50 = pl.read_csv(Path(expression.__file__).parents[2] / "analytics" / "expression" / "pam50.csv")["gene"].to_list()
    assert "ERBB2" in pam50
    assert not set(tumour.positive) & set(pam50)


@pytest.mark.parametrize(
    "text, said",
    [
        ("[types.A]\npositive=['X']\nnegative=['X']\n[types.B]\npositive=['Y']", "X is both"),
        ("[types.A]\npositive=['X','Y']\n[types.B]\npositive=['Y','X']", "the same markers"),
        ("[types.A]\npositive=['X']", "wanted 2 to"),
        ("[types.A]\npositive=[1]\n[types.B]\npositive=['Y']", "genes in quotes"),
        ("[types.Other]\npositive=['X']\n[types.B]\npositive=['Y']", "none of Other"),
    ],
)
def test_a_bad_table_of_markers_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "m.toml").write_text(text)
    with pytest.raises(InputError, match=said):
        load_markers(str(tmp_path / "m.toml"))


@pytest.mark.shared
def test_the_sample_of_the_instrument_comes_in_and_its_made_up_matrix_is_refused(shared_data: Path, run_ladder: Callable[..., Any]) -> None:
    bundle = shared_data / "xenium" / "prostate_5k"
    done = run_ladder("--json", "ingest", "xenium", bundle, "--slide-id", "X1", "--patient", "P1")
    assert (done.code, done.rows[0]["n_cells"]) == (1, 10_000)
    assert "0 of its 25 barcodes are among the 10,000 cells" in done.rows[0]["reason"]
    cells = pl.read_parquet(bundle / "cells.parquet")
    got = pl.DataFrame(run_ladder("--json", "sql", "SELECT source_id AS cell_id, x_um, y_um, area_um2 FROM cell", ).rows)
    both = cells.join(got, on="cell_id")
    assert len(both) == 10_000
    for ours, theirs in (("x_um", "x_centroid"), ("y_um", "y_centroid"), ("area_um2", "cell_area")):
        assert np.array_equal(both[ours].to_numpy(), both[theirs].to_numpy())


def test_a_store_of_version_1_is_migrated_and_takes_a_section(tmp_path: Path, store_dir: Path, run_ladder: Callable[..., Any], made: Section) -> None:
    """The catalog as version 1 laid it out: the check on the kind of a lake file knew four kinds."""
    old = "CHECK (kind IN ('cells', 'cell_pairs', 'cell_centralities', 'cell_morphologies'))"
    with duckdb.connect(str(store_dir / "catalog.duckdb")) as con:
        create = con.execute("SELECT sql FROM duckdb_tables() WHERE table_name = 'manifest'").fetchone()[0]
        con.execute("DROP TABLE base.manifest")
        con.execute(re.sub(r"CHECK\(\(kind IN \([^)]*\)\)\)", old, create))
        for later in ("membrane_threshold", "calibration_control", "tile_quality"):  # of version 3
            con.execute(f"DROP TABLE base.{later}")
        con.execute("UPDATE base.store_info SET schema_version = 1")
        assert "cell_types" not in con.execute("SELECT sql FROM duckdb_tables() WHERE table_name = 'manifest'").fetchone()[0]
    bundle = write_bundle(tmp_path / "b", made)
    assert "run `ladder migrate`" in run_ladder("ingest", "xenium", bundle, "--slide-id", "S").err
    assert "schema version 1 ->" in run_ladder("migrate").err
    assert run_ladder("ingest", "xenium", bundle, "--slide-id", "S").code == 0
    assert told(run_ladder, "S") == expected(made)
