"""The stage of `ladder calibrate`: a control of a staining batch in, the batch's factor c stored under its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from her2ladder.errors import InputError, MissingError
from her2ladder.ingest.segmentation.membranes.cells import MembraneCells, MembraneSettings
from her2ladder.ingest.segmentation.membranes.colour import white_of
from her2ladder.ingest.segmentation.membranes.control import Control, combined, read_control
from her2ladder.ingest.segmentation.membranes.pictures import mpp_of_picture, read_picture
from her2ladder.ingest.segmentation.membranes.tile import segment_tile
from her2ladder.ingest.tables import check_id, source_hash
from her2ladder.queries.run import run, to_json
from her2ladder.schema.store import Store
from her2ladder.schema.tables import CALIBRATION_CONTROL
from her2ladder.schema.vocabulary import MPP_PLAUSIBLE_UM

_CONTROLS = """
SELECT expect, control_factor, measured_od, n_cells, n_used FROM calibration_control
WHERE calibration = ? QUALIFY row_number() OVER (PARTITION BY expect ORDER BY run DESC) = 1 ORDER BY expect"""


def calibrate(
    store: Store,
    tiles: Sequence[Path],
    expect: str,
    name: str,
    mpp: float | None = None,
    white: tuple[float, float, float] | None = None,
    settings: MembraneSettings | None = None,
) -> dict[str, Any]:
    """Measure a control and store the factor that the batch has now, with its other controls; return the row.

    tiles    pictures of one control slide of the batch
    expect   strong, weak or null: how the control is stained; a second control of that kind takes the first one's place
    mpp      micrometres per pixel of the tiles; None: what they say themselves
    white    brightness of unstained glass; None: from all tiles together
    raises   InputError: a picture that cannot be read, a control that says nothing (see read_control)
    """
    told = settings or MembraneSettings()
    check_id(name, "calibration", "--name")
    pictures = [read_picture(path) for path in tiles]
    scale = _mpp(tiles, mpp)
    glass = _white(pictures, white)

    def measure(factor: float) -> list[MembraneCells]:
        return [segment_tile(picture, scale, glass, factor, told) for picture in pictures]

    control = read_control(measure, expect, told)
    with store.reading() as con:
        others = [Control(*row) for row in con.execute(_CONTROLS, [name]).fetchall() if row[0] != expect]
    row = {
        "calibration": name,
        "expect": expect,
        "control_factor": control.factor,
        "factor": combined([*others, control]),
        "measured_od": control.measured_od,
        "n_cells": control.n_cells,
        "n_used": control.n_used,
        "mpp": scale,
        "white": to_json([round(value, 2) for value in glass.tolist()]),
        "parameters": to_json(asdict(told)),
    }
    with run(store, "calibrate", {"name": name, "expect": expect, "mpp": scale, "tiles": [path.name for path in tiles]}) as this:
        for path in tiles:
            this.inputs |= source_hash(path)
        this.append(CALIBRATION_CONTROL, [row])
    return {**row, "run": this.id}


def factor_of(store: Store, name: str) -> float:
    """Return the factor c of a calibration.

    raises   MissingError naming those that there are
    """
    with store.reading() as con:
        known = dict(con.sql("SELECT calibration, factor FROM calibration ORDER BY calibration").fetchall())
    if name not in known:
        raise MissingError(f"no calibration called {name!r}; there is {', '.join(known) or 'none'}: ladder calibrate TILE… --name {name}")
    return float(known[name])


def _mpp(tiles: Sequence[Path], told: float | None) -> float:
    if told is not None:
        if not MPP_PLAUSIBLE_UM[0] <= told <= MPP_PLAUSIBLE_UM[1]:
            raise InputError(f"--mpp: wanted {MPP_PLAUSIBLE_UM[0]} to {MPP_PLAUSIBLE_UM[1]} micrometres per pixel, found {told:g}")
        return told
    said = {path: mpp_of_picture(path) for path in tiles}
    for path, value in said.items():
        if value is None:
            raise InputError(f"{path}: does not say its micrometres per pixel: give them with --mpp")
    low, high = min(filter(None, said.values())), max(filter(None, said.values()))
    if high / low > 1.02:
        raise InputError(f"control tiles: wanted one scale, found {low:g} to {high:g} um/px: calibrate on tiles of one scan, or say --mpp")
    return low


def _white(pictures: Sequence[NDArray[np.uint8]], told: tuple[float, float, float] | None) -> NDArray[np.float64]:
    if told is not None:
        if not all(100 <= value <= 255 for value in told):
            raise InputError(f"--white: wanted red,green,blue between 100 and 255, found {','.join(f'{value:g}' for value in told)}")
        return np.array(told, dtype=np.float64)
    return np.asarray(np.max([white_of(picture) for picture in pictures], axis=0))
