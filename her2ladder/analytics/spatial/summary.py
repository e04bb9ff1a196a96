"""Exact totals and medians of the values of one pair, by side, in two passes without a sort.

Totals are whole numbers (fixed point of 2**-bits), so the order of the rows cannot change them. A median is found by counting: values that
are not negative sort like their float64 bits, whose upper part numbers a bucket; only the few values of the median's bucket are looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from her2ladder.analytics.spatial.compiled import compiled

SHIFT = 44  # leaves 8 bits of the fraction: 256 buckets an octave
LOWEST = 1003 << 8  # smaller than 2**-20: bucket 0
N_BUCKETS = 64 * 256  # up to 2**43


@dataclass(frozen=True)
class Group:
    """How many values there are, how many of them are empty (NaN), the exact total of the rest, and their count in each bucket."""

    n: int
    n_empty: int
    total: int
    counts: NDArray[np.int64]
    sides: tuple[bool, ...]

    @property
    def n_held(self) -> int:
        return self.n - self.n_empty

    @cached_property
    def upto(self) -> NDArray[np.int64]:
        """Values in each bucket and those below it: looked at for every rank, summed once."""
        return np.cumsum(self.counts)

    def __add__(self, other: Group) -> Group:
        return Group(
            self.n + other.n, self.n_empty + other.n_empty, self.total + other.total, self.counts + other.counts, self.sides + other.sides
        )


class Summary:
    """The values of one pair, split by side: `group(True)` is the first-named class.

    values    (n,) not negative, below 2**43, NaN = empty
    is_first  (n,) side of each value
    bits      totals are in units of 2**-bits; every value * 2**(bits - 32) must stay below 2**31
    """

    def __init__(self, values: NDArray[np.floating[Any] | np.integer[Any]], is_first: NDArray[np.bool_], bits: int) -> None:
        self._collected: dict[tuple[int, tuple[bool, ...]], NDArray[np.float64]] = {}
        self.values = np.ascontiguousarray(values, dtype=np.float64)
        self.is_first = is_first
        n, n_empty, high, low, counts, self._least, self._most = census(
            self.values, self.values.view(np.int64), is_first, 2.0 ** (bits - 32)
        )
        totals = [(int(h) << 32) + int(w) for h, w in zip(high, low, strict=True)]
        self._groups = [Group(int(n[side]), int(n_empty[side]), totals[side], counts[side], (bool(side),)) for side in (0, 1)]

    def group(self, *sides: bool) -> Group:
        """Return the values of one side, or of both together."""
        groups = [self._groups[side] for side in sides]
        return groups[0] if len(groups) == 1 else groups[0] + groups[1]

    def ranked(self, group: Group, rank: int) -> float:
        """Return the value of a rank (0: the smallest) among the group's values that are not empty."""
        bucket = int(np.searchsorted(group.upto, rank, side="right"))
        if self._least[bucket] == self._most[bucket]:
            return float(self._least[bucket])
        return float(self._inside(bucket, group.sides)[rank - int(group.upto[bucket] - group.counts[bucket])])

    def _inside(self, bucket: int, sides: tuple[bool, ...]) -> NDArray[np.float64]:
        """The values of a bucket, ascending: kept, since the two middle ranks mostly share one."""
        if (bucket, sides) not in self._collected:
            inside = collect(self.values, self.values.view(np.int64), self.is_first, bucket, True in sides, False in sides)
            self._collected[bucket, sides] = np.sort(inside)
        return self._collected[bucket, sides]


@compiled
def bucket_of(bits: int) -> int:
    """Return the bucket of a float64 >= 0, given as its bits."""
    return min(max((bits >> SHIFT) - LOWEST, 0), N_BUCKETS - 1)


@compiled
def census(
    values: NDArray[np.float64], bits: NDArray[np.int64], is_first: NDArray[np.bool_], scale: float
) -> tuple[
    NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]
]:
    """Return, by side (0: second, 1: first): values, empty ones, high and low part of the total, count a bucket; least and most a bucket.

    The total is the sum of floor(value * scale * 2**32) = high * 2**32 + low, exactly.
    """
    n, n_empty, high, low = np.zeros(2, np.int64), np.zeros(2, np.int64), np.zeros(2, np.int64), np.zeros(2, np.int64)
    counts = np.zeros((2, N_BUCKETS), np.int64)
    least, most = np.full(N_BUCKETS, np.inf), np.full(N_BUCKETS, -np.inf)
    for i in range(len(values)):
        side, value = int(is_first[i]), values[i]
        n[side] += 1
        if np.isnan(value):
            n_empty[side] += 1
            continue
        whole = np.floor(value * scale)
        high[side] += int(whole)
        low[side] += int(np.floor((value * scale - whole) * 4294967296.0))
        bucket = bucket_of(bits[i])
        counts[side, bucket] += 1
        least[bucket], most[bucket] = min(least[bucket], value), max(most[bucket], value)
    return n, n_empty, high, low, counts, least, most


@compiled
def collect(
    values: NDArray[np.float64], bits: NDArray[np.int64], is_first: NDArray[np.bool_], bucket: int, with_first: bool, with_second: bool
) -> NDArray[np.float64]:
    """Return the values of a bucket on the wanted sides."""
    held = np.empty(len(values))
    n = 0
    for i in range(len(values)):
        if bucket_of(bits[i]) == bucket and (with_first if is_first[i] else with_second) and not np.isnan(values[i]):
            held[n] = values[i]
            n += 1
    return held[:n].copy()
