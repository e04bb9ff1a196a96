"""ladder labels: what a file of cells calls its cells, before any of it enters a store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from her2ladder.cli.context import globals_of
from her2ladder.cli.output import say, show


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(labels)


def labels(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files of cells, of any format.")],
    format_: Annotated[str, typer.Option("--format", help="auto, or a format as `ladder ingest cells` names them.")] = "auto",
    columns: Annotated[str | None, typer.Option("--columns", help="Tables: cell_class=TYPE,x_px=X,y_px=Y")] = None,
    allow_pickle: Annotated[bool, typer.Option("--allow-pickle", help="Read TIAToolbox's .dat files: arrays and numbers alone.")] = False,
) -> None:
    """Show the labels of files with their counts, and what each preset label map would make of them.

    An empty place is a label that the preset does not know: the file would be refused. Nothing is written, no store is needed.

    Example: `ladder labels slides/S1.json`
    """
    from her2ladder.ingest.label_counts import count_labels
    from her2ladder.ingest.source import parse_columns
    from her2ladder.schema.labels import NO_LABEL

    told = parse_columns(columns) if columns else None
    found = [count_labels(path, format_, told, allow_pickle=allow_pickle) for path in paths]
    known = list(dict.fromkeys(one.name for counts in found for one in counts.presets))
    rows = []
    for one in found:
        maps = {preset.name: preset for preset in one.presets}
        for label, n in one.counts.most_common():
            row = {"file": one.path.name, "label": label, "n_cells": n}
            row |= {name: one.as_class(label, maps[name]) if name in maps else None for name in known}
            rows.append(row)
    show(rows, as_json=globals_of(context).as_json)
    for one in found:
        bad = f"; {one.n_bad:,} records cannot be read as cells" if one.n_bad else ""
        fits = (
            f"--label-map {' or '.join(one.fitting)} knows every label"
            if one.fitting
            else "no preset knows every label: write a map (TOML)"
        )
        say(f"{one.path}: {one.format} ({one.why}), {one.counts.total():,} cells: {fits}{bad}")
        if NO_LABEL in one.counts and not one.fitting:
            say(f'{one.path}: {one.counts[NO_LABEL]:,} cells have no label: the line "" = "Other" under [labels] keeps them')
