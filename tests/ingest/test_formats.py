"""One slide in every tool's format comes back as the same cells, whatever chunk it is read in; what is bad in it is left out alone."""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from formats import KINDS, READ_AS, WRITERS, Slide, made_slide

from her2ladder.errors import InputError
from her2ladder.ingest.readers import geojson
from her2ladder.ingest.readers.base import ReadOptions
from her2ladder.schema.outlines import decode_outlines, polygons

CLASS = {"Neoplastic": "Tumor", "Inflammatory": "Lymph", "Connective": "Stroma"}
NO_OUTLINES = ("cellvit_detection", "cellvit_points", "hovernext", "hovernext_tables")
PIXELS = ("lizard", "consep")
HELD_WHOLE = ("hovernext_tables", "tiatoolbox_dat", "spatialdata")
SMALL = ReadOptions(chunk_bytes=3000, allow_pickle=True)


@pytest.fixture(scope="module")
def slide() -> Slide:
    return made_slide(90, seed=3)


def _sorted(place: Any, kinds: Any) -> tuple[Any, list[str]]:
    order = np.lexsort((place[:, 0].round(), place[:, 1].round()))
    return place[order], [kinds[i] for i in order]


@pytest.mark.parametrize("name", WRITERS)
def test_a_slide_comes_back_with_its_cells(name: str, slide: Slide, tmp_path: Path, read: Any) -> None:
    path = WRITERS[name](tmp_path, slide)
    written, rows = read(path, options=ReadOptions(allow_pickle=True))
    assert written.source_format == READ_AS[name]
    assert written.why
    assert (written.n_rows, written.n_records, written.n_quarantined, written.n_duplicates) == (90, 90, 0, 0)
    found, classes = _sorted(np.column_stack([rows["x_um"], rows["y_um"]]) / 0.25, rows["cell_class"].to_pylist())
    place, wanted = _sorted(slide.place, [CLASS[KINDS[kind]] for kind in slide.kind])
    np.testing.assert_allclose(found, place, atol=1e-6)
    assert classes == wanted
    assert sorted(rows["cell_id"].to_pylist()) == list(range(90))
    if name not in (*NO_OUTLINES, *PIXELS):
        areas = sorted(shape.area for shape in polygons(decode_outlines(rows, written.quanta_per_px)))
        import shapely

        np.testing.assert_allclose(areas, sorted(shapely.Polygon(ring).area for ring in slide.rings))


@pytest.mark.parametrize("name", WRITERS)
def test_chunks_and_long_features_change_nothing(
    name: str, slide: Slide, tmp_path: Path, read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = WRITERS[name](tmp_path, slide)
    whole, _ = read(path, options=ReadOptions(allow_pickle=True))
    if READ_AS[name] == "cellvit":
        monkeypatch.setattr(geojson, "GIANT_BYTES", 500)
    parts, _ = read(path, options=SMALL, run_bytes=4000)
    assert parts.sha256 == whole.sha256
    assert parts.notes == whole.notes


@pytest.mark.parametrize("name", [name for name in WRITERS if name not in HELD_WHOLE])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_truncated_file_is_refused_whole(name: str, share: float, slide: Slide, tmp_path: Path, read: Any) -> None:
    path = WRITERS[name](tmp_path, slide)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(InputError, match=path.name):
        read(path, options=ReadOptions(allow_pickle=True))


@pytest.mark.parametrize("name", ["qupath", "cellvit_geojson", "tiatoolbox", "cellvit"])
def test_the_content_tells_and_not_the_ending(name: str, slide: Slide, tmp_path: Path, read: Any) -> None:
    path = WRITERS[name](tmp_path, slide).rename(tmp_path / "slide.csv")
    assert read(path)[0].source_format == READ_AS[name]


def _qupath(tmp_path: Path, slide: Slide, change: Any) -> Path:
    path = WRITERS["qupath"](tmp_path, slide)
    told = json.loads(path.read_text())
    change(told["features"])
    path.write_text(json.dumps(told))
    return path


@pytest.mark.parametrize(
    ("geometry", "why"),
    [
        ({"type": "Polygon", "coordinates": [[[0, 0], [9, 9], [9, 0], [0, 6], [0, 0]]]}, "does not cross itself"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [9, None], [9, 0], [0, 0]]]}, "coordinates: wanted lists of points"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [9, float("nan")], [9, 0], [0, 0]]]}, "coordinates: wanted lists of points"),
        ({"type": "Polygon", "coordinates": [[0, 0], [1, 1]]}, "coordinates: wanted lists of points"),
        ({"type": "Polygon", "coordinates": []}, "found neither"),
        ({"type": "GeometryCollection", "geometries": []}, "found GeometryCollection"),
        ({"type": "LineString", "coordinates": [[0, 0], [5, 5], [9, 0]]}, "does not end where it begins"),
        (None, "found none"),
    ],
)
def test_one_bad_geometry_is_left_out_alone(geometry: Any, why: str, slide: Slide, tmp_path: Path, read: Any) -> None:
    def change(features: list[Any]) -> None:
        features[5]["geometry"] = geometry
        features[5]["nucleusGeometry"] = None

    written, _ = read(_qupath(tmp_path, slide, change), max_bad_share=0.1)
    assert written.n_rows == 89
    [(name, reason)] = written.quarantined
    assert name == "00000000-0000-0000-0000-000000000004"
    assert why in reason


