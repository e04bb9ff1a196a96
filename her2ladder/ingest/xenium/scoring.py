"""Which cells are good enough to be typed, and the z scores of marker genes over those."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from her2ladder.ingest.xenium.markers import Floats


@dataclass(frozen=True)
class Quality:
    """What a cell must have to be typed (chosen)."""

    min_counts: int = 20
    min_genes: int = 5
    max_control_share: float = 0.05
    min_area_um2: float = 0.0


def good_cells(quality: pa.Table, limits: Quality) -> NDArray[np.bool_]:
    """Return which cells pass; what a source does not tell is not held against a cell."""
    counts, genes, control, area = (
        quality.column(name).to_pandas().to_numpy(dtype=np.float64) for name in ("n_counts", "n_genes", "n_control", "cell_area_um2")
    )
    control = np.nan_to_num(control)
    share = control / np.maximum(np.nan_to_num(counts) + control, 1)
    enough = (np.nan_to_num(counts) >= limits.min_counts) & (np.isnan(genes) | (genes >= limits.min_genes))
    return np.asarray(enough & (share <= limits.max_control_share) & (np.isnan(area) | (area >= limits.min_area_um2)))


def z_scores(counts: pa.Table, genes: list[str], passes: NDArray[np.bool_], totals: Floats) -> dict[str, Floats]:
    """Return gene -> (cells,) z of log1p(count / total x median total) over the cells that pass; a gene that does not vary is left out."""
    middle = float(np.median(totals[passes])) if passes.any() else 1.0
    scale = middle / np.maximum(totals, 1.0)
    column = counts.column("gene").combine_chunks()
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    code = encoded.indices.to_numpy(zero_copy_only=False)
    words = encoded.dictionary.to_pylist()
    cell, count = counts.column("cell_id").to_numpy(), counts.column("count").to_numpy()
    found: dict[str, Floats] = {}
    for at, gene in enumerate(words):
        mine = code == at
        value = np.zeros(len(totals))
        value[cell[mine]] = np.log1p(count[mine] * scale[cell[mine]])
        mean, sd = (float(f(value[passes])) for f in (np.mean, np.std)) if passes.any() else (0.0, 0.0)
        if sd > 0:
            found[gene] = (value - mean) / sd
    return found
