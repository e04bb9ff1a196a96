"""The sections of the report about outcomes and features by score: odds, pCR, survival, contrasts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from her2ladder.analytics.cohort.selection import selection
from her2ladder.analytics.report.parts import Section
from her2ladder.analytics.report.questions import (
    has_paper_regimens,
    has_role,
    only_setting,
    regimens_of_adjuvant,
)
from her2ladder.analytics.report.section import Rows, command_line, found, left_out, section_of
from her2ladder.analytics.report.tables import result_table
from her2ladder.schema.store import Store
from her2ladder.schema.vocabulary import BANDS


def association(store: Store, score: str, folder: Path) -> Section:
    """Odds ratios alone, adjusted, and by regimen."""
    from her2ladder.analytics.odds.files import export_odds
    from her2ladder.analytics.odds.stage import odds

    done = odds(store, selection(None, only_setting(store), store), score_name=score, within="regimen")
    command = command_line("odds", score=score, within="regimen", setting=only_setting(store))
    section = section_of("odds", "Odds of residual disease", command, done.run, export_odds(done, folder))
    section.intro = "Logistic regression, per 0.1 of the score; separated data by Firth's penalised likelihood, said in the row."
    section.notes = list(done.remarks)
    pooled = [row for row in done.rows if row["subgroup"] == "all"]
    section.tables = [
        result_table("Odds ratios, all regimens", pooled),
        result_table("Odds ratios by regimen", [row for row in done.rows if row["subgroup"] != "all"], is_folded=True),
    ]
    section.key = [
        ("Odds ratio of residual disease, score per 0.1", found(row))
        for row in pooled
        if row["metric"] == "odds_ratio" and row["term"] == "score (per 0.1)"
    ]
    return section


def regimens(store: Store, score: str, folder: Path) -> Section:
    """pCR by band and regimen, as the paper groups them where its roles are there."""
    from her2ladder.analytics.compare.files import export_comparison
    from her2ladder.analytics.compare.stage import CompareOptions, compare

    setting, as_paper = only_setting(store), has_paper_regimens(store)
    done = compare(store, selection(None, setting, store), CompareOptions(score_name=score, as_paper=as_paper))
    command = command_line("compare", score=score, by="band,regimen", setting=setting, **{"as": "paper" if as_paper else None})
    section = section_of("regimens", "Response by band and regimen", command, done.run, export_comparison(done, folder))
    section.intro = "Regimens are not randomised: rates and tests compare groups that were chosen, not treatments."
    if any(row["metric"] == "suggestion" for row in done.rows):
        section.intro += " Suggestions are the paper's exploratory reading, not a finding from these data; not for clinical use."
    section.tables = [
        result_table("pCR rates", [row for row in done.rows if row["metric"] == "pcr_rate"]),
        result_table("Comparisons", [row for row in done.rows if row["metric"] == "pcr_comparison"]),
        result_table(
            "Beside it: other tests, baseline, adjusted, without construction patients",
            [row for row in done.rows if row["metric"] not in ("pcr_rate", "pcr_comparison")],
            is_folded=True,
        ),
    ]
    section.notes = left_out("compared", done.left_out)
    section.key = _rate_line([row for row in done.rows if row["metric"] == "pcr_rate" and row["subgroup"] in BANDS])
    return section


def _rate_line(rates: Rows) -> list[tuple[str, str]]:
    """The pCR rates by band of the regimen that most patients had."""
    sizes: dict[str, int] = {}
    for row in rates:
        sizes[row["term"]] = sizes.get(row["term"], 0) + row["n"]
    if not sizes:
        return []
    largest = max(sorted(sizes), key=lambda name: sizes[name])
    cells = [row for row in rates if row["term"] == largest]
    told = ", ".join(f"{row['subgroup']} {row['events']} of {row['n']}" for row in cells)
    return [(f"pCR with {largest}", told)]


def follow_up(store: Store, score: str, endpoint: str, folder: Path) -> Section:
    """Kaplan-Meier, log-rank and Cox of one endpoint."""
    from her2ladder.analytics.survival.asked import ENDPOINTS, Asked
    from her2ladder.analytics.survival.files import export_survival
    from her2ladder.analytics.survival.stage import default_by, survival

    chosen = selection("adjuvant" if has_role(store, "adjuvant") else None, None, store)
    by, within = default_by(store, score), regimens_of_adjuvant(store)
    done = survival(store, chosen, Asked(endpoint, by, score, within))
    command = command_line("survival", score=score, endpoint=endpoint, within=within, cohort=",".join(chosen.cohorts) or None)
    section = section_of(endpoint, ENDPOINTS[endpoint], command, done.run, export_survival(done, folder))
    section.intro = "Months from the origin of the clinical table. Log-rank and Wald P are different tests and stand apart."
    section.missing = [f"curves by band: {done.no_bands}"] if done.no_bands else []
    section.notes = list(done.remarks)
    shown = "High vs Low" if by == "band" else "score (per 0.1)"
    if by == "score":
        section.pictures = [replace(one, caption=one.caption.replace(" by band", ", one curve")) for one in section.pictures]
    main = [row for row in done.rows if row["metric"] != "survival_at" and _is_main(row)]
    section.tables = [
        result_table("Tests and models, all regimens", main),
        result_table(
            "Subgroups, adjusted models and checks",
            [r for r in done.rows if r["metric"] != "survival_at" and not _is_main(r)],
            is_folded=True,
        ),
        result_table("Survival at times", [row for row in done.rows if row["metric"] == "survival_at"], is_folded=True),
    ]
    section.key = [
        (f"{ENDPOINTS[endpoint]}, hazard ratio {shown.replace(' vs ', ' against ')}", found(row))
        for row in main
        if row["metric"] == "hazard_ratio" and row["term"] == shown
    ]
    return section


def _is_main(row: dict[str, Any]) -> bool:
    """What the curves alone say, and High against Low alone and adjusted; the rest is for the reader who asks."""
    if row["metric"] in ("median_survival", "median_followup"):
        return row["subgroup"] in ("all", "Low", "Medium", "High")
    return row["subgroup"] == "all" and row["term"] in (
        "High vs Low",
        "High vs Low, adjusted",
        "Low vs Medium vs High",
        "score (per 0.1)",
        "score (per 0.1), adjusted",
    )


def contrasts(store: Store, score: str, folder: Path) -> Section:
    """Feature contrasts between bands, and by response."""
    from her2ladder.analytics.contrast.files import export_contrast
    from her2ladder.analytics.contrast.stage import contrast, default_population

    done = contrast(store, selection(default_population(store), None, store), score_name=score)
    section = section_of(
        "contrasts",
        "What differs between the bands",
        command_line("contrast", score=score, between="band"),
        done.run,
        export_contrast(done, folder),
    )
    section.intro = "Bands are functions of these features: P between bands is descriptive. The same contrast by response stands beside it."
    section.notes = left_out("contrasted", done.left_out)
    section.tables = [
        result_table("Rank-sum contrasts", [row for row in done.rows if str(row["metric"]).startswith("rank_sum")], is_folded=True)
    ]
    return section