def test_holes_are_filled_and_parts_reduced_to_the_largest_and_both_said(slide: Slide, tmp_path: Path, read: Any) -> None:
    def change(features: list[Any]) -> None:
        hole = [[x / 10 + 1000, y / 10 + 1000] for x, y in ((0, 0), (10, 0), (10, 10), (0, 0))]
        big = [[1000, 1000], [1020, 1000], [1020, 1020], [1000, 1020], [1000, 1000]]
        features[1]["nucleusGeometry"] = {"type": "Polygon", "coordinates": [big, hole]}
        features[2]["nucleusGeometry"] = {
            "type": "MultiPolygon",
            "coordinates": [[[[0, 0], [1, 0], [1, 1], [0, 0]]], [[[x, y + 100] for x, y in big]]],
        }

    written, rows = read(_qupath(tmp_path, slide, change))
    assert rows.filter([one == "00000000-0000-0000-0000-000000000000" for one in rows["source_id"].to_pylist()])[
        "area_um2"
    ].to_pylist() == [25]
    assert written.notes[:3] == (
        "1 x annotation left out, because it is not a cell",
        "1 x outline had parts, of which the largest is kept",
        "1 x outline had holes, which are filled",
    )
    assert written.n_rows == 90


def test_the_cell_s_own_outline_is_taken_when_asked_for(slide: Slide, tmp_path: Path, read: Any) -> None:
    path = WRITERS["qupath"](tmp_path, slide)
    nuclei, cells = read(path)[1], read(path, options=ReadOptions(outline="cell"))[1]
    assert (cells["area_um2"].to_numpy() > 1.5 * nuclei["area_um2"].to_numpy()).all()


def test_a_measurement_of_qupath_fills_a_column_when_asked_for(slide: Slide, tmp_path: Path, read: Any) -> None:
    _, rows = read(WRITERS["qupath"](tmp_path, slide), columns={"membrane_od": "Cell: DAB OD mean"})
    assert rows["membrane_od"].to_pylist() == [0.25] * 90


@pytest.mark.parametrize("kind", ["Tumor", {"names": ["Tumor", "Positive"]}, {"name": "Tumor: Positive"}, None])
def test_a_class_is_an_object_a_string_or_missing(kind: Any, slide: Slide, tmp_path: Path, read: Any) -> None:
    from dataclasses import replace

    from her2ladder.schema.labels import load_label_map

    def change(features: list[Any]) -> None:
        for feature in features[1:]:
            feature["properties"]["classification"] = kind

    label_map = load_label_map("pannuke", "HE")
    label_map = replace(label_map, labels={"Tumor": "Tumor", "Tumor: Positive": "Tumor", "null": "Other"})
    written, _ = read(_qupath(tmp_path, slide, change), label_map=label_map)
    assert written.counts == {"Other" if kind is None else "Tumor": 90}


def test_points_of_many_digits_keep_every_one(tmp_path: Path, read: Any) -> None:
    place = np.random.default_rng(5).uniform(0, 1e5, (40, 2))
    told = [
        {
            "type": "Feature",
            "geometry": {"type": "MultiPoint", "coordinates": place.tolist()},
            "properties": {"classification": "Neoplastic"},
        }
    ]
    path = tmp_path / "points.geojson"
    path.write_text(json.dumps(told))
    rows = read(path, mpp_x=1.0, mpp_y=1.0)[1].sort_by("cell_id")
    np.testing.assert_array_equal(np.column_stack([rows["x_um"], rows["y_um"]]), place)


