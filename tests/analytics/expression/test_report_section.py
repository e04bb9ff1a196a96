"""The report's section of in-situ sections: any covariate makes the groups; a part that cannot be made says why and stops no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from her2ladder.analytics.figures.save import png_only
from her2ladder.analytics.report.in_situ_section import Groups, has_sections, in_situ
from her2ladder.analytics.report.sections import steps
from her2ladder.queries.init import init
from her2ladder.schema.duck import arrow_table


def test_a_covariate_makes_the_groups_and_each_part_stands_by_itself(cohort: Any, tmp_path: Path) -> None:
    with png_only():
        section = in_situ(cohort.store, None, Groups("hr_status"), tmp_path)
    titles = [table.title for table in section.tables]
    assert titles[:4] == ["Cells that pass quality control", "Composition", "Composition within 30 um of Neutro", "Genes that differ: the 50 with the smallest P"]
    assert "ladder expression composition --between hr_status --of Neutro" in section.command
    assert len(section.pictures) >= 5
    assert any("wanted at least 10 of the 50 genes on every panel" in reason for reason in section.missing)  # the subtypes
    assert any("none of the 57 pairs has both genes" in reason for reason in section.missing)  # the interactions
    assert len(set(section.runs)) == len(section.runs) >= 4
    genes = section.tables[3].rows
    assert genes[0]["term"] in ("ERBB2", "LIG", "REC")
    with cohort.store.reading() as con:
        held = {row["run"] for row in arrow_table(con, "SELECT DISTINCT run FROM analysis_result").to_pylist()}
    assert set(section.runs) <= held


def test_without_a_score_and_a_covariate_it_asks_for_groups(cohort: Any, tmp_path: Path) -> None:
    section = in_situ(cohort.store, None, Groups(), tmp_path)
    assert section.missing == ["no groups to compare: the store has no score; name a covariate by `ladder report --between COLUMN`"]
    assert [table.title for table in section.tables] == ["Cells that pass quality control"]


def test_a_store_without_sections_has_no_such_part(cohort: Any, tmp_path: Path) -> None:
    empty = init(tmp_path / "store")
    assert not has_sections(empty)
    assert "in-situ" not in {anchor for anchor, *_ in steps(empty, None, tmp_path, Groups())}
    assert "in-situ" in {anchor for anchor, *_ in steps(cohort.store, None, tmp_path, Groups())}
