"""What is read off a slide: its scale or the want of one, its colours, its tissue, its tiles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("openslide", reason="openslide-python (extra [segment]) is not installed")
tifffile = pytest.importorskip("tifffile", reason="tifffile (extra [segment]) is not installed")

from her2ladder.analytics.simulate.slide_file import write_slide  # noqa: E402
from her2ladder.errors import InputError  # noqa: E402
from her2ladder.ingest.segmentation.slides.grid import Roi, lay_tiles, parse_roi, scale_for  # noqa: E402
from her2ladder.ingest.segmentation.slides.info import PLAIN, on_white  # noqa: E402
from her2ladder.ingest.segmentation.slides.slide import mpp_needed, open_slide  # noqa: E402
from her2ladder.ingest.segmentation.slides.tissue import find_tissue  # noqa: E402


@pytest.fixture(scope="module")
def picture() -> Any:
    """A picture whose every pixel tells its place: red = x / 4, green = y / 4."""
    y, x = np.mgrid[:1024, :1024]
    return np.dstack([x // 4, y // 4, np.full_like(x, 90)]).astype(np.uint8)


@pytest.fixture(scope="module")
def svs(picture: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("slides") / "drawn.svs"
    write_slide(path, picture, 0.25)
    return path


def test_a_scanners_slide_tells_its_size_levels_and_scale(svs: Path) -> None:
    with open_slide(svs) as slide:
        info = slide.info
    assert (info.vendor, info.width_px, info.height_px, info.objective) == ("aperio", 1024, 1024, 40.0)
    assert [level.downsample_x for level in info.levels] == [1.0, 4.0]
    assert mpp_needed(info) == (0.25, 0.25)


def test_pixels_are_read_at_the_place_and_scale_asked_for(svs: Path, picture: Any) -> None:
    with open_slide(svs) as slide:
        assert (slide.read(100, 200, 40, 30) == picture[200:230, 100:140]).all()
        assert (slide.read(-8, 1000, 20, 40)[:, :8] == 255).all()  # beyond the slide is white
        for scale in (1.6, 2.0, 4.0, 5.5):  # from level 0, and from the smaller level
            part = slide.read(100, 200, 50, 60, (scale, scale)).astype(float)
            places = 100 + (np.arange(50) + 0.5) * scale - 0.5
            assert np.abs(part[30, :, 0] * 4 - places).max() < 4 + 2 * scale


@pytest.mark.parametrize("n_strips", [1, 7])
def test_a_large_area_is_scaled_strip_by_strip(svs: Path, monkeypatch: pytest.MonkeyPatch, n_strips: int) -> None:
    with open_slide(svs) as slide:
        whole = slide.read(0, 0, 500, 490, (2.0, 2.0))
        monkeypatch.setattr("her2ladder.ingest.segmentation.slides.slide.MAX_READ_PX", 4 * 500 * 490 // n_strips)
        assert (slide.read(0, 0, 500, 490, (2.0, 2.0)) == whole).all()


def test_what_was_not_scanned_is_white() -> None:
    rgba = np.zeros((1, 3, 4), np.uint8)
    rgba[0, 1] = (10, 20, 30, 255)
    rgba[0, 2] = (0, 0, 0, 128)
    assert on_white(rgba).tolist() == [[[255, 255, 255], [10, 20, 30], [127, 127, 127]]]


def _tiff(path: Path, **resolution: Any) -> Path:
    tifffile.imwrite(path, np.full((64, 64, 3), 200, np.uint8), photometric="rgb", metadata=None, **resolution)
    return path


def test_a_resolution_that_no_scanner_has_is_no_scale(tmp_path: Path) -> None:
    screen = _tiff(tmp_path / "a.tif", resolution=(72, 72), resolutionunit="INCH")  # 352.8 um
    with open_slide(screen) as slide:
        assert slide.info.said_mpp == pytest.approx((352.78, 352.78), abs=0.01)
        with pytest.raises(InputError, match=r"a\.tif: wanted micrometres per pixel, but the file says 352\.778, which no scanner has"):
            mpp_needed(slide.info)
    with open_slide(screen, (0.5, 0.5)) as slide:
        assert mpp_needed(slide.info) == (0.5, 0.5)


def test_a_tiffs_own_resolution_counts_where_it_can_be_right(tmp_path: Path) -> None:
    path = _tiff(tmp_path / "a.tif", resolution=(40000, 20000), resolutionunit="CENTIMETER")
    with open_slide(path) as slide:
        assert (slide.info.vendor, *mpp_needed(slide.info)) == (PLAIN, 0.25, 0.5)
    with pytest.raises(InputError, match=r"says 0\.25 um/px, --mpp says 0\.5: leave --mpp out"):
        open_slide(path, (0.5, 0.5))
    with open_slide(path, (0.5, 0.5), mpp_as_given=True) as slide:
        assert mpp_needed(slide.info) == (0.5, 0.5)


def test_a_png_says_no_scale_and_a_clear_background_is_white(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((20, 30, 4), np.uint8), "RGBA").save(tmp_path / "a.png", dpi=(72, 72))
    with open_slide(tmp_path / "a.png") as slide:
        assert slide.info.said_mpp is None
        assert (slide.read(0, 0, 30, 20) == 255).all()


@pytest.mark.parametrize(
    "name, content, said",
    [
        ("none.svs", None, "found no file"),
        ("a.svs", b"hello", "wanted a slide that OpenSlide reads, or a TIFF, PNG or JPEG image"),
        ("a.png", b"\x89PNG\r\n\x1a\n cut", "found a damaged image"),
    ],
)
def test_what_is_no_slide_is_said_to_be_none(tmp_path: Path, name: str, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=said) as refused:
        open_slide(tmp_path / name)
    assert "\n" not in str(refused.value)


def test_an_image_too_large_to_be_held_is_refused_before_it_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(np.zeros((50, 50), np.uint8)).save(tmp_path / "a.png")
    monkeypatch.setattr("her2ladder.ingest.segmentation.slides.plain.MAX_PLAIN_PX", 2000)
    with pytest.raises(InputError, match="write it as a tiled pyramidal TIFF"):
        open_slide(tmp_path / "a.png")


# ------------------------------------------------------------------------------------------------ tissue and tiles
@pytest.mark.parametrize("level", [255, 240, 222])
def test_a_blank_slide_has_no_tissue(tmp_path: Path, level: int) -> None:
    noise = np.random.default_rng(0).normal(level, 3, (600, 800, 3)).clip(0, 255).astype(np.uint8)
    write_slide(tmp_path / "blank.svs", noise, 0.5, times=(3, 3))
    with open_slide(tmp_path / "blank.svs") as slide:
        assert find_tissue(slide, (0.5, 0.5)).n_px == 0


def test_tissue_is_found_where_it_is(tmp_path: Path) -> None:
    rgb = np.full((1024, 2048, 3), 242, np.uint8)
    rgb[256:768, 512:1536] = (225, 170, 205)
    write_slide(tmp_path / "a.svs", rgb, 0.5)
    with open_slide(tmp_path / "a.svs") as slide:
        tissue = find_tissue(slide, (0.5, 0.5))
        assert tissue.area_mm2((0.5, 0.5)) == pytest.approx(512 * 1024 * 0.25e-6, rel=0.1)
        assert tissue.share(600, 300, 1500, 700) == 1.0
        assert tissue.share(0, 0, 400, 200) == 0.0


def test_every_pixel_with_tissue_is_owned_by_one_tile(tmp_path: Path) -> None:
    rgb = np.full((550, 650, 3), 150, np.uint8)
    write_slide(tmp_path / "a.svs", rgb, 0.5, times=(4, 4))
    with open_slide(tmp_path / "a.svs") as slide:
        tissue = find_tissue(slide, (0.5, 0.5))
        grid, tiles = lay_tiles(slide.info, tissue, scale_for((0.5, 0.5), 0.25))
    assert (grid.scale, grid.width, grid.height) == ((0.5, 0.5), 5200, 4400)
    owned = np.zeros((grid.height, grid.width), np.uint8)
    for tile in tiles:
        owned[tile.y0 : tile.y1, tile.x0 : tile.x1] += 1
    assert (owned == 1).all()


def test_a_slide_near_the_networks_scale_is_not_scaled() -> None:
    assert scale_for((0.2525, 0.2525), 0.25) == (1.0, 1.0)
    assert scale_for((0.2, 0.2), 0.25) == pytest.approx((1.25, 1.25))
    assert scale_for((0.5, 0.25), 0.25) == pytest.approx((0.5, 1.0))


def test_a_region_is_cut_to_the_slide_and_one_beside_it_refused(svs: Path) -> None:
    with open_slide(svs) as slide:
        tissue = find_tissue(slide, (0.25, 0.25))
        _, tiles = lay_tiles(slide.info, tissue, (1.0, 1.0), Roi(900, 100, 500, 200))
        assert [tile[2:] for tile in tiles] == [(900, 100, 1024, 300)]
        with pytest.raises(InputError, match="--roi 2000,0,10,10: wanted a box"):
            lay_tiles(slide.info, tissue, (1.0, 1.0), Roi(2000, 0, 10, 10))


@pytest.mark.parametrize("text", ["1,2,3", "a,b,c,d", "1,2,0,5", "1,2,nan,5"])
def test_a_region_is_four_numbers(text: str) -> None:
    with pytest.raises(InputError, match="--roi: wanted x,y,width,height"):
        parse_roi(text)


def test_ladder_slides_says_what_is_missing(command: Callable[..., Any], svs: Path, tmp_path: Path) -> None:
    Image.fromarray(np.full((300, 300, 3), 180, np.uint8)).save(tmp_path / "region.png")
    (tmp_path / "notes.txt").write_text("no slide")
    told = command("--json", "slides", svs, tmp_path / "region.png", tmp_path / "notes.txt")
    assert told.code == 1
    scan, region, notes = told.rows
    assert (scan["vendor"], scan["mpp_x"], scan["levels"], scan["objective"], scan["missing"]) == ("aperio", 0.25, 2, 40.0, "")
    assert region["missing"].startswith("mpp (it says none)")
    assert not notes["readable"]
    assert "notes.txt: wanted a slide" in told.err