def test_cellvit_says_its_micrometres_per_pixel(slide: Slide, tmp_path: Path, read: Any) -> None:
    path = WRITERS["cellvit"](tmp_path, slide)
    written, _ = read(path, mpp_x=None, mpp_y=None)
    assert (written.mpp_x, written.mpp_y) == (0.25, 0.25)
    assert "the file says 0.25 micrometres per pixel, which were taken" in written.notes
    with pytest.raises(InputError, match=r"the file says that its coordinates are at 0.25 um/px, --mpp says 0.5: leave --mpp out"):
        read(path, mpp_x=0.5, mpp_y=0.5)
    assert read(path, mpp_x=0.5, mpp_y=0.5, mpp_as_given=True)[0].mpp_x == 0.5


@pytest.mark.parametrize(("mpp", "says"), [(0.25, ""), (1.0, "4 times too large"), (0.0625, "4 times too small")])
def test_outlines_that_are_no_nuclei_are_a_warning_with_the_likely_factor(
    mpp: float, says: str, nuclei: Any, hovernet: Any, read: Any
) -> None:
    """Squares of 20 px: 25 um2 at 0.25 um/px."""
    written, _ = read(hovernet(nuclei(), mag=None), mpp_x=mpp, mpp_y=mpp)
    assert says in (written.notes[-1] if written.notes else "")
    assert bool(says) == bool(written.notes)


def test_a_pickle_is_read_only_when_asked_for_and_builds_nothing_but_arrays(slide: Slide, tmp_path: Path, read: Any) -> None:
    path = WRITERS["tiatoolbox_dat"](tmp_path, slide)
    with pytest.raises(InputError, match=r"a .dat file is a pickle: --allow-pickle"):
        read(path)

    class Bomb:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "gone off",))

    path.write_bytes(pickle.dumps({"1": Bomb()}))
    with pytest.raises(InputError, match=r"asks for .*, which no file of nuclei needs: refused"):
        read(path, options=ReadOptions(allow_pickle=True))
    assert not (tmp_path / "gone off").exists()


def test_qupath_cells_read_as_cellvit_s_are_refused(slide: Slide, tmp_path: Path, read: Any) -> None:
    with pytest.raises(InputError, match="say --format qupath"):
        read(WRITERS["qupath"](tmp_path, slide), format="cellvit")


def test_rows_of_a_label_image_are_matched_by_their_id(slide: Slide, tmp_path: Path, read: Any) -> None:
    """An instance's area is the number of its pixels, and its class that of the row with its id."""
    from scipy.io import loadmat

    path = WRITERS["lizard"](tmp_path, slide)
    told = loadmat(path)
    _, rows = read(path, mpp_x=1.0, mpp_y=1.0, label_map="pannuke")
    kind = dict(zip(told["id"].ravel().tolist(), told["class"].ravel().tolist(), strict=True))
    assert rows["source_label"].to_pylist() == [str(kind[int(one)]) for one in rows["source_id"].to_pylist()]
    pixels = [int((told["inst_map"] == int(one)).sum()) for one in rows["source_id"].to_pylist()]
    assert rows["area_um2"].to_pylist() == pixels


def test_an_outline_of_pixels_has_their_corners() -> None:
    from her2ladder.ingest.readers.mat import trace

    mask = np.array([[1, 1, 0], [0, 1, 0], [1, 1, 1]], dtype=bool)
    assert trace(mask).tolist() == [[2, 0], [2, 2], [3, 2], [3, 3], [0, 3], [0, 2], [1, 2], [1, 1], [0, 1], [0, 0]]


@pytest.mark.parametrize("seed", range(3))
def test_traced_outlines_enclose_the_pixels_of_random_masks(seed: int) -> None:
    import shapely
    from scipy import ndimage

    from her2ladder.ingest.readers.mat import trace

    rng = np.random.default_rng(seed)
    for _ in range(50):
        parts, _ = ndimage.label(ndimage.binary_fill_holes(rng.random((9, 11)) < 0.6))
        mask = parts == 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
        mask = ndimage.binary_fill_holes(mask)[np.flatnonzero(mask.any(axis=1))[0] :]
        assert shapely.make_valid(shapely.Polygon(trace(mask))).area == mask.sum()


def test_a_store_of_several_elements_asks_which(slide: Slide, tmp_path: Path, read: Any) -> None:
    path = WRITERS["spatialdata"](tmp_path, slide)
    (path / "shapes" / "cells").mkdir()
    WRITERS["geoparquet"](path / "shapes" / "cells", slide)
    with pytest.raises(InputError, match=r"wanted one element of shapes, found .*cells.*, .*nuclei"):
        read(path)
