"""The plain things of the terminal: every global option alone and with a command, and files whose names say what they are."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
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


def test_text_that_a_spreadsheet_would_run_is_made_safe_on_request(run_ladder: Any, tmp_path: Path) -> None:
    asked = "SELECT * FROM (VALUES ('=1+1', -5), ('+49 711', 2), ('-5', 3), ('-x', 4), ('@a', 5), ('Tumor', 6), (NULL, 7)) AS t(\"=text\", n)"
    safe = ["'=1+1", "'+49 711", "-5", "'-x", "'@a", "Tumor", None]
    assert run_ladder("sql", asked, "--safe-cells", "-o", tmp_path / "a.csv").code == 0
    frame = pl.read_csv(tmp_path / "a.csv", infer_schema=False)
    assert frame.columns == ["'=text", "n"]
    assert (frame["'=text"].to_list(), frame["n"].to_list()[0]) == (safe, "-5")
    assert run_ladder("sql", asked, "--safe-cells", "-o", tmp_path / "a.xlsx").code == 0
    assert [row[0].value for row in load_workbook(tmp_path / "a.xlsx").active.iter_rows(min_row=2)] == safe
    assert pl.read_csv(run_ladder("sql", asked, "--format", "csv").out.encode(), infer_schema=False)["=text"].to_list()[0] == "=1+1"
    assert "--safe-cells is for csv and xlsx, found table" in run_ladder("sql", asked, "--safe-cells").err
    none = "SELECT '=1' AS \"a,b\" WHERE false"
    assert run_ladder("sql", none, "--format", "csv").out == '"a,b"\n'


def test_a_table_stops_at_a_thousand_rows_and_leaves_hashes_out_with_a_word(put: Any, run_ladder: Any) -> None:
    done = run_ladder("sql", "SELECT range AS i FROM range(1500)")
    assert (len(done.out.splitlines()), "the first 1,000 rows; there are more" in done.err) == (1001, True)
    assert len(run_ladder("sql", "SELECT range AS i FROM range(1500)", "--format", "csv").out.splitlines()) == 1501
    done = run_ladder("sql", "SELECT range AS i FROM range(1000)")
    assert (len(done.out.splitlines()), "more" in done.err) == (1001, False)
    put("S1", ("Tumor", 0, 0))
    done = run_ladder("sql", "FROM slide")
    assert "S1" in done.out
    assert not re.search("[0-9a-f]{64}", done.out)
    assert "not shown: " in done.err
    assert re.search("[0-9a-f]{64}", run_ladder("sql", "SELECT sha256 FROM slide").out)


def test_a_label_cannot_speak_to_the_terminal(run_ladder: Any, tmp_path: Path) -> None:
    evil = "\x1b[2J\x1b]0;gone\x07\u202e\x9b31m"
    (tmp_path / "t.csv").write_text(f"cell_id,cell_class,x_px,y_px\n{evil},T{evil},1,2\n")
    (tmp_path / "m.toml").write_text('name = "m"\n[labels]\n"T\\u001b[2J\\u001b]0;gone\\u0007\\u202e\\u009b31m" = "Tumor"\n')
    refused = run_ladder("ingest", "cells", tmp_path / "t.csv", "--stain", "HE", "--mpp", 0.25)
    assert run_ladder("ingest", "cells", tmp_path / "t.csv", "--stain", "HE", "--mpp", 0.25, "--label-map", tmp_path / "m.toml").code == 0
    shown = run_ladder("sql", "SELECT source_id, source_label FROM cell")
    counted = run_ladder("labels", tmp_path / "t.csv")
    for text in (refused.out, refused.err, shown.out, shown.err, counted.out, counted.err):
        assert not set(evil.replace("[2J", "").replace("]0;gone", "").replace("31m", "")) & set(text)
    assert r"\x1b[2J" in shown.out
    assert run_ladder("--json", "sql", "SELECT source_id FROM cell").rows == [{"source_id": evil}]  # the value itself is kept


def test_the_hint_after_init_can_be_typed(command: Any, tmp_path: Path) -> None:
    assert f"export LADDER_STORE='{tmp_path}/my study', then" in command("init", tmp_path / "my study").err


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    init(tmp_path / "s")
    words = f'{sys.executable} -c "{RUN}" --store {tmp_path / "s"} sql'
    for asked in ('"FROM range(300000)" --format csv', '"SELECT range, 1 AS b FROM range(900)"'):
        done = subprocess.run(["bash", "-c", f"set -o pipefail; {words} {asked} | head -2 | wc -l"], capture_output=True, text=True)
        assert (done.stdout.strip(), done.stderr) == ("2", "")


def test_ctrl_c_says_what_is_in_and_sweeps_what_was_half_done(tmp_path: Path, command: Any) -> None:
    init(tmp_path / "s")
    rows = "".join(f"Tumor,{x},{y}\n" for x in range(0, 6000, 30) for y in range(0, 1500, 30))
    for at in range(12):
        (tmp_path / f"S{at:02d}.csv").write_text("cell_class,x_px,y_px\n" + rows)
    words = ["--store", tmp_path / "s", "ingest", "cells", *sorted(tmp_path.glob("S*.csv")), "--stain", "HE", "--mpp", 0.25, "--workers", 2]
    process = subprocess.Popen([sys.executable, "-c", RUN, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    until = time.monotonic() + 60
    while len(list((tmp_path / "s" / "cells").rglob("[!.]*.parquet"))) < 6 and time.monotonic() < until:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: every process of the group
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, (out, err)
    told = re.fullmatch(r"ladder: stopped: (\d+) of 12 slides are done and stay(; \d+ unfinished files were swept)?; the same command goes on from there", err.strip())
    assert told, err
    assert 3 <= int(told[1]) < 12  # finished ones that were not published yet are published
    assert command("--store", tmp_path / "s", "check").code == 0
    assert len(list((tmp_path / "s" / "cells").rglob("*.parquet"))) == int(told[1])
    assert command("--json", "--store", tmp_path / "s", "sql", "SELECT count(*) AS n FROM slide").rows == [{"n": int(told[1])}]
