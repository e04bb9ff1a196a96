"""A drawn region as every reader hands it on, and the map that says what its words mean.

A map has `[labels]` (the word in the file = class, or `drop`), `exclude = [...]` (classes whose cells count in no region) and
`[columns]` (region_class, name: columns of a table of shapes).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from her2ladder.errors import InputError
from her2ladder.schema.vocabulary import DROP

UNNAMED = "unnamed"
MAX_BYTES = 256 * 1024 * 1024  # a file of drawn regions has some kilobytes: more is something else
MAX_POINTS = 2_000_000  # corners of one region
EXCLUDED = ("artefact", "artifact", "necrosis", "necrotic", "in situ", "in-situ", "dcis", "ignore", "exclude", "exclusion")
"""Words that, anywhere in a class, make it one to leave out where a map says nothing (chosen)."""


@dataclass(frozen=True)
class Drawn:
    """One region as drawn.

    record    its place or name in the file, for messages
    label     the word of its class in the file; None = none
    geometry  shapely Polygon or MultiPolygon, in the file's coordinates
    """

    record: str
    label: str | None
    name: str | None
    geometry: Any


@dataclass
class Read:
    """What a file held: regions, and (record, reason) of what is none."""

    regions: list[Drawn] = field(default_factory=list)
    bad: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class RegionMap:
    """What the words of a file stand for."""

    labels: Mapping[str, str] = field(default_factory=dict)
    exclude: tuple[str, ...] | None = None
    columns: Mapping[str, str] = field(default_factory=dict)

    def class_of(self, label: str | None) -> str | None:
        """Return the class of a label, None where it is to be dropped.

        raises   InputError where the map has labels, and this one is not among them
        """
        word = (label or "").strip() or UNNAMED
        if not self.labels:
            return word
        if word not in self.labels:
            known = ", ".join(list(self.labels)[:10])
            raise InputError(f'class {word!r} is not in the map\'s [labels] ({known}); add it, or "{word}" = "drop"')
        return None if self.labels[word] == DROP else self.labels[word]

    def role_of(self, region_class: str) -> str:
        """Return include or exclude."""
        if self.exclude is not None:
            return "exclude" if region_class in self.exclude else "include"
        return "exclude" if any(word in region_class.lower() for word in EXCLUDED) else "include"


def load_region_map(path: Path | None) -> RegionMap:
    """Read a map, or take each word as its own class where there is none.

    raises   InputError: no such file, not TOML, a key that is not known
    """
    if path is None:
        return RegionMap()
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: wanted a map (TOML), found {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: wanted TOML, found: {error}") from error
    unknown = sorted(set(told) - {"labels", "exclude", "columns"})
    if unknown:
        raise InputError(f"{path}: wanted [labels], exclude, [columns], found {unknown[0]!r}")
    labels, exclude, columns = told.get("labels", {}), told.get("exclude"), told.get("columns", {})
    if not isinstance(labels, dict) or not all(isinstance(value, str) and value for value in labels.values()):
        raise InputError(f'{path}: [labels]: wanted "word in the file" = "class", found something else')
    if exclude is not None and not (isinstance(exclude, list) and all(isinstance(one, str) for one in exclude)):
        raise InputError(f"{path}: exclude: wanted a list of classes, found {exclude!r}")
    if set(columns) - {"region_class", "name"}:
        raise InputError(f"{path}: [columns]: wanted region_class, name, found {sorted(set(columns) - {'region_class', 'name'})[0]!r}")
    return RegionMap(labels, None if exclude is None else tuple(exclude), columns)


def cleaned(geometry: Any) -> tuple[Any, str]:
    """Return the areas of a drawn shape as a valid Polygon or MultiPolygon, and what is wrong ('' = nothing).

    A line that crosses itself is read as drawn (even-odd); where that changes the area by more than a hundredth it is refused.
    """
    import shapely

    if geometry is None or geometry.is_empty:
        return None, "it has no outline"
    if shapely.get_num_coordinates(geometry) > MAX_POINTS:
        return None, f"it has {shapely.get_num_coordinates(geometry):,} corners, of which at most {MAX_POINTS:,} are read"
    flat = shapely.force_2d(geometry)
    if flat.geom_type not in ("Polygon", "MultiPolygon"):
        return None, f"wanted a polygon, found a {flat.geom_type}"
    if not all(value == value and abs(value) < 1e9 for value in shapely.total_bounds(flat)):
        return None, "its corners are not all numbers"
    whole = flat if flat.is_valid else _areas(shapely.make_valid(flat))
    if whole.is_empty or not whole.area > 0:
        return None, "it has no area"
    if not flat.is_valid and abs(whole.area - flat.area) > 0.01 * whole.area:
        return None, f"it crosses itself: {shapely.is_valid_reason(flat)}"
    return whole, ""


def _areas(geometry: Any) -> Any:
    """Return the polygons of a repaired shape, without the lines and points that the repair left."""
    import shapely

    parts = [part for part in shapely.get_parts(shapely.get_parts(geometry)) if part.geom_type == "Polygon"]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def polygon(outer: Iterable[Any], holes: Iterable[Iterable[Any]] = ()) -> Any:
    """Return a shapely polygon, None where there are fewer than three corners."""
    import shapely

    ring = [tuple(point[:2]) for point in outer]
    inner = [part for part in ([tuple(point[:2]) for point in hole] for hole in holes) if len(part) >= 3]
    return shapely.Polygon(ring, inner) if len(ring) >= 3 else None
