"""ladder slides · segment: from pixels to cells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from her2ladder.cli.context import globals_of, open_store
from her2ladder.cli.output import say, say_outcome, show

if TYPE_CHECKING:
    from her2ladder.ingest.segmentation.asked import Segmented

DEMONSTRATION = (
    "cells of the default network, which was trained on ten patches: good for a demonstration and for trying out, not for a study. "
    "HoVer-Net's checkpoints are read by --checkpoint (docs/segmentation.md)"
)


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(slides)
    app.command()(segment)


def slides(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="Slides that OpenSlide reads, or TIFF, PNG and JPEG images.")],
) -> None:
    """Say what is on slides: size, levels, micrometres per pixel, tissue, and what segmentation would miss.

    Example: `ladder slides scans/*.svs`
    """
    from her2ladder.ingest.segmentation.slides.look import look_at

    rows = [look_at(path) for path in paths]
    names = ("file", "vendor", "width_px", "height_px", "levels", "mpp_x", "mpp_y", "objective", "tissue_mm2", "missing")
    show(rows, as_json=globals_of(context).as_json, columns=names)
    unread = [str(row["missing"]) for row in rows if not row["readable"]]
    say_outcome({"read": len(rows) - len(unread), "not readable": len(unread)}, unread, "no slides")


def segment(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="Slides, or TIFF, PNG and JPEG images (with --mpp).")],
    stain: Annotated[str, typer.Option("--stain", help="HE or HER2.")],
    patient: Annotated[str | None, typer.Option("--patient", help="Default: the TCGA patient in the slide's name, else the slide.")] = None,
    slide_id: Annotated[str | None, typer.Option("--slide-id", help="Default: the file's name.")] = None,
    mpp: Annotated[
        str | None, typer.Option("--mpp", help="Micrometres per pixel of level 0, where the slide says none: 0.25, or x,y.")
    ] = None,
    mpp_as_given: Annotated[bool, typer.Option("--mpp-as-given", help="Take --mpp even where the slide says another.")] = False,
    model: Annotated[
        str, typer.Option("--model", help="default: the small network that comes along; else name a --checkpoint.")
    ] = "default",
    checkpoint: Annotated[Path | None, typer.Option("--checkpoint", help="A HoVer-Net checkpoint (.tar, .pth).")] = None,
    label_map: Annotated[
        str | None, typer.Option("--label-map", help="What the checkpoint's types are: pannuke, monusac, consep, a file.")
    ] = None,
    fuse: Annotated[Path | None, typer.Option("--fuse", help="A second checkpoint, whose immune cells displace the first's.")] = None,
    fuse_label_map: Annotated[str | None, typer.Option("--fuse-label-map", help="What the second checkpoint's types are.")] = None,
    preset: Annotated[str, typer.Option("--preset", help="Post-processing: hovernet, or scmtop as sc-MTOP's copy has it.")] = "hovernet",
    calibration: Annotated[str | None, typer.Option("--calibration", help="HER2: the staining batch's calibration, by name.")] = None,
    roi: Annotated[str | None, typer.Option("--roi", help="Only this box: x,y,width,height in pixels of level 0.")] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")] = "auto",
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Processes; default: one a core.")] = None,
) -> None:
    """Find the cells of slides and write them into the store; a run that was killed goes on where it was.

    Example: `ladder segment scan.svs --stain HE --patient P1 --checkpoint hovernet_fast_pannuke_type_tf2pytorch.tar --label-map pannuke`
    """
    import os

    from her2ladder.cli.progress import Progress
    from her2ladder.errors import InputError
    from her2ladder.ingest.plan import patient_of
    from her2ladder.ingest.segmentation.asked import Asked, Options
    from her2ladder.ingest.segmentation.slides.grid import parse_roi
    from her2ladder.ingest.segmentation.stage import segment_slides
    from her2ladder.ingest.source import mpp_of

    if model != "default":
        raise InputError(f"--model: wanted default, found {model!r}: name a network of your own by --checkpoint")
    if len(paths) > 1 and (slide_id or roi):
        raise InputError(f"--slide-id and --roi are of one slide, found {len(paths)} files: name one at a time")
    asked = [Asked(path, name, patient_of(name, patient, str(path))) for path in paths for name in [slide_id or _name(path)]]
    if len({one.slide_id for one in asked}) < len(asked):
        raise InputError("two of the files have the same name, which would be the same slide: name one at a time, with --slide-id")
    options = Options(
        stain=stain,
        checkpoint=checkpoint,
        label_map=label_map,
        fuse=fuse,
        fuse_label_map=fuse_label_map,
        preset=preset,
        calibration=calibration,
        roi=parse_roi(roi) if roi else None,
        mpp=mpp_of(mpp, "--mpp") if mpp else None,
        mpp_as_given=mpp_as_given,
        device=device,
    )
    store = open_store(context)
    with Progress("tiles", "cells", keeps=True) as progress:
        done = segment_slides(store, asked, options, workers=workers or os.cpu_count() or 1, progress=progress)
    names = ("slide_id", "stain", "patient_id", "state", "n_cells", "n_tiles", "seconds", "reason")
    show([one.row() for one in done], as_json=globals_of(context).as_json, columns=names)
    _say(done, is_default=checkpoint is None and stain == "HE")
    counts = {state: sum(1 for one in done if one.outcome.state == state) for state in ("read", "unchanged", "refused")}
    counts = {"segmented" if state == "read" else state: n for state, n in counts.items()}
    say_outcome(counts, [one.outcome.reason for one in done if one.outcome.state == "refused"], "nothing to do")


def _name(path: Path) -> str:
    """The slide's id from its file: without the last ending (and without `.ome` before it)."""
    return path.stem.removesuffix(".ome")


def _say(done: list[Segmented], *, is_default: bool) -> None:
    for one in done:
        for note in one.outcome.notes:
            say(note if note.startswith("warning") else f"note: slide {one.outcome.source.slide_id}: {note}")
        if one.flags:
            told = ", ".join(f"{n} {flag.replace('_', ' ')}" for flag, n in sorted(one.flags.items()))
            say(f"note: slide {one.outcome.source.slide_id}: of {one.n_tiles} tiles {told} (view tile_quality)")
    if is_default and any(one.outcome.state == "read" for one in done):
        say(DEMONSTRATION)
