"""The tests and models of a survival analysis as rows: log-rank and Cox between levels, Cox of a number, each with its checks.

source   statistics.md, Survival
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import pandas as pd

from her2ladder.analytics.cohort.covariates import adjusters
from her2ladder.analytics.statistics import covariates as cov
from her2ladder.analytics.statistics.covariates import Covariate
from her2ladder.analytics.statistics.cox import CoxFit, cox
from her2ladder.analytics.statistics.estimate import Estimate
from her2ladder.analytics.statistics.logrank import log_rank
from her2ladder.analytics.statistics.restricted_mean import difference, restricted_mean
from her2ladder.analytics.statistics.zph import zph
from her2ladder.analytics.survival.asked import Part
from her2ladder.errors import InputError
from her2ladder.schema.vocabulary import BANDS

LOW, _, HIGH = BANDS


def level_rows(
    inside: pd.DataFrame, part: str, by: str, levels: Sequence[str], adjust: Sequence[str], method: str = "auto"
) -> Iterator[Part]:
    """Yield log-rank over all levels and between two; Cox of two levels alone (by band: High against Low), adjusted, and of all levels.

    inside  patients, with the columns time_months, is_event, label and those of `adjust`
    method  of the Cox models, as statistics.cox
    """
    time, event, labels = inside["time_months"], inside["is_event"], inside["label"].tolist()
    if len(levels) > 2:
        yield Part(part, " vs ".join(levels), "logrank", log_rank(time, event, cov.factor(by, labels, levels)).estimate())
    for b, a in pairs_compared(by, levels):
        two = inside[inside["label"].isin([a, b])].reset_index(drop=True)
        yield from _two_levels(two, part, cov.factor(by, two["label"].tolist(), (b, a)), adjust, method)
    if len(levels) > 2:
        fit = _cox(inside, [cov.factor(by, labels, levels)], method)
        for name, found in fit.estimates().items():  # the fit says which levels it has: an empty one is in no pair
            yield Part(part, f"{name.removeprefix(f'{by} ')}, all levels", "hazard_ratio", _noted(found, f"model with all levels of {by}"))


def pairs_compared(by: str, levels: Sequence[str]) -> list[tuple[str, str]]:
    """Return which levels are compared, the reference first: of bands High against Low alone, else every pair."""
    return [(LOW, HIGH)] if by == "band" else list(combinations(levels, 2))


def restricted_mean_rows(
    inside: pd.DataFrame, part: str, by: str, subgroups: Mapping[str, str], months: float, *, has_pairs: bool
) -> Iterator[Part]:
    """Yield the restricted mean of each curve, and its difference between the levels that are compared.

    subgroups  level -> what its rows are called
    """
    means = {}
    for level, subgroup in subgroups.items():
        rows = inside[inside["label"] == level]
        means[level] = restricted_mean(rows["time_months"], rows["is_event"], months)
        yield Part(subgroup, f"{months:g}", "restricted_mean", means[level].estimate())
    for b, a in pairs_compared(by, tuple(means)) if has_pairs else ():
        yield Part(part, f"{a} vs {b}", "restricted_mean_difference", difference(means[a], means[b]))


def _two_levels(two: pd.DataFrame, part: str, group: Covariate, adjust: Sequence[str], method: str) -> Iterator[Part]:
    term = " vs ".join(reversed(group.levels))
    yield Part(part, term, "logrank", log_rank(two["time_months"], two["is_event"], group).estimate())
    fit = _cox(two, [group], method)
    yield Part(part, term, "hazard_ratio", _first(fit))
    yield Part(part, term, "c_index", fit.c_index)
    yield Part(part, term, "ph_test", _global_test(fit))
    others, words = adjusters(two, adjust)
    if others:
        fit = _cox(two, [group, *others], method)
        yield Part(part, f"{term}, adjusted", "hazard_ratio", _noted(_first(fit), f"multivariable with {words}"))
        yield from _adjusted_tests(fit, part, f"{term}, adjusted")


def number_rows(inside: pd.DataFrame, part: str, number: Covariate, adjust: Sequence[str], method: str = "auto") -> Iterator[Part]:
    """Yield Cox of a number per its unit, alone and adjusted, with C-index and proportional hazards: no cut, nobody in between left out.

    inside  as in `level_rows`; patients without the number (NaN) are in no model
    """
    has = pd.notna(number.values)
    known, number = inside[has].reset_index(drop=True), replace(number, values=number.values[has])
    fit = _cox(known, [number], method)
    yield Part(part, number.name, "hazard_ratio", _first(fit))
    yield Part(part, number.name, "c_index", fit.c_index)
    yield Part(part, number.name, "ph_test", _global_test(fit))
    others, words = adjusters(known, adjust)
    if others:
        fit = _cox(known, [number, *others], method)
        for name, found in fit.estimates().items():
            yield Part(part, f"{name}, adjusted", "hazard_ratio", _noted(found, f"multivariable with {words}"))
        yield Part(part, f"{number.name}, adjusted", "c_index", fit.c_index)
        yield from _adjusted_tests(fit, part, f"{number.name}, adjusted")


def _adjusted_tests(fit: CoxFit, part: str, term: str) -> Iterator[Part]:
    for test in zph(fit):
        yield Part(part, f"{term}: {test.covariate}", "ph_test", test.estimate())


def _cox(frame: pd.DataFrame, chosen: Sequence[Covariate], method: str) -> CoxFit:
    """Fit; where a column repeats another the model has a reason instead of numbers."""
    try:
        return cox(frame["time_months"], frame["is_event"], chosen, method=method)
    except InputError as error:
        nothing = Estimate(None, None, None, n=len(frame), events=int(frame["is_event"].sum()), note=str(error))
        return CoxFit((), nothing, len(frame), int(frame["is_event"].sum()), 0, "", str(error))


def _first(fit: CoxFit) -> Estimate:
    if not fit.terms:
        return Estimate(None, None, None, n=fit.n, events=fit.events, note=fit.note)
    return next(iter(fit.estimates().values()))


def _global_test(fit: CoxFit) -> Estimate:
    return next(test.estimate() for test in zph(fit) if test.covariate == "GLOBAL")


def _noted(estimate: Estimate, note: str) -> Estimate:
    return replace(estimate, note="; ".join(part for part in (estimate.note, note) if part))
