"""Files of drawn regions to regions in micrometres: their class, whether they count, bands along their border; and what is no region."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from her2ladder.errors import InputError
from her2ladder.ingest.regions.drawn import Drawn, Read, RegionMap, cleaned
from her2ladder.ingest.regions.geojson import read_geojson
from her2ladder.ingest.regions.margins import Margin, bands
from her2ladder.ingest.regions.vector import ENDINGS, read_vector
from her2ladder.ingest.regions.xml import read_xml


@dataclass(frozen=True)
class Region:
    """One region in micrometres."""

    region_class: str
    name: str | None
    role: str
    source: str
    shape: Any


def read_file(path: Path, told: RegionMap) -> Read:
    """Read one file of regions; its ending, then its first bytes, say what it is.

    raises   InputError: of no known kind, or damaged
    """
    ending = path.suffix.lower()
    if ending in ENDINGS:
        return read_vector(path, told)
    if ending in (".xml",):
        return read_xml(path)
    if ending in (".geojson", ".json", ".gz"):
        return read_geojson(path)
    kinds = ", ".join((".geojson", ".json", ".xml", *ENDINGS))
    raise InputError(f"{path}: wanted regions as {kinds}, found {ending or 'no ending'}")


def read_regions(
    files: Sequence[Path], told: RegionMap, scale: tuple[float, float], margins: Sequence[Margin]
) -> tuple[list[Region], list[tuple[str, str, str]]]:
    """Return the regions of all files in micrometres, and what is none."""
    found: list[Region] = []
    bad: list[tuple[str, str, str]] = []
    for path in files:
        read = read_file(path, told)
        bad += [(path.name, record, reason) for record, reason in read.bad]
        for one in read.regions:
            region, reason = _region(one, told, scale, path)
            bad += [(path.name, one.record, reason)] if reason else []
            found += [region] if region else []
    for margin in margins:
        shapes = [one.shape for one in found if one.region_class == margin.region_class]
        if not shapes:
            there = ", ".join(sorted({one.region_class for one in found})) or "none"
            raise InputError(f"--margin: no region of class {margin.region_class!r}; there is {there}")
        found += [Region(name, None, "include", "--margin", shape) for name, shape in bands(shapes, margin)]
    if not found:
        why = f"; the first: {bad[0][1]}: {bad[0][2]}" if bad else ""
        raise InputError(f"{', '.join(path.name for path in files)}: wanted regions, found none{why}")
    return found, bad


def _region(one: Drawn, told: RegionMap, scale: tuple[float, float], path: Path) -> tuple[Region | None, str]:
    import shapely

    try:
        region_class = told.class_of(one.label)
    except InputError as error:
        raise InputError(f"{path}: {one.record}: {error}") from error
    if region_class is None:
        return None, ""
    shape, reason = cleaned(one.geometry)
    if reason:
        return None, reason
    um = shapely.transform(shape, lambda corners: corners * np.asarray(scale))
    return Region(region_class, one.name, told.role_of(region_class), path.name, um), ""
