"""Cox models against R coxph, lifelines and statsmodels; Firth's where events are few; a reason where there is no answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from lifelines import CoxPHFitter
from lifelines.datasets import load_gbsg2, load_rossi
from statsmodels.duration.hazard_regression import PHReg

from her2ladder.analytics.statistics import covariates as cov
from her2ladder.analytics.statistics.cox import EFRON, FIRTH, CoxFit, cox
from her2ladder.errors import InputError


def high_low(cohort: pd.DataFrame) -> pd.DataFrame:
    low, high = np.quantile(cohort.score, [1 / 3, 2 / 3])
    table = cohort.assign(band=np.where(cohort.score <= low, "Low", np.where(cohort.score <= high, "Medium", "High")))
    return table[table.band != "Medium"]


def numbers(fit: CoxFit, at: int = 0) -> tuple[float, ...]:
    term = fit.terms[at]
    assert term.ratio is not None
    assert term.lo is not None
    assert term.hi is not None
    assert term.p is not None
    return term.ratio, term.lo, term.hi, term.p


@pytest.mark.parametrize("endpoint", ["dfs", "os"])
def test_high_against_low_agrees_with_R_coxph(cohort: pd.DataFrame, truth: dict[str, Any], endpoint: str) -> None:
    """coxph(Surv(months, event) ~ band, ties = "efron")"""
    table, r = high_low(cohort), truth[f"cox_{endpoint}_high_low"]
    fit = cox(table[f"{endpoint}_months"], table[f"{endpoint}_event"], [cov.band(table.band)])
    assert numbers(fit) == pytest.approx((r["hr"][0], r["lo"][0], r["hi"][0], r["p"][0]), rel=1e-6)
    assert fit.c_index.value == pytest.approx(r["cindex"], abs=1e-12)
    assert (fit.terms[0].name, fit.n, fit.method, fit.note) == ("band High vs Low", 267, EFRON, "")


def test_several_covariates_agree_with_R_coxph(cohort: pd.DataFrame, truth: dict[str, Any]) -> None:
    """coxph(Surv(dfs_months, dfs_event) ~ score + age_years + stage)"""
    r = truth["cox_multi"]
    covariates = [cov.number("score", cohort.score), cov.age_years(cohort.age_years), cov.stage(cohort.stage)]
    fit = cox(cohort.dfs_months, cohort.dfs_event, covariates)
    for at, name in enumerate(("score", "age_years", "stageIII")):
        assert numbers(fit, at) == pytest.approx(tuple(r[key][name] for key in ("hr", "lo", "hi", "p")), rel=1e-6)
    assert fit.c_index.value == pytest.approx(r["cindex"], abs=1e-12)


def test_hormone_therapy_in_gbsg2_has_the_published_hazard_ratio() -> None:
    """HR 0.695 (0.544-0.888)"""
    data = load_gbsg2()
    fit = cox(data.time, data.cens, [cov.factor("horTh", data.horTh)])
    assert numbers(fit)[:3] == pytest.approx((0.695, 0.544, 0.888), abs=5e-4)


def test_cox_agrees_with_lifelines_and_statsmodels_on_tied_weeks() -> None:
    rossi = load_rossi()
    names = ["fin", "age", "race", "wexp", "mar", "paro", "prio"]
    fit = cox(rossi.week, rossi.arrest, [cov.number(name, rossi[name]) for name in names])
    other = CoxPHFitter().fit(rossi, "week", "arrest", fit_options={"precision": 1e-10})
    np.testing.assert_allclose([term.coef for term in fit.terms], other.params_[names], rtol=1e-6)
    np.testing.assert_allclose([term.se for term in fit.terms], other.standard_errors_[names], rtol=1e-6)
    np.testing.assert_allclose([term.p for term in fit.terms], other.summary.p[names], rtol=1e-5)
    third = sm.PHReg(rossi.week, rossi[names], status=rossi.arrest, ties="efron").fit(disp=0)
    np.testing.assert_allclose([term.coef for term in fit.terms], third.params, atol=1e-5)


def test_reference_order_and_unit_change_nothing_but_the_sign(cohort: pd.DataFrame) -> None:
    table = high_low(cohort)
    shuffled = table.sample(frac=1, random_state=4)
    plain = numbers(cox(table.dfs_months, table.dfs_event, [cov.band(table.band)]))
    turned = numbers(cox(shuffled.dfs_months * 30.4375, shuffled.dfs_event, [cov.factor("b", shuffled.band, ("High", "Low"))]))
    assert (1 / turned[0], 1 / turned[2], 1 / turned[1], turned[3]) == pytest.approx(plain, rel=1e-8)


def test_a_covariate_far_from_zero_is_fitted_as_near_it(cohort: pd.DataFrame) -> None:
    near = cox(cohort.dfs_months, cohort.dfs_event, [cov.number("x", cohort.age_years)])
    far = cox(cohort.dfs_months, cohort.dfs_event, [cov.number("x", 1e6 + cohort.age_years / 1000)])
    assert far.terms[0].coef == pytest.approx(near.terms[0].coef * 1000, rel=1e-6)  # type: ignore[operator]


def test_three_bands_stand_beside_the_pair(cohort: pd.DataFrame) -> None:
    low, high = np.quantile(cohort.score, [1 / 3, 2 / 3])
    bands = np.where(cohort.score <= low, "Low", np.where(cohort.score <= high, "Medium", "High"))
    fit = cox(cohort.dfs_months, cohort.dfs_event, [cov.band(bands)])
    assert list(fit.estimates()) == ["band Medium vs Low", "band High vs Low"]


def test_fewer_than_five_events_in_a_band_are_answered_by_firth() -> None:
    rng = np.random.default_rng(1)
    band, time = np.repeat(["Low", "High"], 40), rng.exponential(30, 80)
    event = np.zeros(80, dtype=int)
    event[[0, 1, 2, 3, *range(40, 52)]] = 1
    fit = cox(time, event, [cov.band(band)])
    assert fit.method == FIRTH
    assert fit.note.startswith("4 events in Low: Firth's penalised likelihood")
    hr, lo, hi, p = numbers(fit)
    assert lo < hr < hi
    assert 0 < p < 1
    event[4] = 1
    assert cox(time, event, [cov.band(band)]).method == EFRON


def test_a_band_without_events_is_monotone_and_has_a_finite_answer() -> None:
    rng = np.random.default_rng(2)
    group, time = np.repeat([0, 1], 30), rng.exponential(30, 60)
    event = (group == 1) & (rng.random(60) < 0.5)
    fit = cox(time, event, [cov.number("treated", group)])
    assert fit.method == FIRTH
    assert "monotone likelihood (treated)" in fit.note
    assert numbers(fit)[1] > 1
    assert fit.fitted is None


@pytest.mark.parametrize(
    ("time", "event", "x", "reason"),
    [
        ([1, 2, 3], [0, 0, 0], [1, 2, 3], "no event (n = 3)"),
        ([1, 2, 3], [1, 1, 0], [4, 4, 4], "every patient has the same value (n = 3)"),
        ([], [], [], "no patient with complete values"),
        ([None, 2], [1, 1], [1, None], "no patient with complete values"),
        ([5], [1], [1], "every patient has the same value (n = 1)"),
        ([1, 2, 3], [0, 1, 1], [9, 4, 4], "no event while patients who differ in it were at risk"),
        ([1, 2, 3], [0, 0, 1], [9, 8, 4], "no event while patients who differ in it were at risk"),
    ],
)
def test_what_cannot_be_fitted_is_none_with_a_reason(time: list[float], event: list[int], x: list[float], reason: str) -> None:
    fit = cox(time, event, [cov.number("x", x)])
    term = fit.terms[0]
    assert (term.ratio, term.lo, term.hi, term.p, fit.c_index.value, fit.method) == (None, None, None, None, None, "")
    assert reason in fit.note


def test_everyone_dying_at_once_is_no_crash() -> None:
    fit = cox([2, 2, 2, 2], [1, 1, 1, 1], [cov.number("x", [0, 1, 0, 1])])
    assert fit.c_index.value is None
    assert fit.terms[0].ratio == pytest.approx(1.0)


def test_times_of_zero_and_censoring_at_an_event_time_count_as_at_risk() -> None:
    time, event, x = np.array([0.0, 0, 2, 2, 3, 4, 5, 6]), np.array([1, 0, 1, 0, 0, 1, 0, 1]), np.array([1.0, 0, 0, 1, 0, 1, 1, 0])
    fit = cox(time, event, [cov.number("x", x)])
    other = sm.PHReg(time, x[:, None], status=event, ties="efron").fit(disp=0)
    assert fit.terms[0].coef == pytest.approx(other.params[0], abs=1e-5)


def test_one_patient_in_a_group_is_answered(cohort: pd.DataFrame) -> None:
    alone = np.where(cohort.index == 7, "one", "rest")
    fit = cox(cohort.dfs_months, cohort.dfs_event, [cov.factor("g", alone, ("rest", "one"))])
    assert fit.method == FIRTH
    assert fit.terms[0].ratio is not None


def test_a_covariate_that_no_event_speaks_of_is_left_out_and_the_rest_fitted(cohort: pd.DataFrame) -> None:
    table = cohort.copy()
    gone = table.index < 3
    table.loc[gone, ["dfs_months", "dfs_event"]] = [0.01, 0]
    fit = cox(table.dfs_months, table.dfs_event, [cov.age_years(table.age_years), cov.number("left early", gone)])
    alone = cox(table.dfs_months, table.dfs_event, [cov.age_years(table.age_years)])
    assert fit.terms[0].ratio == pytest.approx(alone.terms[0].ratio)
    assert fit.terms[1].note == "no event while patients who differ in it were at risk"


def test_missing_values_are_counted_and_few_events_flagged(cohort: pd.DataFrame) -> None:
    table = cohort.assign(age_years=cohort.age_years.where(cohort.index > 4), os_months=cohort.os_months.where(cohort.index != 20))
    covariates = [
        cov.number("score", table.score),
        cov.age_years(table.age_years),
        cov.stage(table.stage),
        cov.hr_negative(table.hr_status),
    ]
    fit = cox(table.os_months, table.os_event, [*covariates, cov.tils_per_point(table.tils_percent)])
    assert (fit.n, fit.n_missing) == (394, 6)
    assert "6 of 400 patients left out" in fit.note
    assert "events per parameter, below 10" in fit.note


def test_a_collinear_covariate_is_named(cohort: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="months is fixed"):
        cox(cohort.os_months, cohort.os_event, [cov.age_years(cohort.age_years), cov.number("months", cohort.age_years * 12)])


def test_the_method_can_be_asked_for() -> None:
    """Three events in a level: auto turns to Firth; cox gives what R's coxph gives; firth is Firth's also where events abound."""
    rng = np.random.default_rng(8)
    group = np.array(["a"] * 30 + ["b"] * 30)
    time, event = rng.exponential(10, 60), np.r_[np.ones(12), np.zeros(18), np.ones(3), np.zeros(27)]
    factor = cov.factor("g", group)
    auto, plain, firth = (cox(time, event, [factor], method=method) for method in ("auto", "cox", "firth"))
    assert auto.method == firth.method == FIRTH
    assert plain.method == EFRON
    assert "3 events in b" in auto.note
    assert "asked for: Firth" in firth.note
    other = PHReg(time, (group == "b")[:, None].astype(float), status=event, ties="efron").fit(disp=False)
    assert plain.terms[0].coef == pytest.approx(other.params[0], abs=1e-6)
    assert plain.terms[0].se == pytest.approx(other.bse[0], rel=1e-5)


def test_maximum_likelihood_that_does_not_exist_is_not_given_even_when_asked_for() -> None:
    found = cox([1, 2, 3, 4, 5, 6], [1, 1, 1, 0, 0, 0], [cov.factor("g", list("aaabbb"))], method="cox")
    assert found.terms[0].ratio is None
    assert "monotone likelihood" in found.note
    assert "--method firth" in found.note
