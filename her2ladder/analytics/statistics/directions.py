"""Clinical rivals of the score and the direction each is read in, fixed before any data is seen.

Every rival is turned so that high means residual disease; an AUC below 0.5 then says that the direction does not hold in this cohort
and is reported as it is. Ordinal and binary variables enter as numbers (midranks make their spacing irrelevant).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from her2ladder.errors import InputError


@dataclass(frozen=True, slots=True)
class Direction:
    """How one clinical variable is turned toward residual disease; `rule` is printed with every result."""

    variable: str
    rule: str
    value: Callable[[object], float]


def stage_ordinal(stage: object) -> float:
    """Return the clinical stage as a number that orders stages: IA < IB < IIA < IIB < IIIA < IIIB < IIIC < IV.

    stage    `IIA`, `2a`, `Stage IIIC`, `cII`, 3, … ; a stage without a letter stands in the middle of its lettered ones
             (II between IIA and IIB: *chosen*, it is as likely either)
    raises   InputError for anything else
    """
    text = re.sub(r"^(CLINICAL|STAGE|[CP](?=[I0-4]))+", "", re.sub(r"[\s_.-]", "", str(stage).upper().removesuffix(".0")))
    found = re.fullmatch(r"(IV|III|II|I|[0-4])([A-C]?)", text)
    number = _NUMERALS.get(found[1]) if found else None
    offset = _LETTERS.get(number or 0, {}).get(found[2]) if found else None
    if number is None or offset is None:
        raise InputError(f"stage: wanted 0, I, IA, IB, II, IIA, IIB, III, IIIA, IIIB, IIIC or IV (or 0-4), found {stage!r}")
    return number + offset


def rival_values(variable: str, values: Sequence[object]) -> NDArray[np.float64]:
    """Return a clinical variable turned toward residual disease, NaN where it is missing (None, NaN or empty).

    variable  a name in DIRECTIONS
    raises    InputError for a variable without a fixed direction or a value outside its vocabulary (row named)
    """
    if variable not in DIRECTIONS:
        raise InputError(f"rival {variable!r}: no fixed direction toward residual disease; there is {', '.join(DIRECTIONS)}")
    turn = DIRECTIONS[variable].value
    turned = np.full(len(values), np.nan)
    for at, value in enumerate(values):
        if _missing(value):
            continue
        try:
            turned[at] = turn(value)
        except (InputError, TypeError, ValueError) as error:
            raise InputError(f"rival {variable!r}, row {at}: {error}") from error
    return turned


def _hr_status(value: object) -> float:
    levels = {"negative": 0.0, "positive": 1.0}
    found = levels.get(str(value).strip().lower())
    if found is None:
        raise InputError(f"wanted positive or negative, found {value!r}")
    return found


def _her2_ihc(value: object) -> float:
    found = re.fullmatch(r"([0-3])\+?", str(value).strip().removesuffix(".0"))
    if not found:
        raise InputError(f"wanted 0, 1+, 2+ or 3+, found {value!r}")
    return 0.0 - int(found[1])


def _number(value: object) -> float:
    number = float(str(value))
    if not math.isfinite(number):
        raise InputError(f"wanted a finite number, found {value!r}")
    return number


def _missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value)) or str(value).strip() in ("", "<NA>", "nan", "None")


_NUMERALS = {"0": 0, "1": 1, "2": 2, "3": 3, "4": 4, "I": 1, "II": 2, "III": 3, "IV": 4}
_LETTERS: dict[int, dict[str, float]] = {
    0: {"": 0.0},
    1: {"": 0.0, "A": -0.25, "B": 0.25},
    2: {"": 0.0, "A": -0.25, "B": 0.25},
    3: {"": 0.0, "A": -0.25, "B": 0.0, "C": 0.25},
    4: {"": 0.0},
}

DIRECTIONS: dict[str, Direction] = {
    d.variable: d
    for d in (
        Direction("hr_status", "positive = 1, negative = 0: hormone-receptor positive toward residual disease", _hr_status),
        Direction("her2_ihc", "minus the IHC grade: 2+ toward residual disease, 3+ away", _her2_ihc),
        Direction("tils_percent", "minus the per cent: few TILs toward residual disease", lambda value: 0.0 - _number(value)),
        Direction("age_years", "years: older toward residual disease", _number),
        Direction("clinical_stage", "ordinal IA to IV: higher stage toward residual disease", stage_ordinal),
    )
}
