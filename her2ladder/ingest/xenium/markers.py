"""Marker genes of cell types: a TOML table, and the score that a cell has for each type.

    name = "breast"
    [types.Tumour]
    positive = ["EPCAM", "KRT8"]
    negative = ["PTPRC"]

source   xenium.md, Cell typing (chosen)
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from her2ladder.errors import InputError
from her2ladder.schema.vocabulary import DROP, OTHER

UNASSIGNED, LOW_QUALITY = "Unassigned", "LowQuality"
RESERVED = (OTHER, DROP, UNASSIGNED, LOW_QUALITY)
LEAST_MARKERS = 2
MAX_TYPES = 40
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Type:
    """One cell type and the genes that speak for and against it."""

    name: str
    positive: tuple[str, ...]
    negative: tuple[str, ...] = ()


@dataclass(frozen=True)
class Markers:
    """A table of cell types, in canonical order."""

    name: str
    sha256: str
    types: tuple[Type, ...]

    @property
    def genes(self) -> list[str]:
        return sorted({gene for one in self.types for gene in (*one.positive, *one.negative)})


def load_markers(name_or_path: str) -> Markers:
    """Return the markers that come with the package by name (`breast`), or those in a TOML file.

    raises   InputError: no such table, or not one
    """
    shipped = files("her2ladder.ingest.xenium").joinpath("marker_tables", f"{name_or_path}.toml")
    if name_or_path.isidentifier() and shipped.is_file():
        where, content = f"markers {name_or_path}", shipped.read_bytes()
    else:
        path = Path(name_or_path)
        if not path.is_file() or path.stat().st_size > 10_000_000:
            raise InputError(f"--markers: no table {name_or_path!r}: wanted breast, or a TOML file with [types.NAME] positive = [genes]")
        where, content = name_or_path, path.read_bytes()
    try:
        told = tomllib.loads(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"{where}: wanted marker genes in TOML, found: {str(error).splitlines()[0][:200]}") from error
    table = told.get("types")
    if not isinstance(table, dict) or not 2 <= len(table) <= MAX_TYPES:
        raise InputError(f"{where}: wanted 2 to {MAX_TYPES} tables [types.NAME], found {len(table) if isinstance(table, dict) else 'none'}")
    types = tuple(_type(where, name, one) for name, one in table.items())
    _check_same(where, types)
    said = json.dumps([[one.name, one.positive, one.negative] for one in types])
    return Markers(str(told.get("name", Path(where).stem))[:80], hashlib.sha256(said.encode()).hexdigest(), types)


def check_type_name(name: str, where: str) -> None:
    """raises   InputError for a name that the store cannot use for a cell type"""
    if not name or name != name.strip() or not name.isprintable() or len(name) > 80 or "," in name or name in RESERVED:
        raise InputError(
            f"{where}: a type is 1 to 80 printable characters, no comma, and none of {', '.join(RESERVED)}; found {name[:80]!r}"
        )


def scores(types: tuple[Type, ...], z: Mapping[str, Floats], n: int) -> Floats:
    """Return (n, types) mean z of a type's positive markers less the mean z of its negative ones.

    z   gene -> (n,) z scores; genes that are not in it are left out
    """
    out = np.zeros((n, len(types)))
    for at, one in enumerate(types):
        for sign, genes in ((1.0, one.positive), (-1.0, one.negative)):
            there = [gene for gene in genes if gene in z]
            for gene in there:
                out[:, at] += sign * z[gene] / len(there)
    return out


def best(scored: Floats, min_score: float, min_margin: float) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Return for each cell the type with the highest score (-1 where it, or its lead over the next, is too small), score and margin."""
    order = np.argsort(-scored, axis=1, kind="stable")
    rows = np.arange(len(scored))
    top = scored[rows, order[:, 0]]
    margin = top - scored[rows, order[:, 1]]
    return np.where((top >= min_score) & (margin >= min_margin), order[:, 0], -1), top, margin


def offered(markers: Markers, panel: set[str]) -> tuple[tuple[Type, ...], list[str], list[str]]:
    """Return the types with at least two positive markers on a panel that are not all another type's too, the other types, and the marker genes that it lacks.

    raises   InputError where fewer than two types are left: the panel is another tissue's or another species'
    """
    enough = [one for one in markers.types if len(set(one.positive) & panel) >= LEAST_MARKERS]
    # Chosen: where a panel leaves a type only markers that another type has too (Treg without FOXP3), its cells cannot be told from the other's.
    kept = tuple(one for one in enough if not any(set(one.positive) & panel < set(other.positive) & panel for other in enough))
    lacking = [gene for gene in markers.genes if gene not in panel]
    if len(kept) < 2:
        shown = ", ".join(lacking[:10]) + (f" … ({len(lacking)} in all)" if len(lacking) > 10 else "")
        raise InputError(
            f"markers {markers.name}: wanted at least two types with {LEAST_MARKERS} positive markers on the panel, found {len(kept)}; "
            f"the panel lacks {shown}: is it of another species? Give a table of your own by --markers FILE.toml"
        )
    return kept, [one.name for one in markers.types if one not in kept], lacking


def _type(where: str, name: str, told: Any) -> Type:
    check_type_name(name, where)
    if not isinstance(told, dict):
        raise InputError(f"{where}: [types.{name}]: wanted positive = [genes], found {told!r}"[:300])
    lists = {key: told.get(key, []) for key in ("positive", "negative")}
    for key, genes in lists.items():
        if not isinstance(genes, list) or not all(isinstance(gene, str) and gene for gene in genes):
            raise InputError(f"{where}: [types.{name}]: wanted {key} = [genes in quotes], found {genes!r}"[:300])
    positive, negative = (tuple(dict.fromkeys(lists[key])) for key in ("positive", "negative"))
    if not positive:
        raise InputError(f"{where}: [types.{name}]: wanted at least one positive marker, found none")
    both = sorted(set(positive) & set(negative))
    if both:
        raise InputError(f"{where}: [types.{name}]: {both[0]} is both a positive and a negative marker")
    return Type(name, positive, negative)


def _check_same(where: str, types: tuple[Type, ...]) -> None:
    """Two types may share genes, but two with the same markers can never be told apart."""
    seen: dict[tuple[frozenset[str], frozenset[str]], str] = {}
    for one in types:
        key = frozenset(one.positive), frozenset(one.negative)
        if key in seen:
            raise InputError(f"{where}: the types {seen[key]} and {one.name} have the same markers: no cell can be told to be one of them")
        seen[key] = one.name
