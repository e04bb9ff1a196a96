"""ladder calibrate · thresholds: what a HER2 membrane's density and completeness mean."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from her2ladder.cli.context import globals_of, open_store
from her2ladder.cli.output import say, show


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(calibrate)
    app.command()(thresholds)


def calibrate(
    context: typer.Context,
    tiles: Annotated[list[Path], typer.Argument(help="Pictures of a control slide of the batch (PNG, JPEG, TIFF).")],
    expect: Annotated[str, typer.Option("--expect", help="How the control is stained: strong, weak or null.")],
    name: Annotated[str, typer.Option("--name", help="Name of the staining batch; a second control of it may follow.")],
    mpp: Annotated[float | None, typer.Option("--mpp", help="Micrometres per pixel of the tiles; default: what the files say.")] = None,
    white: Annotated[str | None, typer.Option("--white", help="Unstained glass as red,green,blue; default: from the tiles.")] = None,
) -> None:
    """Measure how strongly a batch stains and scans, on a control whose stain is known, and store it under a name.

    HER2 slides of the batch are then segmented with `--calibration NAME`.

    Example: `ladder calibrate control-1.png control-2.png --expect strong --name BATCH7 --mpp 0.25`
    """
    from her2ladder.ingest.segmentation.membranes.calibration import calibrate as measure

    row = measure(open_store(context), tiles, expect, name, mpp, _white(white))
    names = ("calibration", "expect", "control_factor", "factor", "measured_od", "n_cells", "n_used", "run")
    show([{key: row[key] for key in names}], as_json=globals_of(context).as_json)
    say(f"calibration {name}: densities are compared with thresholds times {row['factor']:.3f}")


def thresholds(
    context: typer.Context,
    null_completeness: Annotated[float | None, typer.Option("--null", help="Completeness below this: HER2null.")] = None,
    complete: Annotated[float | None, typer.Option("--complete", help="Completeness from this on: complete.")] = None,
    strong_od: Annotated[float | None, typer.Option("--strong-od", help="Membrane density from this on: strong.")] = None,
) -> None:
    """Show the thresholds that make HER2 classes of membrane numbers, or set some and class all cells again, without a pixel.

    Example: `ladder thresholds --complete 0.75`
    """
    from dataclasses import asdict, replace

    from her2ladder.ingest.segmentation.membranes.reclass import current, set_thresholds

    store, as_json = open_store(context), globals_of(context).as_json
    given = {"null_completeness": null_completeness, "complete": complete, "strong_od": strong_od}
    told = {key: value for key, value in given.items() if value is not None}
    now = current(store)
    if not told:
        show([asdict(now)], as_json=as_json)
        return
    new = replace(now, **told)
    done = set_thresholds(store, new)
    show([one.__dict__ for one in done], as_json=as_json)
    changed = [one for one in done if one.state == "changed"]
    cells = sum(one.n_changed for one in changed)
    say(f"{cells:,} cells of {len(changed)} slides changed their class" + ("; ladder features computes them anew" if changed else ""))


def _white(text: str | None) -> tuple[float, float, float] | None:
    from her2ladder.errors import InputError

    if text is None:
        return None
    try:
        red, green, blue = (float(value) for value in text.split(","))
    except ValueError:
        raise InputError(f"--white: wanted red,green,blue, found {text!r}") from None
    return red, green, blue
