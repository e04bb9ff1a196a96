"""The demo's in-situ sections go through their commands, each of which is one that a user can type."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from her2ladder.cli.demo_sections import run_sections


def test_the_demo_draws_its_sections(tmp_path: Path, command: Callable[..., Any]) -> None:
    def call(step: list[str]) -> None:
        done = command(*step)
        assert done.code == 0, (step, done.err)

    run_sections(call, tmp_path / "sections", seed=1)
    drawn = {path.name for path in (tmp_path / "sections" / "results").glob("*.png")}
    assert drawn == {"erbb2.png", "expression_composition.png", "expression_composition_stacked.png"}
    shares = command("--store", tmp_path / "sections" / "store", "--json", "sql", "SELECT count(DISTINCT slide_id) n FROM slide_feature WHERE feature = 'Pi_Tumour_in_all_cells'")
    assert shares.rows == [{"n": 4}]
