"""The stated truths are what very many drawn patients show, by other people's estimators."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from lifelines import CoxPHFitter
from sklearn.metrics import roc_auc_score

from her2ladder.analytics.simulate import document, patients, plan, truth

MANY = 40_000


def _many(regimen: str, setting: str = "neoadjuvant", hazard_factor: float = 1.0) -> pd.DataFrame:
    group = plan.Group("synthetic-many", "adjuvant" if setting == "adjuvant" else "regimen", setting, regimen, MANY)
    return patients.draw(plan.Plan("many", (group,), hazard_factor=hazard_factor), 11)


@pytest.mark.parametrize("regimen", plan.REGIMENS)
def test_the_odds_ratio_per_tenth_is_the_planted_one_alone_and_adjusted(regimen: str) -> None:
    many = _many(regimen)
    y = 1 - many["is_pcr"].astype(int)
    alone = sm.add_constant(pd.DataFrame({"score": 10 * many["true_score"]}))
    adjusted = alone.assign(
        age=many["age_years"] / 10.0, hr=(many["hr_status"] == "positive") * 1.0, iii=(many["clinical_stage"] == "III") * 1.0
    )
    for design in (alone, adjusted):
        fit = sm.Logit(y, design).fit(disp=0)
        assert abs(fit.params["score"] - np.log(truth.OUTCOMES[regimen].odds_ratio_per_tenth)) < 4 * fit.bse["score"]


@pytest.mark.parametrize("regimen", plan.REGIMENS)
def test_band_rates_and_auc_follow_from_the_model(regimen: str) -> None:
    many = _many(regimen)
    pcr = many["is_pcr"].astype(int)
    low, high = truth.population_cuts()
    for band, edges in (("Low", (0.0, low)), ("Medium", (low, high)), ("High", (high, 1.0))):
        seen = pcr[many["true_band"] == band]
        assert abs(seen.mean() - truth.pcr_rate(regimen, *edges)) < 4 * np.sqrt(0.25 / len(seen))
    assert roc_auc_score(1 - pcr, many["true_score"]) == pytest.approx(truth.auc_of_true_score(regimen), abs=0.012)


def test_clinical_odds_ratios_are_those_of_a_large_sample() -> None:
    many = _many(plan.TCBHP)
    y, stated = 1 - many["is_pcr"].astype(int), document.clinical_odds_ratios(plan.TCBHP)
    seen = {
        "hr_negative_vs_positive": (many["hr_status"] == "negative") * 1.0,
        "her2_3+_vs_2+": (many["her2_ihc"] == "3+") * 1.0,
        "tils_per_10_points": many["tils_percent"] / 10,
    }
    for name, values in seen.items():
        known = values.notna()
        fit = sm.Logit(y[known], sm.add_constant(values[known])).fit(disp=0)
        assert abs(fit.params.iloc[1] - np.log(stated[name])) < 4 * fit.bse.iloc[1] + 0.02


@pytest.mark.parametrize("hazard_factor", [1.0, 4.0])
def test_hazard_ratios_of_both_endpoints_are_the_planted_ones(hazard_factor: float) -> None:
    many = _many(plan.TCBHP, "adjuvant", hazard_factor)
    bands = pd.DataFrame({band: (many["true_band"] == band) * 1.0 for band in ("Medium", "High")})
    for endpoint, planted in (("os", truth.DEATH_RATIO), ("dfs", {b: truth.dfs_hazard_ratio(b) for b in ("Medium", "High")})):
        data = bands.assign(months=many[f"{endpoint}_months"].astype(float), event=many[f"{endpoint}_event"].astype(int))
        fit = CoxPHFitter().fit(data, "months", "event")
        for band in ("Medium", "High"):
            assert abs(fit.params_[band] - np.log(planted[band])) < 4 * fit.standard_errors_[band]


def test_the_pattern_of_bands_and_regimens_is_the_papers() -> None:
    rate = document.truth_document(plan.paper(), 1)["pcr_rate"]
    assert min(rate["Low"].values()) > 0.65
    assert rate["Medium"][plan.TCBHP] > rate["Medium"][plan.TCBH] + 0.25 > rate["Medium"][plan.THP] + 0.25
    assert min(rate["High"][plan.ADC], rate["High"][plan.TKI]) > rate["High"][plan.TCBHP] + 0.25


def test_a_band_is_told_by_the_population_cuts() -> None:
    low, high = truth.population_cuts()
    score = np.array([0.0, low, np.nextafter(low, 1), high, np.nextafter(high, 1), 1.0])
    assert truth.true_band(score).tolist() == ["Low", "Low", "Medium", "Medium", "High", "High"]


def test_the_document_speaks_only_of_regimens_that_the_plan_has() -> None:
    only = replace(plan.paper(), groups=plan.paper().groups[:1])
    told = document.truth_document(only, 3)
    assert list(told["outcome"]) == [plan.TCBHP]
    assert told["synthetic"] is True
