"""Ligands with their receptors: a table of ours (`immune`), liana's where it is installed (`liana`), or a file."""

from __future__ import annotations

import csv
import hashlib
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from her2ladder.errors import InputError

MAX_BYTES = 100_000_000
IMMUNE, LIANA = "immune", "liana"
_NAMES = (("ligand", "receptor"), ("source_genesymbol", "target_genesymbol"))


def load_pairs(name_or_path: str) -> tuple[list[tuple[str, str]], str]:
    """Return ligands with their receptors, each once, and the hash of the table.

    name_or_path  immune, liana, or a CSV with ligand, receptor (or liana's own columns; of several resources in it the consensus)
    raises        InputError where there is no such table
    source        immune_pairs.csv: textbook pairs of immune cells (chosen); each stands in a resource of liana 1.10 too
    """
    if name_or_path == IMMUNE:
        content = files("her2ladder.analytics.expression").joinpath("immune_pairs.csv").read_bytes()
    else:
        path = _liana() if name_or_path == LIANA else Path(name_or_path)
        if not path.is_file() or path.stat().st_size > MAX_BYTES:
            raise InputError(f"--pairs: {name_or_path}: wanted immune, liana, or a CSV with ligand, receptor, found no such file")
        content = path.read_bytes()
    rows = list(csv.DictReader(content.decode("utf-8-sig", "replace").splitlines()))
    names = next((names for names in _NAMES if rows and set(names) <= set(rows[0])), None)
    if names is None:
        found = ", ".join(map(str, rows[0])) if rows else "no line"
        raise InputError(f"--pairs: {name_or_path}: wanted the columns ligand, receptor, found {found}")
    if any(row.get("resource") == "consensus" for row in rows):
        rows = [row for row in rows if row["resource"] == "consensus"]
    told = ((row[names[0]] or "", row[names[1]] or "") for row in rows)
    pairs = dict.fromkeys((ligand.strip(), receptor.strip()) for ligand, receptor in told if ligand.strip() and receptor.strip())
    if not pairs:
        raise InputError(f"--pairs: {name_or_path}: wanted a ligand and a receptor in each line, found none")
    return list(pairs), hashlib.sha256(content).hexdigest()


def _liana() -> Path:
    """Return the table in the installed package liana; the package itself is not imported, which takes 20 seconds.

    raises   InputError where it is not installed
    """
    found = find_spec("liana")
    if found is None or not found.submodule_search_locations:
        raise InputError("--pairs liana: the package liana is not installed: `pip install liana`, or --pairs immune, or a CSV of your own")
    return Path(found.submodule_search_locations[0]) / "resource" / "omni_resource.csv"
