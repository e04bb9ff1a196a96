"""Kaplan-Meier curves against R survfit, lifelines and a hand-made curve."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from lifelines import KaplanMeierFitter
from lifelines.datasets import load_lung

from her2ladder.analytics.statistics.kaplan_meier import COLUMNS, kaplan_meier, median_follow_up
from her2ladder.errors import InputError

MAINTAINED = ([9, 13, 13, 18, 23, 28, 31, 34, 45, 48, 161], [1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 0])  # R's `aml`


def bands(cohort: pd.DataFrame) -> pd.Series:
    low, high = np.quantile(cohort.score, [1 / 3, 2 / 3])
    return pd.Series(np.where(cohort.score <= low, "Low", np.where(cohort.score <= high, "Medium", "High")))


def test_curves_agree_with_R_survfit(cohort: pd.DataFrame, truth: dict[str, Any]) -> None:
    """summary(survfit(Surv(dfs_months, dfs_event) ~ band, conf.type = "log-log"), times = c(0, 12, 24, 36, 48, 60))"""
    for row in truth["km"]:
        part = cohort[bands(cohort) == row["band"]]
        found = kaplan_meier(part.dfs_months, part.dfs_event).at([row["time"]])[0]
        assert found.n_risk == row["n_risk"]
        assert (found.surv, found.lo, found.hi) == pytest.approx((row["surv"], row["lo"], row["hi"]), abs=1e-10)


def test_log_intervals_agree_with_R_survfit(cohort: pd.DataFrame, truth: dict[str, Any]) -> None:
    for row in truth["km_log"]:
        part = cohort[bands(cohort) == row["band"]]
        curve = kaplan_meier(part.dfs_months, part.dfs_event, interval="log")
        found = curve.at([row["time"]])[0]
        assert (found.lo, found.hi) == pytest.approx((row["lo"], row["hi"]), abs=1e-10)
        assert curve.median.value is None
        assert curve.median.note == "the curve does not fall to one half"


def test_reverse_median_follow_up_agrees_with_R(cohort: pd.DataFrame, truth: dict[str, Any]) -> None:
    found = median_follow_up(cohort.dfs_months, cohort.dfs_event)
    assert found.value == truth["median_followup_reverse_km"]
    assert found.lo is not None
    assert found.hi is not None
    assert found.lo < found.value < found.hi
    assert (found.n, found.events) == (400, 70)


@pytest.mark.parametrize(("sex", "median"), [(None, (310, 285, 363)), (1, (270, 212, 310)), (2, (426, 348, 550))])
def test_medians_of_lung_agree_with_R_as_published(sex: int | None, median: tuple[float, float, float]) -> None:
    """survfit(Surv(time, status) ~ 1 and ~ sex, lung)"""
    lung = load_lung()
    part = lung if sex is None else lung[lung.sex == sex]
    found = kaplan_meier(part.time, part.status, interval="log").median
    assert (found.value, found.lo, found.hi) == median


def test_a_median_whose_upper_limit_is_not_reached_says_so() -> None:
    """survfit(Surv(time, status) ~ x, aml): Maintained 31 (18, NA)"""
    found = kaplan_meier(*MAINTAINED, interval="log").median
    assert (found.value, found.lo, found.hi, found.note) == (31.0, 18.0, None, "upper limit not reached")


def test_a_hand_made_curve() -> None:
    """Six patients; at 2 one dies and one is last seen: the death comes first."""
    curve = kaplan_meier([1, 2, 2, 3, 4, 5], [1, 1, 0, 0, 1, 0])
    assert tuple(curve.steps.columns) == COLUMNS
    assert curve.steps.time.tolist() == [0, 1, 2, 3, 4, 5]
    assert curve.steps.n_risk.tolist() == [6, 6, 5, 3, 2, 1]
    assert curve.steps.n_event.tolist() == [0, 1, 1, 0, 1, 0]
    assert curve.steps.n_censor.tolist() == [0, 0, 1, 1, 0, 1]
    np.testing.assert_allclose(curve.steps.surv, [1, 5 / 6, 4 / 6, 4 / 6, 2 / 6, 2 / 6])
    greenwood = np.sqrt(1 / (6 * 5) + 1 / (5 * 4))
    assert curve.steps.se[2] == pytest.approx(4 / 6 * greenwood)
    assert curve.steps.lo[2] == pytest.approx((4 / 6) ** np.exp(1.959963984540054 * greenwood / -np.log(4 / 6)))


@pytest.mark.parametrize("seed", range(5))
def test_curves_agree_with_lifelines(seed: int) -> None:
    rng = np.random.default_rng(seed)
    time, event = np.ceil(rng.exponential(20, 60)), (rng.random(60) < 0.5).astype(int)
    curve = kaplan_meier(time, event)
    other = KaplanMeierFitter().fit(time, event)
    np.testing.assert_allclose(curve.steps.surv, other.survival_function_.iloc[:, 0], atol=1e-12)
    table = other.event_table
    assert curve.steps.n_event.tolist() == table.observed.tolist()
    assert curve.steps.n_censor.tolist() == table.censored.tolist()
    inside = (curve.steps.surv < 1) & (curve.steps.surv > 0)
    np.testing.assert_allclose(curve.steps.loc[inside, ["lo", "hi"]], other.confidence_interval_[inside.to_numpy()].to_numpy(), atol=1e-9)


def test_a_level_stretch_at_one_half_gives_its_middle_as_the_median() -> None:
    """R: print(survfit(Surv(c(1, 2, 3, 4), c(1, 1, 1, 1)) ~ 1)) has median 2.5"""
    assert kaplan_meier([1, 2, 3, 4], [1, 1, 1, 1]).median.value == 2.5
    assert kaplan_meier([1, 2, 3, 4], [1, 1, 0, 0]).median.value == 2.0


def test_the_curve_is_unknown_beyond_the_last_follow_up() -> None:
    found = kaplan_meier([5, 10], [1, 0]).at([10, 10.5])
    assert (found[0].surv, found[0].n_risk) == (0.5, 1)
    assert (found[1].surv, found[1].n_risk, found[1].note) == (None, 0, "beyond the last follow-up (10)")


def test_at_risk_counts_those_followed_to_the_very_time() -> None:
    curve = kaplan_meier([5, 10, 10, 20], [0, 1, 0, 0])
    assert [at.n_risk for at in curve.at([0, 5, 5.1, 10, 10.1, 20])] == [4, 4, 3, 3, 1, 1]


def test_before_the_first_event_there_is_no_interval_but_at_time_0_there_is() -> None:
    for interval in ("log-log", "log"):
        start, early = kaplan_meier([3, 5, 9], [0, 1, 0], interval=interval).at([0, 4])
        assert (start.surv, start.lo, start.hi) == (1, 1, 1)
        assert (early.surv, early.lo, early.note) == (1, None, "no interval: no event so far")


def test_a_log_interval_never_passes_1() -> None:
    """One of twenty dies first: .95 exp(1.96 sqrt(1 / (20 x 19))) = 1.0505 is cut at 1, as in R."""
    found = kaplan_meier(list(range(1, 21)), [1] + [0] * 19, interval="log").at([1])[0]
    assert (found.surv, found.hi) == (0.95, 1.0)
    assert found.lo == pytest.approx(0.95 * np.exp(-1.959963984540054 / np.sqrt(380)))


def test_when_all_have_died_the_curve_is_0_without_an_interval() -> None:
    last = kaplan_meier([1, 2], [1, 1]).at([2])[0]
    assert (last.surv, last.lo, last.se, last.note) == (0.0, None, None, "no interval: nobody left at risk")


def test_an_event_at_time_0_counts() -> None:
    curve = kaplan_meier([0, 0, 3, 4], [1, 0, 1, 0])
    np.testing.assert_allclose(curve.steps.surv, [0.75, 0.375, 0.375], rtol=1e-15)
    assert curve.at([0])[0].n_risk == 4


def test_no_events_give_a_flat_curve_and_no_median() -> None:
    curve = kaplan_meier([3, 5], [0, 0])
    assert (curve.steps.surv == 1).all()
    assert (curve.median.value, curve.median.note) == (None, "the curve does not fall to one half")
    assert median_follow_up([3, 5], [0, 0]).value == 4.0


def test_when_everyone_has_the_event_the_follow_up_has_no_median() -> None:
    found = median_follow_up([3, 5], [1, 1])
    assert (found.value, found.note) == (None, "the curve of follow-up does not fall to one half")


def test_one_patient_and_no_patient_are_answered() -> None:
    assert kaplan_meier([3], [1]).median.value == 3
    empty = kaplan_meier([], [])
    assert (empty.n, empty.note, empty.median.value) == (0, "no patients", None)
    assert empty.at([0, 12])[1].note == "no patients"
    assert median_follow_up([None], [1]).value is None


def test_order_and_unit_change_nothing_but_the_unit(cohort: pd.DataFrame) -> None:
    shuffled = cohort.sample(frac=1, random_state=0)
    months, days = kaplan_meier(cohort.os_months, cohort.os_event), kaplan_meier(shuffled.os_months * 30.4375, shuffled.os_event)
    np.testing.assert_allclose(days.steps.time, months.steps.time * 30.4375)
    pd.testing.assert_frame_equal(days.steps.drop(columns="time"), months.steps.drop(columns="time"))


def test_missing_follow_up_is_counted_in_the_note() -> None:
    assert kaplan_meier([1, None, 3], [1, 1, 0]).note == "1 of 3 patients left out: a value is missing"
    assert "1 of 3 patients left out" in median_follow_up([1, None, 3], [1, 1, 0]).note


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(InputError, match="interval: wanted one of log-log, log"):
        kaplan_meier([1], [1], interval="plain")
    with pytest.raises(InputError, match="times: wanted times from 0 on, found -1"):
        kaplan_meier([1], [1]).at([-1])
