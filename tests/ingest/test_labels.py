"""What a file calls its cells, and the hints that name the fix: stains, folders, patterns, the label map of another segmenter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


def test_labels_are_counted_beside_what_each_preset_makes_of_them(nuclei: Any, hovernet: Any, command: Any, tmp_path: Path) -> None:
    path = hovernet(nuclei(12))
    answer = command("--json", "labels", path)
    assert [(row["label"], row["n_cells"]) for row in answer.rows] == [("1", 3), ("2", 3), ("3", 2), ("4", 2), ("5", 2)]
    assert [row["pannuke"] for row in answer.rows] == ["Tumor", "Lymph", "Stroma", "Other", "Other"]
    assert answer.rows[4]["monusac"] is None  # MoNuSAC has four types
    assert "12 cells: --label-map" in answer.err
    assert "pannuke" in answer.err.partition("knows every label")[0]
    assert "monusac" not in answer.err.partition("knows every label")[0]
    (tmp_path / "t.csv").write_text("cell_class,x_px,y_px\nCD8,1,2\n,3,4\nCD8,9,9\nCD8,x,2\n")
    answer = command("--json", "labels", tmp_path / "t.csv")
    assert [(row["label"], row["n_cells"]) for row in answer.rows] == [("CD8", 2), ("null", 1)]
    assert "no preset knows every label: write a map (TOML); 1 records cannot be read" in answer.err
    assert '"" = "Other"' in answer.err


def test_the_map_of_another_segmenter_is_answered_with_the_one_that_fits(run_ladder: Any, tmp_path: Path) -> None:
    path = tmp_path / "my cells.csv"
    path.write_text("cell_class,x_px,y_px\nneoplastic,1,2\ninflammatory,30,4\n")
    answer = run_ladder("ingest", "cells", path, "--stain", "HE", "--mpp", 0.25, "--label-map", "monusac")
    assert answer.code == 1
    assert "--label-map cellvit-pannuke or hovernext-lizard" in answer.err or "pannuke knows every label of the file" in answer.err
    assert f"`ladder labels '{path}'` shows all labels" in answer.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["a.csv", "--stain", "H&E"], "stain H&E: say --stain HE"),
        (["a.csv", "--stain", "he"], "stain he: say --stain HE"),
        (["a.csv", "--stain", "HER2/neu"], "stain HER2/neu: say --stain HER2"),
        (["of slides", "--stain", "HE"], "name its files ('of slides'/*.json.gz)"),
        (["of slides/*.json.gz", "--stain", "HE"], "a pattern that names 2 files, which the shell did not write out: leave its quotes away"),
        (["gone/*.json", "--stain", "HE"], "wanted a file of cells or a manifest, found nothing"),
    ],
)
def test_a_usual_slip_is_answered_with_the_fix(run_ladder: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], says: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text("cell_class,x_px,y_px\nTumor,1,2\n")
    Path("of slides").mkdir()
    for name in ("a.json.gz", "b.json.gz", "notes.txt"):
        (Path("of slides") / name).write_text("{}")
    answer = run_ladder("ingest", "cells", *words, "--mpp", 0.25)
    assert answer.code == 1
    assert says in answer.err


def test_a_manifests_label_map_lies_beside_it_as_its_slides_do(run_ladder: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    (folder / "a.csv").write_text("cell_class,x_px,y_px\nT,1,2\n")
    (folder / "my.toml").write_text('name = "mine"\n[labels]\nT = "Tumor"\n')
    (folder / "m.csv").write_text("path,slide_id,stain,mpp,label_map\na.csv,S1,HE,0.25,my.toml\n")
    monkeypatch.chdir(tmp_path)
    assert run_ladder("ingest", "cells", "study/m.csv").code == 0
    assert run_ladder("--json", "sql", "SELECT cell_class, source_label FROM cell").rows == [{"cell_class": "Tumor", "source_label": "T"}]
    (folder / "m.csv").write_text("path,slide_id,stain,mpp,label_map\na.csv,S1,HE,0.25,../study/my.toml\n")
    assert "must not contain '..'" in run_ladder("ingest", "cells", "study/m.csv").err
    (folder / "m.csv").write_text("path,slide_id,stain,mpp,label_map\na.csv,S1,HE,0.25,none.toml\n")
    assert "no label map 'study/none.toml'" in run_ladder("ingest", "cells", "study/m.csv").err
