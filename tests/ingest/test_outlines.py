"""Outlines: what is stored, what follows from it, and which are no outlines."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from her2ladder.ingest import outline_kernel as kernel
from her2ladder.ingest.outlines import EncodedOutlines, encode_outlines
from her2ladder.schema.outlines import decode_outlines, polygons

Ring = list[tuple[float, float]]


def encode(*rings: Ring, centroid: tuple[float, float] | None = None) -> EncodedOutlines:
    points = np.array([point for ring in rings for point in ring], dtype=np.float64).reshape(-1, 2)
    place = np.full((len(rings), 2), np.nan) if centroid is None else np.array([centroid] * len(rings), dtype=np.float64)
    return encode_outlines(points, np.array([len(ring) for ring in rings]), place)


def crosses(ring: list[tuple[int, int]]) -> bool:
    x, y = np.array(ring, dtype=np.int64).T.copy()
    return bool(kernel.crosses(x, y, len(ring)))


def test_a_square_is_stored_as_eighths_from_its_rounded_centroid() -> None:
    """Centroid 100.5, 50.49 rounds to 101, 50; a 20 px square has 400 px2."""
    out = encode([(90, 40), (110, 40), (110, 60), (90, 60)], centroid=(100.5, 50.49))
    assert (out.quanta // 8).tolist() == [-11, -10, 9, -10, 9, 10, -11, 10]
    assert out.n_quanta.tolist() == [8]
    assert out.area_px2.tolist() == [400.0]
    assert out.box_px.tolist() == [[90, 40, 110, 60]]
    assert out.whole.tolist() == [True]


def test_a_closed_ring_and_points_given_twice_are_stored_once() -> None:
    out = encode([(0, 0), (0, 0), (8, 0), (8, 8), (8, 8), (0, 8), (0, 0)], centroid=(4, 4))
    assert (out.quanta // 8).tolist() == [-4, -4, 4, -4, 4, 4, -4, 4]


def test_a_missing_centroid_is_the_centre_of_mass_of_the_outline() -> None:
    ring = [(0.0, 0.0), (10.0, 0.0), (10.0, 4.0), (4.0, 4.0), (0.0, 20.0)]
    centre = shapely.centroid(shapely.Polygon(ring))
    assert encode(ring).centroid[0] == pytest.approx([centre.x, centre.y], rel=1e-12)


@pytest.mark.parametrize(
    ("ring", "verdict"),
    [
        ([], kernel.NO_CENTROID),
        ([(0, 0), (5, 5)], kernel.TOO_FEW),
        ([(0, 0), (5, 5), (5, 5), (0, 0)], kernel.TOO_FEW),
        ([(0, 0), (5, 0), (9, 0)], kernel.NO_AREA),
        ([(0, 0), (float("nan"), 5), (9, 0)], kernel.NOT_FINITE),
        ([(0, 0), (1e300, 5), (9, 0)], kernel.NOT_FINITE),
        ([(0, 0), (9000, 5), (9, 0)], kernel.TOO_WIDE),
        ([(0, 0), (20, 20), (20, 0), (0, 10)], kernel.CROSSES),
        ([(0, 0), (20, 0), (0, 9)] * 1500, kernel.TOO_MANY),
    ],
)
def test_what_is_no_outline_has_a_verdict(ring: Ring, verdict: int) -> None:
    assert encode(ring, centroid=(1, 1) if ring else None).verdict.tolist() == [verdict]


def test_an_outline_may_run_back_over_its_thin_parts() -> None:
    """As cv2.findContours traces a square with a spike one pixel wide: shapely calls it invalid, HoVer-Net writes many."""
    spike = [(0, 0), (4, 0), (4, 2), (9, 2), (4, 2), (4, 4), (0, 4)]
    assert not shapely.Polygon(spike).is_valid
    assert encode(spike).verdict.tolist() == [kernel.GOOD]


@pytest.mark.parametrize("on_first", [False, True])
@pytest.mark.parametrize("on_second", [False, True])
@given(
    u=st.tuples(st.integers(-9, 9), st.integers(-9, 9)),
    v=st.tuples(st.integers(-9, 9), st.integers(-9, 9)),
    far=st.tuples(*[st.integers(1, 5)] * 4),
)
def test_a_crossing_is_seen_whether_or_not_it_goes_through_a_vertex(
    on_first: bool, on_second: bool, u: tuple[int, int], v: tuple[int, int], far: tuple[int, int, int, int]
) -> None:
    """Two strokes through the origin, joined at their ends; the same four ends joined so that they only touch there."""
    if u[0] * v[1] - u[1] * v[0] == 0:
        return
    a, b = (u[0] * far[0], u[1] * far[0]), (-u[0] * far[1], -u[1] * far[1])
    c, d = (v[0] * far[2], v[1] * far[2]), (-v[0] * far[3], -v[1] * far[3])
    middle = (0, 0)
    assert crosses([a, *([middle] if on_first else []), b, c, *([middle] if on_second else []), d])
    assert not crosses([a, middle, d, b, middle, c])


def _touches(ring: list[tuple[int, int]]) -> bool:
    """A vertex lies on an edge that is not its own, by exact fractions."""
    n = len(ring)
    for i in range(n):
        (ax, ay), (bx, by) = ring[i], ring[(i + 1) % n]
        for k in range(n):
            if k in (i, (i + 1) % n):
                continue
            px, py = ring[k]
            if (bx - ax) * (py - ay) == (by - ay) * (px - ax):
                length2 = (bx - ax) ** 2 + (by - ay) ** 2
                along = Fraction((px - ax) * (bx - ax) + (py - ay) * (by - ay), length2) if length2 else Fraction(0)
                if 0 <= along <= 1:
                    return True
    return False


def test_without_touching_points_crossing_is_what_shapely_calls_invalid() -> None:
    rng = np.random.default_rng(3)
    seen = {True: 0, False: 0}
    for _ in range(4000):
        ring = [tuple(point) for point in rng.integers(0, 25, (int(rng.integers(3, 8)), 2)).tolist()]
        if _touches(ring):
            continue
        invalid = not shapely.Polygon(ring).is_valid
        assert crosses(ring) == invalid, ring
        seen[invalid] += 1
    assert min(seen.values()) > 500


def _star(rng: np.random.Generator, whole: bool) -> NDArray[np.float64]:
    n = int(rng.integers(5, 40))
    angle = np.sort(rng.uniform(0, 2 * np.pi, n))
    radius = rng.uniform(5, 60, n)
    ring = rng.uniform(100, 50_000, 2) + np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    return np.rint(ring) if whole else ring


@pytest.mark.parametrize("whole", [True, False])
@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32), mpp=st.tuples(st.floats(0.05, 2), st.floats(0.05, 2)))
def test_outlines_come_back_as_they_were(whole: bool, seed: int, mpp: tuple[float, float]) -> None:
    """Whole pixels exactly, others within a sixteenth; area and box are those that shapely finds for what comes back."""
    rng = np.random.default_rng(seed)
    rings = [_star(rng, whole) for _ in range(4)]
    place_um = np.array([np.floor(ring.mean(axis=0)) + rng.choice([0.0, 0.5, 0.25]) for ring in rings]) * mpp
    n_points = np.array([len(ring) for ring in rings])
    out = encode_outlines(np.concatenate(rings), n_points, place_um / mpp, mpp)
    good = out.verdict == kernel.GOOD
    rings = [ring for ring, kept in zip(rings, good, strict=True) if kept]
    if not rings:
        return
    ends = np.r_[0, np.cumsum(out.n_quanta[good])].astype(np.int32)
    n = int(good.sum())
    rows = pa.table(
        {
            "contour": pa.ListArray.from_arrays(pa.array(ends), pa.array(out.quanta)),
            "x_um": place_um[good, 0],
            "y_um": place_um[good, 1],
            "mpp_x": np.full(n, mpp[0]),
            "mpp_y": np.full(n, mpp[1]),
        }
    )
    back = decode_outlines(rows, 8)
    shapes = polygons(back)
    boxes = shapely.bounds(shapes)
    np.testing.assert_array_equal(out.box_px[good], np.column_stack([np.floor(boxes[:, :2]), np.ceil(boxes[:, 2:])]))
    np.testing.assert_allclose(out.area_px2[good], shapely.area(shapes), rtol=1e-9)
    if whole and (back.n_points == [len(ring) for ring in rings]).all():
        np.testing.assert_array_equal(back.points, np.concatenate(rings))
    elif not whole and (back.n_points == [len(ring) for ring in rings]).all():
        assert np.abs(back.points - np.concatenate(rings)).max() <= 1 / 16 + 1e-9
