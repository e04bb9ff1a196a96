"""Table 1: every baseline variable by group, with a named test, the standardised mean difference, and what is missing.

Missing values stand in a row of their own and in no denominator. P compares the groups in those who have the value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import kruskal

from her2ladder.analytics.statistics.fisher_table import fisher_table
from her2ladder.analytics.statistics.rates import expected_counts, pearson_chi_square
from her2ladder.analytics.statistics.smd import smd_categorical, smd_continuous
from her2ladder.errors import InputError

Floats = NDArray[np.float64]
OVERALL = "Overall"
MISSING = "Missing"


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: `n` patients (with this level; with a value, for a median), their per cent, or median and quartiles (type 7)."""

    group: str
    n: int
    percent: float | None = None
    median: float | None = None
    q1: float | None = None
    q3: float | None = None

    def __str__(self) -> str:
        if self.median is not None:
            return f"{self.median:.4g} [{self.q1:.4g}, {self.q3:.4g}]"
        return f"{self.n}" if self.percent is None else f"{self.n} ({self.percent:.1f} %)"


@dataclass(frozen=True, slots=True)
class Row:
    """One printed row; the test stands on the variable's first row alone.

    level    category, `median [IQR]`, or `Missing` (per cent of all patients of the group)
    cells    one a group in the order given, then Overall
    p, test  None and '' where nothing is tested; `note` says why, where it could have been
    smd      largest over pairs of groups
    """

    variable: str
    level: str
    cells: tuple[Cell, ...]
    p: float | None = None
    test: str = ""
    smd: float | None = None
    note: str = ""


def categorical_rows(
    variable: str, values: Sequence[object], group: Sequence[object], groups: Sequence[str], levels: Sequence[str] | None = None
) -> list[Row]:
    """Return one row a level (n and per cent of those with a value) and one of missing values.

    values   (n,), compared as text; None, NaN and '' are missing
    group    (n,) labels; a patient outside `groups` is in no column, nor in Overall
    levels   order of the levels; default sorted
    returns  Pearson's chi-square, or Fisher's exact test where an expected count is below 5 (levels or groups without anyone are left out)
    raises   InputError for unequal lengths or a value outside `levels`
    """
    column, text = _column(variable, len(values), group, groups), [_text(value) for value in values]
    used = sorted({t for t, c in zip(text, column, strict=True) if t is not None and c >= 0}) if levels is None else list(levels)
    unknown = sorted({t for t in text if t is not None} - set(used)) if levels is not None else []
    if unknown:
        raise InputError(f"{variable}: wanted one of {', '.join(used)}, found {', '.join(unknown)}")
    counts = np.zeros((len(used), len(groups)), dtype=np.int64)
    missing = np.zeros(len(groups), dtype=np.int64)
    for t, c in zip(text, column, strict=True):
        if c >= 0 and t is None:
            missing[c] += 1
        elif c >= 0 and t is not None:
            counts[used.index(t), c] += 1
    rows = [Row(variable, level, _shares(counts[at], counts.sum(axis=0), groups)) for at, level in enumerate(used)]
    rows.append(Row(variable, MISSING, _shares(missing, missing + counts.sum(axis=0), groups)))
    p, test, note = _test_counts(counts)
    return [_with_test(rows[0], p, test, smd_categorical(counts), note), *rows[1:]]


def continuous_rows(variable: str, values: ArrayLike, group: Sequence[object], groups: Sequence[str]) -> list[Row]:
    """Return a row of medians and quartiles (type 7) and one of missing values; Kruskal-Wallis over the groups, ties corrected.

    values   (n,), NaN = missing
    raises   InputError for unequal lengths or an infinite value
    """
    numbers = np.asarray(values, dtype=np.float64)
    column = _column(variable, len(numbers), group, groups)
    if np.isinf(numbers).any():
        raise InputError(f"{variable}: a value must be finite or missing, got an infinite one")
    present = ~np.isnan(numbers)
    samples = [np.sort(numbers[(column == at) & present]) for at in range(len(groups))]
    missing = np.array([int(((column == at) & ~present).sum()) for at in range(len(groups))], dtype=np.int64)
    sizes = np.array([len(s) for s in samples], dtype=np.int64)
    cells = tuple(
        _median(name, sample) for name, sample in zip((*groups, OVERALL), (*samples, np.concatenate([*samples, []])), strict=True)
    )
    p, test, note = _kruskal(samples)
    first = Row(variable, "median [IQR]", cells, p, test, smd_continuous(samples), note)
    return [first, Row(variable, MISSING, _shares(missing, missing + sizes, groups))]


def size_row(group: Sequence[object], groups: Sequence[str]) -> Row:
    """Return the row of group sizes that heads the table."""
    column = _column("n", len(group), group, groups)
    counts = np.array([int((column == at).sum()) for at in range(len(groups))], dtype=np.int64)
    return Row("n", "", (*(Cell(name, int(n)) for name, n in zip(groups, counts, strict=True)), Cell(OVERALL, int(counts.sum()))))


def _test_counts(counts: NDArray[np.int64]) -> tuple[float | None, str, str]:
    filled = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    if min(filled.shape) < 2:
        return None, "", "fewer than two levels or groups hold patients: nothing to test"
    if expected_counts(filled).min() < 5:
        found = fisher_table(filled)
        return found.p, found.test, found.note
    pearson = pearson_chi_square(filled)
    assert pearson is not None  # no empty row or column is left
    return pearson[1], "Pearson chi-square", ""


def _kruskal(samples: Sequence[Floats]) -> tuple[float | None, str, str]:
    filled = [s for s in samples if len(s)]
    if len(filled) < 2:
        return None, "", "fewer than two groups hold values: nothing to test"
    if len(np.unique(np.concatenate(filled))) < 2:
        return None, "", "every value is the same: nothing to test"
    return float(kruskal(*filled).pvalue), "Kruskal-Wallis", ""


def _shares(n: NDArray[np.int64], of: NDArray[np.int64], groups: Sequence[str]) -> tuple[Cell, ...]:
    together = zip((*groups, OVERALL), (*n, n.sum()), (*of, of.sum()), strict=True)
    return tuple(Cell(name, int(k), percent=100 * float(k) / float(total) if total else None) for name, k, total in together)


def _median(name: str, sample: Floats) -> Cell:
    if not len(sample):
        return Cell(name, 0)
    q1, median, q3 = (float(q) for q in np.quantile(sample, (0.25, 0.5, 0.75)))
    return Cell(name, len(sample), median=median, q1=q1, q3=q3)


def _column(variable: str, n: int, group: Sequence[object], groups: Sequence[str]) -> NDArray[np.int64]:
    """Return each patient's group number, -1 outside the groups."""
    if n != len(group):
        raise InputError(f"{variable}: wanted one value a patient ({len(group)}), found {n}")
    number = {name: at for at, name in enumerate(groups)}
    return np.array([number.get(str(label), -1) for label in group], dtype=np.int64)


def _text(value: object) -> str | None:
    missing = value is None or (isinstance(value, float) and np.isnan(value)) or str(value).strip() in ("", "<NA>", "nan", "None")
    return None if missing else str(value)


def _with_test(row: Row, p: float | None, test: str, smd: float | None, note: str) -> Row:
    return Row(row.variable, row.level, row.cells, p, test, smd, note)
