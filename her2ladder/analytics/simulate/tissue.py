"""Tissue with planted spatial structure: an H&E slide that follows the immune latent, an HER2 slide that follows the mosaic latent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

from her2ladder.analytics.simulate.field import Floats, Ints, Lattice, core, lattice, place, smooth
from her2ladder.schema.vocabulary import CLASSES

CELLS_PER_UM2 = 5000e-6
ORIGIN_UM = 400.0  # glass above and left of the tissue
ASPECT = 1.8  # a piece of needle core is longer than wide
TUMOR, STROMA, NEUTRO, LYMPH, MACRO = range(5)
STRONG_COMPLETE, STRONG_INCOMPLETE, WEAK_COMPLETE, WEAK_INCOMPLETE, NULL = range(5)


@dataclass(frozen=True)
class Cells:
    """The cells of one slide in reading order (bands of 64 um down, then right).

    cell_class   number of the class in the canonical order of `stain`
    membrane_completeness, membrane_od   HER2 only: share of the outline that is stained (0..1), mean optical density there
    """

    stain: str
    x_um: Floats
    y_um: Floats
    cell_class: Ints
    membrane_completeness: Floats | None = None
    membrane_od: Floats | None = None

    def __len__(self) -> int:
        return len(self.x_um)

    def names(self) -> NDArray[np.str_]:
        """Return the class name of each cell."""
        return np.array(CLASSES[self.stain])[self.cell_class]


def he(n_cells: int, immune: float, rng: np.random.Generator) -> Cells:
    """Return an H&E slide: tumour nests in stroma, immune cells in aggregates.

    immune   standard normal latent; high = more lymphocytes and neutrophils, in denser aggregates that they share; low = few and scattered
    """
    ground, tissue = _ground(n_cells, CELLS_PER_UM2, rng)
    nest = _nests(ground, tissue, 0.55, rng)
    aggregate = smooth(ground.shape, 16.0, rng) + 0.4 * smooth(ground.shape, 60.0, rng)
    pull = 0.7 + 1.4 * expit(1.2 * immune + 0.1 * rng.standard_normal())  # how strongly aggregates draw immune cells
    outside = np.where(nest, -1.6, 0.0)
    apart = np.where(ground.is_sparse, 0.0, -4.0)
    weights = {
        LYMPH: pull * aggregate + outside,
        NEUTRO: pull * 0.8 * aggregate + 0.5 * outside,
        MACRO: 0.4 * aggregate + 0.5 * outside,
        TUMOR: np.where(nest, 0.0, -5.0) + apart,
        STROMA: np.where(nest, -3.5, 0.0) + 0.5 * apart,
    }
    counts = rng.multinomial(n_cells, _he_shares(immune, rng))
    free = tissue.copy()
    sites = {kind: place(weight, free, int(counts[kind]), rng) for kind, weight in weights.items()}
    at, kind = _gather(sites)
    return _in_reading_order(Cells("HE", *_where(ground, at), kind))


def her2(n_cells: int, mosaic: float, is_equivocal: bool, rng: np.random.Generator) -> Cells:
    """Return an HER2 slide: the tumour cells of nests, by strength and completeness of their membrane.

    mosaic        standard normal latent; high = fewer strong-complete cells, intermixed with strong-incomplete ones, and more weak
                  staining; low = broad fields of strong-complete cells, the incomplete ones in patches of their own
    is_equivocal  IHC 2+: weak staining prevails
    """
    ground, tissue = _ground(n_cells, 0.8 * CELLS_PER_UM2, rng)
    nest = _nests(ground, tissue, 0.70, rng)
    free = tissue.copy()
    at = place(np.where(nest, 0.0, -6.0) + np.where(ground.is_sparse, 0.0, -4.0), free, n_cells, rng)
    mix = float(expit(-0.6 + 1.3 * mosaic + 0.2 * rng.standard_normal()))  # 0 = patches, 1 = salt and pepper
    strength, completeness = (_mixed(smooth(ground.shape, 38.0, rng).ravel()[at], mix, rng) for _ in range(2))
    share_strong = expit((-0.7 if is_equivocal else 1.3) - 0.30 * mosaic + 0.3 * rng.standard_normal())
    share_null = (1 - share_strong) * expit(-1.0 + 0.3 * rng.standard_normal())
    is_strong = _highest(strength, share_strong)
    is_null = _highest(-strength, share_null)
    is_weak = ~is_strong & ~is_null
    kind = np.full(n_cells, NULL)
    for group, complete, incomplete, share in (
        (is_strong, STRONG_COMPLETE, STRONG_INCOMPLETE, expit(1.25 - 0.75 * mosaic + 0.2 * rng.standard_normal())),
        (is_weak, WEAK_COMPLETE, WEAK_INCOMPLETE, expit(-0.7 + 0.45 * mosaic + 0.3 * rng.standard_normal())),
    ):
        kind[group] = np.where(_highest(completeness[group], share), complete, incomplete)
    x, y = _where(ground, at)
    return _in_reading_order(Cells("HER2", x, y, kind, *_membrane(kind, rng)))


def _ground(n_cells: int, cells_per_um2: float, rng: np.random.Generator) -> tuple[Lattice, NDArray[np.bool_]]:
    """Return sites and which of them are tissue, for `n_cells` at this density over the tissue."""
    sites = lattice((max(n_cells, 40) / cells_per_um2) / 0.875, ASPECT, rng)
    return sites, core(sites, rng)


def _nests(ground: Lattice, tissue: NDArray[np.bool_], share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return which sites lie in tumour nests: `share` of the tissue, in lobes with ragged borders."""
    height = smooth(ground.shape, 48.0, rng) + 0.35 * smooth(ground.shape, 14.0, rng)
    return np.asarray(tissue & (height > np.quantile(height[tissue], 1 - share)))


