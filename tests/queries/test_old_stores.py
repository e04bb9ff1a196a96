"""Stores that older versions wrote, kept for ever: each opens after `migrate`, and says what it said. And a store that was moved, or cannot be written.

`stores/version-N.tar.xz` was written by the code of that time: two slides of four cells, features, a clinical table, a score. When the schema
version rises, add one of the version before; never rewrite one.
"""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from her2ladder.schema.tables import SCHEMA_VERSION

STORES = Path(__file__).parent / "stores"
KEPT = sorted(STORES.glob("version-*.tar.xz"))


def unpacked(archive: Path, folder: Path) -> Path:
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder


@pytest.mark.parametrize("archive", KEPT, ids=lambda path: path.name)
def test_a_store_of_an_older_version_says_what_it_said(archive: Path, command: Callable[..., Any], tmp_path: Path) -> None:
    version = int(archive.name.split("-")[1].split(".")[0])
    assert version < SCHEMA_VERSION
    store = unpacked(archive, tmp_path / "old")
    refused = command("--store", store, "runs")
    assert (refused.code, f"the store has schema version {version}, wanted {SCHEMA_VERSION}: run `ladder migrate`" in refused.err) == (
        1,
        True,
    )
    assert command("--store", store, "migrate").code == 0
    assert command("--store", store, "check").err == "the store is whole\n"

    def ask(sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row.values()) for row in command("--store", store, "--json", "sql", sql).rows]

    classes = [(slide, word, 1) for slide in ("S1", "S2") for word in ("Lymph", "Other", "Stroma", "Tumor")]
    assert ask("SELECT slide_id, cell_class, count(*) FROM cell GROUP BY ALL ORDER BY ALL") == classes
    edges = ask("SELECT slide_id, min_edge_um FROM cell_pair WHERE pair = 'Tumor_Lymph' AND cell_id = 0 ORDER BY 1")
    assert edges == [("S1", 5.0), ("S2", pytest.approx(20**0.5, abs=1e-12))]  # (1, 2) and (2, 2) to (4, 6)
    assert ask("SELECT patient_id, is_pcr, dfs_months FROM patient ORDER BY 1") == [("P1", 1, 12.0), ("P2", 0, 6.0)]
    assert ask("SELECT patient_id, score FROM score_current ORDER BY 1") == [("P1", 0.2), ("P2", 0.8)]
    again = command("--store", store, "features", "--workers", 1)
    assert (again.code, "2 slides unchanged" in again.err) == (0, True), again.err


def test_every_version_before_this_one_that_was_released_is_kept() -> None:
    assert {path.name.split(".")[0] for path in KEPT} >= {"version-1", f"version-{SCHEMA_VERSION - 1}"}


@pytest.fixture
def mounted(put: Callable[..., Any], run_ladder: Callable[..., Any], store_dir: Path, tmp_path: Path) -> Iterator[Path]:
    """A store that was moved to a file system that nobody can write."""
    assert put("A", ("Tumor", 0, 0), ("Lymph", 3, 4)).code == 0
    assert run_ladder("features", "--workers", 1).code == 0
    moved, point = Path(shutil.move(store_dir, tmp_path / "else where")), tmp_path / "mount"
    point.mkdir()
    for words in (("mount", "--bind", moved, point), ("mount", "-o", "remount,bind,ro", point)):
        if shutil.which("mount") is None or subprocess.run(list(map(str, words)), capture_output=True).returncode:
            subprocess.run(["umount", str(point)], capture_output=True)
            pytest.skip("this user may not mount")
    yield point
    subprocess.run(["umount", str(point)], check=True)


def test_a_store_that_was_moved_to_a_read_only_mount_answers(mounted: Path, command: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Read-only"):
        (mounted / "x").touch()

    def ask(*words: object) -> Any:
        return command("--store", mounted, *words)

    assert ask("--json", "sql", "SELECT min_edge_um FROM cell_pair WHERE pair = 'Tumor_Lymph'").rows == [{"min_edge_um": 5.0}] * 2
    assert ask("--json", "query", "run", "cells/counts").rows != []
    assert (ask("check").code, ask("check").err) == (0, "the store is whole\n")
    assert ask("export", "cells", "--slide-id", "A", "--format", "csv", "-o", tmp_path / "cells.csv").code == 0
    for words in (("features", "--force", "--workers", 1), ("check", "--mend"), ("ingest", "clinical", tmp_path / "cells.csv")):
        refused = ask(*words)
        assert (refused.code, len(refused.err.splitlines())) == (1, 1), refused.err
