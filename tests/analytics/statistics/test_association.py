"""Odds ratios against R glm, and an honest answer where there is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.stats import chi2

from her2ladder.analytics.statistics import covariates as cov
from her2ladder.analytics.statistics.association import FIRTH, WALD, LogisticFit, interaction, logistic
from her2ladder.errors import InputError


def assert_like_R(fit: LogisticFit, name: str, r: dict[str, float], *, flipped: bool = False) -> None:
    """Agree with R to 1e-4 of each number; R's level order may be ours the other way round."""
    term = next(term for term in fit.terms if term.name == name)
    expected = (1 / r["or"], 1 / r["hi"], 1 / r["lo"]) if flipped else (r["or"], r["lo"], r["hi"])
    assert (term.ratio, term.lo, term.hi) == pytest.approx(expected, rel=1e-6)
    assert term.p == pytest.approx(r["p"], rel=1e-4)


def test_one_covariate_agrees_with_R_glm(cohort: pd.DataFrame, truth: dict[str, Any]) -> None:
    """glm(residual ~ ..., binomial) with Wald intervals: score per 0.1, HR, HER2 IHC, TILs"""
    score = logistic(cohort.residual, [cov.score_per_tenth(cohort.score)])
    assert_like_R(score, "score (per 0.1)", truth["logit_uni"]["I(score * 10)"])
    assert (score.intercept.ratio, score.intercept.lo) == pytest.approx(
        (truth["logit_uni"]["(Intercept)"]["or"], truth["logit_uni"]["(Intercept)"]["lo"]), rel=1e-6
    )
    assert (score.n, score.events, score.method, score.separation, score.note) == (400, 124, WALD, "none", "")
    hr = logistic(cohort.residual, [cov.hr_negative(cohort.hr_status)])
    assert_like_R(hr, "HR negative vs positive", truth["logit_hr"]["hr_statuspositive"], flipped=True)
    ihc = logistic(cohort.residual, [cov.her2_ihc_3_against_2(cohort.her2_ihc)])
    assert_like_R(ihc, "HER2 IHC 3+ vs 2+", truth["logit_ihc"]["her2_ihc3+"])
    tils = logistic(cohort.residual, [cov.tils_per_point(cohort.tils_percent)])
    assert_like_R(tils, "TILs (per point)", truth["logit_tils"]["tils_percent"])


def test_several_covariates_agree_with_R_glm(cohort: pd.DataFrame, truth: dict[str, Any]) -> None:
    """glm(residual ~ I(score * 10) + age_years + stage, binomial)"""
    fit = logistic(cohort.residual, [cov.score_per_tenth(cohort.score), cov.age_years(cohort.age_years), cov.stage(cohort.stage)])
    for name, r in (("score (per 0.1)", "I(score * 10)"), ("age (per year)", "age_years"), ("stage III vs II", "stageIII")):
        assert_like_R(fit, name, truth["logit_multi"][r])
    assert fit.events_per_parameter == pytest.approx(124 / 3)


def test_each_regimen_agrees_with_R_glm(cohort: pd.DataFrame, truth: dict[str, Any]) -> None:
    for regimen, r in truth["logit_by_regimen"].items():
        part = cohort[cohort.regimen == regimen]
        assert_like_R(logistic(part.residual, [cov.score_per_tenth(part.score)]), "score (per 0.1)", r)


def test_ten_points_of_tils_are_the_tenth_power_of_one(cohort: pd.DataFrame) -> None:
    one = logistic(cohort.residual, [cov.tils_per_point(cohort.tils_percent)]).terms[0]
    ten = logistic(cohort.residual, [cov.tils_per_ten_points(cohort.tils_percent)]).terms[0]
    assert one.hi is not None
    assert one.ratio is not None
    assert (ten.ratio, ten.hi, ten.p) == pytest.approx((one.ratio**10, one.hi**10, one.p))


def test_the_order_of_patients_and_the_reference_change_nothing_but_the_sign(cohort: pd.DataFrame) -> None:
    shuffled = cohort.sample(frac=1, random_state=1)
    plain = logistic(cohort.residual, [cov.hr_negative(cohort.hr_status)]).terms[0]
    turned = logistic(shuffled.residual, [cov.factor("HR", shuffled.hr_status, ("negative", "positive"))]).terms[0]
    assert plain.ratio is not None
    assert plain.lo is not None
    assert (turned.ratio, turned.hi, turned.p) == pytest.approx((1 / plain.ratio, 1 / plain.lo, plain.p))


