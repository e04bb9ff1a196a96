"""ladder expression …: what in-situ sections say of groups of patients."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from her2ladder.cli.context import globals_of, open_store
from her2ladder.cli.output import say, show

if TYPE_CHECKING:
    from her2ladder.analytics.expression.design import Compared, Design
    from her2ladder.schema.store import Store

Between = Annotated[str, typer.Option("--between", metavar="COLUMN", help="band, or a covariate of the patients.")]
Pair = Annotated[str | None, typer.Option("--pair", help="A,B: the two groups; default High,Low, or a covariate's only two.")]
Score = Annotated[str | None, typer.Option("--score", metavar="NAME", help="Score whose bands are meant; default the only one.")]
Cohort = Annotated[str | None, typer.Option("--cohort", help="Cohorts or roles, comma-separated; default all with sections.")]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="Folder for figures and tables.")]
Types = Annotated[str | None, typer.Option("--type", help="Cell types, comma-separated; default all.")]


def register(app: typer.Typer) -> None:
    """Add the group of this file."""
    group = typer.Typer(no_args_is_help=True, help="Compare in-situ sections between groups of patients; the patient is the unit.")
    for command in (qc, composition, de, subtypes, pathways, interactions):
        group.command()(command)
    app.add_typer(group, name="expression")


def qc(
    context: typer.Context,
    min_counts: Annotated[int, typer.Option("--min-counts", help="Fewest transcripts of a cell.")] = 20,
    min_genes: Annotated[int, typer.Option("--min-genes", help="Fewest genes of a cell.")] = 5,
    max_control_share: Annotated[float, typer.Option("--max-control-share", help="Largest share of control counts.")] = 0.05,
    min_area_um2: Annotated[float, typer.Option("--min-area-um2", help="Smallest area of a cell.")] = 0.0,
) -> None:
    """Count the cells of each in-situ section that pass quality control, and why the others do not.

    Example: `ladder expression qc --min-counts 20`
    """
    from her2ladder.analytics.expression.qc import quality

    done = quality(open_store(context), min_counts, min_genes, max_control_share, min_area_um2)
    as_json = globals_of(context).as_json
    show(done.rows if as_json else done.sections, as_json=as_json)
    say(f"run {done.run}: {len(done.rows)} rows")


def composition(
    context: typer.Context,
    between: Between = "band",
    pair: Pair = None,
    score: Score = None,
    cohort: Cohort = None,
    of: Annotated[str | None, typer.Option("--of", metavar="TYPE", help="Only cells near a cell of this type.")] = None,
    within: Annotated[float, typer.Option("--within", metavar="UM", help="How near, micrometres, exclusive.")] = 30.0,
    output: Output = None,
) -> None:
    """Compare the shares of cell types between groups of patients, in whole sections or near cells of a type.

    Example: `ladder expression composition --between hr_status --of Neutro --within 30`
    """
    from her2ladder.analytics.expression.composition import composition as stage

    store = open_store(context)
    _compared(context, stage(store, _chosen(store, cohort), _asked(between, pair, score), near=of, radius_um=within), "composition", output)


def de(
    context: typer.Context,
    between: Between = "band",
    pair: Pair = None,
    score: Score = None,
    cohort: Cohort = None,
    types: Types = None,
    min_cells: Annotated[int, typer.Option("--min-cells", help="A patient with fewer cells of a type is left out of it.")] = 20,
    output: Output = None,
) -> None:
    """Find the genes that differ between groups within a cell type: counts summed per patient, then PyDESeq2.

    Example: `ladder expression de --between hr_status --type Tumour`
    """
    from her2ladder.analytics.expression.de import differential

    store = open_store(context)
    done = differential(store, _chosen(store, cohort), _asked(between, pair, score), types=_names(types), min_cells=min_cells)
    table = done.table.sort_values(["p", "gene"], kind="stable")
    _shown(context, done.rows, table[["type", "gene", "log2_fold_change", "p", "p_adjusted", "n_a", "n_b"]].to_dict("records"))
    _talk(done.design, done.run, len(done.rows), done.notes)
    if output is not None:
        from her2ladder.analytics.expression.files import export_genes

        _wrote(export_genes(done, output))


def subtypes(
    context: typer.Context,
    between: Between = "band",
    pair: Pair = None,
    score: Score = None,
    cohort: Cohort = None,
    cell_type: Annotated[str, typer.Option("--type", help="Type of the cells that have a subtype.")] = "Tumour",
    centroids: Annotated[Path | None, typer.Option("--centroids", help="CSV gene,SUBTYPE,…; default PAM50 (Parker et al. 2009).")] = None,
    centre: Annotated[str, typer.Option("--centre", help="Median of each gene taken off: over cohort, slide, or none.")] = "cohort",
    output: Output = None,
) -> None:
    """Give each tumour cell its intrinsic subtype, and compare the shares between groups; for research only.

    Example: `ladder expression subtypes --between hr_status`
    """
    from her2ladder.analytics.expression.subtypes import subtypes as stage

    store = open_store(context)
    done = stage(store, _chosen(store, cohort), _asked(between, pair, score), cell_type=cell_type, centroids=centroids, centre=centre)
    _compared(context, done, "subtypes", output)


def pathways(
    context: typer.Context,
    between: Between = "band",
    pair: Pair = None,
    score: Score = None,
    cohort: Cohort = None,
    types: Types = None,
    gene_sets: Annotated[Path | None, typer.Option("--gene-sets", help="GMT file; default Reactome of October 2021.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the permutations.")] = 1,
    output: Output = None,
) -> None:
    """Find the pathways of the genes that differ, with the panel as background.

    Example: `ladder expression pathways --between hr_status --type Neutro`
    """
    from her2ladder.analytics.expression.pathways import pathways as stage

    store = open_store(context)
    done = stage(store, _chosen(store, cohort), _asked(between, pair, score), types=_names(types), gene_sets=gene_sets, seed=seed)
    table = done.table.sort_values(["p_adjusted", "pathway"], kind="stable")
    _shown(context, done.rows, table[["type", "pathway", "method", "value", "p", "p_adjusted", "n_panel", "n_hits"]].to_dict("records"))
    _talk(done.design, done.run, len(done.rows), done.notes)
    if output is not None:
        from her2ladder.analytics.expression.files import export_pathways

        _wrote(export_pathways(done, output))


def interactions(
    context: typer.Context,
    pairs: Annotated[
        str,
        typer.Option("--pairs", help="immune (a table of ours), liana (where that package is installed), or a CSV with ligand, receptor."),
    ] = "immune",
    senders: Annotated[str, typer.Option("--senders", help="Cell types that have the ligand.")] = "Neutro,DC,B",
    receivers: Annotated[str, typer.Option("--receivers", help="Cell types that have the receptor.")] = "Th",
    between: Between = "band",
    pair: Pair = None,
    score: Score = None,
    cohort: Cohort = None,
    within: Annotated[float, typer.Option("--within", metavar="UM", help="How near, micrometres, exclusive.")] = 30.0,
    permutations: Annotated[int, typer.Option("--permutations", min=1, help="Shufflings of each section.")] = 1000,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the shuffling.")] = 1,
    output: Output = None,
) -> None:
    """Compare ligand-receptor pairs of neighbouring cells between groups, against shuffled positions.

    Example: `ladder expression interactions --senders Neutro,DC,B --receivers Th --between hr_status`
    """
    from her2ladder.analytics.expression.interactions import interactions as stage

    store = open_store(context)
    done = stage(
        store, _chosen(store, cohort), _asked(between, pair, score), pairs=pairs, senders=_names(senders), receivers=_names(receivers),
        radius_um=within, permutations=permutations, seed=seed,
    )  # fmt: skip
    _compared(context, done, "interactions", output)


def _asked(between: str, pair: str | None, score: str | None) -> Any:
    from her2ladder.analytics.expression.design import Asked

    return Asked(between, pair, score)


def _chosen(store: Store, cohort: str | None) -> Any:
    from her2ladder.analytics.cohort.selection import selection

    return selection(cohort, None, store)


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip()) if text else ()


def _compared(context: typer.Context, done: Compared, name: str, output: Path | None) -> None:
    medians = {(row["subgroup"], row["term"]): row["value"] for row in done.rows if row["metric"] == "median"}
    a, b = done.design.a, done.design.b
    lines = [
        {
            "feature": row["term"], f"median {a}": medians.get((a, row["term"])), f"median {b}": medians.get((b, row["term"])),
            "rank-biserial": row["value"], "p": row["p"], "p (Benjamini-Hochberg)": row["p_adjusted"], "n": row["n"],
        }
        for row in done.rows
        if row["metric"] == "rank_sum"
    ]  # fmt: skip
    _shown(context, done.rows, lines)
    _talk(done.design, done.run, len(done.rows), done.notes)
    if output is not None:
        from her2ladder.analytics.expression.files import export_compared

        _wrote(export_compared(done, name, output))


def _shown(context: typer.Context, rows: list[dict[str, Any]], lines: list[dict[str, Any]]) -> None:
    as_json = globals_of(context).as_json
    show(rows if as_json else lines, as_json=as_json)


def _talk(who: Design, run: str, n_rows: int, notes: tuple[str, ...]) -> None:
    for note in notes:
        say(f"note: {note}")
    sizes = f"{len(who.of(who.a))} patients of {who.a} against {len(who.of(who.b))} of {who.b}"
    say(f"{sizes}; a patient is one value, whatever her number of cells; run {run}: {n_rows} rows")


def _wrote(paths: list[Path]) -> None:
    for path in paths:
        say(f"wrote {path}")
