"""Draw one slide of a study and write it: the work of one worker, apart from the tables so that a worker starts fast."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from her2ladder.analytics.simulate import files, labels, tissue

FORMATS = {"hovernet": ".json", "parquet": ".parquet"}


@dataclass(frozen=True)
class SlideTask:
    """All that is needed to draw and write one slide.

    latent         immune latent on HE, mosaic latent on HER2
    is_equivocal   IHC 2+
    seed           words of the seed: the slide depends on nothing else, least of all on who draws it
    """

    path: Path
    stain: str
    n_cells: int
    latent: float
    is_equivocal: bool
    seed: tuple[int, ...]
    cell_format: str


def write_slide(task: SlideTask) -> int:
    """Write the slide and return how many cells it has.

    raises   OSError where the file cannot be written
    """
    rng = np.random.default_rng(task.seed)
    if task.stain == "HE":
        cells = tissue.he(task.n_cells, task.latent, rng)
    else:
        cells = tissue.her2(task.n_cells, task.latent, task.is_equivocal, rng)
    seed = [*task.seed, 1]
    if task.cell_format == "parquet":
        files.write_points_parquet(task.path, cells, seed)
    else:
        types = labels.labels_of(labels.PRESETS[task.stain], task.stain)
        files.write_hovernet_json(task.path, cells.x_um, cells.y_um, cells.names(), types, seed)
    return len(cells)
