"""What is measured of HER2 cells and with which settings; the class that the numbers mean."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from her2ladder.errors import InputError

HAEMATOXYLIN = (0.65, 0.70, 0.29)  # Ruifrok and Johnston, as QuPath has them
DAB = (0.27, 0.57, 0.78)


@dataclass(frozen=True)
class MembraneSettings:
    """What decides the cells and their numbers; lengths in micrometres, densities log10.

    source   segmentation.md, "HER2 membranes"; decision 0035 says which are chosen
    """

    haematoxylin: tuple[float, float, float] = HAEMATOXYLIN
    dab: tuple[float, float, float] = DAB
    point_od: float = 0.20  # a point of the outline is stained from here on; QuPath's 1+
    nucleus_od: float = 0.07  # haematoxylin above its surroundings
    nucleus_min_um2: float = 12.0
    nucleus_max_um2: float = 400.0
    reach_um: float = 8.0  # from nucleus to membrane, at most
    beside_um: float = 0.75  # along the normal, to either side of the outline

    def __post_init__(self) -> None:
        for name in ("haematoxylin", "dab"):
            vector = np.asarray(getattr(self, name), dtype=float)
            if vector.shape != (3,) or not np.isfinite(vector).all() or (vector < 0).any() or np.linalg.norm(vector) < 1e-3:
                raise InputError(f"stain vector {name}: wanted three numbers >= 0 (red, green, blue), found {getattr(self, name)}")
        a, b = (np.asarray(v, dtype=float) / np.linalg.norm(v) for v in (self.haematoxylin, self.dab))
        if np.linalg.norm(np.cross(a, b)) < 0.1:
            raise InputError(f"stain vectors: haematoxylin {self.haematoxylin} and dab {self.dab} have nearly the same colour")
        if not 0 < self.nucleus_min_um2 < self.nucleus_max_um2:
            raise InputError(f"nucleus area: wanted 0 < smallest < largest, found {self.nucleus_min_um2:g} and {self.nucleus_max_um2:g}")
        for name in ("point_od", "nucleus_od", "reach_um", "beside_um"):
            if not 0 < getattr(self, name) <= 30:
                raise InputError(f"{name}: wanted a number above 0, found {getattr(self, name):g}")


@dataclass(frozen=True)
class Thresholds:
    """What the stored numbers mean (decision 0035): the SQL view `membrane_class` says the same.

    null_completeness   below: null
    complete            completeness from here on: complete
    strong_od           mean density of the stained membrane, from this times the calibration factor on: strong
    """

    null_completeness: float = 0.10
    complete: float = 0.80
    strong_od: float = 0.60

    def __post_init__(self) -> None:
        if not 0 <= self.null_completeness <= self.complete <= 1:
            raise InputError(
                f"thresholds: wanted 0 <= null_completeness <= complete <= 1, found {self.null_completeness:g} and {self.complete:g}"
            )
        if not 0 < self.strong_od <= 3:
            raise InputError(f"thresholds: strong_od: wanted a density above 0, at most 3, found {self.strong_od:g}")


@dataclass(frozen=True)
class MembraneCells:
    """Cells of a tile; see the package's docstring for each field."""

    x_px: NDArray[np.float64]
    y_px: NDArray[np.float64]
    completeness: NDArray[np.float32]
    membrane_od: NDArray[np.float32]
    mean_od: NDArray[np.float32]
    gap_um: NDArray[np.float32]
    cytoplasm_od: NDArray[np.float32]
    contours: list[NDArray[np.float64]] = field(default_factory=list)
    nuclei: list[NDArray[np.int32]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.x_px)

    def classes(self, factor: float, thresholds: Thresholds | None = None) -> list[str]:
        """Return each cell's class."""
        t = thresholds or Thresholds()
        strong = np.where(self.membrane_od.astype(np.float64) >= t.strong_od * factor, "strong", "weak")
        complete = np.where(self.completeness >= np.float32(t.complete), "complete", "incomplete")
        null = ~(self.completeness >= np.float32(t.null_completeness))
        return ["HER2null" if n else f"HER2{s}_{c}" for n, s, c in zip(null.tolist(), strong.tolist(), complete.tolist(), strict=True)]
