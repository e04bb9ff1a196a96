"""DuckDB's extension spatial (extra `[spatial]`): loaded by path from its Python package, without INSTALL and without a network."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import duckdb

_WANTS = re.compile(r"\bst_[a-z0-9]+|\bgeometry\b|\bcell_shape\b", re.IGNORECASE)
_MISSING = re.compile(r"exists in the spatial extension|spatial extension|type with name geometry", re.IGNORECASE)


def spatial_for(sql: str) -> str | None:
    """Return the extension's file where the query speaks of geometry and the package for this DuckDB is installed, else None.

    Loading takes more than a second, so a query that names no ST_ function, GEOMETRY or cell_shape does not pay for it.
    """
    found = find_spec("duckdb_extension_spatial") if _WANTS.search(sql) else None
    if found is None or found.origin is None:
        return None
    file = Path(found.origin).parent / "extensions" / f"v{duckdb.__version__}" / "spatial.duckdb_extension"
    return str(file) if file.is_file() else None


def without_spatial(error: BaseException) -> str | None:
    """Return what to do where DuckDB failed for want of the extension, in place of its advice to install it over a network."""
    if not isinstance(error, duckdb.Error) or not _MISSING.search(str(error)):
        return None
    return (
        f"ST_ functions need DuckDB's extension spatial, which is not here for DuckDB {duckdb.__version__}: "
        f"pip install 'her2ladder[spatial]' brings both (DuckDB 1.5.5)"
    )
