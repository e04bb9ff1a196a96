"""Restricted mean survival time: the mean time without an event up to a horizon, and its difference between two groups.

It needs no proportional hazards. The mean is lifelines'; the standard error is ours, since lifelines gives the variance of a patient's
restricted time, not that of its mean (decision 0015).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from her2ladder.analytics.statistics.estimate import Estimate
from her2ladder.analytics.statistics.inputs import Z95
from her2ladder.analytics.statistics.kaplan_meier import KaplanMeier, kaplan_meier
from her2ladder.analytics.statistics.survival_times import survival_times
from her2ladder.errors import InputError


@dataclass(frozen=True, slots=True)
class RestrictedMean:
    """Mean time up to the horizon and its standard error (None where `note` says why), patients and events."""

    horizon: float
    value: float | None
    se: float | None
    n: int
    events: int
    note: str = ""

    def estimate(self) -> Estimate:
        """Return the mean as a row's estimate."""
        return _row(self.value, self.se, None, self.n, self.events, f"restricted mean to {self.horizon:g}", self.note)


def restricted_mean(time: object, event: object, horizon: float) -> RestrictedMean:
    """Return the restricted mean survival time.

    time, event  (n,), as `survival_times`
    horizon      > 0, in the unit of the times; the curve must be known until then
    raises       InputError for a horizon that is no time above 0
    source       R print(survfit(...), rmean = horizon); survRM2
    """
    if not 0 < horizon < np.inf:
        raise InputError(f"horizon: wanted a time above 0, found {horizon:g}")
    curve = kaplan_meier(time, event)
    if not curve.n:
        return RestrictedMean(horizon, None, None, 0, 0, curve.note)
    last, at_end = float(curve.steps["time"].iloc[-1]), float(curve.steps["surv"].iloc[-1])
    if horizon > last and at_end > 0:
        note = f"the curve is not known to {horizon:g}: the last follow-up is {last:g}"
        return RestrictedMean(horizon, None, None, curve.n, curve.events, note)
    from lifelines import KaplanMeierFitter
    from lifelines.utils import restricted_mean_survival_time

    data = survival_times(time, event)
    value = float(restricted_mean_survival_time(KaplanMeierFitter().fit(data.time, data.event), t=horizon))
    return RestrictedMean(horizon, value, _standard_error(curve, horizon), curve.n, curve.events, curve.note)


def difference(a: RestrictedMean, b: RestrictedMean) -> Estimate:
    """Return mean A minus mean B, with a normal interval and its P."""
    n, events, test = a.n + b.n, a.events + b.events, f"restricted mean to {a.horizon:g}, difference, Wald"
    if a.value is None or b.value is None or a.se is None or b.se is None:
        return Estimate(None, None, None, None, n, events, test, a.note if a.value is None else b.note)
    se = float(np.hypot(a.se, b.se))
    if se == 0:
        return Estimate(a.value - b.value, None, None, None, n, events, test, "no interval: no event before the horizon in either group")
    p = float(2 * norm.sf(abs(a.value - b.value) / se))
    return _row(a.value - b.value, se, p, n, events, test, "")


def _standard_error(curve: KaplanMeier, horizon: float) -> float:
    """Return Greenwood's: each event weighs by the area under the curve that still lies before it."""
    steps = curve.steps[curve.steps["time"] < horizon]
    time, surv, died, at_risk = (steps[name].to_numpy(dtype=np.float64) for name in ("time", "surv", "n_event", "n_risk"))
    area = surv * np.diff(np.concatenate([time, [horizon]]))
    ahead = np.cumsum(area[::-1])[::-1]
    left = at_risk - died  # where nobody is left the curve is 0 and no area lies ahead
    weight = np.divide(died, at_risk * left, out=np.zeros_like(died), where=left > 0)
    return float(np.sqrt((ahead**2 * weight).sum()))


def _row(value: float | None, se: float | None, p: float | None, n: int, events: int, test: str, note: str) -> Estimate:
    if value is None or se is None:
        return Estimate(None, None, None, None, n, events, test, note)
    return Estimate(value, value - Z95 * se, value + Z95 * se, p, n, events, test, note)
