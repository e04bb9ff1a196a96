"""The plain things of the terminal: every global option alone and with a command, and files whose names say what they are."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from openpyxl import load_workbook

from her2ladder.queries.init import init

RUN = "from her2ladder.cli.main import main; main()"


def call(*words: object, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", RUN, *map(str, words)], capture_output=True, text=True, **more)


@pytest.mark.parametrize("words", [("--version",), ("--version", "sql"), ("--json", "--version")])
def test_version_is_printed_and_ends_well(words: tuple[str, ...]) -> None:
    done = call(*words)
    assert (done.returncode, done.stdout.strip()) == (0, version("her2ladder"))


def test_every_global_option_works_alone_or_says_what_is_missing_and_with_a_command(tmp_path: Path) -> None:
    init(tmp_path / "s")
    for words in (("-h",), ("--help",)):
        assert call(*words).returncode == 0
    for words in (("--json",), ("--store", tmp_path / "s"), ("--as-of", "r000001")):
        assert "Missing command" in call(*words).stderr + call(*words).stdout
    for words in (("--json", "--store", tmp_path / "s"), ("--store", tmp_path / "s"), ("--store", tmp_path / "s", "--as-of", "r000000")):
        done = call(*words, "sql", "SELECT 7 AS x")
        assert done.returncode == 0, done.stderr
        assert "7" in done.stdout


def test_a_file_s_name_says_its_format(run_ladder: Any, tmp_path: Path) -> None:
    asked = "SELECT 1 AS n, '=1+1' AS text, NULL::VARCHAR AS nothing"
    assert run_ladder("sql", asked, "-o", tmp_path / "a.xlsx").code == 0
    rows = list(load_workbook(tmp_path / "a.xlsx").active.iter_rows())
    assert [cell.value for cell in rows[0]] == ["n", "text", "nothing"]
    assert [cell.value for cell in rows[1]] == [1, "=1+1", None]
    assert rows[1][1].data_type == "s"
    assert run_ladder("sql", asked, "-o", tmp_path / "a.parquet").code == 0
    assert pl.read_parquet(tmp_path / "a.parquet")["n"].to_list() == [1]
    assert run_ladder("sql", asked, "-o", tmp_path / "a.csv").code == 0
    refused = run_ladder("sql", asked, "-o", tmp_path / "a.doc")
    assert refused.code == 1
    assert "wanted a name that ends in .csv" in refused.err
    assert "its name says xlsx, --format says csv" in run_ladder("sql", asked, "--format", "csv", "-o", tmp_path / "b.xlsx").err
    assert not (tmp_path / "b.xlsx").exists()
