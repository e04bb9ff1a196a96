"""Log-rank test over any number of groups, as R's survdiff."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from her2ladder.analytics.statistics.covariates import Covariate, FloatArray
from her2ladder.analytics.statistics.design import join_notes
from her2ladder.analytics.statistics.estimate import Estimate
from her2ladder.analytics.statistics.survival_times import survival_times
from her2ladder.errors import InputError


@dataclass(frozen=True, slots=True)
class LogRank:
    """A log-rank test.

    groups     levels that have patients; n, observed, expected (one each): patients, events, events expected were all groups alike
    chi_square, df, p   None and 0 where `note` says why
    """

    groups: tuple[str, ...]
    n: tuple[int, ...]
    observed: tuple[int, ...]
    expected: tuple[float, ...]
    chi_square: float | None
    df: int
    p: float | None
    note: str = ""

    def estimate(self) -> Estimate:
        """Return the test as a row's estimate; value: chi-square."""
        return Estimate(self.chi_square, None, None, self.p, sum(self.n), sum(self.observed), f"log-rank, df {self.df}", self.note)


def log_rank(time: object, event: object, group: Covariate) -> LogRank:
    """Return the log-rank test between the levels of a factor (all bands, or two of them: missing elsewhere).

    time, event  (n,), as `survival_times`
    raises       InputError where lengths differ or `group` is no factor
    source       R survdiff(rho = 0)
    """
    data = survival_times(time, event)
    if not group.levels or len(group) != len(data.kept):
        raise InputError(
            f"{group.name}: wanted a factor with one level a patient ({len(data.kept)}), found {len(group)} entries; see covariates.factor"
        )
    values = group.values[data.kept]
    known = ~np.isnan(values)
    place, times, died = values[known].astype(np.int64), data.time[known], data.event[known]
    present = np.unique(place)
    groups = tuple(group.levels[at] for at in present)
    member = (place[:, None] == present[None, :]).astype(np.float64)
    gone = len(group) - len(place)
    missing = f"{gone} of {len(group)} patients left out: a value is missing" if gone else ""
    n = tuple(int(count) for count in member.sum(axis=0))
    observed = tuple(int(count) for count in member[died].sum(axis=0))
    if not died.any() or len(groups) < 2:
        reason = "no patients" if not len(place) else "no event" if not died.any() else f"all patients are {groups[0]}"
        return LogRank(groups, n, observed, (0.0,) * len(groups), None, 0, None, join_notes(reason, missing))
    expected, variance = _hypergeometric(times, died, member)
    usable = expected > 0
    difference = (np.asarray(observed) - expected)[usable][1:]
    inner = variance[np.ix_(usable, usable)][1:, 1:]
    known_expected = tuple(float(value) for value in expected)
    if not len(difference) or np.linalg.matrix_rank(inner, hermitian=True) < len(difference):
        reason = "no event while patients of different groups were at risk"
        return LogRank(groups, n, observed, known_expected, None, 0, None, join_notes(reason, missing))
    statistic = float(difference @ np.linalg.solve(inner, difference))
    df = len(difference)
    note = join_notes(_few(groups, n), missing)
    return LogRank(groups, n, observed, known_expected, statistic, df, float(chi2.sf(statistic, df)), note)


def _hypergeometric(times: FloatArray, died: NDArray[np.bool_], member: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return expected events (g,) and their covariance (g, g), summed over event times; member (n, g) marks each patient's group."""
    order = np.argsort(times, kind="stable")
    moments = np.unique(times[died])
    upto = np.concatenate([np.zeros((1, member.shape[1])), np.cumsum(member[order], axis=0)])
    at_risk = upto[-1] - upto[np.searchsorted(times[order], moments, side="left")]
    deaths = np.bincount(np.searchsorted(moments, times[died]), minlength=len(moments)).astype(np.float64)
    total = at_risk.sum(axis=1)
    share = at_risk / total[:, None]
    weight = deaths * (total - deaths) / np.maximum(total - 1, 1)
    return deaths @ share, np.diag(weight @ share) - share.T @ (weight[:, None] * share)


def _few(groups: tuple[str, ...], n: tuple[int, ...]) -> str:
    single = [name for name, count in zip(groups, n, strict=True) if count == 1]
    return f"one patient only: {', '.join(single)}" if single else ""
