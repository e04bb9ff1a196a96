"""Coordinates left of 0 or far from it: read as they are or shifted; features, SQL, exports and maps are free of the origin."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from her2ladder.ingest.runs import tiles_of

PLACES = [(0.0, 0.0), (-3000.5, -1250.25), (4_000_000.0, -7000.0), (-800_000_000.0, 900_000_000.0)]


def moved(nuclei: Any, by: tuple[float, float], n: int = 120) -> dict[str, Any]:
    """Squares of 20 px, 30 px apart, in rows of ten."""
    nuc = nuclei(n)
    for i, one in enumerate(nuc.values()):
        at = np.array([30 * (i % 10) - 30 * i, 30 * (i // 10)]) + by
        one["centroid"] = (np.array(one["centroid"]) + at).tolist()
        one["contour"] = (np.array(one["contour"]) + at).tolist()
    return nuc


@pytest.mark.parametrize("by", PLACES[1:])
def test_outlines_and_places_come_back_from_wherever_the_origin_is(nuclei: Any, hovernet: Any, run_ladder: Any, tmp_path: Path, by: tuple[float, float]) -> None:
    nuc = moved(nuclei, by)
    path = hovernet(nuc)
    done = run_ladder("ingest", "cells", path, "--stain", "HE", "--mpp", 0.25, "--label-map", "pannuke", "--slide-id", "S", "--workers", 1)
    assert done.code == 0, done.err
    assert ("left of the origin" in done.err) == (min(by) < 0)
    assert ("origin lies far" in done.err) == (by == PLACES[2] and min(by) >= 0)
    assert run_ladder("check").code == 0
    assert run_ladder("export", "cells", "--slide-id", "S", "--format", "hovernet", "-o", tmp_path / "back.json").code == 0
    back = json.loads((tmp_path / "back.json").read_text())["nuc"]
    for name, one in nuc.items():
        np.testing.assert_array_equal(np.sort(np.array(back[name]["contour"]), axis=0), np.sort(np.round(np.array(one["contour"]) * 8) / 8, axis=0))
        np.testing.assert_allclose(back[name]["centroid"], one["centroid"], rtol=1e-15)
    at = (by[0] + 100.25) / 4, (by[1] + 50.5) / 4
    asked = f"""
    SELECT min(x_um) AS x, count(*) AS n, count(DISTINCT x_min_px) AS edges, sum(area_um2) AS area,
      (SELECT count(*) FROM cells_within('S', 'HE', {at[0]}, {at[1]}, 8)) AS near, (SELECT count(*) FROM neighbours('S', 'HE', NULL, NULL, 8)) AS pairs,
      (SELECT sum(n)::INTEGER FROM density_grid('S', 'HE', 25)) AS counted,
      (SELECT count(*) FROM cells_in_window('S', 'HE', {at[0] - 1}, {at[1] - 1}, {at[0] + 8}, {at[1] + 8})) AS inside
    FROM cell"""
    wanted = {"x": pytest.approx(at[0]), "n": 120, "edges": 10, "area": pytest.approx(3000, rel=1e-3), "near": 3, "pairs": 436, "counted": 120, "inside": 4}
    assert run_ladder("--json", "sql", asked).rows == [wanted]


def test_a_map_of_negative_places_is_that_of_the_same_cells_at_zero(nuclei: Any, hovernet: Any, run_ladder: Any, tmp_path: Path) -> None:
    for name, by in (("A", PLACES[0]), ("B", (-3000.0, -1280.0))):
        path = hovernet(moved(nuclei, by), name=f"{name}.json")
        assert run_ladder("ingest", "cells", path, "--stain", "HE", "--mpp", 0.25, "--label-map", "pannuke", "--slide-id", name, "--workers", 1).code == 0
    packed = []
    for name in "AB":
        assert run_ladder("map", name, "-o", tmp_path / f"{name}.html").code == 0
        packed.append(re.findall("H4sI[A-Za-z0-9+/=]+", (tmp_path / f"{name}.html").read_text()))
    assert packed[0] == packed[1] != []


def test_features_are_free_of_the_origin_and_shift_is_said(nuclei: Any, hovernet: Any, run_ladder: Any) -> None:
    for name, by in (("A", PLACES[0]), ("B", PLACES[1]), ("C", PLACES[2])):
        path = hovernet(moved(nuclei, by), name=f"{name}.json")
        assert run_ladder("ingest", "cells", path, "--stain", "HE", "--mpp", 0.25, "--label-map", "pannuke", "--workers", 1).code == 0
    path = hovernet(moved(nuclei, PLACES[1]), name="D.json")
    done = run_ladder("ingest", "cells", path, "--stain", "HE", "--mpp", 0.25, "--label-map", "pannuke", "--origin", "shift", "--workers", 1)
    assert "the origin was moved: -2,911, -1,211 of the file is 0, 0 now" in done.err  # 90 - 3000.5 and 40 - 1250.25, down to whole pixels
    low = run_ladder("--json", "sql", "SELECT min(x_um) AS x, min(y_um) AS y, min(x_min_px) AS edge FROM cell WHERE slide_id = 'D'").rows[0]
    assert low == {"x": (100.25 - 3000.5 + 2911) / 4, "y": (50.5 - 1250.25 + 1211) / 4, "edge": 0}
    assert run_ladder("features", "--workers", 1).code == 0
    ask = "SELECT cell_id, pair, n_subgraph, degrees, round(min_edge_um, 6) AS a, round(mean_edge_um, 6) AS b FROM cell_pair WHERE slide_id = '{}' ORDER BY ALL"
    first = run_ladder("--json", "sql", ask.format("A")).rows
    assert len(first) == 360
    for name in "BCD":
        assert run_ladder("--json", "sql", ask.format(name)).rows == first


def test_where_the_size_is_known_the_slide_begins_at_zero(nuclei: Any, hovernet: Any, read: Any) -> None:
    written, _ = read(hovernet(moved(nuclei, (-101.0, 0.0))), width_px=10_000, max_bad_share=0.2)
    assert {reason.partition(" (")[0] for _, reason in written.quarantined} == {"wanted a centroid on the slide"}
    assert written.n_quarantined == 12  # the first of each row lies at -0.75
    far, _ = read(hovernet(moved(nuclei, (0.0, 5e6))), width_px=10_000)
    assert far.n_rows == 120  # its height is not known


def test_shift_of_micrometres_is_kept_with_the_file(tmp_path: Path, read: Any) -> None:
    (tmp_path / "t.csv").write_text("cell_class,x_um,y_um\nTumor,-12.5,40000.25\nLymph,7.5,40010\n")
    written, rows = read(tmp_path / "t.csv", label_map="store", mpp_x=None, mpp_y=None, origin="shift")
    assert (rows["x_um"].to_pylist(), rows["y_um"].to_pylist()) == ([0.5, 20.5], [0.25, 10.0])
    assert pq.read_schema(written.path).metadata[b"origin_um"] == b"-13.0,40000.0"


def test_a_far_outlier_is_said(tmp_path: Path, read: Any) -> None:
    (tmp_path / "t.csv").write_text("cell_class,x_um,y_um\nTumor,0,0\nLymph,900000,10\n")
    assert any("span more than any slide" in note for note in read(tmp_path / "t.csv", label_map="store", mpp_x=None, mpp_y=None)[0].notes)


def test_tiles_are_in_order_on_both_sides_of_the_origin() -> None:
    grid = np.array([(y, x) for y in (-1e9, -2048, -1, 0, 5000, 1e9) for x in (-1e9, -1025, -1, 0, 1023, 1024, 1e9)])
    tiles = tiles_of(grid[:, 1], grid[:, 0])
    assert (np.diff(tiles) >= 0).all()
    assert len(np.unique(tiles)) == 6 * 6  # 0 and 1023 are one tile