def test_other_units_change_nothing_but_the_unit(cohort: pd.DataFrame) -> None:
    years = logistic(cohort.residual, [cov.number("year", 2000 + cohort.age_years), cov.score_per_tenth(cohort.score)])
    days = logistic(cohort.residual, [cov.number("day", 365.25 * cohort.age_years), cov.score_per_tenth(cohort.score)])
    assert days.terms[0].coef == pytest.approx(years.terms[0].coef / 365.25)  # type: ignore[operator]
    assert days.terms[1].se == pytest.approx(years.terms[1].se)


def test_missing_values_leave_patients_out_and_are_counted(cohort: pd.DataFrame) -> None:
    holed = cohort.assign(age_years=cohort.age_years.where(cohort.index > 9), residual=cohort.residual.where(cohort.index != 50))
    fit = logistic(holed.residual, [cov.score_per_tenth(holed.score), cov.age_years(holed.age_years)])
    rest = cohort.drop(index=[*range(10), 50])
    alone = logistic(rest.residual, [cov.score_per_tenth(rest.score), cov.age_years(rest.age_years)])
    assert (fit.n, fit.n_missing, fit.terms[0].ratio) == (389, 11, alone.terms[0].ratio)
    assert fit.note == "11 of 400 patients left out: a value is missing"


def test_separation_is_answered_by_firth_and_flagged(truth: dict[str, Any]) -> None:
    r = truth["firth_separated"]
    fit = logistic(r["y"], [cov.number("x", r["x"])])
    assert (fit.method, fit.separation) == (FIRTH, "complete")
    assert fit.note.startswith("complete separation (x): Firth's penalised likelihood")
    term = fit.terms[0]
    assert term.coef == pytest.approx(r["coef"][1], abs=1e-6)
    assert term.lo is not None
    assert term.ratio is not None
    assert term.hi is not None
    assert 1 < term.lo < term.ratio < term.hi
    row = fit.estimates()["x"]
    assert (row.n, row.events, row.test) == (10, 5, FIRTH)


def test_few_events_are_flagged_and_fewer_give_no_multivariable_row() -> None:
    rng = np.random.default_rng(0)
    x, z, y = rng.normal(size=60), rng.normal(size=60), np.repeat([1, 0], [9, 51])
    rng.shuffle(y)
    alone = logistic(y, [cov.number("x", x)])
    assert alone.terms[0].ratio is not None
    assert alone.note == "9.0 events per parameter, below 10"
    both = logistic(y, [cov.number("x", x), cov.number("z", z)])
    assert [term.ratio for term in both.terms] == [None, None]
    assert both.note == "4.5 events per parameter (9 over 2): below 5, not fitted"
    rarer = logistic(1 - y, [cov.number("x", x), cov.number("z", z)])
    assert rarer.note.startswith("4.5 events per parameter")


@pytest.mark.parametrize(
    ("y", "x", "reason"),
    [
        ([1, 1, 1], [1, 2, 3], "every patient has the outcome (n = 3)"),
        ([0, 0, 0], [1, 2, 3], "no patient has the outcome (n = 3)"),
        ([0, 1, 1], [2, 2, 2], "every patient has the same value (n = 3)"),
        ([1], [1], "every patient has the outcome (n = 1)"),
        ([], [], "no patient with complete values"),
        ([0, 1], [None, None], "no patient with complete values"),
        ([0, 1], [1, 2], "too few patients (n = 2) for 2 parameters"),
    ],
)
def test_what_cannot_be_fitted_is_none_with_a_reason(y: list[int], x: list[float], reason: str) -> None:
    fit = logistic(y, [cov.number("x", x)])
    assert (fit.terms[0].ratio, fit.terms[0].p, fit.method) == (None, None, "")
    assert fit.terms[0].note
    assert reason in fit.note


