"""One value of a clinical table, checked and in the store's vocabulary; what it was, what was wanted and the way out where it is not."""

from __future__ import annotations

import math
import re

from her2ladder.ingest.clinical_words import ENDPOINT, FALSE, NEGATIVE, POSITIVE, TRUE, bare
from her2ladder.ingest.column_map import ColumnMap
from her2ladder.schema.vocabulary import HR_STATUS, ROLES, SETTINGS, STAGES

MAX_TEXT = 60
DATE = re.compile(r"^\d{4}-\d{1,2}-\d{1,2}|^\d{1,2}[./]\d{1,2}[./]\d{2,4}$")
_RANGES = {"age_years": (0.0, 120.0), "tils_percent": (0.0, 100.0), "os_months": (0.0, math.inf), "dfs_months": (0.0, math.inf)}
BOOLEANS = ("is_pcr", "os_event", "dfs_event")
_WORDS = {"cohort_role": ROLES, "setting": SETTINGS, "hr_status": HR_STATUS}
_SAME = {"hr_status": dict.fromkeys(POSITIVE, "positive") | dict.fromkeys(NEGATIVE, "negative")}
_ROMAN = {"1": "I", "2": "II", "3": "III", "4": "IV"}
_IHC = re.compile(r"^(?:IHC)?\s*(?:([0-3])\+?|(\+{1,3}))$", re.IGNORECASE)
_BOUND = re.compile(r"^[<>≤≥]=?\s*\d|^\d+(?:[.,]\d+)?\s*[-–]\s*\d+")


def checked_value(name: str, value: str | None, told: ColumnMap) -> object:
    """Return one value in the store's vocabulary; ValueError says what was wanted and found."""
    if value is None:
        return None
    if name in BOOLEANS:
        return _boolean(name, value, told)
    if name in _RANGES:
        return _number(name, value, told)
    if name in _WORDS:
        word = bare(value).replace(" ", "_")
        word = _SAME.get(name, {}).get(word, word)
        if word not in _WORDS[name]:
            raise ValueError(f"wanted one of {', '.join(_WORDS[name])}, found {_shown(value)}; [values.{name}] translates")
        return word
    if name == "her2_ihc":
        found = _IHC.match(value.removesuffix(".0"))
        if not found:
            raise ValueError(f"wanted 0, 1+, 2+ or 3+, found {_shown(value)}; [values.her2_ihc] translates")
        grade = int(found[1]) if found[1] else len(found[2])
        return f"{grade}+" if grade else "0"
    if name == "clinical_stage":
        stage = re.sub(r"^(CLINICAL|STAGE|[CP](?=[I0-4]))+", "", re.sub(r"[\s_.-]", "", value.upper().removesuffix(".0")))
        stage = _ROMAN.get(stage[:1], stage[:1]) + stage[1:]
        if stage not in STAGES:
            raise ValueError(f"wanted I, II, III or IV, or IA to IIIC, or 0, found {_shown(value)}; [values.clinical_stage] translates")
        return stage
    if len(value) > 200:
        raise ValueError(f"wanted at most 200 characters, found {len(value)}")
    return value


def _boolean(name: str, value: str, told: ColumnMap) -> int:
    word = bare(value)
    if word not in TRUE | FALSE:
        raise ValueError(f"wanted 0 or 1, found {_shown(value)}; [values.{name}] translates")
    return int((word in TRUE) != (name in told.inverted))


def _number(name: str, value: str, told: ColumnMap) -> float:
    try:
        number = float(value) * told.scale.get(name, 1.0)
    except ValueError:
        way_out = "; write it with a decimal point" if "," in value else ""
        if DATE.match(value):
            way_out = ": a date; give the time between two dates, not a date"
        elif _BOUND.match(value):
            way_out = f': a bound or a range; [values.{name}] "{value}" = "…" sets a number, or "" for missing'
        raise ValueError(f"wanted a number, found {_shown(value)}{way_out}") from None
    low, high = _RANGES.get(name, (0.0, math.inf))
    if not low <= number <= high or math.isinf(number):
        raise ValueError(f"wanted {low:g} to {high:g}, found {_shown(value)}")
    return number


def checked_covariate(name: str, value: str | None, told: ColumnMap) -> float | str | None:
    """A further covariate as it stands; the times and events of a further endpoint are checked as those of os and dfs."""
    match = ENDPOINT.match(name)
    if value is None or match is None or f"{match[1]}_event" not in told.extra or f"{match[1]}_months" not in told.extra:
        return _number_or_text(value)
    return _boolean(name, value, told) if match[2] == "event" else _number(name, value, told)


def _shown(value: str) -> str:
    return repr(value if len(value) <= MAX_TEXT else f"{value[:MAX_TEXT]}…")


def _number_or_text(value: str | None) -> float | str | None:
    if value is None:
        return None
    try:
        return float(value)
    except ValueError:
        return value
