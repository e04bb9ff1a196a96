"""How a hazard ratio moves over time: the scaled Schoenfeld residual of each event, and a smooth line through them.

The residuals are lifelines' (n_events x covariance x residual); the coefficient is added, as R's plot(cox.zph) does, so that a flat line lies
at the log hazard ratio. They are for the eye: the test is `zph`.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from her2ladder.analytics.statistics.covariates import Covariate
from her2ladder.analytics.statistics.cox import EFRON, PRECISE, cox
from her2ladder.analytics.statistics.survival_times import survival_times

FEWEST = 10  # chosen: a smooth line through fewer events is invented


@dataclass(frozen=True, eq=False, slots=True)
class Moving:
    """What the plot draws.

    points  time, log_hazard_ratio: one row an event
    smooth  the same columns along the lowess line; empty below ten events
    log_hazard_ratio  of the model; None where `note` says why nothing can be drawn
    """

    points: pd.DataFrame
    smooth: pd.DataFrame
    log_hazard_ratio: float | None
    note: str = ""


def moving_ratio(time: object, event: object, covariate: Covariate) -> Moving:
    """Return the log hazard ratio of one covariate as it moves with time.

    time, event  (n,), as `survival_times`
    covariate    a number, or a factor of two levels
    source       Grambsch & Therneau 1994; R plot(cox.zph)
    """
    empty = pd.DataFrame({"time": np.empty(0), "log_hazard_ratio": np.empty(0)})
    fit = cox(time, event, [covariate])
    if fit.method != EFRON or fit.fitted is None or fit.terms[0].coef is None:
        return Moving(empty, empty, None, fit.note or "no maximum-likelihood fit")
    from lifelines import CoxPHFitter
    from statsmodels.nonparametric.smoothers_lowess import lowess

    data = survival_times(time, event)
    held = pd.DataFrame({"x": covariate.values[data.kept], "time": data.time, "event": data.event}).dropna().reset_index(drop=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of little variance: `cox` has decided whether there is a maximum
        fitter = CoxPHFitter().fit(held, "time", "event", fit_options=PRECISE)
        scaled = fitter.compute_residuals(held, "scaled_schoenfeld")["x"]
    at = held.loc[scaled.index, "time"].to_numpy(dtype=np.float64)
    moved = scaled.to_numpy(dtype=np.float64) + fit.terms[0].coef
    points = pd.DataFrame({"time": at, "log_hazard_ratio": moved}).sort_values(["time", "log_hazard_ratio"], ignore_index=True)
    line = empty
    if len(points) >= FEWEST and points["time"].nunique() > 3:
        smooth = lowess(points["log_hazard_ratio"], points["time"], frac=2 / 3, it=0)
        line = pd.DataFrame(smooth, columns=["time", "log_hazard_ratio"]).drop_duplicates("time", ignore_index=True)
    return Moving(points, line, fit.terms[0].coef)
