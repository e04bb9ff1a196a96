"""Drawn slides hold the cells asked for, apart as nuclei are, and move with the latents as the paper says."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.spatial import cKDTree

from her2ladder.analytics.simulate import bench, tissue
from her2ladder.analytics.simulate.field import lattice, place, smooth
from her2ladder.analytics.simulate.tissue import Cells

Measure = Callable[[Cells, str, str], tuple[float, float]]


def _he(immune: float, seed: int, n: int = 1200) -> Cells:
    return tissue.he(n, immune, np.random.default_rng(seed))


def _her2(mosaic: float, seed: int, n: int = 1200) -> Cells:
    return tissue.her2(n, mosaic, False, np.random.default_rng(seed))


@pytest.mark.parametrize("n", [20, 21, 300, 5000])
def test_a_slide_has_exactly_the_cells_asked_for_at_distinct_places(n: int) -> None:
    for cells in (_he(0.0, 1, n), _her2(0.0, 1, n)):
        assert len(cells) == n
        points = np.column_stack([cells.x_um, cells.y_um])
        assert len(np.unique(points, axis=0)) == n
        assert points.min() >= 0
        assert set(np.unique(cells.cell_class)) <= set(range(5))


@pytest.mark.parametrize("latent", [-4.0, 0.0, 4.0])
def test_extreme_latents_still_make_a_slide(latent: float) -> None:
    for seed in range(5):
        assert len(_he(latent, seed, 60)) == len(_her2(latent, seed, 60)) == 60


def test_density_is_that_of_tissue_and_nuclei_keep_apart() -> None:
    cells = _he(0.0, 3, 6000)
    points = np.column_stack([cells.x_um, cells.y_um])
    area_um2 = np.ptp(cells.x_um) * np.ptp(cells.y_um)
    assert 3800e-6 < len(cells) / area_um2 < 5200e-6
    nearest = cKDTree(points).query(points, k=2)[0][:, 1]
    assert np.quantile(nearest, 0.01) > 3.5


def test_resistant_tumours_are_mosaics(nsubgraph_and_min_edge: Measure) -> None:
    """Larger components and shorter edges between strong-complete and strong-incomplete, fewer complete, more weak-complete."""
    pair = ("HER2strong_complete", "HER2strong_incomplete")
    low, high = ([_her2(mosaic, seed) for seed in range(12)] for mosaic in (-1.0, 1.0))
    size_low, edge_low = np.mean([nsubgraph_and_min_edge(cells, *pair) for cells in low], axis=0)
    size_high, edge_high = np.mean([nsubgraph_and_min_edge(cells, *pair) for cells in high], axis=0)
    assert size_high > 1.5 * size_low
    assert edge_high < edge_low - 2.0
    counts_low, counts_high = (np.sum([np.bincount(c.cell_class, minlength=5) for c in cells], axis=0) for cells in (low, high))
    assert counts_high[0] / counts_high[:2].sum() < counts_low[0] / counts_low[:2].sum() - 0.15
    assert counts_high[2] > 1.5 * counts_low[2]


@pytest.mark.parametrize("pair", [("Neutro", "Lymph"), ("Lymph", "Lymph")])
def test_inflamed_tumours_have_closer_immune_contacts(pair: tuple[str, str], nsubgraph_and_min_edge: Measure) -> None:
    size_cold, edge_cold = np.mean([nsubgraph_and_min_edge(_he(-1.0, seed), *pair) for seed in range(12)], axis=0)
    size_hot, edge_hot = np.mean([nsubgraph_and_min_edge(_he(1.0, seed), *pair) for seed in range(12)], axis=0)
    assert size_hot > 1.5 * size_cold
    assert edge_hot < edge_cold - 1.0


def test_equivocal_slides_are_mostly_weak() -> None:
    shares = [
        np.bincount(tissue.her2(800, 0.0, flag, np.random.default_rng(4)).cell_class, minlength=5)[:2].sum() / 800 for flag in (True, False)
    ]
    assert shares[0] < 0.5 < shares[1]


def test_membranes_fit_their_class() -> None:
    """The thresholds of the segmentation: null below .10, complete from .80, strong from an optical density of .60."""
    cells = _her2(0.5, 7, 4000)
    completeness, density, kind = cells.membrane_completeness, cells.membrane_od, cells.names()
    assert completeness is not None
    assert density is not None
    assert ((completeness < 0.10) == (kind == "HER2null")).all()
    assert ((completeness >= 0.80) == np.char.endswith(kind, "_complete")).all()
    assert ((density >= 0.60) == np.char.startswith(kind, "HER2strong")).all()


def test_every_third_site_has_no_neighbour_of_its_kind() -> None:
    ground = lattice(40_000.0, 1.0, np.random.default_rng(0))
    sparse = np.column_stack([ground.x_um[ground.is_sparse], ground.y_um[ground.is_sparse]])
    assert len(sparse) == pytest.approx(ground.x_um.size / 3, rel=0.05)
    assert cKDTree(sparse).query(sparse, k=2)[0][:, 1].min() > 8.0


def test_placing_prefers_weight_and_takes_each_site_once() -> None:
    free = np.ones((20, 20), dtype=bool)
    weight = np.where(np.arange(400).reshape(20, 20) < 200, 0.0, -50.0)
    first = place(weight, free, 150, np.random.default_rng(1))
    assert len(np.unique(first)) == 150
    assert first.max() < 200
    assert free.sum() == 250
    second = place(weight, free, 100, np.random.default_rng(2))
    assert not set(first) & set(second)
    assert (second < 200).sum() == 50
    with pytest.raises(ValueError, match="free"):
        place(weight, free, 151, np.random.default_rng(3))


def test_a_field_is_standardised_and_smooth() -> None:
    field = smooth((200, 220), 30.0, np.random.default_rng(1))
    assert field.mean() == pytest.approx(0, abs=1e-9)
    assert field.std() == pytest.approx(1, abs=1e-9)
    assert np.abs(np.diff(field, axis=1)).mean() < 0.25


@pytest.mark.parametrize("classes", [1, 2, 5, 9])
def test_a_benchmark_slide_has_its_density_and_classes(classes: int) -> None:
    x, y, kind = bench.slide(20_000, 1, cells_per_mm2=4000, classes=classes)
    assert len(x) == len(y) == len(kind) == 20_000
    assert set(np.unique(kind)) == set(range(classes))
    assert max(x.max(), y.max()) <= np.sqrt(20_000 / 4000) * 1000
    assert len(np.unique(np.column_stack([x, y]), axis=0)) == 20_000
    again = bench.slide(20_000, 1, cells_per_mm2=4000, classes=classes)
    assert np.array_equal(again[0], x)
    assert np.array_equal(again[2], kind)


def test_a_benchmark_slide_of_five_classes_has_the_stated_shares_in_patches() -> None:
    x, y, kind = bench.slide(20_000, 2)
    assert np.bincount(kind) / 20_000 == pytest.approx(np.array(bench.SHARES), abs=1e-3)
    points = np.column_stack([x, y])
    neighbour = cKDTree(points).query(points, k=2)[1][:, 1]
    assert (kind[neighbour] == kind).mean() > (np.array(bench.SHARES) ** 2).sum() + 0.05
