"""How numbers read on a figure: estimates with intervals, P values, sizes; and the columns that a frame must have."""

from __future__ import annotations

from collections.abc import Iterable
from math import floor, log10
from typing import Any

import pandas as pd

from her2ladder.errors import InputError

METRIC_WORDS = {
    "auc": "AUC",
    "ap": "AP",
    "brier": "Brier score",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "PPV",
    "npv": "NPV",
    "kappa": "Kappa",
    "calibration_intercept": "Intercept",
    "calibration_slope": "Slope",
    "calibration_in_the_large": "In the large",
}

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def need(frame: pd.DataFrame, columns: Iterable[str], what: str) -> None:
    """Raise InputError where `frame` lacks one of the columns that the figure `what` reads."""
    wanted = list(columns)
    missing = [name for name in wanted if name not in frame.columns]
    if missing:
        found = ", ".join(map(str, frame.columns)) or "none"
        raise InputError(f"{what}: wanted the columns {', '.join(wanted)}, found {found}; add {', '.join(missing)}")


def missing(value: object) -> bool:
    """Return True for None and NaN, the two shapes that SQL's NULL takes in a frame."""
    return bool(pd.isna(value))


def optional(row: Any, name: str) -> Any:
    """Return a row's value, None where the column is absent or the value is NULL."""
    value = getattr(row, name, None)
    return None if missing(value) else value


def number(value: object, digits: int = 2) -> str:
    """Return a number with a real minus sign, 'n/a' where it is NULL."""
    if missing(value):
        return "n/a"
    text = f"{float(value):.{digits}f}"  # type: ignore[arg-type]
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


def interval(value: object, lo: object, hi: object, digits: int = 2) -> str:
    """Return '0.84 (0.79–0.88)'; limits below zero are joined by 'to', a missing interval is said, never left out."""
    if missing(value):
        return "n/a"
    return _with_limits(lo, hi, *(number(x, digits) for x in (value, lo, hi)))


def ratio(value: object, lo: object, hi: object) -> str:
    """Return an odds or hazard ratio with its interval, at a precision that follows the size."""
    if missing(value):
        return "n/a"
    smallest = min(float(x) for x in (value, lo) if not missing(x))  # type: ignore[arg-type]
    below_one = 3 if smallest < 0.1 else 2
    return _with_limits(lo, hi, *(_ratio_number(x, below_one) for x in (value, lo, hi)))


def p_value(p: object) -> str:
    """Return '0.013', '1.7×10⁻²⁰', '> 0.99'; 'n/a' where the P is NULL."""
    if missing(p):
        return "n/a"
    value = float(p)  # type: ignore[arg-type]
    if value == 0:
        return "< 10⁻³⁰⁰"  # underflow: no test gives 0
    if value < 0.001:
        return _power(value)
    if value < 0.0995:
        return f"{value:.3f}"
    return "1.00" if value >= 1 else "> 0.99" if value > 0.99 else f"{value:.2f}"


def p_equals(p: object, name: str = "P") -> str:
    """Return 'P = 0.013', 'P > 0.99', 'P n/a'."""
    text = p_value(p)
    return f"{name} {text}" if text[0] in "<>n" else f"{name} = {text}"


def size(n: object, events: object = None, event: str = "residual disease") -> str:
    """Return 'n = 276, 118 residual disease'; the parts that are NULL are left out."""
    parts = [] if missing(n) else [f"n = {whole(n)}"]
    if not missing(events):
        parts.append(f"{whole(events)} {event}")
    return ", ".join(parts) or "n not given"


def whole(value: object) -> str:
    """Return a count with a comma at the thousands."""
    return f"{int(value):,}"  # type: ignore[call-overload]


def short(value: object) -> str:
    """Return a number of any size in about three digits: medians of features, ends of ranges."""
    if missing(value):
        return "n/a"
    x = float(value)  # type: ignore[arg-type]
    if x == 0:
        return "0"
    if not 0.001 <= abs(x) < 1e5:
        return _power(x)
    return number(x, max(0, min(3, 2 - floor(log10(abs(x))))))


def _with_limits(lo: object, hi: object, value: str, low: str, high: str) -> str:
    if missing(lo) or missing(hi):
        return f"{value} (no CI)"
    joint = " to " if float(lo) < 0 else "–"  # type: ignore[arg-type]
    return f"{value} ({low}{joint}{high})"


def _ratio_number(value: object, below_one: int) -> str:
    if missing(value):
        return "n/a"
    x = float(value)  # type: ignore[arg-type]
    if x == float("inf"):
        return "∞"
    if x == 0:
        return "0"
    if x < 0.001 or x >= 10_000:
        return _power(x)
    return number(x, below_one if x < 1 else 2 if x < 10 else 1 if x < 100 else 0)


def _power(value: float) -> str:
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa.replace('-', '−')}×10{str(int(exponent)).translate(_RAISED)}"
