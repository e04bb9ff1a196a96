"""Geometry in SQL: the macros against numpy, outlines against the file they came from, and what one question reads."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from her2ladder.errors import SandboxError
from her2ladder.queries import formats
from her2ladder.queries.sandbox.ask import ask
from her2ladder.queries.sandbox.spatial import spatial_for
from her2ladder.schema import geometry
from her2ladder.schema.store import Store

CLASSES = ("Tumor", "Lymph")
# Whole micrometres, some negative: many ties, coincident cells, and cells on the borders of the grid's squares.
SLIDES = st.lists(st.tuples(st.integers(-20, 20), st.integers(-20, 20), st.sampled_from(CLASSES)), min_size=1, max_size=40)


def on_a_slide(cells) -> duckdb.DuckDBPyConnection:
    """A connection with the macros over these (x, y, class), all of slide S1; a second slide holds a cell in their middle."""
    n = len(cells)
    rows = [("S1", i, *cell) for i, cell in enumerate(cells)] + [("S2", 0, 0, 0, "Tumor")]
    table = pa.table(
        {
            "slide_id": [row[0] for row in rows],
            "stain": ["HE"] * (n + 1),
            "cell_id": pa.array([row[1] for row in rows], pa.int32()),
            "x_um": [float(row[2]) for row in rows],
            "y_um": [float(row[3]) for row in rows],
            "cell_class": [row[4] for row in rows],
            "contour": pa.nulls(n + 1, pa.list_(pa.int16())),
            "mpp_x": [0.25] * (n + 1),
            "mpp_y": [0.25] * (n + 1),
            "area_um2": pa.nulls(n + 1, pa.float64()),
        }
    )
    con = duckdb.connect()
    con.register("lake", table)
    con.execute("CREATE VIEW cell AS SELECT lake.* FROM lake")
    geometry.add_functions(con)
    for statement in map(geometry.statement, geometry.NAMES):
        con.execute(statement)
    return con


def distances(cells):
    xy = np.array([cell[:2] for cell in cells], dtype=np.float64)
    return np.sqrt(((xy[:, None] - xy[None]) ** 2).sum(axis=2))


def of(cells, kind):
    return [i for i, cell in enumerate(cells) if kind is None or cell[2] == kind]


@settings(max_examples=30, deadline=None)
@given(cells=SLIDES, ends=st.tuples(st.sampled_from((*CLASSES, None)), st.sampled_from((*CLASSES, None))), radius=st.sampled_from((1.0, 5.0, 7.5)))
def test_neighbours_are_those_that_all_distances_give(cells, ends, radius):
    d = distances(cells)
    wanted = [(i, j, d[i, j]) for i in of(cells, ends[0]) for j in of(cells, ends[1]) if i != j and d[i, j] < radius]
    with on_a_slide(cells) as con:
        found = con.execute("SELECT * FROM neighbours('S1', 'HE', ?, ?, ?) ORDER BY ALL", [*ends, radius]).fetchall()
    assert [pair[:2] for pair in found] == [pair[:2] for pair in wanted]
    assert [pair[2] for pair in found] == pytest.approx([pair[2] for pair in wanted], rel=1e-12)


@settings(max_examples=30, deadline=None)
@given(cells=SLIDES, ends=st.tuples(st.sampled_from((*CLASSES, None)), st.sampled_from((*CLASSES, None))))
def test_the_nearest_is_the_least_distance_and_then_the_smaller_id(cells, ends):
    d = distances(cells)
    wanted = []
    for i in of(cells, ends[0]):
        others = sorted((d[i, j], j) for j in of(cells, ends[1]) if j != i)
        wanted += [(i, others[0][1], others[0][0])] if others else []
    with on_a_slide(cells) as con:
        found = con.execute("SELECT * FROM nearest('S1', 'HE', ?, ?) ORDER BY ALL", list(ends)).fetchall()
    assert [pair[:2] for pair in found] == [pair[:2] for pair in wanted]
    assert [pair[2] for pair in found] == pytest.approx([pair[2] for pair in wanted], rel=1e-12)


@settings(max_examples=20, deadline=None)
@given(cells=SLIDES, x=st.integers(-20, 20), y=st.integers(-20, 20), reach=st.sampled_from((1, 5, 10)))
def test_cells_within_and_in_a_window_leave_their_far_border_out(cells, x, y, reach):
    near = [i for i, (a, b, _) in enumerate(cells) if (a - x) ** 2 + (b - y) ** 2 < reach**2]
    inside = [i for i, (a, b, _) in enumerate(cells) if x <= a < x + reach and y <= b < y + reach]
    with on_a_slide(cells) as con:
        asked = "SELECT cell_id FROM cells_within('S1', 'HE', ?, ?, ?) ORDER BY 1"
        assert [i for (i,) in con.execute(asked, [x, y, reach]).fetchall()] == near
        asked = "SELECT cell_id FROM cells_in_window('S1', 'HE', ?, ?, ?, ?) ORDER BY 1"
        assert [i for (i,) in con.execute(asked, [x, y, x + reach, y + reach]).fetchall()] == inside


@settings(max_examples=20, deadline=None)
@given(cells=SLIDES, size=st.sampled_from((3.0, 10.0)))
def test_the_grid_counts_every_cell_once_in_the_square_that_holds_it(cells, size):
    wanted: dict[tuple[float, float, str], int] = {}
    for x, y, kind in cells:
        square = (np.floor(x / size) * size, np.floor(y / size) * size, kind)
        wanted[square] = wanted.get(square, 0) + 1
    with on_a_slide(cells) as con:
        found = con.execute("SELECT * FROM density_grid('S1', 'HE', ?)", [size]).fetchall()
    assert {row[:3]: row[3] for row in found} == wanted


@pytest.mark.parametrize("radius", [0, -5])
def test_a_radius_that_is_not_positive_finds_nothing(radius):
    with on_a_slide([(0, 0, "Tumor"), (0, 0, "Lymph")]) as con:
        assert con.execute("SELECT * FROM neighbours('S1', 'HE', NULL, NULL, ?)", [radius]).fetchall() == []
        assert con.execute("SELECT * FROM cells_within('S1', 'HE', 0, 0, ?)", [radius]).fetchall() == []


CONTOURS = {  # whole pixels in S1, so a quantum is a pixel there; eighths in S2
    "S1": [[[0, 0], [10, 0], [10, 10], [0, 10]], [[40, 40], [60, 41], [52, 70]]],
    "S2": [[[20.125, 0], [31, 0.5], [31, 10.25], [20, 10.5]], [[0, 0], [0.375, 0], [0.375, 0.375], [0, 0.375]]],
}


@pytest.fixture(scope="module")
def outlined(command, tmp_path_factory) -> Path:
    """A store of two slides with outlines, as HoVer-Net writes them."""
    folder = tmp_path_factory.mktemp("geometry")
    root = folder / "store"
    assert command("--store", root, "init").code == 0
    for slide, contours in CONTOURS.items():
        cells = {str(i): {"centroid": np.mean(ring, axis=0).tolist(), "contour": ring, "type": 1} for i, ring in enumerate(contours)}
        (folder / f"{slide}.json").write_text(json.dumps({"mag": 40, "nuc": cells}))
        read = command("--store", root, "ingest", "cells", folder / f"{slide}.json", "--stain", "HE", "--mpp", 0.25, "--label-map", "pannuke")
        assert read.code == 0
    return root


def answer(root: Path, sql: str) -> list[dict[str, object]]:
    with ask(Store(root), sql, timeout_seconds=60) as reader:
        return list(formats.rows(reader))


def test_a_shape_is_the_outline_of_the_file_in_micrometres(outlined):
    rows = answer(outlined, "SELECT slide_id, cell_id, geometry FROM cell_shape ORDER BY ALL")
    assert len(rows) == 4
    for row in rows:
        ring = CONTOURS[str(row["slide_id"])][int(str(row["cell_id"]))]
        found = shapely.from_wkb(bytes.fromhex(str(row["geometry"])))
        assert found.is_valid
        assert found.equals_exact(shapely.Polygon(np.array(ring) * 0.25), 1e-12)


def test_the_area_of_a_shape_is_the_area_that_the_store_holds(outlined):
    for row in answer(outlined, "SELECT geometry, area_um2 FROM cell_shape JOIN cell USING (slide_id, stain, cell_id)"):
        assert shapely.from_wkb(bytes.fromhex(str(row["geometry"]))).area == pytest.approx(row["area_um2"], rel=1e-12)


def test_a_cell_without_an_outline_has_no_shape():
    with on_a_slide([(0, 0, "Tumor")]) as con:
        assert con.sql("SELECT geometry FROM cell_shape WHERE slide_id = 'S1'").fetchall() == [(None,)]


@pytest.mark.parametrize("contour", ["[1, 2, 3]", "[1, 2]", "[]", "[0, 0, 0, 0, 0, 0]"])
def test_a_contour_that_is_none_gives_null_and_no_traceback(contour):
    with on_a_slide([(0, 0, "Tumor")]) as con:
        assert con.sql(f"SELECT outline_wkb({contour}::SMALLINT[], 0, 0, 1, 1, 0)").fetchall() == [(None,)]


def test_a_question_about_one_slide_opens_no_file_of_another(outlined):
    (other,) = outlined.glob("cells/stain=HE/slide_id=S2/*.parquet")
    whole = other.read_bytes()
    other.write_bytes(b"not a Parquet file")
    try:
        assert len(answer(outlined, "FROM neighbours('S1', 'HE', NULL, NULL, 100)")) == 2
        assert len(answer(outlined, "FROM nearest('S1', 'HE', NULL, NULL)")) == 2
        assert len(answer(outlined, "FROM cell_shape WHERE slide_id = 'S1'")) == 2
    finally:
        other.write_bytes(whole)


def test_plain_duckdb_has_the_macros_that_need_no_function_of_ours(outlined, monkeypatch):
    monkeypatch.chdir(outlined)
    with duckdb.connect() as con:
        con.execute((outlined / "open.sql").read_text())
        assert len(con.sql("FROM neighbours('S1', 'HE', NULL, NULL, 100)").fetchall()) == 2
        assert len(con.sql("FROM density_grid('S1', 'HE', 100)").fetchall()) == 1


def test_geometry_functions_work_with_the_extension_and_say_how_to_get_it_without(outlined):
    asked = "SELECT ST_Area(geometry) AS area, area_um2 FROM cell_shape JOIN cell USING (slide_id, stain, cell_id)"
    if spatial_for(asked) is not None:
        assert all(row["area"] == pytest.approx(row["area_um2"]) for row in answer(outlined, asked))
    else:
        with pytest.raises(SandboxError, match=r"her2ladder\[spatial\]"):
            answer(outlined, asked)


def test_a_query_without_geometry_does_not_load_the_extension():
    assert spatial_for("SELECT count(*) FROM cell") is None
