"""How strong does this batch stain and scan? The factor c from tiles of a control whose stain is known.

The thresholds (0.20 stained, 0.60 strong) are those of a crisp scan. Thickness, blur and JPEG take from a thin membrane's density, a
strong reagent adds. A control says where its membranes should lie: weak in the middle between both thresholds, strong as far above the
upper one (middle of ratios: densities multiply). c is measured / expected; several controls are averaged as ratios; a null control says
how small c must not be.
source   chosen: decision 0036
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from her2ladder.errors import InputError
from her2ladder.ingest.segmentation.membranes.cells import MembraneCells, MembraneSettings, Thresholds

EXPECT = ("strong", "weak", "null")
LEAST_CELLS = 10
MOST_FACTOR, LEAST_FACTOR = 2.5, 0.25
_CONTROL_COMPLETENESS = 0.5  # a control slide holds stroma and lymphocytes too: only cells that are half surrounded speak
_NULL_SHARE = 0.95  # of a null control's cells must come out null
_ROUNDS = 8

Measure = Callable[[float], Iterable[MembraneCells]]


@dataclass(frozen=True)
class Control:
    """What one control says.

    factor      measured / expected density; for a null control the least c at which it comes out null
    measured_od median density of the membranes; for a null control of whole outlines
    """

    expect: str
    factor: float
    measured_od: float
    n_cells: int
    n_used: int


def expected_od(expect: str, settings: MembraneSettings | None = None, thresholds: Thresholds | None = None) -> float:
    """Return the density at which a control's membranes lie when c is 1."""
    low, high = (settings or MembraneSettings()).point_od, (thresholds or Thresholds()).strong_od
    ratio = float(np.sqrt(high / low))
    return high * ratio if expect == "strong" else low * ratio


def read_control(measure: Measure, expect: str, settings: MembraneSettings | None = None) -> Control:
    """Return what the tiles of a control say.

    measure   c -> the control's cells, measured with that c
    raises    InputError: too few cells, too few of them stained, or a c beyond 0.25 to 2.5
    """
    if expect not in EXPECT:
        raise InputError(f"--expect: wanted {', '.join(EXPECT)}, found {expect!r}")
    if expect == "null":
        return _null(measure, settings or MembraneSettings())
    nominal = expected_od(expect, settings)
    factor = 1.0
    for _ in range(_ROUNDS):
        cells = list(measure(factor))
        complete, od = _joined(cells)
        used = complete >= _CONTROL_COMPLETENESS
        if used.sum() < LEAST_CELLS:
            raise InputError(
                f"control tiles: wanted {LEAST_CELLS} cells or more with a {expect} membrane around at least half, found {int(used.sum())} "
                f"of {len(used)} cells: give more tiles, or check --expect and --mpp"
            )
        measured = float(np.median(od[used]))
        before, factor = factor, _checked(measured / nominal, expect)
        if abs(np.log(factor / before)) < 0.01:
            break
    return Control(expect, factor, measured, len(used), int(used.sum()))


def combined(controls: Sequence[Control]) -> float:
    """Return c from all controls of a batch: the mean ratio of the stained ones, no less than the null ones ask for.

    raises   InputError where a null control is stained as strongly as a weak membrane may be
    """
    stained = [np.log(one.factor) for one in controls if one.expect != "null"]
    floor = max((one.factor for one in controls if one.expect == "null"), default=0.0)
    factor = float(np.exp(np.mean(stained))) if stained else max(1.0, floor)
    if stained and floor > factor * float(np.sqrt(expected_od("weak") / MembraneSettings().point_od)):
        raise InputError(
            f"controls: the null control is stained up to a factor of {floor:.2f}, the stained ones ask for {factor:.2f}: "
            "weak membranes cannot be told from background on this batch"
        )
    return max(factor, floor)


def _null(measure: Measure, settings: MembraneSettings) -> Control:
    """Find the least c, by halving, at which 95 % of the cells are null."""
    thresholds = Thresholds()

    def is_null(factor: float) -> bool:
        complete, _ = _joined(list(measure(factor)))
        if len(complete) < LEAST_CELLS:
            raise InputError(f"control tiles: wanted {LEAST_CELLS} cells or more, found {len(complete)}: give more tiles, or check --mpp")
        return float((complete < thresholds.null_completeness).mean()) >= _NULL_SHARE

    cells = list(measure(1.0))
    n = sum(map(len, cells))
    mean_od = float(np.median(np.concatenate([one.mean_od for one in cells]))) if n else float("nan")
    low, high = LEAST_FACTOR, MOST_FACTOR
    if not is_null(high):
        raise InputError(
            f"control tiles: expected null, found stain at {MOST_FACTOR:g} times the usual threshold in more than 5 % of {n} cells: "
            "this is no null control"
        )
    if is_null(low):
        return Control("null", low, mean_od, n, n)
    while high / low > 1.02:
        middle = float(np.sqrt(low * high))
        low, high = (low, middle) if is_null(middle) else (middle, high)
    return Control("null", high, mean_od, n, n)


def _joined(cells: Sequence[MembraneCells]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    empty = [np.zeros(0, np.float32)]
    return (np.concatenate([*empty, *(one.completeness for one in cells)]), np.concatenate([*empty, *(one.membrane_od for one in cells)]))


def _checked(factor: float, expect: str) -> float:
    if not LEAST_FACTOR <= factor <= MOST_FACTOR:
        raise InputError(
            f"control tiles: a {expect} control with {factor:.2f} times the usual density is beyond {LEAST_FACTOR:g} to {MOST_FACTOR:g}: "
            "check --expect, the white reference and the stain vectors"
        )
    return factor
