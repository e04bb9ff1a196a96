"""What `ladder expression … -o` writes: the figure with the numbers behind it, and every row as CSV and Parquet."""

from __future__ import annotations

from pathlib import Path

from her2ladder.analytics.cohort.selection import is_synthetic, score_notes
from her2ladder.analytics.expression.de import Genes
from her2ladder.analytics.expression.design import Compared, Design
from her2ladder.analytics.expression.figure import enrichment_figure, volcano_figure
from her2ladder.analytics.expression.pathways import Pathways
from her2ladder.analytics.figures.boxes import boxes_figure
from her2ladder.analytics.figures.save import save_figure
from her2ladder.analytics.figures.style import PAGE_MM, Sheet
from her2ladder.analytics.results.files import write_rows

MOST_PANELS = 12


def export_compared(done: Compared, name: str, folder: Path) -> list[Path]:
    """Write box plots, every patient a point, of the features with the smallest P (at most twelve); return the paths."""
    tests = done.tests.sort_values(["p", "feature"], kind="stable")
    drawn = list(tests["feature"])[:MOST_PANELS]
    values = done.values[done.values["feature"].isin(drawn)].assign(feature=lambda one: one["feature"].astype(str))
    values = values.sort_values("feature", key=lambda names: names.map(drawn.index), kind="stable")
    sheet = _sheet(done.design, done.run, f"{name}: {done.design.b} and {done.design.a}").noting(*done.notes)
    figure = boxes_figure(values, tests[tests["feature"].isin(drawn)], groups=(done.design.b, done.design.a), sheet=sheet)
    frames = {"values": done.values.assign(run=done.run), "tests": done.tests.assign(run=done.run, correction="Benjamini-Hochberg")}
    return [*save_figure(figure, folder / f"expression_{name}", frames), *write_rows(done.rows, folder / f"expression_{name}_rows")]


def export_genes(done: Genes, folder: Path) -> list[Path]:
    """Write the volcano of each cell type, and the table; return the paths."""
    sheet = _sheet(done.design, done.run, f"Genes that differ: {done.design.subgroup}").noting(
        "pseudobulk per patient, PyDESeq2", *done.notes[:3]
    )
    figure = volcano_figure(done.table, done.design.a, done.design.b, sheet)
    written = save_figure(figure, folder / "expression_de", {"genes": done.table.assign(run=done.run)})
    return [*written, *write_rows(done.rows, folder / "expression_de_rows")]


def export_pathways(done: Pathways, folder: Path) -> list[Path]:
    """Write the bars of enriched pathways, and the table; return the paths."""
    sheet = _sheet(done.design, done.run, f"Pathways: {done.design.subgroup}").noting("background: the genes of the panel")
    figure = enrichment_figure(done.table[done.table["method"] == "gsea"], done.design.a, done.design.b, sheet)
    written = save_figure(figure, folder / "expression_pathways", {"pathways": done.table.assign(run=done.run)})
    return [*written, *write_rows(done.rows, folder / "expression_pathways_rows")]


def _sheet(who: Design, run: str, title: str) -> Sheet:
    people = who.people
    return Sheet(PAGE_MM, title=title, run_ids=(run,), synthetic=is_synthetic(people)).noting(*score_notes(people, who.score_name))
