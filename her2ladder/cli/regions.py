"""ladder ingest regions: what a pathologist drew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from her2ladder.cli.context import globals_of, open_store
from her2ladder.cli.output import say, show


def regions(
    context: typer.Context,
    files: Annotated[
        list[Path], typer.Argument(help="QuPath GeoJSON, ImageScope or ASAP XML, GeoPackage, Shapefile, FlatGeobuf, GeoParquet.")
    ],
    slide_id: Annotated[str, typer.Option("--slide-id", help="The slide they were drawn on; its cells are in the store.")],
    stain: Annotated[str | None, typer.Option("--stain", help="Needed where the slide has several.")] = None,
    map_file: Annotated[
        Path | None, typer.Option("--map", help='TOML: [labels] "word" = "class" or "drop"; exclude = […]; [columns].')
    ] = None,
    mpp: Annotated[float | None, typer.Option("--mpp", help="Micrometres per pixel of the drawing; default: level 0 of the slide.")] = None,
    margin: Annotated[
        list[str] | None,
        typer.Option("--margin", metavar="CLASS:UM", help="Bands along the border of a class: core, inner and outer margin."),
    ] = None,
) -> None:
    """Read the regions drawn on a slide and find the cells in each; they take the place of the slide's earlier regions.

    Example: `ladder ingest regions annotations.geojson --slide-id P1_HE --margin Tumour:500`
    """
    from her2ladder.ingest.regions.margins import parse_margin
    from her2ladder.ingest.regions.stage import ingest_regions

    done = ingest_regions(
        open_store(context), files, slide_id, stain=stain, map_file=map_file, mpp=mpp, margins=[parse_margin(one) for one in margin or ()]
    )
    show([done.row()], as_json=globals_of(context).as_json)
    for file, record, reason in done.bad[:10]:
        say(f"not read: {file}: {record}: {reason}")
    if len(done.bad) > 10:
        say(f"not read: {len(done.bad) - 10} more: ladder sql 'FROM quarantine'")
    for note in done.notes:
        say(f"note: {note}")
