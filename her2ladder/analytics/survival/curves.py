"""The curves of a survival analysis: their steps, numbers at risk, medians and follow-up, as frames and rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from her2ladder.analytics.statistics.estimate import Estimate
from her2ladder.analytics.statistics.kaplan_meier import kaplan_meier, median_follow_up
from her2ladder.analytics.survival.asked import Asked, Part

_MOST_MORE = 12  # columns that the risk table takes beyond the times asked for


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


def table_times(asked: Sequence[float], last: float) -> list[float]:
    """Return the times of the risk table: those asked for, then on in their last step for as long as anyone is followed."""
    times = sorted(set(asked))
    step = times[-1] - times[-2] if len(times) > 1 else math.inf
    more = int((last - times[-1]) // step)
    return times + [times[-1] + step * (at + 1) for at in range(more)] if more <= _MOST_MORE else times


def curve_of(inside: pd.DataFrame, part: str, label: str, asked: Asked, shown: Sequence[float]) -> Curve:
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


def curve_rows(curve: Curve, subgroup: str, asked: Asked) -> Iterator[Part]:
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


def follow_up_rows(inside: pd.DataFrame, part: str, drawn: Mapping[str, str], asked: Asked) -> Iterator[Part]:
    """Of everyone in the part, and of each curve that is not everyone."""
    groups = {subgroup: inside[inside["label"] == level] for level, subgroup in drawn.items()}
    for subgroup, rows in {part: inside, **groups}.items():
        found = median_follow_up(rows["time_months"], rows["is_event"], interval=asked.interval)
        yield Part(subgroup, asked.endpoint, "median_followup", found)


def _none(value: object) -> float | None:
    return None if value is None or value != value else float(value)  # type: ignore[arg-type]
