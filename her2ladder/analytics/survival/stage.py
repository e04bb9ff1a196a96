"""Survival by band or covariate: Kaplan-Meier, log-rank, Cox with its checks, follow-up; rows for the store, steps for export.

Times are months, counted from the origin that the clinical table uses (the table does not say which).
source   statistics.md, Survival; the paper's Fig. 4 and S5
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from her2ladder.analytics.cohort.bands import freeze_bands, has_bands, no_construction
from her2ladder.analytics.cohort.covariates import ADJUST, number_of
from her2ladder.analytics.cohort.groups import labels_of, levels_of
from her2ladder.analytics.cohort.selection import Selection, own_scale, patients, unscored
from her2ladder.analytics.results.rows import result_row, with_run
from her2ladder.analytics.statistics import covariates as cov
from her2ladder.analytics.statistics.covariates import Covariate
from her2ladder.analytics.statistics.estimate import Estimate
from her2ladder.analytics.statistics.kaplan_meier import INTERVALS, kaplan_meier, median_follow_up
from her2ladder.analytics.survival.models import Part, level_rows, number_rows
from her2ladder.errors import InputError
from her2ladder.queries.run import run
from her2ladder.schema.store import Store
from her2ladder.schema.tables import ANALYSIS_RESULT

ENDPOINTS = {"dfs": "Disease-free survival", "os": "Overall survival"}
TIMES_MONTHS = (0.0, 12.0, 24.0, 36.0, 48.0, 60.0)
ALL = "all"
MEASURED = "the number of --by"  # beside the patients' own columns: a name that no covariate has
MOST_CLASSES = 6  # chosen: a number of no more values (a grade, an imported class) is drawn as classes, a curve each
_MOST_MORE = 12  # columns that the risk table takes beyond the times asked for


@dataclass(frozen=True)
class Asked:
    """What a survival analysis was asked for; by: band, score (itself, per 0.1), or a covariate."""

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
    """Rows as they stand in the store, curves, and the raw rows behind them (patient_id, part, label, time_months, is_event).

    remarks  what must be said of the score or column, once
    no_bands  why there are none, and what to do; '' where bands were shown or not asked for
    plain    the rows without remarks: what a figure says of them
    """

    run: str
    asked: Asked
    rows: list[dict[str, Any]]
    curves: list[Curve]
    raw: pd.DataFrame
    patients: pd.DataFrame
    remarks: tuple[str, ...] = ()
    no_bands: str = ""
    plain: list[dict[str, Any]] = field(default_factory=list, repr=False)


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
        groups = _groups(frame, asked)
        frame = frame.assign(label=groups.labels, **{MEASURED: np.nan if groups.number is None else groups.number.values})
        curves: list[Curve] = []
        parts: list[Part] = []
        for part, inside in _parts_of(frame, asked.within):
            drawn = {level: _subgroup(part, level, groups) for level in groups.levels}
            shown = _table_times(asked.times, inside["time_months"].max())
            for level, subgroup in drawn.items():
                curves.append(_curve(inside[inside["label"] == level], part, level, asked, shown))
                parts += _curve_rows(curves[-1], subgroup, asked)
            parts += _follow_up(inside, part, drawn, asked)
            parts += _models(frame, inside, part, groups, asked)
        plain = [_row(chosen, asked, part) for part in parts]
        rows = [_row(chosen, asked, part, part.remark) for part in parts]
        this.append(ANALYSIS_RESULT, rows)
    raw = frame.assign(part=ALL)[["patient_id", "part", "label", "time_months", "is_event"]]
    no_bands = no_construction(str(asked.score_name)) if asked.by == "score" and not has_bands(store, str(asked.score_name)) else ""
    return Survival(this.id, asked, with_run(rows, this.id), curves, raw, frame, _remarks(frame, groups, asked), no_bands, plain)


def default_by(store: Store, score_name: str) -> str:
    """Return what is shown of a score where nothing is said: its bands, or the score itself where there is nobody to cut them on."""
    return "band" if has_bands(store, score_name) else "score"


def _row(chosen: Selection, asked: Asked, part: Part, note: str = "") -> dict[str, Any]:
    told = {"subgroup": part.subgroup, "term": part.term, "score_name": asked.score_name, "family": asked.endpoint, "note": note}
    return result_row("survival", chosen, part.metric, part.estimate, **told)  # type: ignore[arg-type]


@dataclass(frozen=True)
class _Groups:
    """How patients are told apart: by levels, a curve each; or by a number, with one curve of all who have it."""

    labels: list[str | None]
    levels: tuple[str, ...]
    number: Covariate | None = None


def _groups(frame: pd.DataFrame, asked: Asked) -> _Groups:
    if asked.by == "score":
        number: Covariate | None = cov.score_per_tenth(frame["score"])
    else:
        labels = labels_of(frame, asked.by)
        is_class = asked.by == "band" or len(set(labels) - {None}) <= MOST_CLASSES
        number = None if is_class else number_of(frame, asked.by)
    if number is None:
        return _Groups(labels, levels_of(labels, asked.by))
    return _Groups([None if value != value else ALL for value in number.values], (ALL,), number)


def _subgroup(part: str, level: str, groups: _Groups) -> str:
    """What the rows of a curve say: its level, after the level of --within where there is one."""
    if groups.number is not None:
        return part
    return level if part == ALL else f"{part}: {level}"


def _models(frame: pd.DataFrame, inside: pd.DataFrame, part: str, groups: _Groups, asked: Asked) -> Iterator[Part]:
    """Tests and models of one part; beside those of bands or a covariate, the score itself."""
    adjust = [name for name in asked.adjust if name != asked.by]
    lacking = unscored(inside, asked.score_name, "with follow-up") if asked.score_name is not None else ""
    if groups.number is None:
        found = level_rows(inside, part, asked.by, groups.levels, adjust)
        yield from _remarked(found, lacking if asked.by == "band" else "")
    elif asked.by != "score":
        number = Covariate(groups.number.name, inside[MEASURED].to_numpy(float))
        yield from _remarked(number_rows(inside, part, number, adjust), _without_value(inside, asked.by))
    if asked.score_name is not None:
        score = cov.score_per_tenth(inside["score"])
        scale = own_scale(frame, asked.score_name)
        is_beside = groups.number is not None and asked.by != "score"  # then the other covariates' rows are those of the number's model
        for row in number_rows(inside, part, score, asked.adjust):
            if is_beside and not row.term.startswith(score.name):
                continue
            is_ratio = row.metric == "hazard_ratio" and row.term.startswith(score.name)
            yield replace(row, remark="; ".join(text for text in (lacking, scale if is_ratio else "") if text))


def _remarked(rows: Iterable[Part], remark: str) -> Iterator[Part]:
    return (replace(row, remark=remark) for row in rows)


def _without_value(frame: pd.DataFrame, column: str) -> str:
    n = int(frame[MEASURED].isna().sum())
    return f"{n} of {len(frame)} patients with follow-up {'has' if n == 1 else 'have'} no {column}" if n else ""


def _remarks(frame: pd.DataFrame, groups: _Groups, asked: Asked) -> tuple[str, ...]:
    said = []
    if groups.number is not None and asked.by != "score":
        said.append(_without_value(frame, asked.by))
    if asked.score_name is not None:
        said += [unscored(frame, asked.score_name, "with follow-up"), own_scale(frame, asked.score_name)]
    return tuple(text for text in said if text)


def _check(asked: Asked) -> None:
    if asked.endpoint not in ENDPOINTS:
        raise InputError(f"--endpoint: wanted {' or '.join(ENDPOINTS)}, found {asked.endpoint!r}")
    if asked.interval not in INTERVALS:
        raise InputError(f"--interval: wanted {' or '.join(INTERVALS)}, found {asked.interval!r}")
    wrong = [time for time in asked.times if not 0 <= time < float("inf")]  # NaN is neither
    if wrong or not asked.times:
        raise InputError(f"--times: wanted months from 0 up, found {wrong[0] if wrong else 'none'}")
    if asked.by in ("band", "score") and asked.score_name is None:
        raise InputError("survival: wanted --score NAME (its bands), or --by COVARIATE")
    if asked.by in (f"{asked.endpoint}_months", f"{asked.endpoint}_event"):
        raise InputError(f"--by {asked.by}: it is what the survival analysis is of; wanted another column")


def _followed(frame: pd.DataFrame, asked: Asked, chosen: Selection) -> pd.DataFrame:
    """Patients with a time and a status of the endpoint."""
    time, event = f"{asked.endpoint}_months", f"{asked.endpoint}_event"
    frame = frame[frame[time].notna() & frame[event].notna()].reset_index(drop=True)
    if frame.empty:
        raise InputError(f"--cohort {chosen.label}: no patient has {time} and {event}; survival needs an adjuvant cohort with follow-up")
    return frame.assign(time_months=frame[time].astype(float), is_event=frame[event].astype(int))


def _parts_of(frame: pd.DataFrame, within: str | None) -> Iterator[tuple[str, pd.DataFrame]]:
    yield ALL, frame
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


def _curve_rows(curve: Curve, subgroup: str, asked: Asked) -> Iterator[Part]:
    """n of a survival_at row is the number at risk then (time >= t, as R counts); events those up to then."""
    test = f"Kaplan-Meier, {asked.interval}"
    if not curve.n:
        yield Part(subgroup, asked.endpoint, "median_survival", Estimate(None, None, None, n=0, events=0, test=test, note="no patients"))
        return
    for one in curve.at_risk[curve.at_risk["time"].isin(asked.times)].itertuples():
        until = int(curve.steps.loc[curve.steps["time"] <= one.time, "n_event"].sum())
        note = "; ".join(part for part in (one.note, f"n: at risk at {one.time:g} months") if part)
        found = Estimate(_none(one.surv), _none(one.lo), _none(one.hi), n=int(one.n_risk), events=until, test=test, note=note)
        yield Part(subgroup, f"{one.time:g}", "survival_at", found)
    yield Part(subgroup, asked.endpoint, "median_survival", replace(curve.median, n=curve.n, events=curve.events))


def _follow_up(inside: pd.DataFrame, part: str, drawn: Mapping[str, str], asked: Asked) -> Iterator[Part]:
    """Of everyone in the part, and of each curve that is not everyone."""
    groups = {subgroup: inside[inside["label"] == level] for level, subgroup in drawn.items()}
    for subgroup, rows in {part: inside, **groups}.items():
        found = median_follow_up(rows["time_months"], rows["is_event"], interval=asked.interval)
        yield Part(subgroup, asked.endpoint, "median_followup", found)


def _none(value: object) -> float | None:
    return None if value is None or value != value else float(value)  # type: ignore[arg-type]
