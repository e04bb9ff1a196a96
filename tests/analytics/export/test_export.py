"""Cells that leave the store: places in the unit of the format, both axes by their own mpp, the store's class names, rows in file order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow.parquet as pq
import pytest
import shapely

# Two nuclei in pixels of 0.25 x 0.5 um; the first lies in a later tile, so that file order and stored order differ.
NUCLEI = {
    "far": {"centroid": [2100, 50.5], "contour": [[2095, 45], [2105, 45], [2105, 56], [2095, 56]], "type": 1, "type_prob": 0.75},
    "near": {"centroid": [300, 20], "contour": [[298, 18], [303, 18], [300, 24]], "type": 2, "type_prob": None},
}


@pytest.fixture
def filled(put: Any, run_ladder: Any, tmp_path: Path) -> Any:
    """The command on a store of slide S1 with outlines and slide S2 of points."""
    (tmp_path / "S1.json").write_text(json.dumps({"mag": 40, "nuc": NUCLEI}))
    (tmp_path / "map.toml").write_text('name = "m"\n[labels]\n1 = "Tumor"\n2 = "Lymph"\n')
    words = ["--stain", "HE", "--mpp", "0.25,0.5", "--label-map", tmp_path / "map.toml", "--workers", 1]
    assert run_ladder("ingest", "cells", tmp_path / "S1.json", *words).code == 0
    assert put("S2", ("Macro", 3, 4), patient="P2").code == 0
    return run_ladder


def test_geojson_is_in_pixels_of_the_source_with_the_store_s_classes(filled: Any) -> None:
    answer = filled("export", "cells", "--slide-id", "S1", "--format", "geojson")
    assert (answer.code, answer.err) == (0, "2 cells written\n")
    far, near = json.loads(answer.out)["features"]
    assert far["geometry"] == {"type": "Polygon", "coordinates": [[[2095, 45], [2105, 45], [2105, 56], [2095, 56], [2095, 45]]]}
    assert near["geometry"]["coordinates"] == [[[298, 18], [303, 18], [300, 24], [298, 18]]]
    measures = {"cell_id": 0, "Class probability": 0.75, "Nucleus: Area \u00b5m^2": 10 * 11 * 0.25 * 0.5}
    named = {"objectType": "cell", "classification": {"name": "Tumor", "color": [0xC4, 0x16, 0x1C]}, "name": "far", "class_prob": 0.75}
    assert far["properties"] == {**named, "measurements": measures}
    assert far["nucleusGeometry"] == far["geometry"]
    assert near["properties"]["classification"] == {"name": "Lymph", "color": [0x24, 0x46, 0xF0]}
    assert "Class probability" not in near["properties"]["measurements"]
    assert far["id"] != near["id"]
    assert UUID(far["id"])
    again = json.loads(filled("export", "cells", "--slide-id", "S1", "--format", "geojson").out)
    assert [one["id"] for one in again["features"]] == [far["id"], near["id"]]


def test_a_cell_without_an_outline_is_a_point_in_pixels(run_ladder: Any, tmp_path: Path) -> None:
    (tmp_path / "S.csv").write_text("cell_id,cell_class,x_px,y_px\na,Tumor,10,20\n")
    assert run_ladder("ingest", "cells", tmp_path / "S.csv", "--stain", "HE", "--mpp", "0.25,0.5", "--workers", 1).code == 0
    (cell,) = json.loads(run_ladder("export", "cells", "--slide-id", "S", "--format", "geojson").out)["features"]
    assert cell["geometry"] == {"type": "Point", "coordinates": [10, 20]}


def test_geoparquet_is_in_micrometres_and_has_no_place_on_earth(filled: Any, tmp_path: Path) -> None:
    assert filled("export", "cells", "--slide-id", "S1", "--format", "geoparquet", "-o", tmp_path / "c.parquet").code == 0
    table = pq.read_table(tmp_path / "c.parquet")
    assert [one.bounds for one in shapely.from_wkb(table["geometry"].to_pylist())] == [(523.75, 22.5, 526.25, 28), (74.5, 9, 75.75, 12)]
    told = json.loads(table.schema.metadata[b"geo"])
    column = told["columns"][told["primary_column"]]
    assert column == {"encoding": "WKB", "geometry_types": ["Polygon"], "crs": None}
    assert table["cell_class"].to_pylist() == ["Tumor", "Lymph"]


def test_tables_hold_every_slide_in_micrometres_under_one_header(filled: Any, tmp_path: Path) -> None:
    header, far, near, other = filled("export", "cells", "--format", "csv").out.splitlines()
    assert header.startswith("slide_id,patient_id,stain,cell_id,source_id,cell_class,source_label,class_prob,x_um,y_um,area_um2,")
    assert far == "S1,S1,HE,0,far,Tumor,1,0.75,525.0,25.25,13.75,,,"
    assert near.startswith("S1,S1,HE,1,near,Lymph,2,,75.0,10.0,")
    assert other.startswith("S2,P2,HE,0,c0,Macro,Macro,,3.0,4.0,")
    assert filled("export", "cells", "--format", "parquet", "-o", tmp_path / "c.parquet").err.startswith("3 cells written")
    rows = pq.read_table(tmp_path / "c.parquet").to_pylist()
    assert [(row["slide_id"], row["cell_class"], row["x_um"], row["mpp_x"], row["mpp_y"]) for row in rows[:2]] == [
        ("S1", "Tumor", 525, 0.25, 0.5),
        ("S1", "Lymph", 75, 0.25, 0.5),
    ]
    assert rows[2]["cell_class"] == "Macro"


def test_the_past_is_exported_as_it_was(filled: Any, put: Any) -> None:
    put("S2", ("Tumor", 5, 6), ("Tumor", 7, 8), patient="P2")
    words = ["export", "cells", "--slide-id", "S2", "--format", "csv"]
    assert [len(filled(*more, *words).out.splitlines()) for more in ([], ["--as-of", "r000002"])] == [3, 2]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--format", "geojson"], "--format geojson: wanted one slide and stain, found 2: name them with --slide-id and --stain"),
        (["--format", "geoparquet", "--slide-id", "S1"], "--format geoparquet is not text: name a file with -o"),
        (["--slide-id", "S9", "--format", "csv"], "no slide 'S9' in the store; "),
        (["--stain", "HER2", "--format", "csv"], "no slide of stain 'HER2' in the store; "),
        (["--slide-id", "S1", "--stain", "HER2", "--format", "csv"], "no slide 'S1' of stain 'HER2' in the store; "),
    ],
)
def test_what_cannot_be_exported_is_one_line(filled: Any, words: list[str], says: str) -> None:
    answer = filled("export", "cells", *words)
    assert (answer.code, answer.out, answer.err.count("\n")) == (1, "", 1)
    assert answer.err.startswith(f"ladder: {says}")


def test_a_geopackage_opens_in_geopandas_with_every_cell_in_its_place(filled: Any, tmp_path: Path) -> None:
    import geopandas

    assert filled("export", "cells", "--slide-id", "S1", "--format", "gpkg", "-o", tmp_path / "c.gpkg").code == 0
    frame = geopandas.read_file(tmp_path / "c.gpkg", layer="cells")
    held = filled("--json", "sql", "SELECT cell_id, cell_class, x_um, y_um FROM cell WHERE slide_id = 'S1' ORDER BY 1").rows
    assert frame["cell_class"].tolist() == [row["cell_class"] for row in held]
    assert frame.crs is None or not frame.crs.is_geographic
    for shape, row in zip(frame.geometry, held, strict=True):
        assert shape.distance(geopandas.points_from_xy([row["x_um"]], [row["y_um"]])[0]) < 1.0
