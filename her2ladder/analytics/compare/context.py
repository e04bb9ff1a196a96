"""What stands beside a comparison of pCR rates, so that a reader can judge it: baseline, adjusted odds, cross-fitted bands, suggestions.

Regimens are not randomised. Every row here has a metric name of its own, so that none is taken for the comparison itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pandas as pd

from her2ladder.analytics.cohort.characteristics import result_rows, variable_rows, variables_of
from her2ladder.analytics.cohort.selection import Selection
from her2ladder.analytics.compare.strata import STANDARD, Strata, counts
from her2ladder.analytics.results.rows import result_row
from her2ladder.analytics.statistics.association import LogisticFit, logistic
from her2ladder.analytics.statistics.baseline import size_row
from her2ladder.analytics.statistics.covariates import Covariate, age_years, factor, hr_negative, stage
from her2ladder.analytics.statistics.crossfit_bands import FOLDS, crossfitted_bands
from her2ladder.analytics.statistics.estimate import Estimate
from her2ladder.errors import InputError
from her2ladder.queries.run import Run

ADJUSTED = "odds_ratio_adjusted_pcr"
EXPLORATORY = "the paper's exploratory reading, not a finding from these data; not for clinical use"
SUGGESTIONS = {
    "Low": ("de-escalation candidates", ("THP", "TCbH/PCbH")),
    "Medium": ("standard", (STANDARD,)),
    "High": ("ADC or TKI", ("SHR-A1811", "TH+pyrotinib")),
}
_ADJUSTERS: dict[str, Callable[[Any], Covariate]] = {"age_years": age_years, "clinical_stage": stage, "hr_status": hr_negative}


def suggestion_rows(strata: Strata, chosen: Selection, score_name: str | None) -> list[dict[str, Any]]:
    """Return one row a band with the paper's suggestion (Fig. 3e), labelled as what it is; it names only regimens that are compared here."""
    none = Estimate(None, None, None)
    given = set(strata.frame["group"])
    rows = []
    for band, (what, regimens) in SUGGESTIONS.items():
        named = [regimen for regimen in regimens if regimen in given]
        if named:
            text = f"{what}: {', '.join(named)}"
            rows.append(
                result_row("compare", chosen, "suggestion", none, subgroup=band, term=text, note=EXPLORATORY, score_name=score_name)
            )
    return rows


def crossfitted_rows(
    this: Run, strata: Strata, chosen: Selection, score_name: str, interval: Callable[[int, int], Estimate]
) -> list[dict[str, Any]]:
    """Return the rates again with each construction patient's band cut by the folds that did not hold the patient.

    A trained model's own cross-fitted bands; for an imported score its tertiles by five folds. One NULL row with the reason where no
    such patient is compared.
    """
    bands, how = _crossfitted_bands(this, score_name)
    column = "subgroup" if strata.compared != "band" else "group"
    told = strata.frame["patient_id"].map(bands)
    n_told = int(told.notna().sum())
    if not n_told:
        none = Estimate(None, None, None, note="no construction patient is compared: the cuts saw none of those who are")
        return [result_row("compare", chosen, "pcr_rate_crossfitted", none, subgroup="all", term="all", score_name=score_name)]
    again = strata.of(strata.frame.assign(**{column: told.where(told.notna(), strata.frame[column])}))
    k, n = counts(again)
    note = f"bands of {n_told} construction patients cut by {how}"
    return [
        result_row(
            "compare",
            chosen,
            "pcr_rate_crossfitted",
            interval(int(k[i, j]), int(n[i, j])),
            subgroup=subgroup,
            term=group,
            note=note,
            score_name=score_name,
        )
        for i, subgroup in enumerate(strata.subgroups)
        for j, group in enumerate(strata.groups)
    ]


def _crossfitted_bands(this: Run, score_name: str) -> tuple[dict[str, str | None], str]:
    """Return patient -> band, and how the bands were cut."""
    held = this.con.execute("SELECT summary FROM model WHERE name = ? ORDER BY run DESC LIMIT 1", [score_name]).fetchall()
    found = json.loads(held[0][0]).get("crossfitted") if held else None
    if found:
        return dict(zip(found["patients"], found["bands"], strict=True)), "the folds of the training that did not hold them"
    frame = this.fetch("cohort/construction_scores", score_name=score_name).to_pandas()
    bands = crossfitted_bands(frame["score"].to_numpy(float))
    return dict(zip(frame["patient_id"], bands, strict=True)), f"the tertiles of the other {FOLDS - 1} of {FOLDS} folds"


