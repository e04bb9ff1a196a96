"""The proportional-hazards test against R cox.zph (survival 3) and statsmodels with covariates that change in time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from lifelines.datasets import load_lung
from scipy.stats import chi2
from statsmodels.duration.hazard_regression import PHReg

from her2ladder.analytics.statistics import covariates as cov
from her2ladder.analytics.statistics.cox import cox
from her2ladder.analytics.statistics.zph import GLOBAL, zph
from her2ladder.errors import InputError


def test_zph_agrees_with_R_of_several_covariates(cohort: pd.DataFrame, truth: dict[str, Any]) -> None:
    """cox.zph(coxph(Surv(dfs_months, dfs_event) ~ score + age_years + stage), transform = "km")"""
    covariates = [cov.number("score", cohort.score), cov.number("age_years", cohort.age_years), cov.stage(cohort.stage)]
    tests = zph(cox(cohort.dfs_months, cohort.dfs_event, covariates))
    assert [test.covariate for test in tests] == ["score", "age_years", "stage", GLOBAL]
    for test in tests:
        r = truth["cox_multi"]
        assert test.chi_square == pytest.approx(r["zph_chisq"][test.covariate], rel=1e-8)
        assert test.p == pytest.approx(r["zph_p"][test.covariate], rel=1e-8)
    assert [test.df for test in tests] == [1, 1, 1, 3]


@pytest.mark.parametrize("endpoint", ["dfs", "os"])
def test_zph_agrees_with_R_of_high_against_low(cohort: pd.DataFrame, truth: dict[str, Any], endpoint: str) -> None:
    low, high = np.quantile(cohort.score, [1 / 3, 2 / 3])
    table = cohort.assign(band=np.where(cohort.score <= low, "Low", "High"))[(cohort.score <= low) | (cohort.score > high)]
    tests = zph(cox(table[f"{endpoint}_months"], table[f"{endpoint}_event"], [cov.band(table.band)]))
    r = truth[f"cox_{endpoint}_high_low"]
    assert tests[0].chi_square == pytest.approx(r["zph_chisq"]["band"], rel=1e-7)
    assert tests[1].p == pytest.approx(r["zph_p"]["GLOBAL"], rel=1e-7)


def test_lung_has_the_published_test() -> None:
    """cox.zph(coxph(Surv(time, status) ~ age + sex + wt.loss, lung)) of survival 3: age .48, sex .11, wt.loss .90, GLOBAL 3.0051, .39"""
    lung = load_lung()
    fit = cox(lung.time, lung.status, [cov.number(name, lung[name]) for name in ("age", "sex", "wt.loss")])
    assert [test.chi_square for test in zph(fit)] == pytest.approx([0.5077, 2.5489, 0.0144, 3.0051], abs=5e-5)
    assert [test.p for test in zph(fit)] == pytest.approx([0.48, 0.11, 0.90, 0.39], abs=5e-3)


@pytest.mark.parametrize("transform", ["km", "identity"])
def test_it_is_the_score_test_of_covariates_that_change_with_time(transform: str) -> None:
    """x and x * g(t) in one model with Efron's ties, each patient split at the event times; a factor's two columns are one test."""
    rng = np.random.default_rng(9)
    level, age = rng.integers(0, 3, 60), rng.normal(size=60)
    time, event = rng.integers(1, 12, 60).astype(float), rng.random(60) < 0.7
    fit = cox(time, event, [cov.factor("level", level), cov.number("age", age)])
    x = np.column_stack([level == 1, level == 2, age]).astype(float)
    moments = np.unique(time[event])
    surviving = np.cumprod([1 - (event & (time == t)).sum() / (time >= t).sum() for t in moments])
    km = dict(zip(moments.tolist(), 1 - np.concatenate([[1.0], surviving[:-1]]), strict=True))

    clock = np.array([km[t] if transform == "km" else t for t in moments.tolist()])
    who, when = np.nonzero(time[:, None] >= moments[None, :])  # a row a patient and event time: at risk at that time alone
    wide = np.hstack([x[who], x[who] * clock[when, None]])
    ended = (time[who] == moments[when]) & event[who]
    start = moments[when] - 0.5  # statsmodels counts a row that starts at an event time as at risk in it
    split = PHReg(moments[when], wide, status=ended.astype(int), entry=start, ties="efron")
    beta = np.array([*(term.coef for term in fit.terms), 0, 0, 0], dtype=float)
    score, curve = split.score(beta), split.hessian(beta)
    for test, columns in zip(zph(fit, transform=transform), ([3, 4], [5], [3, 4, 5]), strict=True):
        chosen = [0, 1, 2, *columns]
        u = np.where(np.isin(chosen, columns), score[chosen], 0.0)
        expected = float(u @ np.linalg.solve(-curve[np.ix_(chosen, chosen)], u))
        assert test.df == len(columns)
        assert test.chi_square == pytest.approx(expected, rel=1e-6)
        assert test.p == pytest.approx(chi2.sf(test.chi_square, len(columns)))


def test_the_unit_of_time_and_the_coding_of_a_covariate_change_nothing(cohort: pd.DataFrame) -> None:
    plain = cox(cohort.dfs_months, cohort.dfs_event, [cov.age_years(cohort.age_years), cov.stage(cohort.stage)])
    coded = [cov.number("age (per year)", 2000 - 12 * cohort.age_years), cov.factor("stage", cohort.stage, ("III", "II"))]
    turned = cox(cohort.dfs_months * 30.4375, cohort.dfs_event, coded)
    for transform in ("km", "identity"):
        pairs = zip(zph(plain, transform=transform), zph(turned, transform=transform), strict=True)
        assert all(a.chi_square == pytest.approx(b.chi_square, rel=1e-6) for a, b in pairs)


def test_crossing_hazards_are_found() -> None:
    rng = np.random.default_rng(0)
    group = np.repeat([0.0, 1.0], 300)
    time = np.where(group == 1, rng.weibull(3.0, 600), rng.weibull(0.7, 600))
    test = zph(cox(time, np.ones(600), [cov.number("g", group)]))[0]
    assert test.p is not None
    assert test.p < 1e-8
    row = test.estimate()
    assert (row.value, row.n, row.events) == (test.chi_square, 600, 600)
    assert row.test == "score test of proportional hazards (cox.zph, km), df 1"


def test_events_at_one_time_or_a_penalised_fit_give_no_test_but_a_reason() -> None:
    once = zph(cox([2, 2, 3, 4], [1, 1, 0, 0], [cov.number("x", [0, 1, 0, 1])]))
    assert (once[0].chi_square, once[0].p, once[0].note) == (None, None, "too few events at different times to test")
    firth = zph(cox([1, 2, 3], [1, 1, 1], [cov.number("x", [1, 1, 0])]))
    assert firth[0].chi_square is None
    assert firth[0].note.startswith("no maximum-likelihood fit to test: monotone likelihood")


def test_an_unknown_transform_is_refused(cohort: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="transform: wanted one of km, identity"):
        zph(cox(cohort.dfs_months, cohort.dfs_event, [cov.age_years(cohort.age_years)]), transform="rank")
