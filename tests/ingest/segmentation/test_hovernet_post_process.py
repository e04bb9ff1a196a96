"""Maps to nuclei: known masks come back, and the fast loop says what the slow one says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

cv2 = pytest.importorskip("cv2", reason="opencv (extra [segment]) is not installed")

from her2ladder.errors import InputError  # noqa: E402
from her2ladder.ingest.segmentation.hovernet import post_process  # noqa: E402


def one_by_one(instances: Any, types: Any) -> dict[int, dict[str, Any]]:
    """Measure each nucleus on its own, with cv2.moments and numpy.unique: the way that is slow and plain."""
    found: dict[int, dict[str, Any]] = {}
    for number in np.unique(instances)[1:]:
        whole = instances == number
        rows, columns = np.flatnonzero(whole.any(1)), np.flatnonzero(whole.any(0))
        top, left = int(rows[0]), int(columns[0])
        crop = whole[top : rows[-1] + 1, left : columns[-1] + 1].astype(np.uint8)
        ring = np.squeeze(cv2.findContours(crop, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)[0][0].astype("int32"))
        if ring.ndim != 2 or len(ring) < 3:
            continue
        moments = cv2.moments(crop)
        kinds, counts = np.unique(types[whole], return_counts=True)
        ranked = sorted(zip(kinds.tolist(), counts.tolist(), strict=True), key=lambda pair: pair[1], reverse=True)
        kind, n = ranked[1] if ranked[0][0] == 0 and len(ranked) > 1 else ranked[0]
        found[int(number)] = {
            "centroid": [moments["m10"] / moments["m00"] + left, moments["m01"] / moments["m00"] + top],
            "contour": (ring + np.array([left, top])).tolist(),
            "type": kind,
            "type_prob": n / (whole.sum() + 1e-6),
        }
    return found


@pytest.mark.parametrize("preset", ["hovernet", "scmtop"])
@pytest.mark.parametrize("noise", [0.0, 0.25])
def test_the_fast_loop_says_what_the_slow_one_says(masks: Any, ellipses: Callable[..., Any], preset: str, noise: float) -> None:
    mask, types = ellipses()
    maps = masks.maps_of(mask, types)
    maps[..., 1:] += np.random.default_rng(1).normal(0, noise, maps[..., 1:].shape).astype(np.float32)
    instances, nuclei = post_process(maps, 5, preset)
    assert len(nuclei) > 30
    assert nuclei == one_by_one(instances, types)


@pytest.mark.parametrize("preset", ["hovernet", "scmtop"])
def test_nuclei_drawn_are_nuclei_found(masks: Any, ellipses: Callable[..., Any], preset: str) -> None:
    mask, types = ellipses(seed=8, apart=True)  # no slivers, which are lost in the original too
    instances, nuclei = post_process(masks.maps_of(mask, types), 5, preset)
    assert mask.max() > 25
    assert masks.agreement(mask, instances).pq > 0.97
    assert set(nuclei) <= set(np.unique(instances).tolist())


@pytest.mark.shared
@pytest.mark.parametrize("preset", ["hovernet", "scmtop"])
def test_real_masks_come_back_from_their_maps(masks: Any, shared_data: Path, preset: str) -> None:
    total = masks.Agreement(0, 0.0, 0, 0)
    for path in sorted((shared_data / "nucls_patches").glob("*.npz")):
        truth = np.load(path)["inst_map"].astype(np.int32)
        total += masks.agreement(truth, post_process(masks.maps_of(truth), None, preset)[0])
    assert total.n_true == 458
    assert total.pq >= 0.97


def test_the_background_gives_way_to_the_next_type_and_ties_go_to_the_smaller(masks: Any) -> None:
    mask = np.zeros((40, 90), np.int32)
    types = np.zeros_like(mask)
    for i, left in enumerate((5, 35, 65)):
        mask[10:30, left : left + 20] = i + 1
    types[10:14, 5:25] = 3  # background 320 pixels, type 3 80
    types[10:20, 35:55], types[20:30, 35:55] = 4, 2  # a tie
    _, nuclei = post_process(masks.maps_of(mask, types), 5)
    assert [(one["type"], round(one["type_prob"], 6)) for one in nuclei.values()] == [(3, 0.2), (2, 0.5), (0, 1.0)]


def test_without_types_a_nucleus_has_type_0_and_no_share(masks: Any, ellipses: Callable[..., Any]) -> None:
    mask, _ = ellipses(n=10)
    four = post_process(masks.maps_of(mask), None)
    three = post_process(masks.maps_of(mask)[..., 1:], None)
    assert four[1] == three[1]
    assert {(one["type"], one["type_prob"]) for one in four[1].values()} == {(0, 0.0)}


def test_an_empty_tile_has_no_nuclei() -> None:
    instances, nuclei = post_process(np.zeros((64, 80, 4), np.float32), 5)
    assert instances.shape == (64, 80)
    assert not instances.any()
    assert nuclei == {}


def test_objects_smaller_than_the_preset_says_are_dropped() -> None:
    maps = np.zeros((60, 60, 4), np.float32)
    maps[5:8, 5:8, 1] = 1  # 9 pixels
    maps[30:34, 30:34, 1] = 1
    assert not post_process(maps, None, "hovernet")[0][5:8, 5:8].any()


@pytest.mark.parametrize(
    "maps, n_types, preset, said",
    [
        (np.zeros((5, 5, 3)), 5, "hovernet", "wanted shape"),
        (np.zeros((5, 5)), None, "hovernet", "wanted shape"),
        (np.zeros((5, 5, 4)), 5, "other", "no preset called 'other'"),
        (np.full((5, 5, 4), np.nan), 5, "hovernet", "wanted finite numbers"),
    ],
)
def test_maps_of_another_kind_are_refused(maps: Any, n_types: int | None, preset: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        post_process(maps, n_types, preset)
