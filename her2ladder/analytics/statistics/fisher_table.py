"""Fisher's exact test of a table of any size: enumerated where that is few tables, else by seeded Monte Carlo.

P is the probability, given both margins, of all tables no likelier than the one observed (R: fisher.test), with R's tolerance of 1e-7.
Monte Carlo instead of a network algorithm is *chosen*: it is short, its error is known (.002 at P = .05), and the row names it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln
from scipy.stats import random_table

from her2ladder.errors import InputError

WORK = 2_000_000  # most (partial table, column) combinations tried at once before we turn to Monte Carlo
SAMPLES = 10_000


@dataclass(frozen=True, slots=True)
class FisherTable:
    """P of Fisher's exact test; `test` says whether it was enumerated or simulated. None where one row or column holds everything."""

    p: float | None
    test: str
    note: str = ""


def fisher_table(table: ArrayLike, *, work: int = WORK, samples: int = SAMPLES, seed: int = 1) -> FisherTable:
    """Return Fisher's exact P of an (r, c) table of counts; empty rows and columns are left out.

    work     bound of the enumeration; above it, `samples` random tables with the same margins (Patefield) and
             P = (1 + those no likelier) / (1 + samples), as R's simulate.p.value
    raises   InputError for a table that is not two-dimensional, a negative or a fractional count
    """
    counts = np.asarray(table, dtype=np.float64)
    if counts.ndim != 2 or (counts < 0).any() or (counts != np.floor(counts)).any():
        raise InputError("Fisher's test: wanted a two-dimensional table of whole counts, found something else")
    whole = counts.astype(np.int64)
    whole = whole[whole.sum(axis=1) > 0][:, whole.sum(axis=0) > 0]
    if min(whole.shape) < 2:
        return FisherTable(None, "Fisher's exact", "one row or column holds everything: P is undefined")
    if whole.shape[0] > whole.shape[1]:
        whole = whole.T  # the shorter side as rows: a column then has fewer ways to be filled
    rows, columns = whole.sum(axis=1), whole.sum(axis=0)
    # given the margins, the log probability of a table is a constant minus the sum of its log factorials
    observed = -float(gammaln(whole + 1).sum())
    every = _every_table(rows, columns, work)
    if every is not None:
        share = np.exp(every - every.max())
        return FisherTable(min(1.0, float(share[every <= observed + 1e-7].sum() / share.sum())), "Fisher's exact")
    drawn = random_table(rows, columns).rvs(samples, method="patefield", random_state=np.random.default_rng(seed))
    no_likelier = int((-gammaln(drawn + 1).sum(axis=(1, 2)) <= observed + 1e-7).sum())
    return FisherTable((1 + no_likelier) / (1 + samples), f"Fisher's exact, Monte Carlo ({samples} tables)")


def _every_table(rows: NDArray[np.int64], columns: NDArray[np.int64], work: int) -> NDArray[np.float64] | None:
    """Return minus the sum of log factorials of every table with these margins, None where the work would exceed its bound."""
    left = rows[None, :]  # (partial tables, r): what each row still has to place
    log_share = np.zeros(1)
    for column in columns[:-1]:
        fillings = _fillings(rows, int(column), work)
        if fillings is None or len(left) * len(fillings) > work:
            return None
        after = left[:, None, :] - fillings[None, :, :]
        possible = (after >= 0).all(axis=2)
        log_share = (log_share[:, None] - gammaln(fillings + 1).sum(axis=1)[None, :])[possible]
        left = after[possible]
    # what the rows have left is the last column
    last: NDArray[np.float64] = log_share - gammaln(left + 1).sum(axis=1)
    return last


def _fillings(rows: NDArray[np.int64], column: int, work: int) -> NDArray[np.int64] | None:
    """Return (m, r): every way to spread a column's total over the rows, none above its row's total."""
    room = np.minimum(rows, column) + 1
    if float(np.prod(room[:-1].astype(np.float64))) > work:
        return None
    first = np.indices(tuple(int(r) for r in room[:-1])).reshape(len(rows) - 1, -1).T
    last = column - first.sum(axis=1)
    fits = (last >= 0) & (last <= rows[-1])
    return np.column_stack([first[fits], last[fits]]).astype(np.int64)