def test_a_constant_adjuster_is_left_out_and_the_rest_is_fitted(cohort: pd.DataFrame) -> None:
    part = cohort[cohort.stage == "II"]
    fit = logistic(part.residual, [cov.score_per_tenth(part.score), cov.stage(part.stage)])
    alone = logistic(part.residual, [cov.score_per_tenth(part.score)])
    assert fit.terms[0].ratio == alone.terms[0].ratio
    assert (fit.terms[1].ratio, fit.terms[1].note) == (None, "every patient has the same value (n = 241)")


def test_a_group_of_one_patient_is_answered_by_firth(cohort: pd.DataFrame) -> None:
    group = np.where(cohort.index == 0, "one", "rest")
    fit = logistic(cohort.residual, [cov.factor("group", group, ("rest", "one"))])
    assert (fit.separation, fit.method) == ("quasi-complete", FIRTH)
    assert fit.terms[0].lo is not None


def test_a_collinear_covariate_is_named(cohort: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="months is fixed"):
        logistic(cohort.residual, [cov.age_years(cohort.age_years), cov.number("months", cohort.age_years * 12)])


def test_an_outcome_that_is_neither_0_nor_1_is_refused() -> None:
    with pytest.raises(InputError, match="outcome"):
        logistic([0, 2], [cov.number("x", [1, 2])])


def test_almost_separated_outcomes_are_still_fitted_by_maximum_likelihood() -> None:
    x = np.arange(200.0)
    y = (x >= 100).astype(int)
    y[[98, 101]] = [1, 0]
    fit = logistic(y, [cov.number("x", x)])
    assert (fit.method, fit.separation) == (WALD, "none")
    assert fit.terms[0].coef == pytest.approx(
        sm.GLM(y, sm.add_constant(x), family=sm.families.Binomial()).fit(tol=1e-12).params[1], rel=1e-5
    )


def test_interaction_is_the_gain_of_fitting_each_regimen_alone(cohort: pd.DataFrame) -> None:
    """With a slope and an intercept a regimen, the full model's likelihood is the product of the regimens'."""

    def log_likelihood(part: pd.DataFrame, *more: np.ndarray) -> float:  # type: ignore[type-arg]
        columns = np.column_stack([np.ones(len(part)), part.score, *more])
        return float(sm.GLM(part.residual, columns, family=sm.families.Binomial()).fit(tol=1e-12).llf)

    apart = sum(log_likelihood(part) for _, part in cohort.groupby("regimen"))
    dummies = pd.get_dummies(cohort.regimen).iloc[:, 1:].to_numpy(dtype=float)
    expected = 2 * (apart - log_likelihood(cohort, dummies))
    found = interaction(cohort.residual, cov.score_per_tenth(cohort.score), cov.factor("regimen", cohort.regimen))
    assert found.value == pytest.approx(expected, rel=1e-6)
    assert found.p == pytest.approx(chi2.sf(expected, 4), rel=1e-6)
    assert found.test.endswith("df 4")
    assert "exploratory" in found.note


def test_interaction_with_a_separated_regimen_uses_firth_and_says_so(cohort: pd.DataFrame) -> None:
    part = cohort[cohort.regimen.isin(["TCbHP/PCbHP", "THP"])].copy()
    thp = part.regimen == "THP"
    part.loc[thp, "residual"] = (part.score[thp] > 0.4).astype(int)
    found = interaction(part.residual, cov.score_per_tenth(part.score), cov.factor("regimen", part.regimen))
    assert "separation: Firth" in found.note
    assert found.p is not None
    assert 0 <= found.p < 1


def test_a_regimen_of_one_patient_adds_no_slope(cohort: pd.DataFrame) -> None:
    regimen = cohort.regimen.where(cohort.index > 0, "alone")
    found = interaction(cohort.residual, cov.score_per_tenth(cohort.score), cov.factor("regimen", regimen))
    assert found.test.endswith("df 4")
    assert "1 group(s) without patients of different scores" in found.note


@pytest.mark.parametrize("keep", [["THP"], []])
def test_interaction_of_one_regimen_or_none_is_none_with_a_reason(cohort: pd.DataFrame, keep: list[str]) -> None:
    part = cohort[cohort.regimen.isin(keep)]
    found = interaction(part.residual, cov.score_per_tenth(part.score), cov.factor("regimen", part.regimen, ["THP"]))
    assert (found.value, found.p) == (None, None)
    assert found.note
