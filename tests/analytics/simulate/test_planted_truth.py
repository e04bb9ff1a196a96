"""Planted effects come back: pCR by band and regimen, and features between bands, over twenty simulated studies of the paper's size."""

from __future__ import annotations

import numpy as np
import pandas as pd

from her2ladder.analytics.cohort.selection import Selection
from her2ladder.analytics.compare.strata import PAPER_REGIMENS, strata_of
from her2ladder.analytics.contrast.features import PAPER
from her2ladder.analytics.simulate import features, patients, plan, truth
from her2ladder.analytics.statistics.association import logistic
from her2ladder.analytics.statistics.bands import BANDS, Tertiles, band_of, tertile_cuts
from her2ladder.analytics.statistics.contrast import contrast_table
from her2ladder.analytics.statistics.covariates import factor, score_per_tenth
from her2ladder.analytics.statistics.cox import cox
from her2ladder.analytics.statistics.pairs import compare_pairs, count_cells
from her2ladder.analytics.statistics.rates import wilson

SEEDS = range(20)


def study(seed: int) -> tuple[pd.DataFrame, Tertiles]:
    """The analysed neoadjuvant patients of one simulated study with their bands, and the cuts of its construction patients."""
    everyone = patients.analysed(patients.draw(plan.paper(), seed))
    everyone = everyone[everyone["setting"] == "neoadjuvant"].copy()
    cuts = tertile_cuts(everyone.loc[everyone["cohort_role"] == "construction", "true_score"].to_numpy(float))
    everyone["band"] = band_of(everyone["true_score"].to_numpy(float), cuts)
    everyone["is_pcr"] = everyone["is_pcr"].astype(float)
    return everyone, cuts


def test_rates_and_differences_hold_the_truth_and_the_pooled_pattern_is_the_papers() -> None:
    """Each interval against the population's rate between the cuts that this study's construction patients gave."""
    held: list[bool] = []
    differences: list[bool] = []
    k_all, n_all = np.zeros((3, 5)), np.zeros((3, 5))
    for seed in SEEDS:
        everyone, cuts = study(seed)
        strata, _ = strata_of(everyone, ("band", "regimen"), Selection(), as_paper=True)
        used = strata.frame
        k, n = count_cells(used["is_pcr"].to_numpy(np.int64), list(used["subgroup"]), list(used["group"]), BANDS, PAPER_REGIMENS)
        edges = [0.0, cuts.q1, cuts.q2, 1.0]
        rate = {
            (band, regimen): truth.pcr_rate(regimen, edges[at], edges[at + 1])
            for at, band in enumerate(BANDS)
            for regimen in PAPER_REGIMENS
        }
        for i, band in enumerate(BANDS):
            for j, regimen in enumerate(PAPER_REGIMENS):
                one = wilson(int(k[i, j]), int(n[i, j]))
                held += [bool(one.lo <= rate[band, regimen] <= one.hi)] if one.lo is not None and one.hi is not None else []
        for pair in compare_pairs(k, n, BANDS, PAPER_REGIMENS):
            wanted, one = rate[pair.band, pair.a] - rate[pair.band, pair.b], pair.difference
            differences += [bool(one.lo <= wanted <= one.hi)] if one.lo is not None and one.hi is not None else []
        k_all, n_all = k_all + k, n_all + n
    assert len(held) > 250
    assert np.mean(held) > 0.92
    assert np.mean(differences) > 0.92
    pooled = pd.DataFrame(k_all / n_all, BANDS, PAPER_REGIMENS)
    standard = "TCbHP/PCbHP"
    assert (pooled.loc["Medium", ["THP", "TCbH/PCbH"]] < pooled.loc["Medium", standard] - 0.2).all()
    assert (pooled.loc["High", ["SHR-A1811", "TH+pyrotinib"]] > pooled.loc["High", standard] + 0.2).all()
    assert (pooled.loc["Low"] > pooled.loc["High"]).all()


def test_features_move_between_bands_the_way_they_were_planted() -> None:
    effects = []
    for seed in SEEDS:
        everyone, _ = study(seed)
        everyone = everyone[everyone["cohort_role"].isin(["construction", "temporal_validation"])]
        table = (
            features.feature_table(patients.draw(plan.paper(), seed), seed).set_index("patient_id").loc[everyone["patient_id"], list(PAPER)]
        )
        band = everyone["band"].to_numpy()
        rows = contrast_table(table.to_numpy(float), band == "High", band == "Low", PAPER)
        effects.append([row.rank_biserial for row in rows])
    signs = np.sign(np.array(effects, dtype=float))
    planted = np.array([truth.DIRECTIONS[name] for name in PAPER])
    assert (signs == planted).mean() > 0.99
    assert (np.sign(np.mean(effects, axis=0)) == planted).all()


def test_odds_and_hazard_ratios_hold_what_was_planted() -> None:
    """Odds ratio per 0.1 of the score in every regimen; hazard ratio of High against Low in both adjuvant groups together."""
    odds: list[bool] = []
    hazards: list[bool] = []
    logs: list[float] = []
    for seed in SEEDS:
        everyone = patients.analysed(patients.draw(plan.paper(), seed))
        for regimen, group in everyone[everyone["setting"] == "neoadjuvant"].groupby("regimen"):
            (term,) = logistic(1.0 - group["is_pcr"].astype(float), [score_per_tenth(group["true_score"])]).terms
            odds += [bool(term.lo <= truth.OUTCOMES[regimen].odds_ratio_per_tenth <= term.hi)] if term.lo and term.hi else []
        two = everyone[(everyone["setting"] == "adjuvant") & everyone["true_band"].isin(["Low", "High"])]
        for endpoint, planted in (("os", truth.DEATH_RATIO["High"]), ("dfs", truth.dfs_hazard_ratio("High"))):
            high = factor("band", list(two["true_band"]), ("Low", "High"))
            (term,) = cox(two[f"{endpoint}_months"], two[f"{endpoint}_event"], [high]).terms
            hazards += [bool(term.lo <= planted <= term.hi)] if term.lo and term.hi else []
            logs.append(np.log(term.ratio) if term.ratio else np.nan)
    assert len(odds) > 110
    assert len(hazards) == 40
    assert np.mean(odds) > 0.92
    assert np.mean(hazards) > 0.88
    assert np.nanmean(logs) > 0
