"""Membranes drawn with known arcs are measured as drawn: by hand first, then on whole tiles of every look."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("cv2")
pytest.importorskip("skimage")

from her2ladder.errors import InputError
from her2ladder.ingest.segmentation.membranes import MembraneCells, MembraneSettings, drawn, segment_tile, white_of
from her2ladder.ingest.segmentation.membranes.cells import DAB, HAEMATOXYLIN, Thresholds
from her2ladder.ingest.segmentation.membranes.colour import unmix
from her2ladder.ingest.segmentation.membranes.control import Control, combined, expected_od, read_control

WHITE = np.array([240.0, 240.0, 240.0])
MPP = 0.25


def light(haematoxylin: NDArray[np.float64], dab: NDArray[np.float64]) -> NDArray[np.uint8]:
    """8-bit colours of two stains on glass of 240."""
    density = haematoxylin[..., None] * np.array(HAEMATOXYLIN) + dab[..., None] * np.array(DAB)
    return np.round(240 * 10**-density).astype(np.uint8)


def by_hand(*cells: tuple[float, float, float, float, float], side: int = 160, radius_um: float = 6.0) -> NDArray[np.uint8]:
    """Round cells (x, y in um; first and last angle of the arc in degrees; density): a ring 1 um wide, a nucleus of 3 um."""
    y, x = (np.mgrid[:side, :side] + 0.5) * MPP
    blue, brown = np.zeros((side, side)), np.zeros((side, side))
    for cx, cy, first, last, od in cells:
        r, angle = np.hypot(x - cx, y - cy), np.degrees(np.arctan2(y - cy, x - cx)) % 360
        blue += (r < 3) * 0.6
        brown += (abs(r - radius_um) < 0.5) * (angle >= first) * (angle < last) * od
    return light(blue, brown)


def only(cells: MembraneCells) -> MembraneCells:
    assert len(cells) == 1
    return cells


def test_two_stains_are_told_apart_as_they_were_mixed() -> None:
    h, d = np.meshgrid(np.linspace(0, 0.9, 10), np.linspace(0, 0.9, 10))
    rgb = np.kron(light(h, d), np.ones((24, 24, 1), np.uint8))
    found_h, found_d = unmix(rgb, WHITE, HAEMATOXYLIN, DAB)
    np.testing.assert_allclose(found_h[12::24, 12::24], h, atol=0.03)
    np.testing.assert_allclose(found_d[12::24, 12::24], d, atol=0.03)


@pytest.mark.parametrize("first, last, od, word", [
    (0, 360, 0.9, "HER2strong_complete"), (0, 360, 0.4, "HER2weak_complete"), (30, 210, 0.9, "HER2strong_incomplete"),
    (200, 340, 0.4, "HER2weak_incomplete"), (0, 0, 0.9, "HER2null"),
])  # fmt: skip
def test_the_arc_of_a_lone_cell_is_measured_on_its_ridge(first: int, last: int, od: float, word: str) -> None:
    cells = only(segment_tile(by_hand((20, 20, first, last, od)), MPP, WHITE))
    share = (last - first) / 360
    assert cells.classes(1.0) == [word]
    assert cells.completeness[0] == pytest.approx(share, abs=0.03)
    assert cells.gap_um[0] == pytest.approx((1 - share) * 2 * np.pi * 6, abs=1.5) or share == 0
    assert [cells.x_px[0], cells.y_px[0]] == pytest.approx([79.5, 79.5], abs=0.5)
    if not share:
        assert np.isnan(cells.membrane_od[0])
        return
    assert cells.membrane_od[0] == pytest.approx(od, rel=0.2)
    ring = (cells.contours[0] - 79.5) * MPP
    angle = np.degrees(np.arctan2(ring[:, 1], ring[:, 0])) % 360
    stained = (angle > first + 10) & (angle < last - 10)
    np.testing.assert_allclose(np.hypot(*ring[stained].T), 6.0, atol=0.5)


def test_a_cell_does_not_borrow_the_membrane_of_its_neighbour() -> None:
    """Two cells touch (12.6 um apart, radius 6): one has a whole membrane, the other none."""
    cells = segment_tile(by_hand((13.7, 20, 0, 360, 0.9), (26.3, 20, 0, 0, 0)), MPP, WHITE)
    assert [cells.classes(1.0)[i] for i in np.argsort(cells.x_px)] == ["HER2strong_complete", "HER2null"]


def test_a_null_cell_amid_six_stained_ones_stays_null() -> None:
    around = [(20 + 13 * np.cos(a), 20 + 13 * np.sin(a), 0, 360, 0.8) for a in np.arange(6) * np.pi / 3]
    cells = segment_tile(by_hand((20, 20, 0, 0, 0), *around), MPP, WHITE)
    middle = np.hypot(cells.x_px - 79.5, cells.y_px - 79.5).argmin()
    assert cells.completeness[middle] < 0.1
    assert sum(word == "HER2strong_complete" for word in cells.classes(1.0)) == 6


def test_stained_cytoplasm_is_no_membrane() -> None:
    y, x = (np.mgrid[:160, :160] + 0.5) * MPP
    r = np.hypot(x - 20, y - 20)
    cells = only(segment_tile(light((r < 3) * 0.6, (r < 6) * 0.35), MPP, WHITE))
    assert cells.completeness[0] < 0.1


def test_a_turned_tile_has_the_same_cells() -> None:
    rgb = by_hand((12, 14, 10, 200, 0.9), (28, 26, 100, 330, 0.4))
    one, other = segment_tile(rgb, MPP, WHITE), segment_tile(np.ascontiguousarray(np.rot90(rgb, 2)), MPP, WHITE)
    a, b = np.argsort(one.x_px), np.argsort(159 - other.x_px)
    np.testing.assert_allclose(one.x_px[a], 159 - other.x_px[b], atol=0.01)
    np.testing.assert_allclose(one.completeness[a], other.completeness[b], atol=0.03)


def test_nuclei_of_a_network_take_the_place_of_ours() -> None:
    y, x = (np.mgrid[:160, :160] + 0.5) * MPP
    nuclei = np.where(np.hypot(x - 20, y - 20) < 3, 7, 0).astype(np.int32)
    cells = only(segment_tile(by_hand((20, 20, 0, 180, 0.9), (35, 35, 0, 360, 0.9)), MPP, WHITE, nuclei=nuclei))
    assert cells.completeness[0] == pytest.approx(0.5, abs=0.03)


def test_a_blank_tile_has_no_cells() -> None:
    assert len(segment_tile(np.full((64, 64, 3), 240, np.uint8), MPP, WHITE)) == 0


@pytest.mark.parametrize("change, said", [
    ({"mpp": 352.8}, "mpp must be"), ({"factor": 0.0}, "factor must be"), ({"rgb": np.zeros((8, 8), np.uint8)}, "wanted RGB"),
])  # fmt: skip
def test_a_tile_that_cannot_be_is_refused(change: dict[str, object], said: str) -> None:
    told: dict[str, object] = {"rgb": np.full((64, 64, 3), 240, np.uint8), "mpp": MPP, "white": WHITE, "factor": 1.0, **change}
    with pytest.raises(InputError, match=said):
        segment_tile(**told)  # type: ignore[arg-type]


def test_stain_vectors_of_one_colour_are_refused() -> None:
    with pytest.raises(InputError, match="nearly the same colour"):
        MembraneSettings(dab=HAEMATOXYLIN)


def test_white_is_that_of_the_glass_and_noise_does_not_lift_it() -> None:
    rng = np.random.default_rng(0)
    rgb = np.clip(rng.normal((236, 231, 240), 4, (256, 256, 3)), 0, 255).round().astype(np.uint8)
    rgb[:, :128] //= 2
    np.testing.assert_allclose(white_of(rgb), (236, 231, 240), atol=3)


# ---- whole tiles -----------------------------------------------------------------------------------------------------


def agreement(cells: MembraneCells, truth: list[drawn.DrawnCell], mpp: float, factor: float) -> tuple[int, int, list[float]]:
    """Cells right, cells drawn whole, and errors of completeness; a cell that is not found is wrong."""
    words = cells.classes(factor)
    right, errors = 0, []
    whole = [cell for cell in truth if cell.is_whole]
    for cell in whole:
        distance = np.hypot(cells.x_px - cell.x_px, cells.y_px - cell.y_px) * mpp
        i = int(distance.argmin())
        if distance[i] < 3:
            right += words[i] == cell.cell_class
            errors.append(abs(float(cells.completeness[i]) - cell.completeness))
    return right, len(whole), errors


@pytest.mark.parametrize("layout", drawn.LAYOUTS)
@pytest.mark.parametrize("jpeg", [False, True])
def test_five_classes_and_completeness_hold_on_drawn_tiles(layout: str, jpeg: bool) -> None:
    """Accuracy >= 0.9 and error <= 0.05 without JPEG, and at Q85 4:2:0 after calibration on a control tile of the same look."""
    right = n = 0
    errors: list[float] = []
    for seed, mpp in ((0, 0.25), (1, 0.5)):
        rng = np.random.default_rng([seed, drawn.LAYOUTS.index(layout)])
        look = drawn.any_look(rng, layout, mpp)
        rgb, truth = drawn.draw_tile(rng, look, round(80 / mpp))
        factor, white = 1.0, np.array(look.white)  # of the slide: a tile of tissue alone has no glass
        if jpeg:
            control, _ = drawn.draw_tile(rng, look, round(64 / mpp), classes=("HER2strong_complete",))
            rgb, control = drawn.as_jpeg(rgb), drawn.as_jpeg(control)
            factor = read_control(lambda c, tile=control, w=white, m=mpp: [segment_tile(tile, m, w, c)], "strong").factor  # type: ignore[misc]
        found = agreement(segment_tile(rgb, mpp, white, factor), truth, mpp, factor)
        right, n, errors = right + found[0], n + found[1], errors + found[2]
    assert n >= 20
    assert right / n >= 0.9
    assert np.mean(errors) <= 0.05


# ---- controls --------------------------------------------------------------------------------------------------------


def planted(od: float, share: float = 1.0, n: int = 30) -> MembraneCells:
    """Cells whose membranes measure `od`."""
    f = np.full(n, share, np.float32)
    return MembraneCells(np.zeros(n), np.zeros(n), f, np.full(n, od, np.float32), f * od, f * 0, f * 0)


def test_a_control_at_the_expected_density_gives_a_factor_of_one() -> None:
    assert expected_od("strong") == pytest.approx(0.6 * 3**0.5)
    assert expected_od("weak") == pytest.approx((0.2 * 0.6) ** 0.5)
    for expect in ("strong", "weak"):
        assert read_control(lambda _, e=expect: [planted(expected_od(e))], expect).factor == pytest.approx(1, rel=1e-5)  # type: ignore[misc]
        assert read_control(lambda _, e=expect: [planted(expected_od(e) * 0.7)], expect).factor == pytest.approx(0.7, rel=1e-5)  # type: ignore[misc]


def test_several_controls_are_averaged_as_ratios_and_a_null_one_is_a_floor() -> None:
    strong, weak = Control("strong", 0.5, 0.52, 30, 30), Control("weak", 0.72, 0.25, 30, 30)
    assert combined([strong]) == pytest.approx(0.5)
    assert combined([strong, weak]) == pytest.approx(0.6)
    assert combined([strong, weak, Control("null", 0.65, 0.1, 30, 30)]) == pytest.approx(0.65)
    assert combined([Control("null", 0.4, 0.1, 30, 30)]) == 1.0
    with pytest.raises(InputError, match="cannot be told from background"):
        combined([strong, Control("null", 1.2, 0.3, 30, 30)])


def test_a_null_control_says_the_least_factor_at_which_its_cells_are_null() -> None:
    def measure(factor: float) -> list[MembraneCells]:
        return [planted(0.14, share=0.0 if 0.2 * factor > 0.14 else 1.0)]

    assert read_control(measure, "null").factor == pytest.approx(0.7, rel=0.03)
    with pytest.raises(InputError, match="this is no null control"):
        read_control(lambda _: [planted(0.9)], "null")


def test_a_control_that_says_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="found 0 of 30 cells"):
        read_control(lambda _: [planted(0.9, share=0.1)], "strong")
    with pytest.raises(InputError, match=r"beyond 0\.25 to 2\.5"):
        read_control(lambda _: [planted(0.2)], "strong")
    with pytest.raises(InputError, match="--expect"):
        read_control(lambda _: [planted(0.9)], "moderate")


def test_thresholds_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(InputError, match="null_completeness <= complete"):
        Thresholds(null_completeness=0.9)


# ---- real membranes --------------------------------------------------------------------------------------------------


@pytest.mark.shared
def test_real_tiles_rank_as_their_names(shared_data) -> None:  # type: ignore[no-untyped-def]
    """Share of stained cells: strong > moderate > weak (middle of the tiles of a name) >= very weak; one white for all."""
    from PIL import Image

    names = {"strong": "continuous_strong_*", "moderate": "continuous_moderate_*", "weak": "*weak_[45t]*", "very weak": "*very_weak_*"}
    tiles = {
        w: [np.asarray(Image.open(p).convert("RGB")) for p in sorted((shared_data / "claudin18_dab").glob(g))] for w, g in names.items()
    }
    white = white_of(np.vstack([tile for group in tiles.values() for tile in group]))
    share = {}
    for word, group in tiles.items():
        shares = [float(np.mean(segment_tile(tile, 0.46, white).completeness >= 0.1)) for tile in group[:2]]
        share[word] = (min(shares), float(np.median(shares)), max(shares))
    assert share["strong"][0] > share["moderate"][2] > share["weak"][1] > share["very weak"][1]
    assert share["very weak"][2] < 0.05
