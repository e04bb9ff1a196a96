"""The planted truth and what follows from it exactly: odds ratios, band rates, AUCs, hazard ratios.

A patient's latent resistance z is standard normal. The **true score** is expit(0.75 z), and residual disease depends on nothing else:

    logit P(residual | regimen) = intercept + log(OR per 0.1) * 10 * (score - 0.5)

so the odds ratio per 0.1 of the true score is the planted one in every analysis, univariable or adjusted for age, stage or HR status, and
in every cohort of a regimen. Bands cut the true score at its population tertiles; hazards are proportional between bands.
Everything here is *chosen*, so that the paper's pattern of bands and regimens comes back; no number is the paper's own result.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import norm

from her2ladder.analytics.simulate.plan import ADC, DDAC, TCBH, TCBHP, THP, TKI
from her2ladder.schema.vocabulary import BANDS

Floats = NDArray[np.float64]

SCORE_STEEPNESS = 0.75  # true score = expit(0.75 z): standard deviation about .17, as voted scores spread


@dataclass(frozen=True)
class Outcome:
    """Residual disease under one regimen: log odds at a score of 0.5, and the odds ratio of each further 0.1."""

    intercept: float
    odds_ratio_per_tenth: float


OUTCOMES = {
    TCBHP: Outcome(-1.50, 6.5),
    DDAC: Outcome(-1.20, 4.5),
    THP: Outcome(1.50, 5.2),
    TCBH: Outcome(0.15, 2.6),
    ADC: Outcome(-1.00, 1.6),
    TKI: Outcome(-0.45, 1.2),
}

# Hazard ratios against Low. Disease-free survival ends with the first of death and relapse, whose hazards share one Weibull shape, so both
# endpoints are proportional exactly; the ratio of DFS follows from the two (`dfs_hazard_ratio`).
DEATH_RATIO = {"Low": 1.0, "Medium": 2.5, "High": 6.0}
RELAPSE_RATIO = {"Low": 1.0, "Medium": 1.4, "High": 2.0}
WEIBULL_SHAPE = 1.3
DEATH_BY_60_MONTHS, RELAPSE_BY_60_MONTHS = 0.025, 0.040  # cumulative hazards in band Low: few events, as in the paper

# How far the two tissue latents follow resistance (correlations with z).
MOSAIC_CORRELATION, IMMUNE_CORRELATION = 0.88, -0.82

# Which way the paper's features move from band Low to band High.
DIRECTIONS = {
    "HER2strong_complete_HER2strong_incomplete_Nsubgraph": 1,
    "HER2strong_complete_HER2strong_incomplete_minEdgeLength": -1,
    "Pi_HER2strong_complete_in_HER2strong": -1,
    "Pi_HER2weak_complete_in_tumor_cells": 1,
    "Neutro_Lymph_Nsubgraph": -1,
    "Neutro_Lymph_minEdgeLength": 1,
    "Lymph_Lymph_Nsubgraph": -1,
    "Lymph_Lymph_minEdgeLength": 1,
}

_Z = np.linspace(-8.0, 8.0, 32001)
_DENSITY = norm.pdf(_Z) / norm.pdf(_Z).sum()


def true_score(resistance: Floats) -> Floats:
    """Return the true score, 0..1, of latent resistance."""
    return np.asarray(expit(SCORE_STEEPNESS * resistance), dtype=np.float64)


def population_cuts() -> tuple[float, float]:
    """Return the tertiles of the true score's distribution, which define the true bands."""
    low, high = true_score(norm.ppf([1 / 3, 2 / 3]))
    return float(low), float(high)


def true_band(score: Floats) -> NDArray[np.str_]:
    """Return Low, Medium or High of true scores by the population cuts."""
    low, high = population_cuts()
    bands: NDArray[np.str_] = np.array(BANDS)[(score > low).astype(int) + (score > high).astype(int)]
    return bands


def residual_probability(score: Floats, regimen: str) -> Floats:
    """Return the probability of residual disease at true scores under a regimen of the paper."""
    outcome = OUTCOMES[regimen]
    return np.asarray(expit(outcome.intercept + np.log(outcome.odds_ratio_per_tenth) * 10 * (score - 0.5)), dtype=np.float64)


def pcr_rate(regimen: str, above: float = 0.0, up_to: float = 1.0) -> float:
    """Return the population's pCR rate under a regimen among patients with `above` < true score <= `up_to`.

    With the cuts that a program took from its construction patients, this is the truth that its band's interval should hold.
    """
    score = true_score(_Z)
    inside = (score > above) & (score <= up_to)
    return float(np.average(1 - residual_probability(score[inside], regimen), weights=_DENSITY[inside]))


def auc_of_true_score(regimen: str) -> float:
    """Return the population's AUC of the true score for residual disease: the most that any model can reach under this regimen."""
    residual = residual_probability(true_score(_Z), regimen)
    ill, well = _DENSITY * residual, _DENSITY * (1 - residual)
    below = np.cumsum(well) - well / 2
    return float((ill * below).sum() / (ill.sum() * well.sum()))


def dfs_hazard_ratio(band: str) -> float:
    """Return the hazard ratio of disease-free survival of a band against Low."""
    total = DEATH_BY_60_MONTHS + RELAPSE_BY_60_MONTHS
    return (DEATH_BY_60_MONTHS * DEATH_RATIO[band] + RELAPSE_BY_60_MONTHS * RELAPSE_RATIO[band]) / total


def cumulative_hazard(endpoint: str, band: str, months: float) -> float:
    """Return the planted cumulative hazard of `os` or `dfs` at a hazard factor of 1; survival is exp of its negative."""
    death, relapse = DEATH_BY_60_MONTHS * DEATH_RATIO[band], RELAPSE_BY_60_MONTHS * RELAPSE_RATIO[band]
    return float((death + (relapse if endpoint == "dfs" else 0.0)) * (months / 60) ** WEIBULL_SHAPE)
