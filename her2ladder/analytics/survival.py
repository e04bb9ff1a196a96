"""Survival by band or covariate: Kaplan-Meier, log-rank, Cox with its checks, follow-up; rows for the store, steps for export.

Times are months, counted from the origin that the clinical table uses (the table does not say which).
source   statistics.md, Survival; the paper's Fig. 4 and S5
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from her2ladder.analytics.cohorts import Selection, freeze_bands, patients, result_row, with_run
from her2ladder.analytics.groups import labels_of, levels_of
from her2ladder.analytics.odds import ADJUST, adjusters
from her2ladder.analytics.statistics import covariates as cov
from her2ladder.analytics.statistics.covariates import Covariate
from her2ladder.analytics.statistics.cox import CoxFit, cox
from her2ladder.analytics.statistics.estimate import Estimate
from her2ladder.analytics.statistics.kaplan_meier import INTERVALS, kaplan_meier, median_follow_up
from her2ladder.analytics.statistics.logrank import log_rank
from her2ladder.analytics.statistics.zph import zph
from her2ladder.errors import InputError
from her2ladder.queries.run import run
from her2ladder.schema.store import Store
from her2ladder.schema.tables import ANALYSIS_RESULT
from her2ladder.schema.vocabulary import BANDS

ENDPOINTS = {"dfs": "Disease-free survival", "os": "Overall survival"}
TIMES_MONTHS = (0.0, 12.0, 24.0, 36.0, 48.0, 60.0)
LOW, _, HIGH = BANDS
_MOST_MORE = 12  # columns that the risk table takes beyond the times asked for


@dataclass(frozen=True)
class Asked:
    """What a survival analysis was asked for."""

    endpoint: str
    by: str
    score_name: str | None = None
    within: str | None = None
    times: tuple[float, ...] = TIMES_MONTHS
    interval: str = "log-log"
    adjust: tuple[str, ...] = ADJUST


@dataclass(frozen=True)
class Curve:
    """One group's curve: its part of the cohort ('all', or a level of --within), its label, the exported steps, numbers at risk."""

    part: str
    label: str
    steps: pd.DataFrame
    at_risk: pd.DataFrame
    n: int
    events: int
    median: Estimate


@dataclass(frozen=True)
class Survival:
    """Rows as they stand in the store, curves, and the raw rows behind them (patient_id, part, label, time_months, is_event)."""

    run: str
    asked: Asked
    rows: list[dict[str, Any]]
    curves: list[Curve]
    raw: pd.DataFrame
    patients: pd.DataFrame


@dataclass(frozen=True)
class _Part:
    subgroup: str
    term: str
    metric: str
    estimate: Estimate


def survival(store: Store, chosen: Selection, asked: Asked) -> Survival:
    """Compute and write a survival analysis.

    raises   InputError for an unknown endpoint, interval or time, a column that is not there, or a cohort without follow-up
    """
    _check(asked)
    if asked.by == "band":
        freeze_bands(store, str(asked.score_name))
    arguments = {
        **asked.__dict__,
        "times": list(asked.times),
        "adjust": list(asked.adjust),
        "cohort": chosen.label,
        "setting": chosen.setting,
    }
    with run(store, "survival", arguments) as this:
        frame = _followed(patients(this, chosen, asked.score_name), asked, chosen)
        labels = labels_of(frame, asked.by)
        levels = levels_of(labels, asked.by)
        frame = frame.assign(label=labels)
        curves: list[Curve] = []
        parts: list[_Part] = []
        for part, inside in _parts_of(frame, asked.within):
            prefix = "" if part == "all" else f"{part}: "
            shown = _table_times(asked.times, inside["time_months"].max())
            for level in levels:
                curve = _curve(inside[inside["label"] == level], part, level, asked, shown)
                curves.append(curve)
                parts += _curve_rows(curve, f"{prefix}{level}", asked)
            parts += _follow_up(inside, part, levels, prefix, asked)
            parts += _tests(inside, part, levels, asked)
        rows = [
            result_row(
                "survival",
                chosen,
                p.metric,
                p.estimate,
                subgroup=p.subgroup,
                term=p.term,
                score_name=asked.score_name,
                family=asked.endpoint,
            )
            for p in parts
        ]
        this.append(ANALYSIS_RESULT, rows)
    raw = frame.assign(part="all")[["patient_id", "part", "label", "time_months", "is_event"]]
    return Survival(this.id, asked, with_run(rows, this.id), curves, raw, frame)


