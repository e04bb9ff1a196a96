"""The picture holds every cell where it lies, in its own colour, y down, with a bar of true length."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from her2ladder.analytics.cellmap.cells import map_cells
from her2ladder.analytics.cellmap.labels import length_label, scale_bar_um, summary, value_range
from her2ladder.analytics.cellmap.picture import write_png
from her2ladder.analytics.cellmap.raster import paint
from her2ladder.analytics.figures.palette import CLASS_COLOURS
from her2ladder.errors import InputError

CLASSES = ("Tumor", "Stroma", "Neutro", "Lymph", "Macro", "Other")


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def pixels(path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def centre_of(picture: np.ndarray, colour: str, above: int) -> tuple[float, float]:
    """Return the mean column and row of a colour's pixels, in the map only (above its legend)."""
    rows, columns = np.nonzero((picture[:above] == rgb(colour)).all(axis=2))
    assert rows.size, colour
    return float(columns.mean()), float(rows.mean())


def test_y_grows_downwards_and_both_axes_have_one_scale(tmp_path) -> None:
    """Four cells at the corners of 1000 x 500 micrometres: distances in pixels stand as 1000 to 500."""
    write_png(tmp_path / "a.png", [0, 1000, 0, 1000], [0, 0, 500, 500], ["Tumor", "Stroma", "Lymph", "Neutro"], CLASSES, "S1", dpi=100)
    picture = pixels(tmp_path / "a.png")
    assert picture.shape[1] == 700
    corner = {name: centre_of(picture, CLASS_COLOURS[name], 430) for name in ("Tumor", "Stroma", "Lymph", "Neutro")}
    assert corner["Tumor"][1] < corner["Lymph"][1]
    assert corner["Tumor"][0] < corner["Stroma"][0]
    wide, high = corner["Stroma"][0] - corner["Tumor"][0], corner["Lymph"][1] - corner["Tumor"][1]
    assert wide / high == pytest.approx(2.0, rel=0.01)


def test_the_scale_bar_is_as_long_as_it_says(tmp_path) -> None:
    write_png(tmp_path / "a.png", [0, 1000, 0, 1000], [0, 0, 500, 500], ["Tumor", "Stroma", "Lymph", "Neutro"], CLASSES, "S1", dpi=100)
    picture = pixels(tmp_path / "a.png")
    wide = centre_of(picture, CLASS_COLOURS["Stroma"], 430)[0] - centre_of(picture, CLASS_COLOURS["Tumor"], 430)[0]
    ink = (picture == rgb("#16181d")).all(axis=2)
    runs = [len(run) for row in ink for run in "".join("#" if dark else " " for dark in row).split()]
    assert max(runs) == pytest.approx(200 * wide / 1000, abs=1.5)  # 200 micrometres: the longest of 1, 2, 5 under a quarter


def test_a_map_has_only_the_colours_of_its_cells() -> None:
    """Where discs of two classes meet no third colour appears; only the cover fades."""
    rng = np.random.default_rng(2)
    table = np.array([rgb("#C4161C"), rgb("#2446F0")], dtype=np.uint8)
    picture = paint(rng.uniform(0, 90, 4000), rng.uniform(0, 60, 4000), table[rng.integers(0, 2, 4000)], 90, 60, 2.3, 0)
    assert picture.shape == (60, 90, 4)
    seen = {tuple(p[:3]) for p in picture.reshape(-1, 4) if p[3]}
    assert seen == {tuple(int(c) for c in row) for row in table}


def test_a_disc_covers_its_own_area_and_sits_on_its_centre() -> None:
    picture = paint(np.array([20.5]), np.array([10.25]), np.array([[1, 2, 3]], dtype=np.uint8), 40, 30, 9.0, 0)
    cover = picture[:, :, 3].astype(float) / 255
    rows, columns = np.mgrid[0:30, 0:40] + 0.5
    assert cover.sum() == pytest.approx(np.pi * 4.5**2, rel=0.01)
    assert (cover * columns).sum() / cover.sum() == pytest.approx(20.5, abs=0.13)  # placed to a quarter of a pixel
    assert (cover * rows).sum() / cover.sum() == pytest.approx(10.25, abs=0.13)


def test_no_class_lies_on_top_because_of_its_place_in_the_list() -> None:
    """Two classes, equally many, one over the other everywhere: each keeps about half of the ground."""
    rng = np.random.default_rng(3)
    x, y = rng.uniform(0, 200, 20_000), rng.uniform(0, 200, 20_000)
    colour = np.repeat(np.array([[255, 0, 0], [0, 0, 255]], dtype=np.uint8), 10_000, axis=0)
    picture = paint(x, y, colour, 200, 200, 4.0, 0)
    assert (picture[:, :, 0] == 255).mean() == pytest.approx(0.5, abs=0.03)


