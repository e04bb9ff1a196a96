"""ladder ingest cells · regions · xenium · clinical · scores · features: everything that enters the store."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from her2ladder.cli.context import globals_of, open_store
from her2ladder.cli.output import say, say_outcome, show
from her2ladder.cli.regions import regions
from her2ladder.cli.xenium import xenium

if TYPE_CHECKING:
    from her2ladder.ingest.cells import Ingested

MAX_NOTES = 20


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    group = typer.Typer(no_args_is_help=True, help="Bring cells, clinical tables, scores and feature tables into the store.")
    for command in (cells, regions, xenium, clinical, scores, features):
        group.command()(command)
    app.add_typer(group, name="ingest")


def cells(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="Files of cells, or manifests (CSV or TSV with a column path).")],
    stain: Annotated[str | None, typer.Option("--stain", help="HE, HER2, or a name of a vocabulary.")] = None,
    slide_id: Annotated[str | None, typer.Option("--slide-id", help="Default: the file's name.")] = None,
    patient: Annotated[str | None, typer.Option("--patient", help="Default: the TCGA patient in the slide's name, else the slide.")] = None,
    mpp: Annotated[str | None, typer.Option("--mpp", help="Micrometres per pixel of the file's own coordinates: 0.25, or x,y.")] = None,
    slide_mpp: Annotated[float | None, typer.Option("--slide-mpp", help="Micrometres per pixel of the slide's level 0.")] = None,
    label_map: Annotated[str | None, typer.Option("--label-map", help="Preset or TOML file; default: the labels are the classes.")] = None,
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            help="auto (says what it found and why), or hovernet, qupath, cellvit, tiatoolbox, hovernext, instanseg, stardist, mat, spatialdata, table.",
        ),
    ] = "auto",
    columns: Annotated[
        str | None, typer.Option("--columns", help="Point tables: x_px=X,y_px=Y,cell_class=type; x_um, y_um where X and Y are micrometres")
    ] = None,
    width_px: Annotated[int | None, typer.Option("--width-px", help="Width of the slide; cells outside are left out.")] = None,
    height_px: Annotated[int | None, typer.Option("--height-px", help="Height of the slide.")] = None,
    max_bad_share: Annotated[float, typer.Option("--max-bad-share", help="A slide with more bad cells than this is refused.")] = 0.01,
    duplicates: Annotated[
        str, typer.Option("--duplicates", help="Nuclei that stand in a file twice: keep and count them, drop them, or refuse the slide.")
    ] = "keep",
    outline: Annotated[
        str, typer.Option("--outline", help="Of a QuPath cell with two outlines: nucleus or cell; the centroid is that outline's.")
    ] = "nucleus",
    origin: Annotated[
        str,
        typer.Option("--origin", help="Coordinates left of 0 or far from it: keep them, or shift the slide so that it begins at 0."),
    ] = "keep",
    mpp_as_given: Annotated[bool, typer.Option("--mpp-as-given", help="Take --mpp even where the file says otherwise.")] = False,
    allow_pickle: Annotated[bool, typer.Option("--allow-pickle", help="Read TIAToolbox's .dat files: arrays and numbers alone.")] = False,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Processes; default: one a core.")] = None,
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", metavar="ADDRESS", help="dask scheduler, tcp://host:port; its workers see the same paths.")
    ] = None,
    part: Annotated[
        str | None, typer.Option("--part", metavar="I/N", help="The I-th of N jobs that share the slides; one publish, at the end.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, write nothing.")] = False,
) -> None:
    """Read segmented cells into the store; what is there already is not read again.

    Example: `ladder ingest cells slides/*.json --stain HE --mpp 0.25 --label-map nucls`
    """
    import os

    from her2ladder.cli.progress import Progress
    from her2ladder.ingest.cells import ingest_cells
    from her2ladder.ingest.source import Defaults, how_to_read, parse_columns
    from her2ladder.queries.fan_out import part_of

    told = Defaults(
        slide_id=slide_id,
        patient_id=patient,
        stain=stain,
        mpp=mpp,
        slide_mpp=slide_mpp,
        label_map=label_map,
        format=format_,
        columns=parse_columns(columns) if columns else None,
        width_px=width_px,
        height_px=height_px,
        how=how_to_read(outline=outline, duplicates=duplicates, origin=origin, mpp_as_given=mpp_as_given, allow_pickle=allow_pickle),
    )
    store = open_store(context)
    with Progress("slides", "cells", keeps=True) as progress:
        done = ingest_cells(
            store,
            paths,
            told,
            workers=workers or os.cpu_count() or 1,
            scheduler=scheduler,
            part=part_of(part) if part else None,
            max_bad_share=max_bad_share,
            dry_run=dry_run,
            progress=progress,
        )
    show(
        [row.row() for row in done],
        as_json=globals_of(context).as_json,
        columns=("slide_id", "stain", "patient_id", "state", "n_cells", "n_quarantined", "reason"),
    )
    _say_formats(done)
    counts = {state: sum(1 for row in done if row.state == state) for state in ("read", "unchanged", "would read", "refused")}
    say_outcome(counts, [row.reason for row in done if row.state == "refused"], "nothing to do")


def _say_formats(done: Sequence[Ingested]) -> None:
    """What each file was taken for and why, and what was done to its records: the same for many slides is said once."""
    from collections import Counter

    for (name, why), n in Counter((one.format, one.why) for one in done if one.state == "read").items():
        say(f"{n} {'file' if n == 1 else 'files'} read as {name}: {why}")
    notes = [f"note: slide {one.source.slide_id}: {note}" for one in done for note in one.notes]
    for note in notes[:MAX_NOTES]:
        say(note)
    if len(notes) > MAX_NOTES:
        say(f"… and {len(notes) - MAX_NOTES} more notes: --json lists them all")


def clinical(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV, TSV, Parquet or XLSX; patient_id and cohort are required.")],
    map_: Annotated[Path | None, typer.Option("--map", help="TOML column map: [columns] ours = 'theirs', [values.COLUMN], extra.")] = None,
    supersede: Annotated[bool, typer.Option("--supersede", help="Let patients move to another cohort.")] = False,
    draft_map: Annotated[
        Path | None, typer.Option("--draft-map", metavar="MAP.toml", help="Write a commented starter of the map, and read nothing in.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the table, write nothing.")] = False,
    match_ids: Annotated[
        str | None,
        typer.Option(
            "--match-ids", metavar="RULE[,…]", help="case, zeros, separators, prefix: what to leave aside when ids are matched to slides."
        ),
    ] = None,
    pseudonymise: Annotated[
        bool,
        typer.Option(
            "--pseudonymise", help="Store a keyed hash of each id; key and who is who go into FILE.pseudonyms.toml, beside the table."
        ),
    ] = False,
) -> None:
    """Read a clinical table: checked whole, written whole or not at all.

    A table that nobody has mapped: `--draft-map map.toml` writes what each column seems to be; read and mend it, then `--map map.toml`.

    Example: `ladder ingest clinical clinical.csv --map columns.toml`
    """
    from dataclasses import asdict

    from her2ladder.errors import TableError
    from her2ladder.ingest.clinical import ingest_clinical

    if draft_map is not None:
        _draft(file, map_, draft_map)
        return
    try:
        done = ingest_clinical(
            open_store(context), file, map_, supersede=supersede, dry_run=dry_run, match_ids=match_ids, pseudonymise=pseudonymise
        )
    except TableError as error:
        _show_faults(error.faults, as_json=globals_of(context).as_json)
        raise
    if globals_of(context).as_json:
        show([asdict(done)], as_json=True)
    else:
        show([{"cohort": cohort, "patients": n} for cohort, n in sorted(done.cohorts.items())], as_json=False)
    for reason, n in sorted(done.excluded.items()):
        say(f"left out of analyses: {n} ({reason})")
    if dry_run:
        say(f"{done.n_patients} patients would go in; nothing was written")
    else:
        say(f"{done.n_patients} patients; {done.n_with_slides} of them have slides in the store")
    if done.n_with_slides:
        _list("patients without slides", done.without_slides)
    _list("slides of patients that no clinical table names", done.slides_without_row)
    for note in done.notes:
        say(f"note: {note}")


def _draft(file: Path, map_: Path | None, target: Path) -> None:
    from her2ladder.errors import InputError
    from her2ladder.ingest.column_map import load_map
    from her2ladder.ingest.draft_map import draft_map
    from her2ladder.ingest.tables import read_table

    if target.exists():
        raise InputError(f"{target}: wanted a new file for the draft, found one that is there")
    told, notes = load_map(map_), list[str]()
    frame = read_table(file, told.sheet, encoding=told.encoding, notes=notes)
    target.write_text(draft_map(frame, file), encoding="utf-8")
    for note in notes:
        say(f"note: {note}")
    say(f"draft of a column map in {target}; read and mend it, then: ladder ingest clinical {file} --map {target}")


def scores(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Table with patient_id, score.")],
    name: Annotated[str, typer.Option("--name", help="Name of the score.")],
    predicts: Annotated[str, typer.Option("--predicts", help="What a high score predicts: residual or pcr.")] = "residual",
) -> None:
    """Read scores that were made elsewhere.

    Example: `ladder ingest scores scores.csv --name rival --predicts pcr`
    """
    from her2ladder.ingest.made_elsewhere import ingest_scores

    _imported(context, ingest_scores(open_store(context), file, name, predicts))


def features(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Table with patient_id and numeric columns.")],
    name: Annotated[str, typer.Option("--name", help="Name of the feature set.")],
) -> None:
    """Read a feature table that was made elsewhere.

    Example: `ladder ingest features features.csv --name impress`
    """
    from her2ladder.ingest.made_elsewhere import ingest_features

    _imported(context, ingest_features(open_store(context), file, name))


def _imported(context: typer.Context, done: object) -> None:
    from her2ladder.ingest.made_elsewhere import ImportSummary

    assert isinstance(done, ImportSummary)
    row = {key: value for key, value in done.__dict__.items() if key not in ("unknown", "note")}
    show(
        [{**row, "unknown": done.unknown, "note": done.note}] if globals_of(context).as_json else [row], as_json=globals_of(context).as_json
    )
    say(f"{done.n_patients} patients; {done.n_known} of them are in a clinical table")
    _list("patients that no clinical table names", done.unknown)
    if done.note:
        say(done.note)


def _list(what: str, ids: list[str]) -> None:
    if ids:
        more = f" … ({len(ids) - 10} more)" if len(ids) > 10 else ""
        say(f"{what}: {len(ids)}: {', '.join(ids[:10])}{more}")


def _show_faults(faults: Sequence[Mapping[str, object]], *, as_json: bool) -> None:
    """Print the faults of a table: rows for machines on stdout; for people on stderr, since stdout is for data, and where the line that follows
    cannot tell them all."""
    from her2ladder.ingest.clinical import MOST_FAULTS

    if as_json:
        show(faults, as_json=True)
    elif len(faults) > MOST_FAULTS:
        with contextlib.redirect_stdout(sys.stderr):
            show(faults, as_json=False)
