"""The one shape in which every statistic leaves its kernel: a value, its interval, and why either may be absent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """One number with its interval, test and size.

    value   the estimate; None where it is not defined (`note` says why)
    lo, hi  ends of the interval; None where it cannot be computed, never a zero width
    p       P value, where the kernel tests something
    n       patients that entered
    events  of these, how many with the outcome (residual disease, death, relapse)
    test    name of the method, as printed beside the number
    note    one line: a reason for a None, or a warning the reader must see
    """

    value: float | None
    lo: float | None
    hi: float | None
    p: float | None = None
    n: int | None = None
    events: int | None = None
    test: str = ""
    note: str = ""