def test_the_same_seed_gives_the_same_bytes(tmp_path) -> None:
    rng = np.random.default_rng(4)
    cells = rng.uniform(0, 900, 800), rng.uniform(0, 700, 800), rng.integers(0, 6, 800)
    for name in ("a", "b"):
        write_png(tmp_path / f"{name}.png", *cells, CLASSES, "S1", dpi=72)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("title", ["</script><img src=x onerror=alert(1)>", r"$\frac{a}{$ \badmacro", "病理-7\x00\n\t", "S" * 500, ""])
def test_any_slide_id_can_be_a_title(title: str, tmp_path) -> None:
    write_png(tmp_path / "a.png", [1.0], [2.0], ["Tumor"], CLASSES, title, provenance=f"{title} " * 20, is_synthetic=True, dpi=72)
    assert pixels(tmp_path / "a.png").shape[1] == 504


@pytest.mark.parametrize("n", [0, 1, 5])
def test_no_cell_one_cell_and_cells_in_one_place_have_pictures(n: int, tmp_path) -> None:
    write_png(tmp_path / "a.png", [7.0] * n, [7.0] * n, ["Lymph"] * n, CLASSES, "S1", stain="HE", dpi=72)
    found = (pixels(tmp_path / "a.png") == rgb(CLASS_COLOURS["Lymph"])).all(axis=2)
    assert found[:300].any() == (n > 0)


def test_a_value_colours_by_the_ramp_and_a_missing_one_is_grey(tmp_path) -> None:
    x = np.linspace(0, 1000, 21)
    value = np.where(x == 500, np.nan, x)
    write_png(tmp_path / "a.png", x, x / 4, ["Tumor"] * 21, CLASSES, "S1", value=value, value_name="min_edge_um", dpi=100)
    picture = pixels(tmp_path / "a.png")[:300]
    for colour in ("#440154", "#FDE725", "#B8BCC4"):  # viridis' ends and the grey
        assert (picture == rgb(colour)).all(axis=2).any(), colour
    assert not (picture == rgb(CLASS_COLOURS["Tumor"])).all(axis=2).any()


def test_a_sheet_that_is_no_sheet_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match=r"2\.\.40 inches"):
        write_png(tmp_path / "a.png", [1.0], [2.0], ["Tumor"], CLASSES, "S1", width_in=400)


def test_bars_and_labels_are_round_numbers() -> None:
    assert [scale_bar_um(v) for v in (0.9, 1.0, 4.99, 5.0, 260.0, 2499.0)] == [0.5, 1.0, 2.0, 5.0, 200.0, 2000.0]
    assert [length_label(v) for v in (0.5, 200.0, 1000.0, 20_000.0)] == ["0.5 µm", "200 µm", "1 mm", "20 mm"]


def test_the_extent_holds_what_was_asked_for_and_every_cell_and_is_never_a_thread() -> None:
    assert map_cells([10, 20], [30, 90], [0, 0], ["a"], extent_um=(0, 0, 100, 50)).extent_um == (0, 0, 100, 90)
    assert map_cells([0, 1000], [5, 5], [0, 0], ["a"]).extent_um == (0, -95, 1000, 105)
    assert map_cells([3], [4], [0], ["a"]).extent_um == (-22, -21, 28, 29)
    with pytest.raises(InputError, match="extent_um must be"):
        map_cells([3], [4], [0], ["a"], extent_um=(10, 0, 0, 10))


def test_one_cell_is_singular() -> None:
    assert summary(map_cells([3], [4], [0], ["a"]), "HE") == "H&E · 1 cell · 50 × 50 µm"
    assert summary(map_cells([], [], [], ["a"]), "") == "0 cells"


def test_the_ramp_spans_the_middle_96_percent() -> None:
    assert value_range(np.array([*np.arange(101.0), np.nan])) == (2.0, 98.0)


@pytest.mark.shared
def test_real_cells_of_nucls_are_drawn_and_counted(shared_data, tmp_path) -> None:
    """The largest slide of NuCLS: fields of view lie as islands on a bare slide."""
    import pyarrow.parquet as pq

    table = pq.read_table(shared_data / "nucls" / "nucls_core_cells.parquet").to_pandas()
    slide = table[table.slide_name == table.slide_name.value_counts().index[0]]
    kinds = sorted(slide.type5.unique())
    write_png(tmp_path / "a.png", slide.x_um, slide.y_um, slide.type5, kinds, str(slide.slide_name.iloc[0]), stain="HE", dpi=100)
    cells = map_cells(slide.x_um, slide.y_um, slide.type5, kinds)
    assert dict(zip(kinds, cells.counts, strict=True)) == slide.type5.value_counts().to_dict()