def _check(asked: Asked) -> None:
    if asked.endpoint not in ENDPOINTS:
        raise InputError(f"--endpoint: wanted {' or '.join(ENDPOINTS)}, found {asked.endpoint!r}")
    if asked.interval not in INTERVALS:
        raise InputError(f"--interval: wanted {' or '.join(INTERVALS)}, found {asked.interval!r}")
    wrong = [time for time in asked.times if not 0 <= time < float("inf")]  # NaN is neither
    if wrong or not asked.times:
        raise InputError(f"--times: wanted months from 0 up, found {wrong[0] if wrong else 'none'}")
    if asked.by == "band" and asked.score_name is None:
        raise InputError("survival: wanted --score NAME (its bands), or --by COVARIATE")


def _followed(frame: pd.DataFrame, asked: Asked, chosen: Selection) -> pd.DataFrame:
    """Patients with a time and a status of the endpoint."""
    time, event = f"{asked.endpoint}_months", f"{asked.endpoint}_event"
    frame = frame[frame[time].notna() & frame[event].notna()].reset_index(drop=True)
    if frame.empty:
        raise InputError(f"--cohort {chosen.label}: no patient has {time} and {event}; survival needs an adjuvant cohort with follow-up")
    return frame.assign(time_months=frame[time].astype(float), is_event=frame[event].astype(int))


def _parts_of(frame: pd.DataFrame, within: str | None) -> Iterator[tuple[str, pd.DataFrame]]:
    yield "all", frame
    if within is not None:
        labels = labels_of(frame, within, "--within")
        for level in levels_of(labels, within, "--within"):
            yield level, frame[np.array([label == level for label in labels])].reset_index(drop=True)


