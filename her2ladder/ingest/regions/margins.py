"""Bands along the border of regions (the invasive margin), as regions of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from her2ladder.errors import InputError

CORE, INNER, OUTER = "core", "inner margin", "outer margin"


@dataclass(frozen=True)
class Margin:
    """A band of `width_um` on either side of the border of all regions of a class together."""

    region_class: str
    width_um: float


def parse_margin(text: str) -> Margin:
    """Read CLASS:WIDTH.

    raises   InputError
    """
    name, _, width = text.rpartition(":")
    try:
        um = float(width)
    except ValueError:
        um = 0.0
    if not name or not 0 < um <= 100_000:
        raise InputError(f"--margin: wanted CLASS:MICROMETRES, such as Tumour:500, found {text!r}")
    return Margin(name, um)


def bands(shapes: Sequence[Any], margin: Margin) -> list[tuple[str, Any]]:
    """Return (class, shape) of what lies deeper than the width, up to it inside, and up to it outside; shapes in micrometres."""
    import shapely

    whole = shapely.unary_union(list(shapes))
    core, reach = whole.buffer(-margin.width_um), whole.buffer(margin.width_um)
    made = ((CORE, core), (INNER, whole.difference(core)), (OUTER, reach.difference(whole)))
    return [(f"{margin.region_class} {word}", shape) for word, shape in made if not shape.is_empty]
