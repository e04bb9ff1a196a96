"""HoVer-Net JSON in: what is kept, what is quarantined, what is refused, and that chunks change nothing."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from her2ladder.errors import InputError
from her2ladder.ingest.readers import hovernet as reader
from her2ladder.ingest.readers.base import CHUNK_BYTES, ReadOptions
from her2ladder.schema.outlines import decode_outlines, polygons

BIG = "1" * 10_000_000
DEEP = "[" * 1_000_000 + "]" * 1_000_000


def test_a_small_slide_reads_as_one_can_check_by_eye(nuclei: Any, hovernet: Any, read: Any) -> None:
    written, rows = read(
        hovernet(
            nuclei(
                5,
            ),
            mag=None,
        )
    )
    assert rows["cell_id"].to_pylist() == [0, 1, 2, 3, 4]
    assert rows["source_id"].to_pylist() == ["1", "2", "3", "4", "5"]
    assert rows["source_label"].to_pylist() == ["1", "2", "3", "4", "5"]
    assert rows["cell_class"].to_pylist() == ["Tumor", "Lymph", "Stroma", "Other", "Other"]
    assert rows["x_um"].to_pylist() == [25.0625, 32.5625, 40.0625, 47.5625, 55.0625]
    assert rows["y_um"].to_pylist() == [12.625] * 5
    assert rows["area_um2"].to_pylist() == [25.0] * 5
    assert rows["contour"][0].as_py() == [-10, -11, 10, -11, 10, 9, -10, 9]
    assert rows["x_min_px"].to_pylist() == [90, 120, 150, 180, 210]
    assert rows["y_max_px"].to_pylist() == [60] * 5
    assert rows["class_prob"].to_pylist() == [0.5] * 5
    assert rows["membrane_od"].null_count == 5
    assert written.counts == {"Tumor": 1, "Stroma": 1, "Lymph": 1, "Other": 2}
    assert (written.n_rows, written.n_records, written.n_quarantined, written.quanta_per_px) == (5, 5, 0, 1)


def test_the_area_of_pixels_that_are_not_square_is_width_times_height(nuclei: Any, hovernet: Any, read: Any) -> None:
    """20 x 20 px at 0.25 and 0.5 um/px: 5 x 10 um."""
    _, rows = read(hovernet(nuclei(2)), mpp_x=0.25, mpp_y=0.5)
    assert rows["area_um2"].to_pylist() == [50.0, 50.0]


def test_every_value_is_that_of_json_load_and_shapely(made: Any, tmp_path: Path, read: Any) -> None:
    path = tmp_path / "slide.json"
    made.write_hovernet(path, 3000, seed=2)
    nuc = json.loads(path.read_text())["nuc"]
    written, rows = read(path)
    assert written.n_rows == 3000
    told = [nuc[name] for name in rows["source_id"].to_pylist()]
    shapes = [shapely.Polygon(record["contour"]) for record in told]
    place = np.array([record["centroid"] for record in told])
    np.testing.assert_array_equal(rows["x_um"].to_numpy(), place[:, 0] * 0.25)
    np.testing.assert_array_equal(rows["y_um"].to_numpy(), place[:, 1] * 0.25)
    np.testing.assert_array_equal(rows["cell_id"].to_numpy(), np.array(rows["source_id"].to_pylist(), dtype=int) - 1)
    np.testing.assert_array_equal(rows["class_prob"].to_numpy(), np.array([record["type_prob"] for record in told], dtype=np.float32))
    np.testing.assert_allclose(rows["area_um2"].to_numpy(), shapely.area(shapes) / 16, rtol=1e-12)
    boxes = np.column_stack([rows[name].to_numpy() for name in ("x_min_px", "y_min_px", "x_max_px", "y_max_px")])
    np.testing.assert_array_equal(boxes, shapely.bounds(shapes))
    back = polygons(decode_outlines(rows, written.quanta_per_px))
    assert all(list(a.exterior.coords) == list(b.exterior.coords) for a, b in zip(back, shapes, strict=True))


@pytest.mark.parametrize("chunk_bytes", [1, 7, 300, 4096, 20_000])
@pytest.mark.parametrize("spaces", [True, False])
def test_where_chunks_end_changes_nothing(nuclei: Any, tmp_path: Path, read: Any, chunk_bytes: int, spaces: bool) -> None:
    """Keys of many kinds, a bad record in the middle, fields in another order, a key of ours that holds what looks like an end."""
    nuc = nuclei(120)
    nuc["7"] = dict(reversed(list(nuc["7"].items())))
    nuc['a "}}] é \\'] = nuc.pop("9")
    nuc["30"]["note"] = '}}, "nuc": {" \\'
    nuc["31"]["contour"] = [[1, 1], [2, 2]]
    path = tmp_path / "slide.json"
    path.write_text(json.dumps({"nuc": nuc, "mag": 40, "more": {"nuc": [1, {"x": "}"}]}}, indent=1 if spaces else None))
    options = {"options": ReadOptions(chunk_bytes=chunk_bytes), "run_bytes": 1 if chunk_bytes == 7 else 20_000}
    one, rows = read(path, max_bad_share=0.02)
    two, _ = read(path, max_bad_share=0.02, **options)
    assert one.sha256 == two.sha256
    assert one.quarantined == two.quarantined == [("31", "wanted an outline of at least 3 points that differ, found fewer (2 given)")]
    assert 'a "}}] é \\' in rows["source_id"].to_pylist()
    assert one.mag == 40


def test_a_packed_file_gives_the_same_bytes_as_a_plain_one(nuclei: Any, hovernet: Any, read: Any, tmp_path: Path) -> None:
    plain = hovernet(nuclei())
    packed = tmp_path / "slide.json.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    two_members = tmp_path / "two.json.gz"
    two_members.write_bytes(gzip.compress(plain.read_bytes()[:5000]) + gzip.compress(plain.read_bytes()[5000:]))
    assert len({read(path)[0].sha256 for path in (plain, packed, two_members)}) == 1


FIELDS = st.fixed_dictionaries(
    {
        "centroid": st.one_of(
            st.none(), st.tuples(*[st.floats(0, 1e5)] * 2), st.just((float("nan"), 1.0)), st.just([1]), st.text(max_size=3)
        ),
        "contour": st.one_of(
            st.none(),
            st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=6),
            st.lists(st.tuples(st.floats(0, 60), st.floats(0, 60)), max_size=6),
            st.just([[1, 2, 3]]),
            st.just([["1", 2]]),
            st.just({"x": 1}),
        ),
        "type": st.one_of(st.integers(0, 5), st.just("Dead"), st.none(), st.just(1.5)),
        "type_prob": st.one_of(st.none(), st.floats(0, 1), st.booleans()),
        "extra": st.recursive(
            st.one_of(st.none(), st.text(max_size=5), st.integers()), lambda inner: st.lists(inner, max_size=3), max_leaves=5
        ),
    }
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(nuc=st.dictionaries(st.text(max_size=6), FIELDS, min_size=1, max_size=12), chunk_bytes=st.integers(1, 500))
def test_any_records_are_each_kept_or_put_down_once(nuc: dict[str, Any], chunk_bytes: int, tmp_path: Path) -> None:
    path = tmp_path / "any.json"
    path.write_text(json.dumps({"nuc": nuc}))
    kept: list[str] = []
    bad: list[str] = []
    for batch in reader.read(path, ReadOptions(chunk_bytes=chunk_bytes)):
        kept += batch.source_id.to_pylist()
        bad += [record.name for record in batch.bad]
        assert batch.n_points.sum() == len(batch.points)
        for i, name in enumerate(batch.source_id.to_pylist()):
            begin = int(batch.n_points[:i].sum())
            told = nuc[name]["contour"] or []
            np.testing.assert_array_equal(batch.points[begin : begin + int(batch.n_points[i])], np.array(told, dtype=float).reshape(-1, 2))
            assert np.array_equal([batch.x[i], batch.y[i]], nuc[name]["centroid"] or [np.nan] * 2, equal_nan=True)
            label = nuc[name]["type"]
            assert batch.label[i] == -1 if label is None else batch.label_names[batch.label[i]] == str(label)
    assert sorted([*kept, *bad]) == sorted(nuc)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(10**18), 10**18)), min_size=2, max_size=2))
def test_numbers_of_an_outline_are_read_to_the_last_bit(tmp_path_factory: pytest.TempPathFactory, pair: list[float]) -> None:
    path = tmp_path_factory.getbasetemp() / "numbers.json"
    path.write_text(json.dumps({"nuc": {"1": {"contour": [pair, [1, 2], [0.1, -12.625]], "centroid": [1, 2], "type": 1}}}))
    (batch,) = reader.read(path, ReadOptions())
    np.testing.assert_array_equal(batch.points, np.array([pair, [1, 2], [0.1, -12.625]], dtype=np.float64))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"centroid": [float("nan"), 1.0]}, "centroid: wanted finite numbers, found NaN"),
        ({"contour": [[1, 1], [float("inf"), 2], [3, 1]]}, "contour: wanted finite numbers, found Infinity"),
        ({"centroid": [1.0]}, "centroid: wanted `array` of length 2"),
        ({"contour": [[1, 1], [2, 2]]}, "wanted an outline of at least 3 points that differ, found fewer (2 given)"),
        ({"contour": [[280, 40], [300, 60], [300, 40], [280, 60]]}, "wanted an outline that does not cross itself, found one that does"),
        ({"contour": ...}, "wanted an outline, found none"),
        ({"contour": None}, "wanted an outline, found none"),
        ({"contour": "round"}, 'contour: wanted a list of points [[x, y], …], found "round"'),
        ({"type": None}, "wanted a label, found none"),
        ({"type": ...}, "wanted a label, found none"),
        ({"type": [1]}, "type: wanted `int | str | null`, found `array`"),
        ({"centroid": [9e9, 9e9], "contour": [[9e9, 9e9]] * 3}, "wanted finite coordinates below 1e9 px, found others"),
        ({"centroid": [5000, 40]}, "wanted an outline within 4,095 px of the centroid, found one that goes further"),
    ],
)
def test_a_bad_record_goes_to_quarantine_with_its_reason(
    nuclei: Any, hovernet: Any, read: Any, fields: dict[str, Any], reason: str
) -> None:
    written, rows = read(hovernet(nuclei(**fields)))
    assert written.quarantined == [("7", reason)]
    assert rows.num_rows == written.n_rows == 199
    assert 6 not in rows["cell_id"].to_pylist()


@pytest.mark.parametrize("place", [[-0.5, 3], [20_001, 3], [3, 20_001]])
def test_a_centroid_off_the_slide_is_bad_where_the_size_is_known_and_read_where_it_is_not(
    nuclei: Any, hovernet: Any, read: Any, place: list[float]
) -> None:
    x, y = place
    path = hovernet(nuclei(centroid=place, contour=[[x - 2, y - 2], [x + 2, y - 2], [x + 2, y + 2], [x - 2, y + 2]]))
    size = {"width_px": 20_000, "height_px": 20_000}
    written, _ = read(path, **size)
    mine = dict(written.quarantined)["7"]
    assert mine == f"wanted a centroid on the slide (0 to 20,000 px, 0 to 20,000 px), found {x:g}, {y:g}"
    written, rows = read(path)
    assert written.quarantined == []
    assert [rows["x_um"][i].as_py() for i, name in enumerate(rows["source_id"].to_pylist()) if name == "7"] == [x * 0.25]


@pytest.mark.parametrize(
    ("old", "new", "name", "reason"),
    [
        ('"8": {', '"7": {', "7", "wanted an id of its own, found the id of an earlier record"),
        ('"type": 2}', '"type": 2, "type": 3}', "2", "key 'type' stands twice in the record"),
        ('"type": 2}', f'"type": {BIG}}}', "2", "type: Integer value out of range"),
        ("[130.25, 50.5]", f"[{BIG}, 50.5]", "2", "centroid[0]: Number out of range"),
        ("[120, 40]", f"[{BIG}, 40]", "2", f"contour: wanted a list of points [[x, y], …], found [[{'1' * 38} …"),
        ("[120, 40]", DEEP, "2", "wanted a nucleus, found lists or objects nested without end"),
    ],
)
def test_a_record_with_odd_json_goes_to_quarantine(
    nuclei: Any, hovernet: Any, read: Any, old: str, new: str, name: str, reason: str
) -> None:
    path = hovernet(nuclei())
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    written, _ = read(path)
    assert written.quarantined == [(name, reason)]
    assert written.n_rows == 199


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda text: "", "found an empty file (0 bytes)"),
        (lambda text: "hello", "found a file that begins 'hello'"),
        (lambda text: text[: len(text) // 2], ": truncated"),
        (lambda text: text[:-1], ": truncated"),
        (lambda text: text[:-2], ": truncated"),
        (lambda text: text + "x", "not JSON: wanted the end of the file at byte"),
        (lambda text: text.replace("[120, 40]", "[120,, 40]"), "cell 2: wanted JSON, found: invalid character (in the record, byte"),
        (lambda text: text.replace('"3": {', '"3" {'), "not JSON: wanted JSON at byte"),
        (lambda text: text.replace("}, ", "} ", 1), "not JSON"),
        (
            lambda text: '{"mag": 40, "x": "\\"nuc\\" \\u0022nuc\\u0022", "y": "nuc"}',
            "wanted the key 'nuc', found the keys 'mag', 'x', 'y'",
        ),
        (lambda text: '{"nuc": 5}', "wanted one object under the key 'nuc'"),
        (lambda text: '{"nuc": {}, "nuc": {}}', "the key 'nuc' stands twice"),
        (lambda text: '{"nuc": {}}', "wanted cells, found none"),
        (lambda text: text.replace("40", '"forty"', 1), 'mag: wanted a magnification or null, found "forty"'),
        (lambda text: '{"nuc": ' + DEEP + "}", "not JSON"),
        (lambda text: '{"nuc": {"1": ' + DEEP, ": truncated"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line_and_leaves_nothing(
    nuclei: Any, hovernet: Any, read: Any, tmp_path: Path, spoil: Callable[[str], str], says: str
) -> None:
    path = hovernet(nuclei())
    path.write_text(spoil(path.read_text()))
    with pytest.raises(InputError) as error:
        read(path)
    assert str(error.value).startswith(str(path))
    assert says in str(error.value)
    assert "\n" not in str(error.value)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_label_that_the_map_lacks_refuses_the_file_and_names_every_one(nuclei: Any, hovernet: Any, read: Any) -> None:
    nuc = nuclei(400)
    nuc["7"]["type"], nuc["300"]["type"], nuc["301"]["type"] = 9, "odd", "odd"
    with pytest.raises(
        InputError, match=r"labels '9' \(cell 7, 1 in all\), 'odd' \(cell 300, 2 in all\): not in label map pannuke, which has 0"
    ):
        read(hovernet(nuc))


def test_a_zip_bomb_is_refused(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "bomb.json.gz"
    path.write_bytes(gzip.compress(b'{"mag": 40, "nuc": {' + b" " * 200_000_000))
    with pytest.raises(InputError, match="a zip bomb, refused"):
        read(path)
    small = tmp_path / "small.json.gz"
    small.write_bytes(gzip.compress(b'{"mag": 40, "nuc": {' + b" " * 3_000_000))
    with pytest.raises(InputError, match="unpacks to more than 1,000,000 bytes"):
        read(small, options=ReadOptions(chunk_bytes=100_000, max_unpacked_bytes=1_000_000))


@pytest.mark.parametrize("cut", [40, 1000])
def test_a_truncated_gzip_is_refused(nuclei: Any, hovernet: Any, read: Any, tmp_path: Path, cut: int) -> None:
    path = tmp_path / "slide.json.gz"
    path.write_bytes(gzip.compress(hovernet(nuclei()).read_bytes())[:cut])
    with pytest.raises(InputError, match="wanted a whole gzip file, found a damaged one"):
        read(path)


def test_a_record_longer_than_a_chunk_is_read(nuclei: Any, hovernet: Any, read: Any) -> None:
    nuc = nuclei(30)
    nuc["9"]["note"] = "x" * (2 * CHUNK_BYTES)
    assert read(hovernet(nuc))[0].n_rows == 30


@pytest.mark.shared
def test_real_breast_slides_read_as_they_are(shared_data: Path, read: Any) -> None:
    """NuCLS, CC0: every record is a row or, where its box has no area, in quarantine."""
    files = sorted((shared_data / "nucls" / "hovernet_json").glob("*.json"))
    assert files
    for path in files:
        nuc = json.loads(path.read_text())["nuc"]
        written, rows = read(path, label_map="nucls")
        flat = [name for name, record in nuc.items() if shapely.Polygon(record["contour"]).area == 0]
        assert [name for name, _ in written.quarantined] == flat
        assert sorted(rows["source_id"].to_pylist()) == sorted(set(nuc) - set(flat))
        tumors = sum(1 for name, record in nuc.items() if record["type"] == 1 and name not in flat)
        assert written.counts["Tumor"] == tumors
        told = [nuc[name]["centroid"] for name in rows["source_id"].to_pylist()]
        np.testing.assert_array_equal(np.column_stack([rows["x_um"], rows["y_um"]]), np.array(told) * 0.25)
        back = polygons(decode_outlines(rows, written.quanta_per_px))
        assert all(
            list(shape.exterior.coords)[:-1] == [tuple(point) for point in nuc[name]["contour"]]
            for shape, name in zip(back, rows["source_id"].to_pylist(), strict=True)
        )
