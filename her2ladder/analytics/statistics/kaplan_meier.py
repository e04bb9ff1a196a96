"""Kaplan-Meier curves by R's conventions: at risk means a time >= t, an event comes before a censoring at the same time.

The curve is lifelines'; ours are the intervals (lifelines has no `log`), the median's limits and the curve beyond the last follow-up, which
lifelines answers otherwise than R (decision 0015).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from her2ladder.analytics.statistics.covariates import FloatArray
from her2ladder.analytics.statistics.design import join_notes
from her2ladder.analytics.statistics.estimate import Estimate
from her2ladder.analytics.statistics.inputs import Z95
from her2ladder.analytics.statistics.survival_times import SurvivalTimes, survival_times
from her2ladder.errors import InputError

INTERVALS = ("log-log", "log")
COLUMNS = ("time", "n_risk", "n_event", "n_censor", "surv", "lo", "hi", "se")
HALF = float(np.sqrt(np.finfo(np.float64).eps))  # R's survfit: a curve this near .5 is at .5


@dataclass(frozen=True, slots=True)
class SurvivalAt:
    """The curve at one time; surv, lo, hi and se are None where `note` says why; n_risk counts times >= `time`."""

    time: float
    n_risk: int
    surv: float | None
    lo: float | None
    hi: float | None
    se: float | None
    note: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class KaplanMeier:
    """One curve.

    steps      a row for time 0 and each time at which someone died or was last seen: time, n_risk (time >= t), n_event, n_censor, surv,
               lo, hi, se; NaN where an interval is not defined (no event yet, or nobody left)
    n, events  patients and events
    median     median survival with its interval; an end that the curve's band does not reach is None
    interval   `log-log` or `log`, as the file must say
    note       patients left out, or why there is no curve
    """

    steps: pd.DataFrame
    n: int
    events: int
    median: Estimate
    interval: str
    note: str

    def at(self, times: Sequence[float]) -> tuple[SurvivalAt, ...]:
        """Return the curve at these times; beyond the last follow-up there is no value (R's summary leaves such rows out).

        raises   InputError for a time below 0
        """
        return tuple(self._at(float(time)) for time in times)

    def _at(self, time: float) -> SurvivalAt:
        if not time >= 0:
            raise InputError(f"times: wanted times from 0 on, found {time:g}")
        if not self.n:
            return SurvivalAt(time, 0, None, None, None, None, self.note)
        known = self.steps["time"].to_numpy()
        if time > known[-1]:
            return SurvivalAt(time, 0, None, None, None, None, f"beyond the last follow-up ({known[-1]:g})")
        passed = int(np.searchsorted(known, time, side="right")) - 1
        coming = int(np.searchsorted(known, time, side="left"))
        surv, lo, hi, se = (_known(self.steps[name].iloc[passed]) for name in ("surv", "lo", "hi", "se"))
        if time > 0 and surv == 1:  # everyone is alive at time 0 by definition; later that is an estimate, and no event gives no interval
            lo = hi = None
        note = "" if lo is not None else "no interval: nobody left at risk" if surv == 0 else "no interval: no event so far"
        return SurvivalAt(time, int(self.steps["n_risk"].iloc[coming]), surv, lo, hi, se, note)


def kaplan_meier(time: object, event: object, *, interval: str = "log-log") -> KaplanMeier:
    """Return the Kaplan-Meier curve with 95 % intervals.

    time, event  (n,), as `survival_times`
    interval     `log-log` (default) or `log` (R's default)
    raises       InputError for another interval or unusable times
    source       R survfit(conf.type); an interval before the first event is left empty, where R's `log` gives 1 to 1
    """
    if interval not in INTERVALS:
        raise InputError(f"interval: wanted one of {', '.join(INTERVALS)}, found {interval!r}")
    data = survival_times(time, event)
    if not data.n:
        note = join_notes("no patients", data.missing_note)
        empty = pd.DataFrame({name: np.empty(0) for name in COLUMNS})
        return KaplanMeier(empty, 0, 0, Estimate(None, None, None, None, 0, 0, f"Kaplan-Meier, {interval}", note), interval, note)
    steps = _steps(data, interval)
    return KaplanMeier(steps, data.n, data.events, _median(steps, data, interval), interval, data.missing_note)


def median_follow_up(time: object, event: object, *, interval: str = "log-log") -> Estimate:
    """Return the median follow-up by reverse Kaplan-Meier: being last seen is the event, the event censors.

    source   Schemper & Smith 1996; R survfit(Surv(time, 1 - event))
    """
    data = survival_times(time, event)
    curve = kaplan_meier(data.time, ~data.event, interval=interval)
    median = curve.median
    note = join_notes(median.note.replace("the curve", "the curve of follow-up"), data.missing_note)
    return Estimate(median.value, median.lo, median.hi, None, data.n, data.events, f"reverse Kaplan-Meier, {interval}", note)


def _steps(data: SurvivalTimes, interval: str) -> pd.DataFrame:
    from lifelines import KaplanMeierFitter  # more than a second: only for those who ask for a curve

    curve = KaplanMeierFitter().fit(data.time, data.event)
    times = curve.event_table.index.to_numpy(dtype=np.float64)
    at_risk, died, seen = (curve.event_table[name].to_numpy(dtype=np.int64) for name in ("at_risk", "observed", "censored"))
    surv = curve.survival_function_.to_numpy(dtype=np.float64)[:, 0]
    with np.errstate(divide="ignore"):  # the last patient at risk dies: the variance has no value there
        hazard_variance = np.cumsum(died / (at_risk * (at_risk - died).astype(np.float64)))
    log_se = np.asarray(np.sqrt(np.where(surv > 0, hazard_variance, np.nan)), dtype=np.float64)
    lo, hi = _band(surv, log_se, interval)
    if not died[0]:
        lo[0] = hi[0] = 1.0  # at time 0 everyone is alive, by definition
    return pd.DataFrame(dict(zip(COLUMNS, (times, at_risk, died, seen, surv, lo, hi, surv * log_se), strict=True)))


def _band(surv: FloatArray, log_se: FloatArray, interval: str) -> tuple[FloatArray, FloatArray]:
    """Return pointwise limits, NaN where the curve is at 1 or 0."""
    inside = np.where((surv > 0) & (log_se > 0), surv, np.nan)
    if interval == "log":
        return inside * np.exp(-Z95 * log_se), np.minimum(inside * np.exp(Z95 * log_se), 1.0)
    middle, reach = np.log(-np.log(inside)), Z95 * log_se / np.log(inside)
    return np.exp(-np.exp(middle - reach)), np.exp(-np.exp(middle + reach))


def _median(steps: pd.DataFrame, data: SurvivalTimes, interval: str) -> Estimate:
    times = steps["time"].to_numpy()
    value, lo, hi = (_first_at_half(times, steps[name].to_numpy()) for name in ("surv", "lo", "hi"))
    note = join_notes(
        "the curve does not fall to one half" if value is None else "",
        "upper limit not reached" if value is not None and hi is None else "",
        data.missing_note,
    )
    return Estimate(value, lo, hi, None, data.n, data.events, f"Kaplan-Meier, {interval}", note)


def _first_at_half(times: FloatArray, curve: NDArray[np.float64]) -> float | None:
    """Return where a curve comes to one half; where it runs level at one half, the middle of that stretch (R's print.survfit)."""
    low = np.flatnonzero(curve < 0.5 + HALF)  # NaN is never below
    if not len(low):
        return None
    first = low[0]
    below = low[curve[low] < curve[first]]
    if abs(curve[first] - 0.5) < HALF and len(below):
        return float((times[first] + times[below[0]]) / 2)
    return float(times[first])


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