def _he_shares(immune: float, rng: np.random.Generator) -> Floats:
    """Return the share of each class: tumour, stroma, neutrophils, lymphocytes, macrophages."""
    log_share = np.log([0.50, 0.21, 0.05, 0.17, 0.07]) + np.array([0, 0, 0.28, 0.38, 0.05]) * immune
    return np.asarray(softmax(log_share + rng.normal(0.0, [0.08, 0.12, 0.12, 0.12, 0.20])), dtype=np.float64)


def _mixed(field: Floats, mix: float, rng: np.random.Generator) -> Floats:
    """Return the field with a share `mix` of its variance replaced by noise of each cell's own."""
    return np.asarray(np.sqrt(1 - mix) * field + np.sqrt(mix) * rng.standard_normal(len(field)), dtype=np.float64)


def _highest(values: Floats, share: float) -> NDArray[np.bool_]:
    """Return which values are the highest `share` of them."""
    is_high = np.zeros(len(values), dtype=bool)
    is_high[np.argsort(-values, kind="stable")[: round(float(share) * len(values))]] = True
    return is_high


def _membrane(kind: Ints, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return completeness and optical density that fit the class: null < .10 <= incomplete < .80 <= complete; strong OD >= .60."""
    n, is_complete, is_null = len(kind), np.isin(kind, (STRONG_COMPLETE, WEAK_COMPLETE)), kind == NULL
    share = rng.beta(2.0, 2.0, n)
    completeness = np.where(is_null, 0.099 * share, np.where(is_complete, 0.80 + 0.20 * share, 0.10 + 0.69 * share))
    is_strong = kind <= STRONG_INCOMPLETE
    density = np.where(is_strong, 0.60 + rng.gamma(3.0, 0.09, n), 0.20 + 0.39 * rng.beta(2.0, 2.0, n))
    return completeness, np.where(is_null, 0.20 + 0.10 * share, density)


def _gather(sites: dict[int, Ints]) -> tuple[Ints, Ints]:
    at = np.concatenate(list(sites.values()))
    return at, np.concatenate([np.full(len(chosen), kind, dtype=np.int64) for kind, chosen in sites.items()])


def _where(ground: Lattice, at: Ints) -> tuple[Floats, Floats]:
    return ORIGIN_UM + ground.x_um.ravel()[at], ORIGIN_UM + ground.y_um.ravel()[at]


def _in_reading_order(cells: Cells) -> Cells:
    order = np.lexsort((cells.x_um, np.floor(cells.y_um / 64.0)))
    rest = [None if column is None else column[order] for column in (cells.membrane_completeness, cells.membrane_od)]
    return Cells(cells.stain, cells.x_um[order], cells.y_um[order], cells.cell_class[order], *rest)
