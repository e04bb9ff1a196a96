"""ladder ingest xenium · type: in-situ sections in, and the types of their cells."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from her2ladder.cli.context import globals_of, open_store
from her2ladder.cli.output import say, say_outcome, show


def register(app: typer.Typer) -> None:
    """Add the commands of this file that stand on their own; `ingest xenium` is added by the group ingest."""
    app.command(name="type")(type_)


def xenium(
    context: typer.Context,
    bundles: Annotated[
        list[Path], typer.Argument(help="Xenium bundles (folder or .zip), AnnData files (.h5ad), or a manifest (CSV with a column path).")
    ],
    slide_id: Annotated[str | None, typer.Option("--slide-id", help="Default: the bundle's name.")] = None,
    patient: Annotated[str | None, typer.Option("--patient", help="Default: the slide.")] = None,
    outline: Annotated[str, typer.Option("--outline", help="Which outline to keep: cell or nucleus.")] = "cell",
    max_bad_share: Annotated[float, typer.Option("--max-bad-share", help="A section with more bad cells than this is refused.")] = 0.01,
    max_unmatched_share: Annotated[
        float, typer.Option("--max-unmatched-share", help="Counts are refused where more ids than this find no partner.")
    ] = 0.01,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Processes; default: one a core.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, write nothing.")] = False,
) -> None:
    """Read in-situ sections as the Xenium instrument writes them: cells, outlines and the counts of each gene.

    Example: `ladder ingest xenium output-XETG00001 --slide-id X1 --patient P1`
    """
    import os

    from her2ladder.cli.progress import Progress
    from her2ladder.ingest.source import Defaults, how_to_read
    from her2ladder.ingest.xenium.stage import ingest_xenium

    told = Defaults(slide_id=slide_id, patient_id=patient, how=how_to_read(outline=outline))
    store = open_store(context)
    with Progress("sections", "cells", keeps=True) as progress:
        done = ingest_xenium(
            store, bundles, told, max_bad_share=max_bad_share, max_unmatched_share=max_unmatched_share,
            workers=workers or os.cpu_count() or 1, dry_run=dry_run, progress=progress,
        )  # fmt: skip
    show(
        [one.row() for one in done],
        as_json=globals_of(context).as_json,
        columns=("slide_id", "patient_id", "state", "n_cells", "n_quarantined", "counts", "n_matched", "n_genes", "n_transcripts"),
    )
    for one in done:
        for note in one.cells.notes:
            say(f"note: slide {one.cells.source.slide_id}: {note}")
        if one.counts == "none" and one.reason:
            say(f"note: slide {one.cells.source.slide_id}: {one.reason}")
    counts = {state: sum(1 for one in done if one.cells.state == state) for state in ("read", "unchanged", "would read", "refused")}
    say_outcome(counts, [one.row()["reason"] for one in done if "refused" in (one.counts, one.cells.state)], "nothing to do")


def type_(
    context: typer.Context,
    slide: Annotated[str, typer.Option("--slide", help="One section, several by commas, or all.")] = "all",
    markers: Annotated[str | None, typer.Option("--markers", help="breast, or a TOML file: [types.NAME] positive, negative.")] = None,
    labels: Annotated[Path | None, typer.Option("--labels", help="CSV cell_id,label (and slide_id): types told elsewhere.")] = None,
    min_counts: Annotated[int, typer.Option("--min-counts", help="Fewest transcripts of a cell that is typed.")] = 20,
    min_genes: Annotated[int, typer.Option("--min-genes", help="Fewest genes of a cell that is typed.")] = 5,
    max_control_share: Annotated[float, typer.Option("--max-control-share", help="Largest share of control counts.")] = 0.05,
    min_area_um2: Annotated[float, typer.Option("--min-area-um2", help="Smallest area of a cell that is typed.")] = 0.0,
    min_score: Annotated[float, typer.Option("--min-score", help="Lowest score of a type; below it a cell is Unassigned.")] = 0.5,
    min_margin: Annotated[float, typer.Option("--min-margin", help="Least lead over the second best type.")] = 0.1,
) -> None:
    """Give each cell of the in-situ sections its type, by marker genes or by labels made elsewhere.

    The types become the cells' classes: maps, SQL geometry and `ladder features --stain Xenium` speak of them.

    Example: `ladder type --slide all --markers breast`
    """
    from her2ladder.errors import InputError
    from her2ladder.ingest.xenium.labels import read_labels
    from her2ladder.ingest.xenium.markers import load_markers
    from her2ladder.ingest.xenium.scoring import Quality
    from her2ladder.ingest.xenium.typing_stage import How, type_cells

    if (markers is None) == (labels is None):
        raise InputError("wanted --markers breast | FILE.toml, or --labels FILE.csv: one of the two")
    quality = Quality(min_counts, min_genes, max_control_share, min_area_um2)
    if labels is not None:
        how = How(quality, labels=read_labels(labels))
    else:
        how = How(quality, markers=load_markers(str(markers)), min_score=min_score, min_margin=min_margin)
    store = open_store(context)
    slides = () if slide == "all" else tuple(part.strip() for part in slide.split(",") if part.strip())
    done = type_cells(store, slides, how)
    rows = [{key: value for key, value in one.__dict__.items() if key != "notes"} for one in done]
    columns = ("slide_id", "n_cells", "n_typed", "n_unassigned", "n_low_quality", "n_unmatched")
    show(rows, as_json=globals_of(context).as_json, columns=columns)
    for note in dict.fromkeys(note for one in done for note in one.notes):
        say(f"note: {note}")
    refused = [one.reason for one in done if one.reason]
    say_outcome({"typed": len(done) - len(refused), "refused": len(refused)}, refused, "no section has a label")
