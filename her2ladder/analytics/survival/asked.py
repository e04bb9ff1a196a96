"""What a survival analysis can be asked, and what it may be: endpoints, times, method."""

from __future__ import annotations

from dataclasses import dataclass

from her2ladder.analytics.cohort.covariates import ADJUST
from her2ladder.analytics.statistics.estimate import Estimate

ENDPOINTS = {"dfs": "Disease-free survival", "os": "Overall survival"}
FURTHER = {
    "efs": "Event-free survival",
    "pfs": "Progression-free survival",
    "idfs": "Invasive disease-free survival",
    "ddfs": "Distant disease-free survival",
    "rfs": "Recurrence-free survival",
    "bcss": "Breast cancer-specific survival",
}
"""Further endpoints that a clinical table may bring as NAME_months and NAME_event; any other NAME is shown by its letters."""


def endpoint_words(endpoint: str) -> str:
    """Return what an endpoint is called in figures."""
    return ENDPOINTS.get(endpoint) or FURTHER.get(endpoint) or endpoint.upper()


TIMES_MONTHS = (0.0, 12.0, 24.0, 36.0, 48.0, 60.0)


@dataclass(frozen=True)
class Asked:
    """What a survival analysis was asked for.

    by             band, score (itself, per 0.1), or a covariate
    method         of the Cox models: auto, cox or firth (statistics.cox)
    restricted_to  months of the restricted mean survival time; None = not asked for
    """

    endpoint: str
    by: str
    score_name: str | None = None
    within: str | None = None
    times: tuple[float, ...] = TIMES_MONTHS
    interval: str = "log-log"
    adjust: tuple[str, ...] = ADJUST
    method: str = "auto"
    restricted_to: float | None = None


@dataclass(frozen=True)
class Part:
    """One row before it has a cohort and a run; `remark` is what must be said of the score or column behind it."""

    subgroup: str
    term: str
    metric: str
    estimate: Estimate
    remark: str = ""
