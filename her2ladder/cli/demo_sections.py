"""The demo's four small in-situ sections, SYNTHETIC: typed, compared between two groups of two patients, drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

CELLS, PATIENTS = 400, 4
GROUPS = ["--between", "planted", "--pair", "Low,High"]
Ladder = Callable[[list[str]], None]


def can_read_sections() -> bool:
    """Tell whether the extra [xenium] is installed."""
    from importlib.util import find_spec

    return all(find_spec(name) for name in ("h5py", "pydeseq2", "gseapy", "zarr"))


def run_sections(call: Ladder, folder: Path, seed: int) -> None:
    """Make sections, bring them into a store of their own and ask it where the types lie and which gene is where.

    call     runs one command, given as its words
    """
    data, results = folder / "data", folder / "results"
    at = ["--store", str(folder / "store")]
    folder.mkdir(parents=True, exist_ok=True)
    for step in (
        ["simulate", str(data), "--xenium", "--patients", str(PATIENTS), "--cells", str(CELLS), "--seed", str(seed)],
        ["init", str(folder / "store")],
        [*at, "ingest", "xenium", str(data / "manifest.csv"), "--workers", "1"],
        [*at, "ingest", "clinical", str(data / "clinical.csv"), "--map", str(data / "clinical.toml")],
        [*at, "type", "--markers", "breast"],
        [*at, "features", "--stain", "Xenium", "--workers", "1"],
        [*at, "expression", "composition", *GROUPS, "-o", str(results)],
        [*at, "map", "SYN-X01", "--gene", "ERBB2", "-o", str(results / "erbb2.png")],
    ):
        call(step)
