"""What `ladder expression … -o` writes: the figure with the numbers behind it, and every row as CSV and Parquet."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from her2ladder.analytics.cohort.selection import is_synthetic, score_notes
from her2ladder.analytics.expression.de import Genes
from her2ladder.analytics.expression.design import Compared, Design
from her2ladder.analytics.expression.figure import enrichment_figure, volcano_figure
from her2ladder.analytics.expression.pathways import Pathways
from her2ladder.analytics.expression.stacked_figure import dots_figure, maps_figure, stacked_figure
from her2ladder.analytics.expression.subtypes import Subtyped
from her2ladder.analytics.figures.boxes import boxes_figure
from her2ladder.analytics.figures.save import save_figure
from her2ladder.analytics.figures.style import PAGE_MM, Sheet
from her2ladder.analytics.results.files import write_rows

MOST_PANELS = 12
MOST_PAIRS = 25


def export_compared(done: Compared, name: str, folder: Path) -> list[Path]:
    """Write box plots, every patient a point, of the features with the smallest P (at most twelve); return the paths."""
    tests = done.tests.sort_values(["p", "feature"], kind="stable")
    drawn = list(tests["feature"])[:MOST_PANELS]
    values = done.values[done.values["feature"].isin(drawn)].assign(feature=lambda one: one["feature"].astype(str))
    values = values.sort_values("feature", key=lambda names: names.map(drawn.index), kind="stable")
    sheet = _sheet(done.design, done.run, f"{name}: {done.design.b} and {done.design.a}").noting(*done.notes, *_tests(done))
    figure = boxes_figure(values, tests[tests["feature"].isin(drawn)], groups=(done.design.b, done.design.a), sheet=sheet)
    frames = {"values": done.values.assign(run=done.run), "tests": done.tests.assign(run=done.run, correction="Benjamini-Hochberg")}
    groups = (done.design.b, done.design.a)
    written = save_figure(figure, folder / f"expression_{name}", frames)
    if name in ("composition", "subtypes"):
        stacked = stacked_figure(done.values, groups, sheet)
        written += save_figure(stacked, folder / f"expression_{name}_stacked", {"shares": done.values.assign(run=done.run)})
    if isinstance(done, Subtyped):
        written += save_figure(maps_figure(done.drawn, sheet), folder / "expression_subtypes_maps", {})
    if name == "interactions":
        table = dots(done)
        written += save_figure(
            dots_figure(table, groups, sheet), folder / "expression_interactions_dots", {"pairs": table.assign(run=done.run)}
        )
    return [*written, *write_rows(done.rows, folder / f"expression_{name}_rows")]


def dots(done: Compared) -> pd.DataFrame:
    """Return the table of `dots_figure`: the pairs with the smallest P, at most MOST_PAIRS."""
    own = pd.DataFrame(
        [(row["subgroup"], row["term"], row["p"]) for row in done.rows if row["metric"] == "patient"],
        columns=["patient_id", "feature", "p"],
    )
    told = done.values.merge(own, on=["patient_id", "feature"], how="left")
    told["meets"] = (told["p"] < 0.05).where(told["p"].notna()).astype(float)
    table = told.groupby(["feature", "group"], sort=False).agg(median=("value", "median"), share=("meets", "mean")).reset_index()
    table = table.merge(done.tests[["feature", "p", "p_adjusted"]], on="feature")
    split = table["feature"].astype(str).str.split(": ", n=1, expand=True)
    table = table.assign(direction=split[0], pair=split[1]).sort_values(["p", "pair", "direction", "group"], kind="stable")
    first = list(dict.fromkeys(table["pair"]))[:MOST_PAIRS]
    return table[table["pair"].isin(first)].reset_index(drop=True)


def _tests(done: Compared) -> list[str]:
    """Which tests stand behind the brackets, as the rows name them."""
    return sorted({str(row["test"]).partition(";")[0] for row in done.rows if row["metric"] == "rank_sum" and row["p"] is not None})


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
