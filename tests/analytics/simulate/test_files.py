"""Slides are written as segmenters write them, and read back as what was drawn."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import shapely

from her2ladder.analytics.simulate import files, labels, tissue
from her2ladder.schema.labels import load_label_map
from her2ladder.schema.vocabulary import CLASSES

MPP_UM = 0.25
TYPES = labels.labels_of("nucls", "HE")


@pytest.fixture(scope="module")
def cells() -> tissue.Cells:
    return tissue.he(700, 0.3, np.random.default_rng(8))


@pytest.fixture(scope="module")
def nuclei(cells: tissue.Cells, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    path = tmp_path_factory.mktemp("slide") / "a.json"
    files.write_hovernet_json(path, cells.x_um, cells.y_um, cells.names(), TYPES, 4)
    read = json.loads(path.read_bytes())
    assert list(read) == ["mag", "nuc"]
    assert read["mag"] == 40
    return read["nuc"]


def test_the_json_has_hovernets_layout(nuclei: dict, cells: tissue.Cells) -> None:
    assert list(nuclei) == [str(i + 1) for i in range(len(cells))]
    for nucleus in nuclei.values():
        assert list(nucleus) == ["bbox", "centroid", "contour", "type_prob", "type"]
        assert 12 <= len(nucleus["contour"]) <= 30
        assert all(isinstance(v, int) for point in nucleus["contour"] for v in point)
        assert 0 < nucleus["type_prob"] <= 1
        assert isinstance(nucleus["type"], int)


def test_the_json_is_spelled_as_json_dump_spells_it(nuclei: dict, tmp_path: Path, cells: tissue.Cells) -> None:
    path = tmp_path / "a.json"
    files.write_hovernet_json(path, cells.x_um, cells.y_um, cells.names(), TYPES, 4)
    assert path.read_text() == json.dumps({"mag": 40, "nuc": nuclei})


def test_centroids_and_types_are_the_drawn_ones(nuclei: dict, cells: tissue.Cells) -> None:
    centroid = np.array([n["centroid"] for n in nuclei.values()]) * MPP_UM
    assert np.abs(centroid - np.column_stack([cells.x_um, cells.y_um])).max() < 0.01
    assert [n["type"] for n in nuclei.values()] == [TYPES[name] for name in cells.names()]


def test_outlines_are_valid_rings_around_their_centroid_of_a_nucleus_size(nuclei: dict, cells: tissue.Cells) -> None:
    rings = np.array([shapely.Polygon(n["contour"]) for n in nuclei.values()])
    assert shapely.is_valid(rings).all()
    assert shapely.contains_xy(rings, np.array([n["centroid"] for n in nuclei.values()])).all()
    area_um2 = shapely.area(rings) * MPP_UM**2
    assert area_um2.min() > 12
    assert area_um2.max() < 250
    names = cells.names()
    assert np.median(area_um2[names == "Tumor"]) > 1.7 * np.median(area_um2[names == "Lymph"])
    assert all(len({tuple(p) for p in n["contour"]}) == len(n["contour"]) for n in nuclei.values())


def test_boxes_are_row_first_and_end_one_past_the_outline(nuclei: dict) -> None:
    for nucleus in nuclei.values():
        x, y = zip(*nucleus["contour"], strict=True)
        assert nucleus["bbox"] == [[min(y), min(x)], [max(y) + 1, max(x) + 1]]


def test_many_chunks_join_into_one_document(monkeypatch: pytest.MonkeyPatch, cells: tissue.Cells, tmp_path: Path) -> None:
    monkeypatch.setattr(files, "CHUNK", 64)
    files.write_hovernet_json(tmp_path / "a.json", cells.x_um, cells.y_um, cells.names(), TYPES, 4)
    read = json.loads((tmp_path / "a.json").read_bytes())["nuc"]
    assert list(read) == [str(i + 1) for i in range(len(cells))]


def test_a_class_without_a_number_is_an_error_that_names_it(cells: tissue.Cells, tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="Macro"):
        files.write_hovernet_json(tmp_path / "a.json", cells.x_um, cells.y_um, cells.names(), {"Lymph": 1}, 4)


def test_a_point_table_keeps_places_classes_and_membranes(tmp_path: Path) -> None:
    cells = tissue.her2(300, 0.0, False, np.random.default_rng(2))
    files.write_points_parquet(tmp_path / "a.parquet", cells, 4)
    read = pl.read_parquet(tmp_path / "a.parquet")
    assert read.columns == ["cell_id", "cell_class", "class_prob", "x_um", "y_um", "membrane_completeness", "membrane_od"]
    assert read["cell_class"].cast(pl.String).to_list() == cells.names().tolist()
    assert np.abs(read["x_um"].to_numpy() - cells.x_um).max() < 1e-4
    assert read["cell_id"].is_unique().all()


@pytest.mark.parametrize("stain", ["HE", "HER2"])
def test_a_studys_labels_reach_every_class_through_their_preset(stain: str) -> None:
    told = load_label_map(labels.PRESETS[stain], stain).labels
    assert {word: told[str(label)] for word, label in labels.labels_of(labels.PRESETS[stain], stain).items()} == {
        w: w for w in CLASSES[stain]
    }


def test_text_labels_keep_their_colon(cells: tissue.Cells, tmp_path: Path) -> None:
    types = labels.labels_of("hovernet-pannuke+monusac", "HE")
    files.write_hovernet_json(tmp_path / "a.json", cells.x_um, cells.y_um, cells.names(), types, 4)
    read = json.loads((tmp_path / "a.json").read_bytes())
    assert [n["type"] for n in read["nuc"].values()] == [types[name] for name in cells.names()]
    assert (tmp_path / "a.json").read_text() == json.dumps(read)
