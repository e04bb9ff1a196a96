"""Cells that go out in a tool's format and come in again are the same cells."""

from __future__ import annotations

import importlib.util
import json
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import shapely

from her2ladder.analytics.export.json_text import ring_texts

MAP = 'name = "m"\n[labels]\n1 = "Tumor"\n2 = "Lymph"\n3 = "Stroma"\n4 = "Other"\n5 = "Other"\n'


def _made() -> Any:
    spec = importlib.util.spec_from_file_location("made", Path(__file__).parents[3] / "benchmarks" / "ingest" / "made.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made") / "S1.json"
    _made().write_hovernet(path, 700, seed=4)
    return path


def _cells(root: Path, slide_id: str) -> Any:
    (path,) = (root / "cells").glob(f"stain=HE/slide_id={slide_id}/*.parquet")
    return pq.read_table(path, partitioning=None).sort_by("cell_id")


@pytest.fixture
def filled(run_ladder: Any, slide: Path, tmp_path: Path) -> Any:
    (tmp_path / "map.toml").write_text(MAP)
    words = ["--stain", "HE", "--mpp", "0.25,0.3", "--label-map", tmp_path / "map.toml", "--workers", 1]
    assert run_ladder("ingest", "cells", slide, *words).code == 0
    return run_ladder


@pytest.mark.parametrize(
    ("format_", "file", "mpp", "label_map"),
    [
        ("geojson", "again.geojson", "0.25,0.3", "store"),
        ("hovernet", "again.json", "0.25,0.3", "map.toml"),
        ("tiatoolbox", "again.db", "0.25,0.3", "store"),
        ("geoparquet", "again.parquet", None, "store"),
    ],
)
def test_a_slide_survives_the_way_out_and_in(
    format_: str, file: str, mpp: str | None, label_map: str, filled: Any, store_dir: Path, tmp_path: Path
) -> None:
    assert filled("export", "cells", "--slide-id", "S1", "--format", format_, "-o", tmp_path / file).code == 0
    label_map = str(tmp_path / label_map) if label_map.endswith(".toml") else label_map
    words = ["--stain", "HE", "--slide-id", "again", *(["--mpp", mpp] if mpp else []), "--label-map", label_map, "--workers", 1]
    assert filled("ingest", "cells", tmp_path / file, *words).code == 0
    one, two = _cells(store_dir, "S1"), _cells(store_dir, "again")
    assert two["cell_class"].to_pylist() == one["cell_class"].to_pylist()
    np.testing.assert_allclose(two["area_um2"], one["area_um2"], rtol=0.01 if mpp is None else 1e-12)
    np.testing.assert_allclose(two["class_prob"], one["class_prob"], rtol=1e-6)
    exact = format_ == "hovernet"  # the other formats keep no centroid beside the outline
    for axis in "xy":
        np.testing.assert_allclose(two[f"{axis}_um"], one[f"{axis}_um"], atol=0 if exact else 1.5, rtol=0)
    if exact:
        assert two["contour"].equals(one["contour"])
        assert two["source_id"].equals(one["source_id"])


def test_a_store_for_tiatoolbox_has_its_tables_and_an_r_tree_that_finds(filled: Any, tmp_path: Path) -> None:
    assert filled("export", "cells", "--slide-id", "S1", "--format", "tiatoolbox", "-o", tmp_path / "c.db").code == 0
    con = sqlite3.connect(tmp_path / "c.db")
    assert dict(con.execute("SELECT key, value FROM metadata")) == {"version": '"1.0.1"', "compression": '"zlib"', "compression_level": "6"}
    n, n_boxes = con.execute("SELECT (SELECT count(*) FROM annotations), (SELECT count(*) FROM rtree)").fetchone()
    assert (n, n_boxes) == (700, 700)
    x, y = con.execute("SELECT cx, cy FROM annotations WHERE id = 7").fetchone()
    found = con.execute("SELECT id FROM rtree WHERE min_x <= ? AND max_x >= ? AND min_y <= ? AND max_y >= ?", (x, x, y, y)).fetchall()
    assert (7,) in found
    told = json.loads(con.execute("SELECT properties FROM annotations WHERE id = 1").fetchone()[0])
    assert {"type", "prob", "area_um2"} <= set(told)
    con.close()


def test_rings_are_written_as_json_writes_their_numbers() -> None:
    rng = np.random.default_rng(1)
    n_points = rng.integers(0, 9, 50)
    points = rng.integers(-9_000_000, 9_000_000, (int(n_points.sum()), 2)) / 8
    cuts = np.cumsum(n_points)
    for closed in (True, False):
        texts = ring_texts(points, n_points, closed=closed)
        for text, end, n in zip(texts, cuts.tolist(), n_points.tolist(), strict=True):
            ring = points[end - n : end].tolist()
            assert json.loads(text) == ([*ring, ring[0]] if closed and n else ring)


def test_a_format_without_its_extra_says_what_to_install(filled: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "anndata", None)
    answer = filled("export", "cells", "--slide-id", "S1", "--format", "h5ad", "-o", tmp_path / "c.h5ad")
    assert answer.code == 1
    assert "needs the extra [scverse]: pip install 'her2ladder[scverse]'" in answer.err
    assert list(tmp_path.glob("*.h5ad")) == []


def test_an_h5ad_has_places_in_micrometres_and_no_expression(filled: Any, store_dir: Path, tmp_path: Path) -> None:
    anndata = pytest.importorskip("anndata", reason="the extra [scverse] is not installed")
    assert filled("export", "cells", "--format", "h5ad", "-o", tmp_path / "c.h5ad").code == 0
    data = anndata.read_h5ad(tmp_path / "c.h5ad")
    rows = _cells(store_dir, "S1")
    assert data.shape == (700, 0)
    np.testing.assert_array_equal(data.obsm["spatial"], np.column_stack([rows["x_um"], rows["y_um"]]))
    assert data.obs["cell_class"].tolist() == rows["cell_class"].to_pylist()


def test_spatialdata_has_outlines_that_its_table_annotates(filled: Any, store_dir: Path, tmp_path: Path) -> None:
    spatialdata = pytest.importorskip("spatialdata", reason="the extra [scverse] is not installed")
    assert filled("export", "cells", "--slide-id", "S1", "--format", "spatialdata", "-o", tmp_path / "c.zarr").code == 0
    data = spatialdata.read_zarr(tmp_path / "c.zarr")
    rows = _cells(store_dir, "S1")
    assert np.allclose(shapely.area(data.shapes["cells"].geometry.to_numpy()), rows["area_um2"].to_numpy())
    assert data.tables["table"].obs["cell_class"].tolist() == rows["cell_class"].to_pylist()
