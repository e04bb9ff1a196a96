"""Say the planted truth in one document, so that an analysis of the simulated study can be held against it."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from scipy.special import expit, logit

from her2ladder.analytics.simulate import patients, truth
from her2ladder.analytics.simulate.plan import Plan
from her2ladder.schema.vocabulary import BANDS

_CROWD = 200_000  # patients drawn to evaluate marginal odds ratios: a standard error near 1 %
_CROWD_SEED = 20_260  # the truth is one, whatever the seed of the study


def truth_document(plan: Plan, seed: int) -> dict[str, Any]:
    """Return the planted truth as plain numbers, ready for JSON.

    Odds ratios are for residual disease; rates are of pCR; hazard ratios are against band Low. `bands` cuts the true score at its
    population tertiles; for cuts taken from patients use `truth.pcr_rate(regimen, above, up_to)`.
    """
    low, high = truth.population_cuts()
    edges = dict(zip(BANDS, ((0.0, low), (low, high), (high, 1.0)), strict=True))
    regimens = sorted({g.regimen for g in plan.groups if g.setting == "neoadjuvant"})
    return {
        "synthetic": True,
        "what": "planted truth of a simulated study; chosen so that the published pattern comes back, not taken from any patient",
        "plan": plan.name,
        "seed": seed,
        "n_analysed": plan.n_analysed,
        "n_enrolled": plan.n_enrolled,
        "cohorts": [
            {"cohort": g.cohort, "role": g.role, "setting": g.setting, "regimen": g.regimen, "n": g.n, "n_excluded": g.n_excluded}
            for g in plan.groups
        ],
        "true_score": f"expit({truth.SCORE_STEEPNESS} * latent_resistance), latent_resistance standard normal",
        "model": "logit P(residual) = intercept + log(odds_ratio_per_tenth) * 10 * (true_score - 0.5), by regimen",
        "outcome": {r: {**vars(truth.OUTCOMES[r]), "auc_of_true_score": truth.auc_of_true_score(r)} for r in regimens},
        "bands": {"cut_low": low, "cut_high": high, "rule": "population tertiles of the true score"},
        "pcr_rate": {band: {r: truth.pcr_rate(r, *edges[band]) for r in regimens} for band in BANDS},
        "clinical_odds_ratio": {r: clinical_odds_ratios(r) for r in regimens},
        "hazard_ratio": {
            "os": {b: truth.DEATH_RATIO[b] for b in BANDS[1:]},
            "dfs": {b: truth.dfs_hazard_ratio(b) for b in BANDS[1:]},
        },
        "hazard_factor": plan.hazard_factor,
        "survival_at_60_months": {
            endpoint: {b: float(np.exp(-plan.hazard_factor * truth.cumulative_hazard(endpoint, b, 60))) for b in BANDS}
            for endpoint in ("os", "dfs")
        },
        "feature_direction_high_against_low": truth.DIRECTIONS,
        "latent_correlation_with_resistance": {"mosaic": truth.MOSAIC_CORRELATION, "immune": truth.IMMUNE_CORRELATION},
    }


def clinical_odds_ratios(regimen: str) -> dict[str, float]:
    """Return the univariable odds ratios for residual disease that a very large sample of this regimen would show.

    Response depends on the true score alone, so these follow from how the variables go with it; evaluated on 200,000 drawn patients with
    their true probabilities as outcome (odds of the mean for two groups; maximum likelihood for TILs).
    """
    z, clinic = _crowd()
    residual = truth.residual_probability(truth.true_score(z), regimen)

    def two_groups(is_one: Any) -> float:
        return float(np.exp(logit(residual[is_one].mean()) - logit(residual[~is_one].mean())))

    return {
        "hr_negative_vs_positive": two_groups(clinic["hr_status"] == "negative"),
        "her2_3+_vs_2+": two_groups(clinic["her2_ihc"] == "3+"),
        "tils_per_10_points": float(np.exp(_slope(np.asarray(clinic["tils_percent"], dtype=float) / 10, residual))),
    }


@cache
def _crowd() -> tuple[truth.Floats, dict[str, Any]]:
    """Return the resistance and the clinical variables of the drawn patients: the same for every regimen."""
    rng = np.random.default_rng(_CROWD_SEED)
    z, _, immune = patients.latents(_CROWD, 1.0, rng)
    return z, patients.clinic(z, immune, rng)


def _slope(x: truth.Floats, probability: truth.Floats) -> float:
    """Return the slope of the logistic regression of probabilities on one variable, by Newton's steps."""
    design, beta = np.column_stack([np.ones_like(x), x]), np.zeros(2)
    for _ in range(25):
        fitted = expit(design @ beta)
        step = np.linalg.solve((design * (fitted * (1 - fitted))[:, None]).T @ design, design.T @ (probability - fitted))
        beta = beta + step
        if float(np.abs(step).max()) < 1e-12:
            break
    return float(beta[1])
