"""Patients in groups: which levels a column has, in what order, and how a comparison of two of them is named."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import pandas as pd

from her2ladder.errors import InputError
from her2ladder.schema.vocabulary import BANDS, ROLES

MOST_LEVELS = 20  # chosen: with more, a column is a measurement or an identity, and pairs of its levels say nothing
_NOT_GROUPS = ("patient_id", "run", "residual", "score", "kind", "excluded_reason")


def labels_of(frame: pd.DataFrame, column: str, option: str = "--by") -> list[str | None]:
    """Return a column as text, None where it is missing; whole numbers without a decimal point.

    raises   InputError where patients have no such column (those there are, named), or it is no grouping
    """
    if column == "band" and column not in frame.columns:
        raise InputError(f"{option} band: bands are cut from a score: name it with --score NAME")
    usable = [name for name in frame.columns if name not in _NOT_GROUPS]
    if column not in usable:
        raise InputError(f"{option}: patients have no column {column!r} to group by; there is {', '.join(usable)}")
    return [label_of(value) for value in frame[column].astype(object)]


def levels_of(labels: Sequence[str | None], column: str, option: str = "--by") -> tuple[str, ...]:
    """Return the levels of a column in the order of printing: bands Low to High (all three, also an empty one), roles and numbers in
    their own order, anything else by name.

    raises   InputError for a column with more than 20 levels
    """
    if column == "band":
        return BANDS
    present = sorted({label for label in labels if label is not None}, key=_number_first)
    if len(present) > MOST_LEVELS:
        raise InputError(f"{option} {column}: wanted a column with at most {MOST_LEVELS} levels, found {len(present)}; group it on ingest")
    if column == "cohort_role":
        return tuple(role for role in ROLES if role in present)
    return tuple(present)


def pairs_of(levels: Sequence[str]) -> list[tuple[str, str]]:
    """Return every pair of levels, A standing before B."""
    return list(combinations(levels, 2))


def columns_named(text: str, option: str, at_most: int) -> tuple[str, ...]:
    """Return the column names in `a,b`.

    raises   InputError for none, too many, or one twice
    """
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    if not names or len(names) > at_most or len(set(names)) < len(names):
        raise InputError(f"{option}: wanted one to {at_most} different columns, comma-separated, found {text!r}")
    return names


def count_reasons(reasons: pd.Series) -> dict[str, int]:
    """Return how often each reason stands, the commonest first; '' is no reason."""
    counted = reasons[reasons != ""].value_counts(sort=False)
    return {str(reason): int(n) for reason, n in sorted(counted.items(), key=lambda item: (-item[1], str(item[0])))}


def label_of(value: object) -> str | None:
    """Return one value as the name of its group, None where it is missing; numbers in full, whole ones without a decimal point."""
    if value is None or value is pd.NA or value != value or not str(value).strip():
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _number_first(label: str) -> tuple[int, float, str]:
    try:
        return (0, float(label), label)
    except ValueError:
        return (1, 0.0, label)
