"""Harrell's C as R's concordance(): pairs whose order in time is known, ties of the predictor counted one half."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from her2ladder.analytics.statistics.covariates import FloatArray
from her2ladder.analytics.statistics.estimate import Estimate

NAME = "concordance (Harrell's C)"


def concordance(predictor: FloatArray, time: FloatArray, event: NDArray[np.bool_]) -> Estimate:
    """Return how often the patient with the higher predictor had the event first; no interval is given.

    predictor, time, event  (n,)
    returns  value in 0..1. A pair counts where the earlier time is an event, or both times are equal and one is an event and the other
             censored (who then outlived it); two events at one time do not count. None where no pair counts
    source   R concordance(reverse = TRUE), coxph's
    """
    from lifelines.utils import concordance_index

    n, events = len(time), int(event.sum())
    try:
        value = float(concordance_index(time, -predictor, event))
    except ZeroDivisionError:
        return Estimate(None, None, None, None, n, events, NAME, "no pair of patients whose order in time is known")
    return Estimate(value, None, None, None, n, events, NAME, "no interval is given")
