"""Two engines that must agree: the kernel and the slow way written from the definitions, on slides made to have ties."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from her2ladder.analytics.spatial.pairs import pair_profiles

Slide = dict[str, Any]


@st.composite
def slides(draw: st.DrawFn) -> Slide:
    """Random slides: from one cell to crowds, whole-number grids full of ties and of pairs at exactly R, 20x and 40x, absent classes."""
    n, n_classes = draw(st.integers(0, 120)), draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    side_px = draw(st.sampled_from([3, 40, 200, 1500]))
    xy = rng.random((n, 2)) * side_px
    if draw(st.booleans()):
        xy = np.floor(xy)
    if draw(st.booleans()) and n:
        xy = xy[rng.integers(0, n, n)]  # coincident centroids
    cls = rng.integers(-1, n_classes, n)
    if draw(st.booleans()):
        cls[cls == draw(st.integers(0, n_classes - 1))] = -1
    mpp = draw(st.sampled_from([0.25, 0.5, 0.2273, 1.0]))
    return {
        "xy": xy * mpp,
        "cls": cls,
        "n_classes": n_classes,
        "radius_um": draw(st.sampled_from([5.0, 25.0, 25.0, 40.0])),
        "k": draw(st.sampled_from([1, 2, 5, 5, 9])),
    }


@settings(max_examples=80, deadline=None)
@given(slide=slides())
def test_the_kernel_agrees_with_a_kd_tree_and_networkx_to_the_last_digit(naive: Callable[..., Any], slide: Slide) -> None:
    xy: NDArray[np.float64] = slide["xy"]
    profiles = pair_profiles(xy[:, 0], xy[:, 1], slide["cls"], slide["n_classes"], slide["radius_um"], slide["k"])
    for first, second in profiles.pairs:
        expected = naive(xy, slide["cls"], first, second, slide["radius_um"], slide["k"])
        block = profiles.block(first, second)
        assert profiles.cell_id[block].tolist() == sorted(expected)
        found = np.column_stack([c[block] for c in (profiles.n_subgraph, profiles.degrees, profiles.min_edge_um, profiles.mean_edge_um)])
        np.testing.assert_array_equal(found, np.array([expected[i] for i in sorted(expected)]).reshape(-1, 4))