def baseline_rows(strata: Strata, chosen: Selection, by: tuple[str, ...], score_name: str | None) -> list[dict[str, Any]]:
    """Return the baseline of the groups within each subgroup: metrics baseline_n, _n_percent, _median_iqr, _missing, _smd and tests."""
    rows: list[dict[str, Any]] = []
    variables = [name for name in variables_of(strata.frame, by)[0] if name != "is_pcr"]
    for subgroup in strata.subgroups:
        part = strata.frame[strata.frame["subgroup"] == subgroup]
        group = list(part["group"])
        printed = [size_row(group, strata.groups)]
        for variable in variables:
            printed += variable_rows(part, variable, group, strata.groups)
        rows += result_rows(printed, "compare", chosen, prefix="baseline_", within=subgroup, score_name=score_name)
    return rows


def adjusted_rows(strata: Strata, chosen: Selection, by: tuple[str, ...], score_name: str | None) -> list[dict[str, Any]]:
    """Return within each subgroup the odds of pCR of every group against one, adjusted for age, stage and HR status.

    The reference is TCbHP/PCbHP, Low, or the largest group (*chosen*). NULL with its reason below 5 events per parameter.
    """
    reference = _reference(strata)
    rows = []
    for subgroup in strata.subgroups:
        part = strata.frame[strata.frame["subgroup"] == subgroup]
        estimates, note = _adjusted(part, strata, by, reference)
        for group in strata.groups:
            if group == reference:
                continue
            estimate = estimates.get(group) or _none(part, group, reference)
            rows.append(
                result_row(
                    "compare", chosen, ADJUSTED, estimate, subgroup=subgroup, term=f"{group} vs {reference}", note=note,
                    score_name=score_name,
                )
            )  # fmt: skip
    return rows


def _adjusted(part: pd.DataFrame, strata: Strata, by: tuple[str, ...], reference: str) -> tuple[dict[str, Estimate], str]:
    """Return the estimate of each group that the model could speak of, and what was adjusted for."""
    usable = {name: make for name, make in _ADJUSTERS.items() if name not in by}
    absent = [name for name in usable if part[name].isna().all()]
    order = [reference, *(group for group in strata.groups if group != reference)]
    note = f"odds of pCR, adjusted for {', '.join(name for name in usable if name not in absent) or 'nothing'}; groups are not randomised"
    note += f"; not in the data: {', '.join(absent)}" if absent and len(part) else ""
    if not (part["group"] == reference).any() or part["group"].nunique() < 2:
        return {}, note
    try:
        present = [group for group in order if (part["group"] == group).any()]
        covariates = [factor(strata.compared, list(part["group"]), present)]
        covariates += [make(part[name]) for name, make in usable.items() if name not in absent]
        fit = logistic(part["is_pcr"], covariates)
    except InputError as error:
        why = Estimate(None, None, None, n=len(part), note=str(error))
        return dict.fromkeys(order[1:], why), note
    return _by_group(fit, strata.compared, reference, order), note


def _by_group(fit: LogisticFit, name: str, reference: str, order: list[str]) -> dict[str, Estimate]:
    """Return the group's terms by group; where the reference has no complete patient the model has another one, and says nothing here."""
    estimates = fit.estimates()
    found = {group: estimates.get(f"{name} {group} vs {reference}") for group in order[1:]}
    reason = fit.note or "no complete patient in this group or in the reference"
    none = Estimate(None, None, None, n=fit.n, events=fit.events, note=reason)
    return {group: estimate or none for group, estimate in found.items()}


def _none(part: pd.DataFrame, group: str, reference: str) -> Estimate:
    n = {name: int((part["group"] == name).sum()) for name in (group, reference)}
    empty = " and ".join(name for name, size in n.items() if not size)
    return Estimate(None, None, None, n=len(part), events=int(part["is_pcr"].sum()), note=f"no patient with {empty}" if empty else "")


def _reference(strata: Strata) -> str:
    if strata.compared == "regimen" and STANDARD in strata.groups:
        return STANDARD
    if strata.compared == "band":
        return strata.groups[0]
    sizes = strata.frame["group"].value_counts()
    return max(strata.groups, key=lambda group: (int(sizes.get(group, 0)), -strata.groups.index(group)))
