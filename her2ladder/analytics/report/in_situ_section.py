"""The section of the report about in-situ sections: quality, composition, genes, subtypes, pathways and contacts between two groups of patients.

Each part that cannot be made says why in its place, and the others stand. No score is needed: any covariate makes the groups.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from her2ladder.analytics.cohort.selection import Selection
from her2ladder.analytics.expression.design import Asked
from her2ladder.analytics.report.parts import Section, Table
from her2ladder.analytics.report.section import command_line, found, section_of
from her2ladder.analytics.report.tables import result_table
from her2ladder.errors import LadderError
from her2ladder.schema.store import Store
from her2ladder.schema.vocabulary import XENIUM

ANCHOR, TITLE = "in-situ", "In-situ sections"
APC, HELPER, EFFECTORS = ("Neutro", "DC", "B"), "Th", ("M1", "NKT", "Plasma")  # the paper's directions
Part = Callable[[], Section]


@dataclass(frozen=True)
class Groups:
    """Which patients are compared: a column (None = the bands of the score, where there is one) and two of its values."""

    between: str | None = None
    pair: str | None = None


def has_sections(store: Store) -> bool:
    with store.reading() as con:
        return bool(con.execute("SELECT 1 FROM slide WHERE stain = ? LIMIT 1", [XENIUM]).fetchall())


def in_situ(store: Store, score: str | None, groups: Groups, folder: Path) -> Section:
    """Quality of every section; then what differs between the groups, a part a question."""
    from her2ladder.analytics.expression.qc import quality

    checked = quality(store, 20, 5, 0.05, 0.0)
    section = Section(ANCHOR, TITLE, runs=[checked.run], command="ladder expression qc")
    section.intro = (
        "Patients are compared, never cells: every test takes one value a patient. P is adjusted within each table (Benjamini-Hochberg)."
    )
    section.tables.append(Table("Cells that pass quality control", checked.sections, is_folded=True))
    between = groups.between or ("band" if score else None)
    if between is None:
        section.missing.append("no groups to compare: the store has no score; name a covariate by `ladder report --between COLUMN`")
        return section
    asked = Asked(between, groups.pair, score if between == "band" else None)
    told = {"between": between, "pair": groups.pair, "score": asked.score_name}
    types = _types(store)
    if not types:
        section.missing.append("no cell has a type: run `ladder type`")
        return section
    for name, part in _parts(store, asked, types, folder, told).items():
        try:
            _add(section, part())
        except LadderError as error:
            section.missing.append(f"{name}: {error}")
    return section


def _add(section: Section, part: Section) -> None:
    for name in ("pictures", "tables", "notes", "runs", "key"):
        getattr(section, name).extend(getattr(part, name))
    section.command += f"\n{part.command}"


def _types(store: Store) -> set[str]:
    with store.reading() as con:
        sql = "SELECT DISTINCT cell_class FROM class_count WHERE stain = ? AND cell_class <> 'Other'"
        return {name for (name,) in con.execute(sql, [XENIUM]).fetchall()}


def _parts(store: Store, asked: Asked, types: set[str], folder: Path, told: dict[str, str | None]) -> dict[str, Part]:
    """Return the parts in the order of the page; each is computed when it is called."""
    from her2ladder.analytics.expression.composition import composition
    from her2ladder.analytics.expression.interactions import interactions
    from her2ladder.analytics.expression.subtypes import subtypes

    def shares(near: str | None) -> Part:
        def make() -> Section:
            done = composition(store, Selection(), asked, near=near)
            place = folder / f"near_{near}" if near else folder
            return _compared(
                done, "composition", f"Composition within 30 um of {near}" if near else "Composition", place, {**told, "of": near}
            )

        return make

    def subtype() -> Section:
        return _compared(
            subtypes(store, Selection(), asked), "subtypes", "Intrinsic subtypes of tumour cells (research only)", folder, told
        )

    def contacts(senders: tuple[str, ...], receivers: tuple[str, ...]) -> Part:
        def make() -> Section:
            done = interactions(store, Selection(), asked, pairs="immune", senders=senders, receivers=receivers)
            who = {"senders": ",".join(senders), "receivers": ",".join(receivers)}
            title = f"Ligands of {', '.join(senders)} and receptors of {', '.join(receivers)}"
            return _compared(done, "interactions", title, folder / f"from_{senders[0]}", {**told, **who})

        return make

    parts: dict[str, Part] = {"composition": shares(None)}
    if "Neutro" in types:
        parts["composition near neutrophils"] = shares("Neutro")
    parts["genes"] = lambda: _genes(store, asked, folder, told)
    if "Tumour" in types:
        parts["subtypes"] = subtype
    for name in ("Tumour", "Neutro"):
        if name in types:
            parts[f"pathways of {name}"] = _pathways(store, asked, name, folder, told)
    senders, effectors = (tuple(one for one in those if one in types) for those in (APC, EFFECTORS))
    if HELPER in types and senders:
        parts["interactions to helper T cells"] = contacts(senders, (HELPER,))
    if HELPER in types and effectors:
        parts["interactions from helper T cells"] = contacts((HELPER,), effectors)
    return parts


def _compared(done: Any, name: str, title: str, folder: Path, options: dict[str, str | None]) -> Section:
    from her2ladder.analytics.expression.files import export_compared

    section = section_of(ANCHOR, TITLE, command_line(f"expression {name}", **options), done.run, export_compared(done, name, folder))
    tests = [row for row in done.rows if row["metric"] == "rank_sum"]
    section.tables = [result_table(title, tests, is_folded=len(tests) > 12)]
    section.notes = [f"{title}: {note}." for note in done.notes]
    section.key = _smallest(title, tests)
    return section


def _genes(store: Store, asked: Asked, folder: Path, told: dict[str, str | None]) -> Section:
    from her2ladder.analytics.expression.de import differential
    from her2ladder.analytics.expression.files import export_genes

    done = differential(store, Selection(), asked)
    section = section_of(ANCHOR, TITLE, command_line("expression de", **told), done.run, export_genes(done, folder))
    rows = sorted((row for row in done.rows if row["p"] is not None), key=lambda row: (row["p"], row["term"]))[:50]
    section.tables = [result_table("Genes that differ: the 50 with the smallest P", rows, is_folded=True)]
    section.notes = list(done.notes)
    return section


def _pathways(store: Store, asked: Asked, name: str, folder: Path, told: dict[str, str | None]) -> Part:
    def make() -> Section:
        from her2ladder.analytics.expression.files import export_pathways
        from her2ladder.analytics.expression.pathways import pathways

        done = pathways(store, Selection(), asked, types=(name,))
        command = command_line("expression pathways", **told, type=name)
        section = section_of(ANCHOR, TITLE, command, done.run, export_pathways(done, folder / f"pathways_{name}"))
        rows = sorted((row for row in done.rows if row["p"] is not None), key=lambda row: (row["p_adjusted"], row["term"]))[:50]
        section.tables = [result_table(f"Pathways in cells of {name}: the 50 with the smallest FDR", rows, is_folded=True)]
        return section

    return make


def _smallest(title: str, tests: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """The one feature with the smallest P, for the head of the page, where its adjusted P is below .05."""
    told = [row for row in tests if row["p_adjusted"] is not None and row["p_adjusted"] < 0.05]
    if not told:
        return []
    best = min(told, key=lambda row: (row["p"], row["term"]))
    return [(f"{title}, {best['subgroup']}: {best['term']}, rank-biserial", found(best))]
