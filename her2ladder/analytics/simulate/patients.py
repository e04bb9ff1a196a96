"""Draw the patients of a plan: latent resistance first, then clinic, response and follow-up given it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from her2ladder.analytics.simulate import truth
from her2ladder.analytics.simulate.plan import Group, Plan

Floats = NDArray[np.float64]

CLINICAL_COLUMNS = (
    "patient_id", "cohort", "cohort_role", "setting", "regimen", "age_years", "clinical_stage", "hr_status", "her2_ihc", "tils_percent",
    "is_pcr", "os_months", "os_event", "dfs_months", "dfs_event", "excluded_reason",
)  # fmt: skip
TRUTH_COLUMNS = (
    "patient_id", "analysed", "latent_resistance", "latent_mosaic", "latent_immune", "true_score", "true_band", "true_residual_probability",
)  # fmt: skip


def draw(plan: Plan, seed: int) -> pd.DataFrame:
    """Return one row a patient: the clinical table's columns and the truth's, in the order of the plan.

    Patients of one cohort are numbered SYN-0001… in turn, its excluded ones last. The same plan and seed give the same rows.
    """
    rng = np.random.default_rng([seed, 0])
    rows = pd.concat([_group(plan, group, rng) for group in plan.groups], ignore_index=True)
    width = max(4, len(str(len(rows))))
    rows.insert(0, "patient_id", [f"SYN-{i + 1:0{width}d}" for i in range(len(rows))])
    return rows


def analysed(patients: pd.DataFrame) -> pd.DataFrame:
    """Return the patients that have slides."""
    return patients[patients["analysed"] == 1].reset_index(drop=True)


def latents(n: int, fidelity: float, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Return resistance, mosaic and immune latents, each standard normal; the two tissue latents are independent given resistance."""
    z = rng.standard_normal(n)
    mosaic, immune = (
        rho * fidelity * z + np.sqrt(1 - (rho * fidelity) ** 2) * rng.standard_normal(n)
        for rho in (truth.MOSAIC_CORRELATION, truth.IMMUNE_CORRELATION)
    )
    return z, mosaic, immune


def clinic(z: Floats, immune: Floats, rng: np.random.Generator) -> dict[str, NDArray[np.generic]]:
    """Return age, stage, HR status, HER2 IHC and TILs given the latents.

    HR-positive and 2+ tumours resist more, TILs follow the immune latent, stage leans a little on resistance, age on nothing. None of
    them acts on response but through the score, so adjusting for them leaves the score's odds ratio as planted.
    """
    n = len(z)
    stage_up = 0.15 * z + rng.logistic(size=n)
    return {
        "age_years": np.clip(np.rint(rng.normal(51.0, 10.0, n)), 24, 78).astype(int),
        "clinical_stage": np.array(["I", "II", "III"])[(stage_up > -2.3).astype(int) + (stage_up > 0.9).astype(int)],
        "hr_status": np.where(rng.random(n) < expit(0.25 + 1.2 * z), "positive", "negative"),
        "her2_ihc": np.where(rng.random(n) < expit(-2.5 + 1.6 * z), "2+", "3+"),
        "tils_percent": np.clip(np.rint((4.2 + 0.45 * immune + 1.1 * rng.standard_normal(n)).clip(1) ** 2), 1, 95),
    }


def _group(plan: Plan, group: Group, rng: np.random.Generator) -> pd.DataFrame:
    n = group.n + group.n_excluded
    z, mosaic, immune = latents(n, group.fidelity, rng)
    score = truth.true_score(z)
    rows = pd.DataFrame(
        {"cohort": group.cohort, "cohort_role": group.role, "setting": group.setting, "regimen": group.regimen}, index=range(n)
    )
    rows = rows.assign(**clinic(z, immune, rng))
    rows["tils_percent"] = rows["tils_percent"].where(rng.random(n) >= 0.03)  # three in a hundred were not read (chosen)
    rows = rows.assign(**_response(group, score, rng), **_follow_up(group, score, plan.hazard_factor, rng))
    rows["analysed"] = (np.arange(n) < group.n).astype(int)
    rows["excluded_reason"] = np.where(rows["analysed"] == 1, "", group.excluded_reason)
    return rows.assign(latent_resistance=z, latent_mosaic=mosaic, latent_immune=immune, true_score=score, true_band=truth.true_band(score))


def _response(group: Group, score: Floats, rng: np.random.Generator) -> dict[str, object]:
    """Response exists where treatment comes before surgery."""
    draws = rng.random(len(score))
    if group.setting != "neoadjuvant":
        return {"is_pcr": pd.NA, "true_residual_probability": np.nan}
    residual = truth.residual_probability(score, group.regimen)
    return {"is_pcr": (draws >= residual).astype(int), "true_residual_probability": residual}


def _follow_up(group: Group, score: Floats, hazard_factor: float, rng: np.random.Generator) -> dict[str, object]:
    """Death and relapse from Weibull hazards proportional by true band; 60 to 90 months of follow-up, one in twenty lost earlier.

    Only the adjuvant cohorts are followed, as in the paper. Months carry one decimal, as clinical tables do, never below 0.1.
    """
    n = len(score)
    waits, ends, lost, leaves = rng.exponential(size=(2, n)), rng.uniform(60.5, 90.0, n), rng.random(n) < 0.05, rng.uniform(6.0, 60.0, n)
    if group.setting != "adjuvant":
        return {"os_months": np.nan, "os_event": pd.NA, "dfs_months": np.nan, "dfs_event": pd.NA}
    band = truth.true_band(score)
    death, relapse = (
        60 * (wait / (hazard_factor * by_60 * np.array([ratios[b] for b in band]))) ** (1 / truth.WEIBULL_SHAPE)
        for wait, by_60, ratios in zip(
            waits,
            (truth.DEATH_BY_60_MONTHS, truth.RELAPSE_BY_60_MONTHS),
            (truth.DEATH_RATIO, truth.RELAPSE_RATIO),
            strict=True,
        )
    )
    end, first = np.where(lost, leaves, ends), np.minimum(death, relapse)
    return {
        "os_months": np.maximum(np.round(np.minimum(death, end), 1), 0.1),
        "os_event": (death <= end).astype(int),
        "dfs_months": np.maximum(np.round(np.minimum(first, end), 1), 0.1),
        "dfs_event": (first <= end).astype(int),
    }
