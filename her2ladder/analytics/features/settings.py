"""What a slide's features depend on, and which slide is to be profiled."""

from __future__ import annotations

from dataclasses import dataclass

from her2ladder.analytics.spatial.pairs import K_NEAREST, RADIUS_UM
from her2ladder.queries.run import to_json


@dataclass(frozen=True)
class Settings:
    """What decides the values of a slide, and which engine finds them."""

    radius_um: float = RADIUS_UM
    k: int = K_NEAREST
    engine: str = "kernel"
    centralities: bool = False
    morphology: bool = False
    leave_out: tuple[str, ...] = ()  # cells of tiles with one of these flags are not counted
    within: tuple[str, ...] = ()  # only cells in regions of these classes

    @property
    def parameters(self) -> str:
        """What is stored beside the values: the engine is not in it, since it changes nothing."""
        left_out = {"leave_out": list(self.leave_out)} if self.leave_out else {}
        within = {"within": list(self.within)} if self.within else {}
        return to_json({"radius_um": self.radius_um, "k": self.k, **left_out, **within})

    @property
    def feature_set(self) -> str | None:
        """Name of the set: None is sc-mtop, of whole slides."""
        return f"sc-mtop@{','.join(self.within)}" if self.within else None


@dataclass(frozen=True)
class SlideTask:
    """One slide to profile: its cells file and the classes of its stain in canonical order."""

    slide_id: str
    stain: str
    path: str
    sha256: str
    n_cells: int
    classes: tuple[str, ...]
    unavailable: tuple[str, ...] = ()  # classes that its segmenter cannot tell
    left_out: tuple[tuple[float, float, float, float], ...] = ()  # tiles whose cells are not counted: x0, y0, x1, y1 in um
    regions: Regions | None = None  # whose cells are counted; None = the whole slide


@dataclass(frozen=True)
class Regions:
    """The cells of a slide that count: those in regions of `classes`, and in none of `excluded`.

    path     file of the lake that says which cell lies in which region
    sha256   of the regions that it was made from
    """

    path: str
    sha256: str
    classes: tuple[str, ...]
    excluded: tuple[str, ...]
