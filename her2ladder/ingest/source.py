"""One source of cells as a command or a manifest tells it: what slide it is, and how to read it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from her2ladder.errors import InputError
from her2ladder.schema.vocabulary import MPP_PLAUSIBLE_UM


@dataclass(frozen=True)
class HowToRead:
    """Choices that hold for all sources of a command.

    outline        nucleus | cell: which outline to take of a cell that has two
    duplicates     keep | drop | refuse: what to do with nuclei that stand in a file twice
    origin         keep | shift: leave a file's origin as it is, or let the smallest x and y lie at 0
    mpp_as_given   the mpp told holds even where a file says another
    allow_pickle   read .dat files, which may run code if they are not what they seem
    """

    outline: Literal["nucleus", "cell"] = "nucleus"
    duplicates: Literal["keep", "drop", "refuse"] = "keep"
    origin: Literal["keep", "shift"] = "keep"
    mpp_as_given: bool = False
    allow_pickle: bool = False


def how_to_read(**told: Any) -> HowToRead:
    """Return choices from the command line.

    raises   InputError for a word that is none of an option's
    """
    words = {"outline": ("nucleus", "cell"), "duplicates": ("keep", "drop", "refuse"), "origin": ("keep", "shift")}
    for name, allowed in words.items():
        if name in told and told[name] not in allowed:
            raise InputError(f"--{name}: wanted one of {', '.join(allowed)}, found {told[name]!r}")
    return HowToRead(**told)


@dataclass(frozen=True)
class Defaults:
    """What the command line says for every source; a manifest's own cells come first."""

    slide_id: str | None = None
    patient_id: str | None = None
    stain: str | None = None
    mpp: str | None = None
    slide_mpp: float | None = None
    label_map: str | None = None
    format: str = "auto"
    columns: Mapping[str, str] | None = None
    width_px: int | None = None
    height_px: int | None = None
    how: HowToRead = HowToRead()


@dataclass(frozen=True)
class Source:
    """One file of cells, or folder of one slide: what slide it is, and how to read it."""

    path: Path
    slide_id: str
    patient_id: str
    stain: str
    mpp_x: float | None
    mpp_y: float | None
    slide_mpp: float | None
    label_map: str
    format: str
    columns: tuple[tuple[str, str], ...] = ()
    width_px: int | None = None
    height_px: int | None = None
    how: HowToRead = HowToRead()
    made_with: tuple[tuple[str, object], ...] = ()  # of a slide that we segmented: the network and what decides its cells
    sha256: str = ""
    fault: str = ""  # why this one cannot be read; it is quarantined and the others go on


def mpp_of(text: str | None, where: str) -> tuple[float, float]:
    """Return micrometres per pixel, x and y, from `0.25` or `0.25,0.26`.

    raises   InputError
    """
    low, high = MPP_PLAUSIBLE_UM
    if text is None or not str(text).strip():
        raise InputError(
            f"{where}: no mpp: give micrometres per pixel of the file's own coordinates (--mpp 0.25, or a manifest column mpp)"
        )
    try:
        parts = [float(part) for part in re.split(r"[,;x]", str(text))]
    except ValueError:
        parts = []
    if len(parts) not in (1, 2) or not all(low <= part <= high for part in parts):
        raise InputError(f"{where}: mpp must be {low} to {high} micrometres per pixel (x, or x,y), found {str(text)[:60]}")
    return parts[0], parts[-1]


def parse_columns(text: str) -> dict[str, str]:
    """Return {ours: theirs} from `x_px=X,y_px=Y,cell_class=type`.

    raises   InputError
    """
    pairs = [part.split("=", 1) for part in text.split(",") if part.strip()]
    if any(len(pair) != 2 or not pair[0].strip() or not pair[1].strip() for pair in pairs):
        raise InputError(f"--columns: wanted ours=theirs,ours=theirs (x_px=X,y_px=Y,cell_class=type), found {text!r}")
    return {ours.strip(): theirs.strip() for ours, theirs in pairs}
