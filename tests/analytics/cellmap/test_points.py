"""A page gives its cells back: places within half a step, classes exactly, however they lie."""

from __future__ import annotations

import numpy as np
import pytest
from cellmap_reader import cells_of, heads

from her2ladder.analytics.cellmap.page import map_fragment
from her2ladder.errors import InputError

CLASSES = ("Tumor", "Stroma", "Neutro", "Lymph", "Macro", "Other")


def order(x, y, code):
    return np.lexsort((code, y, x))


def assert_same_cells(page: str, x, y, code, value=None) -> None:
    """Match by sorted places: exact where places are apart by more than a step, so the test grids are."""
    head, got = heads(page)[0], cells_of(page)
    assert len(got["x_um"]) == len(x)
    qx, qy = (np.rint((v - v.min()) / s) if s else v * 0 for v, s in ((x, head["stepX"]), (y, head["stepY"])))
    mine = order(qx, qy, code)
    theirs = order(got["x_um"], got["y_um"], got["code"])
    assert np.abs(got["x_um"][theirs] - x[mine]).max() <= head["stepX"] / 2 * (1 + 1e-9) + 1e-12
    assert np.abs(got["y_um"][theirs] - y[mine]).max() <= head["stepY"] / 2 * (1 + 1e-9) + 1e-12
    np.testing.assert_array_equal(got["code"][theirs], code[mine])
    if value is not None:
        seen = got["value"][theirs]
        np.testing.assert_array_equal(np.isnan(seen), np.isnan(value[mine]))
        assert np.nanmax(np.abs(seen - value[mine])) <= head["value"]["step"] / 2 * (1 + 1e-9) + 1e-12


@pytest.mark.parametrize("n", [2, 3, 17, 1000, 40_000])
def test_places_come_back_within_half_a_step_and_classes_exactly(n: int) -> None:
    rng = np.random.default_rng(n)
    x, y = rng.uniform(-300, 14_000, n), rng.uniform(5, 9_000, n)
    code = rng.integers(0, 6, n)
    assert_same_cells(map_fragment("m", x, y, code, CLASSES, "S1", max_points=None), x, y, code)


def test_values_come_back_within_half_a_step_and_a_missing_one_stays_missing() -> None:
    rng = np.random.default_rng(5)
    x, y, code, value = rng.uniform(0, 2000, 3000), rng.uniform(0, 900, 3000), rng.integers(0, 6, 3000), rng.gamma(2.0, 8.0, 3000)
    value[::7] = np.nan
    page = map_fragment("m", x, y, code, CLASSES, "S1", value=value, value_name="min_edge_um")
    assert_same_cells(page, x, y, code, value)


@pytest.mark.parametrize("line", ["one cell", "one place", "a row", "a column"])
def test_cells_without_width_or_height_come_back_exactly(line: str) -> None:
    n = 1 if line == "one cell" else 50
    t = np.linspace(3.25, 900.5, n)
    x, y = {"a row": (t, t * 0 + 7.5), "a column": (t * 0 + 7.5, t)}.get(line, (np.full(n, 12.5), np.full(n, -4.25)))
    code = np.arange(n) % 6
    assert_same_cells(map_fragment("m", x, y, code, CLASSES, "S1"), x, y, code)


def test_the_corners_of_the_ground_come_back_exactly() -> None:
    x, y = np.array([0.0, 10_000.0, 0.0, 10_000.0]), np.array([0.0, 0.0, 8_000.0, 8_000.0])
    got = cells_of(map_fragment("m", x, y, [0, 1, 2, 3], CLASSES, "S1"))
    assert sorted(zip(got["x_um"], got["y_um"], got["code"], strict=True)) == sorted(zip(x, y, range(4), strict=True))


def test_the_same_cells_in_any_order_give_the_same_bytes() -> None:
    rng = np.random.default_rng(8)
    x, y, code = rng.uniform(0, 5000, 5000), rng.uniform(0, 5000, 5000), rng.integers(0, 6, 5000)
    other = rng.permutation(5000)
    first, second = map_fragment("m", x, y, code, CLASSES, "S"), map_fragment("m", x[other], y[other], code[other], CLASSES, "S")
    assert first == second


def test_a_million_cells_fit_in_three_megabytes() -> None:
    rng = np.random.default_rng(1)
    x, y, code = rng.uniform(0, 14_000, 1_000_000), rng.uniform(0, 14_000, 1_000_000), rng.integers(0, 5, 1_000_000)
    page = map_fragment("m", x, y, code, CLASSES, "S1", max_points=None)
    assert len(page) < 3_000_000  # classes at random: the worst case


def test_255_classes_of_a_user_come_back_and_256_are_refused() -> None:
    names = [f"type {k}" for k in range(255)]
    got = cells_of(map_fragment("m", np.arange(255.0), np.arange(255.0), names, names, "S1"))
    assert sorted(got["code"]) == list(range(255))
    with pytest.raises(InputError, match="at most 255"):
        map_fragment("m", [1.0], [1.0], [0], [*names, "one more"], "S1")
