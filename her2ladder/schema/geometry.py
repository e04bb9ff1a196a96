"""Geometry in SQL: the view `cell_shape` and the table macros that answer spatial questions about one slide.

The macros are SQL files (`macros/NAME.sql`) over the view `cell`. Two functions of ours stand behind `cell_shape` and `nearest`; plain DuckDB
does not have them, so open.sql leaves both out.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

MACROS: Mapping[str, tuple[str, ...]] = {
    "cells_within": ("slide", "stain", "x_um", "y_um", "radius_um"),
    "cells_in_window": ("slide", "stain", "x0_um", "y0_um", "x1_um", "y1_um"),
    "neighbours": ("slide", "stain", "from_class", "to_class", "radius_um"),
    "nearest": ("slide", "stain", "from_class", "to_class"),
    "density_grid": ("slide", "stain", "size_um"),
}
"""macro -> its parameters, in order (design section 10)."""

NAMES = ("cell_shape", *MACROS)
NEEDS_OUR_FUNCTIONS = ("cell_shape", "nearest")
CELL_SHAPE = "Outlines of cells: one row a cell, the outline as WKB in micrometres (GEOMETRY where the extension spatial is loaded), NULL where the source has none."

_PLACES = "STRUCT(id INTEGER, x DOUBLE, y DOUBLE)[]"
_PAIRS = "STRUCT(from_id INTEGER, to_id INTEGER, distance_um DOUBLE)[]"


def statement(name: str, *, spatial: bool = False) -> str:
    """Return the CREATE statement of the view or a macro; it needs the view `cell`, and for NEEDS_OUR_FUNCTIONS add_functions.

    spatial   the extension spatial is loaded: the outline is a GEOMETRY
    """
    if name != "cell_shape":
        return f"CREATE MACRO {name}({', '.join(MACROS[name])}) AS TABLE\n{_text(name)}"
    shape = "outline_wkb(contour, x_um, y_um, mpp_x, mpp_y, area_um2)"
    outline = f"ST_GeomFromWKB({shape})" if spatial else shape
    return f"CREATE VIEW cell_shape AS SELECT slide_id, stain, cell_id, {outline} AS geometry FROM cell"


def meaning(macro: str) -> str:
    """Return what a macro answers, from the head of its file."""
    return _text(macro).splitlines()[0].removeprefix("--").strip()


def add_functions(con: Any) -> None:
    """Give a DuckDB connection the functions behind `cell_shape` and `nearest`; costs nothing until they are called."""
    from her2ladder.schema import shape_functions as ours

    outline = ["SMALLINT[]", "DOUBLE", "DOUBLE", "DOUBLE", "DOUBLE", "DOUBLE"]
    con.create_function("outline_wkb", ours.outline_wkb, outline, "BLOB", type="arrow", null_handling="special")
    con.create_function("nearest_pairs", ours.nearest_pairs, [_PLACES, _PLACES], _PAIRS, type="arrow", null_handling="special")


def _text(macro: str) -> str:
    return files("her2ladder.schema").joinpath("macros", f"{macro}.sql").read_text().strip()
