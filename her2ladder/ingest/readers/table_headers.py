"""Columns of tables of objects: what ours are called by QuPath, HALO, inForm and HoVer-NeXt, what unit and what image a header tells."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from her2ladder.errors import InputError
from her2ladder.ingest.readers.base import MEASURES

ID, LABEL, PROB = "cell_id", "cell_class", "class_prob"
PLACES: dict[Literal["px", "um"], tuple[str, str]] = {"px": ("x_px", "y_px"), "um": ("x_um", "y_um")}
SHARES = (PROB, "membrane_completeness")  # 0..1
KNOWN = (ID, LABEL, PROB, *PLACES["px"], *PLACES["um"], *MEASURES)
UNIT_WORDS = {"px": {"px", "pixel", "pixels"}, "um": {"um", "micron", "microns", "micrometre", "micrometres", "micrometer", "micrometers"}}
UNIT_NAMES = {"px": "pixels", "um": "micrometres"}
# Columns that name the image a cell was found in, as QuPath, CellProfiler, inForm, HALO and people call them; case, spaces, `_`, `-`
# and `.` do not count, nor does CellProfiler's `Metadata_` before it, and `FileName_DNA` counts as `FileName`.
IMAGE_COLUMNS = (
    *("image", "imagename", "imagenumber", "imageid", "imagelocation", "filename"),
    *("slide", "slideid", "slidename", "sample", "sampleid", "samplename"),
)


class Dialect(NamedTuple):
    """A tool's table: how people call it, and ours -> theirs; `A|B` is the middle of two columns."""

    name: str
    columns: dict[str, str]


def dialect_of(names: Sequence[str]) -> Dialect | None:
    """Return whose table has these columns; None = nobody's we know."""
    for find in (_hovernext, _qupath, _halo, _inform):
        if found := find(names):
            return found
    return None


def with_dialect(mapping: Mapping[str, str], names: list[str]) -> dict[str, str]:
    """The tool's own names where it is known and the table has none of ours; what the user says comes first."""
    known = dialect_of(names)
    if known is None or (not mapping and {LABEL, *PLACES["px"]} <= set(names)):
        return dict(mapping)
    told = dict(known.columns)
    if any(ours in mapping for pair in PLACES.values() for ours in pair):  # places are told as a pair, in one unit
        told = {ours: theirs for ours, theirs in told.items() if not any(ours in pair for pair in PLACES.values())}
    return {**told, **mapping}


def _hovernext(names: Sequence[str]) -> Dialect | None:
    if list(names) != ["x", "y", "name", "color"]:
        return None
    return Dialect("HoVer-NeXt's table of a class, in level-0 pixels", {"x_px": "x", "y_px": "y", LABEL: "name"})


def _qupath(names: Sequence[str]) -> Dialect | None:
    """Its measurement table; `Class` before QuPath 0.4, `Classification` since."""
    for unit, pair in PLACES.items():
        theirs = [[name for name in names if name.startswith(f"Centroid {axis} ") and unit_said(name) == unit] for axis in "XY"]
        if all(theirs):
            columns = {pair[0]: theirs[0][0], pair[1]: theirs[1][0], **_first(names, LABEL, "Class", "Classification")}
            return Dialect("QuPath's measurement table", {**columns, **_first(names, ID, "Object ID"), **_area(names)})
    return None


def _halo(names: Sequence[str]) -> Dialect | None:
    """HALO's object data: a box a cell, of which the middle is the place; pixels of the slide."""
    if not {"XMin", "XMax", "YMin", "YMax"} <= set(names):
        return None
    label = _first(names, LABEL, "Phenotype", "Cell Type", "Classification", "Class", "Classifier Label")
    columns = {"x_px": "XMin|XMax", "y_px": "YMin|YMax", **_first(names, ID, "Object Id", "Object ID"), **label, **_area(names)}
    return Dialect("HALO's object data", columns)


def _inform(names: Sequence[str]) -> Dialect | None:
    """inForm's cell_seg_data; positions are in the unit of its areas, pixels or microns."""
    if not {"Cell X Position", "Cell Y Position"} <= set(names):
        return None
    is_um = any("(square microns)" in name for name in names)
    x, y = PLACES["um" if is_um else "px"]
    columns = {x: "Cell X Position", y: "Cell Y Position", **_first(names, LABEL, "Phenotype"), **_first(names, ID, "Cell ID")}
    return Dialect(f"inForm's cell_seg_data, in {UNIT_NAMES['um' if is_um else 'px']}", {**columns, **_area(names)})


def _first(names: Sequence[str], ours: str, *theirs: str) -> dict[str, str]:
    return next(({ours: name} for name in theirs if name in names), {})


def _area(names: Sequence[str]) -> dict[str, str]:
    plain = {re.sub("[\u00b5\u03bc]", "u", name): name for name in names}
    words = ("Nucleus: Area um^2", "Nucleus Area (um\u00b2)", "Nucleus Area (um^2)", "Nucleus Area (square microns)")
    return next(({"area_um2": plain[word]} for word in words if word in plain), {})


def names_image(header: str) -> bool:
    """Tell whether a column of this name says which image a cell was found in: see IMAGE_COLUMNS."""
    plain = re.sub(r"[\s_.-]", "", header.lower()).removeprefix("metadata")
    return plain in IMAGE_COLUMNS or header.lower().startswith("filename_")


def unit_said(header: str) -> Literal["px", "um"] | None:
    """Return the unit that a header names as a word of its own (`Centroid X µm`, `x_um`, `X [px]`); None = it names none, or both."""
    words = set(re.findall("[a-z]+", re.sub("[\u00b5\u03bc]m", " um ", header.lower())))
    said = [unit for unit in PLACES if words & UNIT_WORDS[unit]]
    return said[0] if len(said) == 1 else None


def check_units(path: Path, mapping: Mapping[str, str]) -> None:
    """A column that says one unit is not read as the other: every distance would be wrong by the mpp.

    raises   InputError
    """
    for unit, pair in PLACES.items():
        for ours, theirs in mapping.items():
            said = unit_said(theirs)
            if ours in pair and said not in (None, unit):
                right = ours.replace(unit, str(said))
                raise InputError(
                    f"{path}: column {theirs!r} says {UNIT_NAMES[str(said)]}, mapped to {ours}: distances would be wrong by the mpp; "
                    f'map it to {right}: --columns "{right}={theirs},…"'
                )


def example(names: Sequence[str]) -> str:
    """How to name other columns, of what a table has."""
    if {"XMin", "XMax"} <= set(names):
        return '--columns "cell_class=Tumor|T cell|Macrophage" where each is a column of 0 and 1, or --columns cell_class=LABEL'
    return "--columns x_px=X,y_px=Y,cell_class=type"


def other_places(unit: str) -> tuple[str, str]:
    return PLACES["um" if unit == "px" else "px"]
