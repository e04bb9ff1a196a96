"""Shape measures of outlines whose answer is known, and against shapely on random ones."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from her2ladder.analytics.spatial.morphology import COLUMNS, outline_morphology
from her2ladder.errors import InputError

Ring = NDArray[np.float64]


def measures(*rings: object, **options: float) -> dict[str, NDArray[np.float64]]:
    arrays = [np.asarray(ring, dtype=float).reshape(-1, 2) for ring in rings]
    return outline_morphology(np.cumsum([0, *map(len, arrays)]), np.concatenate(arrays), **options)


def one(ring: object, **options: float) -> dict[str, float]:
    return {name: float(values[0]) for name, values in measures(ring, **options).items()}


def ellipse(a: float, b: float, n: int, turned: float = 0.0) -> Ring:
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    x, y = a * np.cos(angle), b * np.sin(angle)
    return np.column_stack([x * np.cos(turned) - y * np.sin(turned), x * np.sin(turned) + y * np.cos(turned)])


def test_a_rectangle_has_the_values_of_the_textbook() -> None:
    found = one([(0, 0), (6, 0), (6, 2), (0, 2)])
    expected = {
        "area_um2": 12,
        "bbox_area_um2": 12,
        "perimeter_um": 16,
        "extent": 1,
        "solidity": 1,
        "circularity": 4 * np.pi * 12 / 256,
        "major_axis_um": 4 * np.sqrt(36 / 12),
        "minor_axis_um": 4 * np.sqrt(4 / 12),
        "elongation": 3,
        "eccentricity": np.sqrt(1 - 1 / 9),
        "curvature_mean": np.pi / 8,  # a quarter turn over half of 6 + 2 um
        "curvature_sd": 0,
        "curvature_max": np.pi / 8,
        "curvature_min": np.pi / 8,
    }
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_an_l_shape_has_one_inward_bend_and_the_hull_of_five_corners() -> None:
    found = one([(0, 0), (4, 0), (4, 2), (2, 2), (2, 4), (0, 4)])
    assert found["area_um2"] == 12
    assert found["solidity"] == pytest.approx(12 / 14)
    assert found["extent"] == 12 / 16
    assert found["curvature_min"] == pytest.approx(-np.pi / 2 / 2)
    assert found["curvature_max"] == pytest.approx(np.pi / 2 / 2)


@pytest.mark.parametrize("turned", [0.0, 0.4, 2.0])
def test_an_ellipse_of_many_corners_has_the_axes_of_the_ellipse(turned: float) -> None:
    found = one(ellipse(5, 3, 2000, turned), step_um=0.0)
    assert found["major_axis_um"] == pytest.approx(10, rel=1e-5)
    assert found["minor_axis_um"] == pytest.approx(6, rel=1e-5)
    assert found["eccentricity"] == pytest.approx(0.8, rel=1e-5)
    assert found["area_um2"] == pytest.approx(15 * np.pi, rel=1e-5)
    assert found["curvature_max"] == pytest.approx(5 / 9, rel=1e-4)  # a / b^2 at the tips, b / a^2 at the flanks
    assert found["curvature_min"] == pytest.approx(3 / 25, rel=1e-4)


def test_a_circle_bends_by_one_over_its_radius_everywhere_and_is_as_round_as_can_be() -> None:
    found = one(ellipse(4, 4, 400), step_um=0.0)
    assert [found[f"curvature_{what}"] for what in ("mean", "min", "max")] == pytest.approx([0.25] * 3, rel=1e-4)
    assert found["curvature_sd"] == pytest.approx(0, abs=1e-9)
    assert found["circularity"] == pytest.approx(1, rel=1e-4)


def test_steps_of_a_pixel_do_not_count_as_bends() -> None:
    """A circle on whole pixels of 0.25 um turns by eighths; with the original's 2 px between vertices its curvature is near 1 / r."""
    ring = np.round(ellipse(4, 4, 400) / 0.25) * 0.25
    ring = ring[(np.diff(ring, axis=0, append=ring[:1]) != 0).any(axis=1)]
    assert one(ring)["curvature_sd"] < one(ring, step_um=0.0)["curvature_sd"] / 2
    assert one(ring)["curvature_mean"] == pytest.approx(0.25, rel=0.1)


@pytest.mark.parametrize("ring", [[(1, 1)], [(1, 1), (3, 1)], [(1, 1), (3, 1), (5, 1)], [(2, 2)] * 4])
def test_an_outline_without_area_has_no_shape(ring: list[tuple[float, float]]) -> None:
    found = one(ring)
    assert found["area_um2"] == 0
    assert np.isnan([found[name] for name in COLUMNS if name not in ("area_um2", "bbox_area_um2", "perimeter_um")]).all()


def test_a_cell_without_outline_has_no_value_and_its_neighbours_keep_theirs() -> None:
    found = measures([(0, 0), (1, 0), (0, 1)], [], [(0, 0), (2, 0), (0, 2)])
    np.testing.assert_array_equal(found["area_um2"], [0.5, np.nan, 2])
    assert all(np.isnan(values[1]) for values in found.values())
    assert all(len(values) == 0 for values in outline_morphology([0], np.zeros((0, 2))).values())


def test_bad_outlines_are_refused() -> None:
    with pytest.raises(InputError, match="offsets within 2 points"):
        outline_morphology([0, 3], [(0, 0), (1, 1)])
    with pytest.raises(InputError, match="in outline 1"):
        outline_morphology([0, 1, 2], [(0, 0), (1, np.nan)])


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), n=st.integers(3, 40), shift=st.sampled_from([0.0, 40_000.0]), whole=st.booleans())
def test_sizes_agree_with_shapely_wherever_the_outline_starts_and_whichever_way_it_runs(
    seed: int, n: int, shift: float, whole: bool
) -> None:
    """Star-shaped outlines, also on whole quarter micrometres and far from the origin."""
    rng = np.random.default_rng(seed)
    angle = np.sort(rng.random(n)) * 2 * np.pi
    radius = rng.random(n) * 6 + 2
    ring = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    ring = np.round(ring * 4) / 4 + shift if whole else ring + shift
    polygon = shapely.Polygon(ring)
    found = one(ring)
    assert found["area_um2"] == pytest.approx(polygon.area, rel=1e-9, abs=1e-9)
    assert found["perimeter_um"] == pytest.approx(polygon.length, rel=1e-9)
    left, top, right, bottom = polygon.bounds
    assert found["bbox_area_um2"] == pytest.approx((right - left) * (bottom - top), rel=1e-9)
    if not np.isnan(found["solidity"]):
        assert found["solidity"] == pytest.approx(polygon.area / polygon.convex_hull.area, rel=1e-8)
        again = one(np.roll(ring, 1, axis=0)[::-1])
        stays = [name for name in COLUMNS if not name.startswith("curvature")]
        assert [again[name] for name in stays] == pytest.approx([found[name] for name in stays], rel=1e-6, nan_ok=True)
