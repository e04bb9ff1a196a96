"""Follow-up times and events as every survival kernel takes them: checked, complete, and with times that rounding parted joined again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from her2ladder.analytics.statistics.covariates import FloatArray, as_numbers
from her2ladder.errors import InputError

SAME = float(np.sqrt(np.finfo(np.float64).eps))  # R's aeqSurv: times nearer than this part of the mean time are one time


@dataclass(frozen=True, eq=False, slots=True)
class SurvivalTimes:
    """Complete follow-up.

    time   (m,), >= 0, in the unit that came in; event (m,), True = died or relapsed at that time, False = last seen then
    kept   (n,), which of the patients that came in are complete
    """

    time: FloatArray
    event: NDArray[np.bool_]
    kept: NDArray[np.bool_]

    @property
    def n(self) -> int:
        """Complete patients."""
        return len(self.time)

    @property
    def events(self) -> int:
        """Of these, how many with the event."""
        return int(self.event.sum())

    @property
    def missing_note(self) -> str:
        """Say how many patients were left out, or ''."""
        gone = int((~self.kept).sum())
        return f"{gone} of {len(self.kept)} patients left out: a value is missing" if gone else ""


def survival_times(time: object, event: object) -> SurvivalTimes:
    """Return checked follow-up; patients with a missing time or event are left out and counted.

    time    (n,), >= 0; event (n,), 0 or 1 or bool
    raises  InputError where lengths differ, a time is negative, or an event is neither 0 nor 1
    source  near-equal times are joined as R's aeqSurv does, by its relative rule alone, so that the unit never matters
    """
    times, events = as_numbers("time", time), as_numbers("event", event)
    if len(times) != len(events):
        raise InputError(f"event: wanted one entry a patient ({len(times)} times), found {len(events)}")
    for name, values, wrong, wanted in (
        ("time", times, times < 0, "a time from 0 on"),
        ("event", events, ~(np.isnan(events) | np.isin(events, (0.0, 1.0))), "0 (censored) or 1 (event)"),
    ):
        if wrong.any():
            at = int(np.flatnonzero(wrong)[0])
            raise InputError(f"{name}: wanted {wanted}, found {values[at]:g} at position {at}; mend it or leave it empty")
    kept = ~(np.isnan(times) | np.isnan(events))
    return SurvivalTimes(_joined(times[kept]), events[kept] == 1.0, kept)


def _joined(time: FloatArray) -> FloatArray:
    """Return times with near-equal ones replaced by the first of them."""
    distinct = np.unique(time)
    if len(distinct) < 2:
        return time
    parted = np.diff(distinct) > SAME * time.mean()
    if parted.all():
        return time
    starts = distinct[np.concatenate([[True], parted])]
    return np.asarray(starts[np.searchsorted(starts, time, side="right") - 1], dtype=np.float64)
