"""The docs' own examples, taken from the pages and run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from lifelines.datasets import load_gbsg2

from her2ladder.schema.labels import load_label_map

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page: str, kind: str) -> list[str]:
    """Return the fenced blocks of one kind on a page."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", (DOCS / page).read_text(), flags=re.MULTILINE | re.DOTALL)


def test_the_german_study_is_read_with_the_map_on_the_page(run_ladder: Any, tmp_path: Path) -> None:
    load_gbsg2().rename_axis("patient_id").to_csv(tmp_path / "gbsg2.csv")
    (tmp_path / "gbsg2.toml").write_text(next(text for text in blocks("input_files.md", "toml") if "GBSG2" in text))
    assert run_ladder("ingest", "clinical", tmp_path / "gbsg2.csv", "--map", tmp_path / "gbsg2.toml").code == 0
    rows = run_ladder("--json", "survival", "--by", "horTh", "--endpoint", "dfs").rows
    found = next(row for row in rows if row["metric"] == "hazard_ratio" and row["term"] == "yes vs no")
    assert [round(found[name], 3) for name in ("value", "lo", "hi")] == [0.695, 0.544, 0.888]
    assert (found["n"], found["events"]) == (686, 299)


def test_the_label_map_on_the_page_is_one(tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text(next(text for text in blocks("input_files.md", "toml") if "our-qupath" in text))
    told = load_label_map(tmp_path / "my.toml", "HE")
    assert told.labels["Tumor cell"] == "Tumor"
    assert told.labels["3"] == "Stroma"


def test_words_are_translated_as_on_the_page(run_ladder: Any, tmp_path: Path) -> None:
    (tmp_path / "words.toml").write_text(next(text for text in blocks("input_files.md", "toml") if "ypT0" in text))
    (tmp_path / "c.csv").write_text("patient_id,cohort,is_pcr\nP1,A,ypT0/is ypN0\nP2,A,residual\n")
    assert run_ladder("ingest", "clinical", tmp_path / "c.csv", "--map", tmp_path / "words.toml").code == 0
    assert [row["is_pcr"] for row in run_ladder("--json", "sql", "SELECT is_pcr FROM patient ORDER BY patient_id").rows] == [1, 0]


@pytest.mark.shared
def test_the_published_tables_of_impress_are_read_as_the_page_says(
    run_ladder: Any, tmp_path: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part in ("features", "clinical"):
        (tmp_path / part).symlink_to(shared_data / "impress" / part)
    monkeypatch.chdir(tmp_path)
    exec(blocks("features_made_elsewhere.md", "python")[0], {})
    Path("columns.toml").write_text(blocks("features_made_elsewhere.md", "toml")[0])
    assert run_ladder("ingest", "clinical", "clinical_as_published.csv", "--map", "columns.toml").code == 0
    assert "62 patients; 1 of them are in a clinical table" in run_ladder("ingest", "features", "features.csv", "--name", "impress").err
    features = pd.read_csv("features.csv", index_col=0)
    assert features.shape == (62, 40)


def test_the_first_lines_of_the_readme_work_as_printed(tmp_path: Path, command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = re.search(r"## The first lines\n.*?```\n(.*?)```", (DOCS.parent / "README.md").read_text(), re.DOTALL)
    assert lines is not None
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.cpu_count", lambda: 1)  # no processes of its own: sooner
    done = []
    for line in lines[1].splitlines():
        words = shlex.split(line.replace("--patients 24 --cells 300", "--patients 11 --cells 40"), comments=True)  # the same, sooner
        if words[0] == "export":
            monkeypatch.setenv(*words[1].split("="))
            continue
        assert words[0] == "ladder"
        answer = command(*words[1:])
        assert answer.code == 0, (line, answer.err)
        done.append(words[1])
    assert done == ["simulate", "init", "labels", "ingest", "ingest", "features", "sql", "survival", "map", "check"]
    assert (tmp_path / "map.html").exists()
