"""Regions: read from what pathologists' programs write, cells found as shapely finds them, features within, and what no longer holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from her2ladder.errors import InputError
from her2ladder.ingest.regions.drawn import RegionMap, cleaned
from her2ladder.ingest.regions.margins import Margin, bands, parse_margin
from her2ladder.ingest.regions.members import members
from her2ladder.ingest.regions.placed import read_file
from her2ladder.schema.store import Store

RNG = np.random.default_rng(5)
MPP = 0.5
SQUARE = [(0, 0), (400, 0), (400, 400), (0, 400)]  # in pixels
BED = [(100, 100), (1100, 100), (1100, 900), (100, 900)]
HOLE = [(300, 300), (300, 500), (500, 500), (500, 300)]


def feature(ring: Any, label: Any = "Tumour", *, holes: Any = (), **told: Any) -> dict[str, Any]:
    rings = [[*map(list, part), list(part[0])] for part in (ring, *holes)]
    properties = {"objectType": "annotation", **({"classification": label} if label is not None else {}), **told}
    return {"type": "Feature", "id": "u-1", "geometry": {"type": "Polygon", "coordinates": rings}, "properties": properties}


def write(path: Path, *features: Any) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": list(features)}))
    return path


@pytest.fixture
def slide(run_ladder: Any, tmp_path: Path) -> np.ndarray:
    """Put 3,000 cells on slide S, H&E, in a field of 600 x 500 um; return their places in micrometres."""
    xy = RNG.uniform((0, 0), (600, 500), (3000, 2)).round(3)
    words = RNG.choice(["Tumor", "Stroma", "Lymph"], 3000)
    lines = [f"{i},{w},{x},{y}" for i, (w, (x, y)) in enumerate(zip(words, xy, strict=True))]
    path = tmp_path / "cells.csv"
    path.write_text("cell_id,cell_class,x_um,y_um\n" + "\n".join(lines) + "\n")
    assert run_ladder("ingest", "cells", path, "--slide-id", "S", "--patient", "P", "--stain", "HE", "--mpp", MPP, "--label-map", "store").code == 0
    return xy


def ask(store_dir: Path, sql: str) -> list[Any]:
    with Store(store_dir).reading() as con:
        return con.sql(sql).fetchall()


def of_shapely(xy: np.ndarray, ring: Any, holes: Any = ()) -> set[int]:
    shape = shapely.Polygon(np.array(ring) * MPP, [np.array(hole) * MPP for hole in holes])
    return set(np.flatnonzero(shapely.contains_xy(shape, xy[:, 0], xy[:, 1])).tolist())


def test_the_cells_of_each_region_are_those_that_shapely_finds(run_ladder: Any, store_dir: Path, tmp_path: Path, slide: np.ndarray) -> None:
    file = write(tmp_path / "a.geojson", feature(BED, {"name": "Tumor bed"}, holes=[HOLE], name="bed 1"), feature(SQUARE, "Necrosis"))
    done = run_ladder("--json", "ingest", "regions", file, "--slide-id", "S")
    assert done.code == 0, done.err
    assert done.rows[0]["classes"] == {"Necrosis": 1, "Tumor bed": 1}
    regions = run_ladder("--json", "sql", "SELECT region_id, region_class, name, role, area_um2 FROM region ORDER BY 1").rows
    assert regions == [
        {"region_id": 0, "region_class": "Tumor bed", "name": "bed 1", "role": "include", "area_um2": (1000 * 800 - 200 * 200) * MPP**2},
        {"region_id": 1, "region_class": "Necrosis", "name": None, "role": "exclude", "area_um2": 400 * 400 * MPP**2},
    ]
    found = ask(store_dir, "SELECT region_id, c.source_id::INT FROM cell_region AS r JOIN cell AS c USING (slide_id, stain, cell_id)")
    assert {i for r, i in found if r == 0} == of_shapely(slide, BED, [HOLE])
    assert {i for r, i in found if r == 1} == of_shapely(slide, SQUARE)
    sandboxed = run_ladder("--json", "sql", "SELECT region_class, count(*) n FROM cell_region GROUP BY ALL ORDER BY 1").rows
    assert sandboxed == [{"region_class": "Necrosis", "n": len(of_shapely(slide, SQUARE))}, {"region_class": "Tumor bed", "n": len(of_shapely(slide, BED, [HOLE]))}]
    [(shape,)] = ask(store_dir, "SELECT geometry FROM region WHERE region_id = 1")
    assert shapely.from_wkb(shape).equals(shapely.Polygon(np.array(SQUARE) * MPP))
    density = run_ladder("--json", "query", "run", "regions/density").rows
    one = next(row for row in density if row["region_class"] == "Necrosis" and row["cell_class"] == "Lymph")
    assert one["per_mm2"] == pytest.approx(one["n_cells"] / (400 * 400 * MPP**2 / 1e6))
    assert run_ladder("check").code == 0


def test_features_within_a_region_are_those_of_a_slide_of_its_cells(run_ladder: Any, store_dir: Path, tmp_path: Path, slide: np.ndarray) -> None:
    file = write(tmp_path / "a.geojson", feature(BED, "Tumour"), feature(SQUARE, "Artefact"))
    run_ladder("ingest", "regions", file, "--slide-id", "S")
    assert run_ladder("features", "--workers", 1).code == 0
    whole = ask(store_dir, "SELECT feature, rule, value FROM slide_feature ORDER BY ALL")
    wide = ask(store_dir, "FROM patient_feature")
    done = run_ladder("--json", "features", "--within", "Tumour", "--workers", 1)
    assert [row["state"] for row in done.rows] == ["computed"]
    assert run_ladder("--json", "features", "--within", "Tumour").rows[0]["state"] == "unchanged"
    assert ask(store_dir, "SELECT feature, rule, value FROM slide_feature WHERE feature_set = 'sc-mtop' ORDER BY ALL") == whole
    assert ask(store_dir, "FROM patient_feature") == wide
    assert len(ask(store_dir, "SELECT DISTINCT cell_id FROM cell_pair")) == 3000
    kept = of_shapely(slide, BED) - of_shapely(slide, SQUARE)
    lines = (tmp_path / "cells.csv").read_text().splitlines()
    (tmp_path / "part.csv").write_text("\n".join([lines[0], *(lines[1 + i] for i in sorted(kept))]) + "\n")
    run_ladder("ingest", "cells", tmp_path / "part.csv", "--slide-id", "T", "--patient", "Q", "--stain", "HE", "--mpp", MPP, "--label-map", "store")
    run_ladder("features", "--slide-id", "T", "--workers", 1)
    of = "SELECT feature, rule, value, n_cells FROM slide_feature WHERE slide_id = '{}' AND feature_set = '{}' ORDER BY ALL"
    within = ask(store_dir, of.format("S", "sc-mtop@Tumour"))
    assert within == ask(store_dir, of.format("T", "sc-mtop"))
    assert len(within) > 69
    sets = {s for (s,) in ask(store_dir, "SELECT DISTINCT feature_set FROM feature_value WHERE patient_id = 'P'")}
    assert sets == {"sc-mtop", "sc-mtop@Tumour"}
    # regions drawn anew: what was within the old ones no longer holds
    run_ladder("ingest", "regions", write(tmp_path / "b.geojson", feature(SQUARE, "Tumour")), "--slide-id", "S")
    assert ask(store_dir, of.format("S", "sc-mtop@Tumour")) == []
    assert ask(store_dir, of.format("S", "sc-mtop"))
    states = {row["slide_id"]: row["state"] for row in run_ladder("--json", "features", "--within", "Tumour").rows}
    assert states == {"S": "computed", "T": "no region"}
    assert "no slide has a region of class Nowhere; there is Tumour" in run_ladder("features", "--within", "Nowhere").err
    assert run_ladder("check").code == 0


def test_regions_outlive_cells_that_are_read_again(run_ladder: Any, store_dir: Path, tmp_path: Path, slide: np.ndarray) -> None:
    run_ladder("ingest", "regions", write(tmp_path / "a.geojson", feature(BED)), "--slide-id", "S")
    lines = (tmp_path / "cells.csv").read_text().splitlines()
    (tmp_path / "cells.csv").write_text("\n".join(lines[:1001]) + "\n")
    run_ladder("ingest", "cells", tmp_path / "cells.csv", "--slide-id", "S", "--patient", "P", "--stain", "HE", "--mpp", MPP, "--label-map", "store")
    [(n,)] = ask(store_dir, "SELECT count(*) FROM cell_region")
    assert n == len(of_shapely(slide[:1000], BED)) > 0
    assert run_ladder("check").code == 0


def test_a_second_call_changes_nothing_and_another_file_takes_the_place(run_ladder: Any, store_dir: Path, tmp_path: Path, slide: np.ndarray) -> None:
    file = write(tmp_path / "a.geojson", feature(BED))
    first = run_ladder("--json", "ingest", "regions", file, "--slide-id", "S").rows[0]
    again = run_ladder("--json", "ingest", "regions", file, "--slide-id", "S").rows[0]
    assert again == {**first, "state": "unchanged"}
    run_ladder("ingest", "regions", write(tmp_path / "b.geojson", feature(SQUARE, "Other bed")), "--slide-id", "S")
    assert ask(store_dir, "SELECT region_class FROM region") == [("Other bed",)]
    [run] = ask(store_dir, "SELECT run FROM run WHERE stage = 'ingest regions' ORDER BY 1")[:1]
    past = run_ladder("--json", "--as-of", run[0], "sql", "SELECT region_class FROM region").rows
    assert past == [{"region_class": "Tumour"}]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_point_on_or_off_shared_borders_lies_in_exactly_one_tile(seed: int) -> None:
    """A square cut by a fan of triangles: points on their corners and edges too."""
    rng = np.random.default_rng(seed)
    centre = rng.integers(3, 8, 2)
    turn = [(0, 0), (5, 0), (10, 0), (10, 10), (4, 10), (0, 10)]
    tiles = [shapely.Polygon([centre, a, b]) for a, b in zip(turn, [*turn[1:], turn[0]], strict=True)]
    grid = np.stack(np.meshgrid(np.arange(0, 10), np.arange(0, 10)), -1).reshape(-1, 2).astype(float)
    edge = np.array([centre]) + (np.array(turn) - centre) * rng.choice([0, 0.25, 0.5, 0.75], (6, 1))
    points = np.concatenate([grid, edge[(edge < 10).all(1)], rng.uniform(0, 10, (50, 2))])
    cells, _ = members(points[:, 0].copy(), points[:, 1].copy(), tiles)
    assert np.array_equal(np.bincount(cells, minlength=len(points)), np.ones(len(points), int))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_random_shapes_with_holes_hold_what_shapely_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    turn = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(5, 60)))
    ring = np.stack([np.cos(turn), np.sin(turn)], 1) * rng.uniform(2, 5, (len(turn), 1))
    shape = shapely.make_valid(shapely.Polygon(ring)).difference(shapely.Point(0.1, 0.2).buffer(rng.uniform(0.1, 1.5)))
    shape = shapely.MultiPolygon([part for part in shapely.get_parts(shape) if part.geom_type == "Polygon"])
    points = rng.uniform(-5, 5, (400, 2))
    cells, _ = members(points[:, 0].copy(), points[:, 1].copy(), [shape])
    assert np.array_equal(np.sort(cells), np.flatnonzero(shapely.contains_xy(shape, points[:, 0], points[:, 1])))


def test_a_square_holds_its_left_and_upper_edge() -> None:
    square = shapely.box(0, 0, 2, 2)
    x, y = np.array([0.0, 2.0, 1.0, 1.0, 0.0, 2.0]), np.array([1.0, 1.0, 0.0, 2.0, 0.0, 2.0])
    assert members(x, y, [square])[0].tolist() == [0, 2, 4]


def test_bands_along_a_border_meet_without_a_gap() -> None:
    [(core, inside), (inner, within), (outer, without)] = bands([shapely.box(0, 0, 100, 100)], Margin("T", 10))
    assert (core, inner, outer) == ("T core", "T inner margin", "T outer margin")
    assert inside.area == pytest.approx(80 * 80)
    assert within.area == pytest.approx(100 * 100 - 80 * 80)
    assert without.area == pytest.approx(4 * 100 * 10 + np.pi * 100, rel=0.01)
    with pytest.raises(InputError, match="wanted CLASS:MICROMETRES"):
        parse_margin("Tumour")


IMAGESCOPE = """<?xml version="1.0" encoding="UTF-8"?>
<Annotations MicronsPerPixel="0.25"><Annotation Id="1" Name="Tumor" LineColor="65280"><Regions>
<Region Id="1" Type="0" NegativeROA="0"><Vertices><Vertex X="100" Y="100" Z="0"/><Vertex X="1100" Y="100"/><Vertex X="1100" Y="900"/><Vertex X="100" Y="900"/></Vertices></Region>
<Region Id="2" Type="0" NegativeROA="1"><Vertices><Vertex X="300" Y="300"/><Vertex X="300" Y="500"/><Vertex X="500" Y="500"/><Vertex X="500" Y="300"/></Vertices></Region>
<Region Id="3" Type="4" NegativeROA="0"><Vertices><Vertex X="0" Y="0"/><Vertex X="9" Y="9"/></Vertices></Region>
<Region Id="4" Type="2" NegativeROA="0"><Vertices><Vertex X="0" Y="0"/><Vertex X="20" Y="10"/></Vertices></Region>
</Regions></Annotation></Annotations>"""
ASAP = """<ASAP_Annotations><Annotations>
<Annotation Name="Annotation 0" Type="Polygon" PartOfGroup="Tumor" Color="#F4FA58"><Coordinates><Coordinate Order="1" X="1100" Y="100"/>
<Coordinate Order="0" X="100" Y="100"/><Coordinate Order="2" X="1100" Y="900"/><Coordinate Order="3" X="100" Y="900"/></Coordinates></Annotation>
<Annotation Name="dot" Type="Dot" PartOfGroup="None"><Coordinates><Coordinate Order="0" X="1" Y="2"/></Coordinates></Annotation>
</Annotations><AnnotationGroups/></ASAP_Annotations>"""


def test_imagescope_and_asap_are_read_as_drawn(tmp_path: Path) -> None:
    (tmp_path / "i.xml").write_text(IMAGESCOPE)
    (tmp_path / "a.xml").write_text(ASAP)
    aperio, asap = read_file(tmp_path / "i.xml", RegionMap()), read_file(tmp_path / "a.xml", RegionMap())
    assert [(one.label, one.record) for one in aperio.regions] == [("Tumor", "layer 1, region 1"), ("Tumor", "layer 1, region 4")]
    assert aperio.regions[0].geometry.area == 1000 * 800 - 200 * 200
    assert aperio.regions[1].geometry.area == pytest.approx(np.pi * 10 * 5, rel=0.01)
    assert aperio.bad == [("layer 1, region 3", "wanted an area (Type 0, 1 or 2), found Type 4: an arrow, a ruler or a pen's line")]
    assert [(one.label, one.geometry.area) for one in asap.regions] == [("Tumor", 800_000.0)]
    assert [record for record, _ in asap.bad] == ["dot"]


@pytest.mark.filterwarnings("ignore:.crs. was not provided")
def test_geopandas_files_are_read_and_degrees_refused(tmp_path: Path) -> None:
    import geopandas

    frame = geopandas.GeoDataFrame({"class": ["A", None]}, geometry=[shapely.box(0, 0, 10, 10), shapely.box(5, 5, 20, 20)])
    for name in ("r.gpkg", "r.parquet", "r.shp"):
        path = tmp_path / name
        frame.to_parquet(path) if name.endswith("parquet") else frame.to_file(path)
        read = read_file(path, RegionMap())
        assert [(one.label, one.geometry.area) for one in read.regions] == [("A", 100.0), (None, 225.0)], name
    frame.set_crs("EPSG:4326").to_file(tmp_path / "deg.gpkg")
    with pytest.raises(InputError, match="wanted pixels of the slide, found degrees"):
        read_file(tmp_path / "deg.gpkg", RegionMap())


def test_a_shape_is_mended_as_drawn_or_refused() -> None:
    eight = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    assert "crosses itself" in cleaned(eight)[1]
    touching = shapely.Polygon([(0, 0), (10, 0), (10, 10), (5, 0), (0, 10)])
    whole, why = cleaned(touching)
    assert (why, whole.area) == ("", touching.area)
    assert cleaned(shapely.LineString([(0, 0), (1, 1)]))[1] == "wanted a polygon, found a LineString"
    assert cleaned(shapely.Polygon([(0, 0), (np.inf, 0), (1, 1)]))[1] == "its corners are not all numbers"
    assert cleaned(None)[1] == "it has no outline"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x.xml", "<!DOCTYPE a [<!ENTITY b 'c'>]><Annotations/>", "document type or entities"),
        ("x.xml", "<Other/>", "found <Other>"),
        ("x.xml", "<Annotations>", "wanted XML"),
        ("x.geojson", '{"type": "FeatureCollection", "features": [{"type', "wanted GeoJSON"),
        ("x.geojson", '[{"geometry": null}]', "wanted regions, found none; the first: feature 1: wanted a feature with a geometry"),
        ("x.geojson", '[{"geometry": {"type": "Polygon", "coordinates": "no"}}]', "its geometry cannot be read"),
        ("x.txt", "hello", "wanted regions as"),
        ("x.gpkg", "hello", "wanted a file that geopandas reads"),
        ("x.geojson", json.dumps([feature(BED, None, objectType="cell")]), "found 1 cells: `ladder ingest cells` reads these"),
    ],
)
def test_what_is_no_file_of_regions_is_named_in_one_line(name: str, content: str, words: str, run_ladder: Any, tmp_path: Path, slide: np.ndarray) -> None:
    (tmp_path / name).write_text(content)
    done = run_ladder("ingest", "regions", tmp_path / name, "--slide-id", "S")
    assert done.code in (1, 2)
    assert words in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert "Traceback" not in done.err


def test_a_map_names_classes_and_what_is_left_out(run_ladder: Any, store_dir: Path, tmp_path: Path, slide: np.ndarray) -> None:
    file = write(tmp_path / "a.geojson", feature(BED, {"name": "Tumor"}), feature(SQUARE, None), feature(HOLE, "pen"))
    told = tmp_path / "map.toml"
    told.write_text('exclude = ["mark"]\n[labels]\nTumor = "tumour bed"\nunnamed = "mark"\n')
    answer = run_ladder("ingest", "regions", file, "--slide-id", "S", "--map", told)
    assert "class 'pen' is not in the map's [labels]" in answer.err
    told.write_text(told.read_text() + 'pen = "drop"\n')
    done = run_ladder("--json", "ingest", "regions", file, "--slide-id", "S", "--map", told, "--margin", "tumour bed:20")
    assert done.rows[0]["classes"] == {
        "mark": 1, "tumour bed": 1, "tumour bed core": 1, "tumour bed inner margin": 1, "tumour bed outer margin": 1,
    }  # fmt: skip
    assert ask(store_dir, "SELECT region_class FROM region WHERE role = 'exclude'") == [("mark",)]
    core, inner = (
        {i for (i,) in ask(store_dir, f"SELECT cell_id FROM cell_region WHERE region_class = 'tumour bed {word}'")} for word in ("core", "inner margin")
    )
    assert not core & inner
    assert core | inner == {i for (i,) in ask(store_dir, "SELECT cell_id FROM cell_region WHERE region_class = 'tumour bed'")}


def test_a_slide_that_is_not_there_and_a_stain_that_is_not_said(run_ladder: Any, tmp_path: Path, slide: np.ndarray) -> None:
    file = write(tmp_path / "a.geojson", feature(BED))
    assert "no slide called 'X' in the store: read its cells first" in run_ladder("ingest", "regions", file, "--slide-id", "X").err
    assert "slide 'S' has HE; wanted one of them, found HER2" in run_ladder("ingest", "regions", file, "--slide-id", "S", "--stain", "HER2").err
    far = write(tmp_path / "far.geojson", feature((np.array(BED) + 1e5).tolist()))
    assert "no cell lies in any of these regions" in run_ladder("ingest", "regions", far, "--slide-id", "S").err
