"""Slides placed by hand, written as a source would write them, and read by one call."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from her2ladder.ingest.cellfile import CellSource, WrittenCells, write_cells
from her2ladder.schema.labels import load_label_map

MADE = Path(__file__).parents[2] / "benchmarks" / "ingest" / "made.py"


@pytest.fixture(scope="session")
def made() -> Any:
    """The benchmark's seeded generator of HoVer-Net JSON."""
    spec = importlib.util.spec_from_file_location("made", MADE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def nuclei() -> Callable[..., dict[str, dict[str, Any]]]:
    """Make n square nuclei in a row, types 1 to 5 in turn; keyword arguments overwrite the fields of nucleus 7."""

    def make(n: int = 200, **fields: Any) -> dict[str, dict[str, Any]]:
        row = {
            str(i + 1): {
                "bbox": [[0, 0], [1, 1]],
                "centroid": [100.25 + 30 * i, 50.5],
                "contour": [[90 + 30 * i, 40], [110 + 30 * i, 40], [110 + 30 * i, 60], [90 + 30 * i, 60]],
                "type_prob": 0.5,
                "type": i % 5 + 1,
            }
            for i in range(n)
        }
        for name, value in fields.items():
            if value is ...:
                del row["7"][name]
            else:
                row["7"][name] = value
        return row

    return make


@pytest.fixture
def hovernet(tmp_path: Path) -> Callable[..., Path]:
    """Write nuclei as HoVer-Net JSON (as json.dump does: with NaN where there is one)."""

    def write(nuc: dict[str, Any], mag: Any = 40, name: str = "slide.json") -> Path:
        path = tmp_path / name
        path.write_text(json.dumps({"mag": mag, "nuc": nuc}))
        return path

    return write


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., tuple[WrittenCells, pa.Table]]:
    """Read a file with the pannuke map at 0.25 um/px, or as told; returns what was written and its rows."""

    def call(path: Path, **told: Any) -> tuple[WrittenCells, pa.Table]:
        label_map = told.pop("label_map", "pannuke")
        if isinstance(label_map, str):
            label_map = load_label_map(label_map, told.get("stain", "HE"))
        out = tmp_path / "out"
        out.mkdir(exist_ok=True)
        spec = {"slide_id": "S1", "patient_id": "P1", "stain": "HE", "mpp_x": 0.25, "mpp_y": 0.25, "label_map": label_map, **told}
        written = write_cells(path, out, CellSource(**spec))
        return written, pq.read_table(written.path)

    return call
