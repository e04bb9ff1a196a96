"""Survival by band or covariate: Kaplan-Meier, log-rank, Cox with its checks, follow-up; rows for the store, steps for export.

Times are months, counted from the origin that the clinical table uses (the table does not say which).
source   statistics.md, Survival; the paper's Fig. 4 and S5
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from her2ladder.analytics.cohort.bands import freeze_bands, has_bands, no_construction
from her2ladder.analytics.cohort.covariates import number_of
from her2ladder.analytics.cohort.groups import labels_of, levels_of
from her2ladder.analytics.cohort.selection import Selection, own_scale, patients, unscored
from her2ladder.analytics.results.rows import result_row, with_run
from her2ladder.analytics.statistics import covariates as cov
from her2ladder.analytics.statistics.covariates import Covariate
from her2ladder.analytics.statistics.cox import METHODS
from her2ladder.analytics.statistics.kaplan_meier import INTERVALS
from her2ladder.analytics.survival.asked import Asked, Part
from her2ladder.analytics.survival.curves import Curve, curve_of, curve_rows, follow_up_rows, table_times
from her2ladder.analytics.survival.models import level_rows, number_rows, pairs_compared, restricted_mean_rows
from her2ladder.errors import InputError
from her2ladder.queries.run import run
from her2ladder.schema.store import Store
from her2ladder.schema.tables import ANALYSIS_RESULT

ALL = "all"
MEASURED = "the number of --by"  # beside the patients' own columns: a name that no covariate has
MOST_CLASSES = 6  # chosen: a number of no more values (a grade, an imported class) is drawn as classes, a curve each


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
    told = {name: value for name, value in asked.__dict__.items() if (name, value) not in (("method", "auto"), ("restricted_to", None))}
    arguments = {
        **told,  # what is new since then is named only where it is asked for: an analysis made before is the same analysis
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
            shown = table_times(asked.times, inside["time_months"].max())
            for level, subgroup in drawn.items():
                curves.append(curve_of(inside[inside["label"] == level], part, level, asked, shown))
                parts += curve_rows(curves[-1], subgroup, asked)
            if asked.restricted_to is not None:
                has_pairs = groups.number is None
                parts += restricted_mean_rows(inside, part, asked.by, drawn, asked.restricted_to, has_pairs=has_pairs)
            parts += follow_up_rows(inside, part, drawn, asked)
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


def compared(done: Survival) -> tuple[pd.DataFrame, Covariate]:
    """Return the patients and the covariate of the comparison that comes first: two levels, or the number per unit."""
    asked, frame = done.asked, done.patients
    if asked.by == "score":
        return frame, cov.score_per_tenth(frame["score"])
    if frame[MEASURED].notna().any():
        return frame, Covariate(next(row["term"] for row in done.rows if row["metric"] == "c_index"), frame[MEASURED].to_numpy(float))
    levels = [curve.label for curve in done.curves if curve.part == ALL]
    pairs = pairs_compared(asked.by, levels)
    two = frame[frame["label"].isin(pairs[0])] if pairs else frame[frame["label"].notna()]
    return two.reset_index(drop=True), cov.factor(asked.by, two["label"].tolist(), pairs[0] if pairs else tuple(levels))


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
        found = level_rows(inside, part, asked.by, groups.levels, adjust, asked.method)
        yield from _remarked(found, lacking if asked.by == "band" else "")
    elif asked.by != "score":
        number = Covariate(groups.number.name, inside[MEASURED].to_numpy(float))
        yield from _remarked(number_rows(inside, part, number, adjust, asked.method), _without_value(inside, asked.by))
    if asked.score_name is not None:
        score = cov.score_per_tenth(inside["score"])
        scale = own_scale(frame, asked.score_name)
        is_beside = groups.number is not None and asked.by != "score"  # then the other covariates' rows are those of the number's model
        for row in number_rows(inside, part, score, asked.adjust, asked.method):
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
    if asked.interval not in INTERVALS:
        raise InputError(f"--interval: wanted {' or '.join(INTERVALS)}, found {asked.interval!r}")
    if asked.method not in METHODS:
        raise InputError(f"--method: wanted {', '.join(METHODS)}, found {asked.method!r}")
    if asked.restricted_to is not None and not 0 < asked.restricted_to < math.inf:
        raise InputError(f"--rmst: wanted months above 0, found {asked.restricted_to:g}")
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
    if time not in frame or event not in frame:
        there = [name.removesuffix("_months") for name in frame if name.endswith("_months") and name.replace("_months", "_event") in frame]
        raise InputError(f"--endpoint: wanted {' or '.join(sorted(there))}, found {asked.endpoint!r}")
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
