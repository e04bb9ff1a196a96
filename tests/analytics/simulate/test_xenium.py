"""Synthetic in-situ sections: the same seed gives the same bytes, what is planted is there, and nothing where nothing is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from her2ladder.analytics.simulate.xenium import MARKERS, drawn, panel, simulate_xenium
from her2ladder.errors import InputError


def log_ratio(seed: int, *, planted: bool) -> float:
    """log2 of ERBB2's share of the transcripts of tumour cells, eleven patients of Low over ten of High, means of logs."""
    at = panel().index("ERBB2")
    values = []
    for number in range(21):
        _, kind, counts = drawn(300, np.random.default_rng([seed, number]), planted=planted and number < 11)
        tumour = counts[kind == list(MARKERS).index("Tumour")]
        values.append(np.log2(tumour[:, at].sum() / tumour.sum()))
    return float(np.mean(values[:11]) - np.mean(values[11:]))


def test_erbb2_is_up_in_low_in_every_seed_and_in_none_where_nothing_is_planted() -> None:
    planted, null = ([log_ratio(seed, planted=planted) for seed in range(10)] for planted in (True, False))
    assert min(planted) > 0.8
    assert abs(np.mean(null)) < 0.15
    assert max(np.abs(null)) < 0.6


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        simulate_xenium(tmp_path / name, n_low=2, n_high=2, cells=100, seed=4)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert len(files) == 4 * 5 + 7
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in files)


def test_simulated_sections_go_through_the_commands(tmp_path: Path, store_dir: Path, run_ladder: Callable[..., Any], command: Callable[..., Any]) -> None:
    assert command("simulate", tmp_path / "x", "--xenium", "--patients", 4, "--cells", 300).code == 0
    done = run_ladder("--json", "ingest", "xenium", tmp_path / "x" / "manifest.csv", "--workers", 1)
    assert [(row["n_cells"], row["counts"], row["n_matched"]) for row in done.rows] == [(300, "read", 300)] * 4
    assert run_ladder("ingest", "clinical", tmp_path / "x" / "clinical.csv", "--map", tmp_path / "x" / "clinical.toml").code == 0
    typed = run_ladder("--json", "type", "--markers", "breast").rows
    assert {name for row in typed for name in row["counts"]} == set(MARKERS)
    planted = {line.split(",")[0]: line.split(",")[1] for line in (tmp_path / "x" / "SYN-X01" / "planted_types.csv").read_text().splitlines()[1:]}
    found = run_ladder("--json", "sql", "SELECT source_id, type FROM cell JOIN cell_type USING (slide_id, cell_id) WHERE slide_id = 'SYN-X01'").rows
    typed_right = [planted[row["source_id"]] == row["type"] for row in found if row["type"] in MARKERS]
    assert np.mean(typed_right) > 0.9  # one section of this seed: 0.944
    assert run_ladder("expression", "composition", "--between", "planted", "--pair", "Low,High").code == 0


def test_what_cannot_be_simulated_is_said(tmp_path: Path, command: Callable[..., Any]) -> None:
    with pytest.raises(InputError, match="at least two sections in each group"):
        simulate_xenium(tmp_path / "x", n_low=1)
    assert "--null goes with --xenium" in command("simulate", tmp_path / "y", "--null").err
