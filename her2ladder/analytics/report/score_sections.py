"""The sections of the report about a score as such: how well it tells, and what it is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from her2ladder.analytics.report.parts import Section, Table
from her2ladder.analytics.report.questions import (
    is_trained,
    only_setting,
)
from her2ladder.analytics.report.section import command_line, found, section_of
from her2ladder.errors import InputError
from her2ladder.schema.store import Store

_ROLE_WORDS = {"construction": "construction (out-of-fold or imported)", "regimen": "cohorts of other regimens"}


def performance(store: Store, score: str, folder: Path) -> Section:
    """Discrimination, calibration, net benefit and rivals."""
    from her2ladder.analytics.evaluate.files import write_pictures
    from her2ladder.analytics.evaluate.stage import evaluate
    from her2ladder.analytics.evaluate.summary import differences, overview

    done = evaluate(store, score, by=("regimen",), setting=only_setting(store))
    section = section_of(
        "performance",
        "How well the score tells who responds",
        command_line("evaluate", score=score, by="regimen", setting=only_setting(store)),
        done.run,
        write_pictures(done, folder),
    )
    section.intro = "Construction patients have out-of-fold scores; what is in-sample is called apparent and is no evidence of performance."
    everything = [{name.replace("_", " "): value for name, value in line.items()} for line in overview(done.rows)]
    section.tables = [
        Table("Performance of the score", [_without_term(line) for line in everything if line["term"] == score]),
        Table("Performance of everything compared", everything, is_folded=True),
        Table("AUC of the score minus that of each rival (paired DeLong)", differences(done.rows), is_folded=True),
        Table("Direction of each variable, fixed before any data is seen", done.directions, is_folded=True),
    ]
    section.key = [
        (f"AUC, {_ROLE_WORDS.get(row['cohort'], row['cohort'].replace('_', ' '))}", found(row))
        for row in done.rows
        if row["metric"] == "auc_logit" and row["term"] == score and row["subgroup"] == "all" and row["cohort"] != "all"
    ]
    if done.no_threshold:
        section.missing.append(f"threshold metrics: {done.no_threshold}")
    return section


def explanation(store: Store, score: str, folder: Path) -> Section:
    """SHAP of the sub-models and the ensemble."""
    from her2ladder.analytics.explain.stage import explain_model, write_explanation

    if not is_trained(store, score):
        raise InputError(f"{score} was made elsewhere: there is no model here to explain")
    done = explain_model(store, score)
    section = section_of(
        "explanation", "What the score is made of (SHAP)", command_line("explain", model=score), done.run, write_explanation(done, folder)
    )
    section.intro = "Mean absolute SHAP values on the probability scale; the ensemble's are the weighted mean of its members'."
    return section


def _without_term(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name != "term"}
