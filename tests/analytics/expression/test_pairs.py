"""Tables of ligands and receptors: ours, liana's without importing it, a file, and what is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from her2ladder.analytics.expression.pairs import load_pairs
from her2ladder.errors import InputError


def test_our_table_holds_pairs_of_immune_cells_once() -> None:
    pairs, sha256 = load_pairs("immune")
    assert len(pairs) == len(set(pairs)) > 50
    assert {("CXCL8", "CXCR2"), ("CD40LG", "CD40"), ("CD86", "CD28")} <= set(pairs)
    assert len(sha256) == 64


def test_liana_is_read_as_a_file_and_never_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "liana"
    (package / "resource").mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('liana was imported')")
    head = '"","source","target","source_genesymbol","target_genesymbol","resource"\n'
    lines = '"1","A","B","LGALS9","PTPRC","consensus"\n"2","A","B","LGALS9","PTPRC","consensus"\n"3","A","B","IL2","IL2RA","cellchatdb"\n'
    (package / "resource" / "omni_resource.csv").write_text(head + lines)
    monkeypatch.syspath_prepend(tmp_path)
    assert load_pairs("liana")[0] == [("LGALS9", "PTPRC")]


def test_what_is_no_table_of_pairs_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the package liana is not installed"):
        load_pairs("liana")
    with pytest.raises(InputError, match="wanted immune, liana, or a CSV"):
        load_pairs(str(tmp_path / "none.csv"))
    for text, said in (("a,b\nX,Y\n", "found a, b"), ("", "found no line"), ("ligand,receptor\n,Y\n", "in each line, found none"), ("ligand,receptor\nX\n", "found none")):
        (tmp_path / "p.csv").write_text(text)
        with pytest.raises(InputError, match=said):
            load_pairs(str(tmp_path / "p.csv"))