def _table_times(asked: Sequence[float], last: float) -> list[float]:
    """Return the times of the risk table: those asked for, then on in their last step for as long as anyone is followed."""
    times = sorted(set(asked))
    step = times[-1] - times[-2] if len(times) > 1 else math.inf
    more = int((last - times[-1]) // step)
    return times + [times[-1] + step * (at + 1) for at in range(more)] if more <= _MOST_MORE else times


def _curve(inside: pd.DataFrame, part: str, label: str, asked: Asked, shown: Sequence[float]) -> Curve:
    fit = kaplan_meier(inside["time_months"], inside["is_event"], interval=asked.interval)
    at = fit.at(shown) if fit.n else ()
    at_risk = pd.DataFrame(
        [
            {"label": label, "time": one.time, "n_risk": one.n_risk, "surv": one.surv, "lo": one.lo, "hi": one.hi, "note": one.note}
            for one in at
        ],
        columns=["label", "time", "n_risk", "surv", "lo", "hi", "note"],
    ).astype({"time": float, "n_risk": int, "surv": float, "lo": float, "hi": float})  # None, where a curve has no value, is NaN
    return Curve(part, label, fit.steps.assign(label=label), at_risk, fit.n, fit.events, fit.median)


def _curve_rows(curve: Curve, subgroup: str, asked: Asked) -> Iterator[_Part]:
    """n of a survival_at row is the number at risk then (time >= t, as R counts); events those up to then."""
    test = f"Kaplan-Meier, {asked.interval}"
    if not curve.n:
        yield _Part(subgroup, asked.endpoint, "median_survival", Estimate(None, None, None, n=0, events=0, test=test, note="no patients"))
        return
    for one in curve.at_risk[curve.at_risk["time"].isin(asked.times)].itertuples():
        until = int(curve.steps.loc[curve.steps["time"] <= one.time, "n_event"].sum())
        note = "; ".join(part for part in (one.note, f"n: at risk at {one.time:g} months") if part)
        found = Estimate(_none(one.surv), _none(one.lo), _none(one.hi), n=int(one.n_risk), events=until, test=test, note=note)
        yield _Part(subgroup, f"{one.time:g}", "survival_at", found)
    yield _Part(subgroup, asked.endpoint, "median_survival", replace(curve.median, n=curve.n, events=curve.events))


def _follow_up(inside: pd.DataFrame, part: str, levels: Sequence[str], prefix: str, asked: Asked) -> Iterator[_Part]:
    groups = [(part, inside)] + [(f"{prefix}{level}", inside[inside["label"] == level]) for level in levels]
    for subgroup, rows in groups:
        found = median_follow_up(rows["time_months"], rows["is_event"], interval=asked.interval)
        yield _Part(subgroup, asked.endpoint, "median_followup", found)


def _tests(inside: pd.DataFrame, part: str, levels: Sequence[str], asked: Asked) -> Iterator[_Part]:
    """Log-rank over all levels and between two; Cox of two levels alone (by band: High against Low), adjusted, and of all levels."""
    time, event, labels = inside["time_months"], inside["is_event"], inside["label"].tolist()
    if len(levels) > 2:
        yield _Part(part, " vs ".join(levels), "logrank", log_rank(time, event, cov.factor(asked.by, labels, levels)).estimate())
    for b, a in [(LOW, HIGH)] if asked.by == "band" else combinations(levels, 2):
        two = inside[inside["label"].isin([a, b])].reset_index(drop=True)
        yield from _two_levels(two, part, a, b, asked)
    if len(levels) > 2:
        fit = _cox(inside, [cov.factor(asked.by, labels, levels)])
        for (name, found), level in zip(fit.estimates().items(), levels[1:], strict=False):
            yield _Part(
                part, f"{level} vs {levels[0]}, all levels", "hazard_ratio", _noted(found, f"model with all levels of {asked.by} ({name})")
            )
    if asked.score_name is not None:
        yield from _by_score(inside, part, asked)


def _two_levels(two: pd.DataFrame, part: str, a: str, b: str, asked: Asked) -> Iterator[_Part]:
    term = f"{a} vs {b}"
    group = cov.factor(asked.by, two["label"].tolist(), (b, a))
    yield _Part(part, term, "logrank", log_rank(two["time_months"], two["is_event"], group).estimate())
    fit = _cox(two, [group])
    yield _Part(part, term, "hazard_ratio", _first(fit))
    yield _Part(part, term, "c_index", fit.c_index)
    yield _Part(part, term, "ph_test", _global_test(fit))
    others, words = adjusters(two, asked.adjust)
    if others:
        fit = _cox(two, [group, *others])
        yield _Part(part, f"{term}, adjusted", "hazard_ratio", _noted(_first(fit), f"multivariable with {words}"))
        yield from _adjusted_tests(fit, part, f"{term}, adjusted")


def _by_score(inside: pd.DataFrame, part: str, asked: Asked) -> Iterator[_Part]:
    """The score itself, per 0.1: no cut, no band left out."""
    known = inside[inside["score"].notna()].reset_index(drop=True)
    score = cov.score_per_tenth(known["score"])
    fit = _cox(known, [score])
    yield _Part(part, "score (per 0.1)", "hazard_ratio", _first(fit))
    yield _Part(part, "score (per 0.1)", "c_index", fit.c_index)
    others, words = adjusters(known, asked.adjust)
    if others:
        fit = _cox(known, [score, *others])
        for name, found in fit.estimates().items():
            yield _Part(part, f"{name}, adjusted", "hazard_ratio", _noted(found, f"multivariable with {words}"))
        yield _Part(part, "score (per 0.1), adjusted", "c_index", fit.c_index)
        yield from _adjusted_tests(fit, part, "score (per 0.1), adjusted")


def _adjusted_tests(fit: CoxFit, part: str, term: str) -> Iterator[_Part]:
    for test in zph(fit):
        yield _Part(part, f"{term}: {test.covariate}", "ph_test", test.estimate())


def _cox(frame: pd.DataFrame, chosen: Sequence[Covariate]) -> CoxFit:
    """Fit; where a column repeats another the model has a reason instead of numbers."""
    try:
        return cox(frame["time_months"], frame["is_event"], chosen)
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


def _none(value: object) -> float | None:
    return None if value is None or value != value else float(value)  # type: ignore[arg-type]
