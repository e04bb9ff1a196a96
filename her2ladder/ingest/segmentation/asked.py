"""What is asked of a segmentation, and what became of a slide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from her2ladder.ingest import cells as ingest
from her2ladder.ingest.segmentation.slides.grid import Roi

STAINS = ("HE", "HER2")
Report = Callable[[int, int, int], None]


@dataclass(frozen=True)
class Options:
    """How to segment.

    checkpoint, label_map             HoVer-Net's file and what its types are; None = the default network
    fuse, fuse_label_map              a second checkpoint, whose immune cells displace the first's
    preset                            of the post-processing
    roi                               only cells with their centroid in it
    mpp, mpp_as_given                 of level 0, where the slide says none or a wrong one
    device                            auto, cpu or cuda
    """

    stain: str
    checkpoint: Path | None = None
    label_map: str | None = None
    fuse: Path | None = None
    fuse_label_map: str | None = None
    preset: str = "hovernet"
    calibration: str | None = None
    roi: Roi | None = None
    mpp: tuple[float, float] | None = None
    mpp_as_given: bool = False
    device: str = "auto"


@dataclass(frozen=True)
class Asked:
    """One slide to segment."""

    path: Path
    slide_id: str
    patient_id: str


@dataclass
class Segmented:
    """What became of one slide."""

    outcome: ingest.Ingested
    n_tiles: int = 0
    seconds: float = 0.0
    flags: dict[str, int] = field(default_factory=dict)

    def row(self) -> dict[str, Any]:
        return {**self.outcome.row(), "n_tiles": self.n_tiles, "seconds": round(self.seconds, 1), "flagged_tiles": self.flags}
