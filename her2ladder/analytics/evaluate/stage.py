"""The stage `evaluate`: every number of how good a score is, as rows of analysis_result that name their run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from her2ladder.analytics.cohort.bands import freeze_bands
from her2ladder.analytics.cohort.selection import Selection, check_score, patients, selection
from her2ladder.analytics.evaluate.groups import Group, groups
from her2ladder.analytics.evaluate.rivals import Rival, direction_of, rival_names, score_rival, variable_rival
from her2ladder.analytics.evaluate.rows import GroupRows, Judged
from her2ladder.analytics.model.stored import RIVAL, TrainedScore, crossfitted, trained_score
from her2ladder.analytics.results.rows import with_run
from her2ladder.analytics.statistics.directions import DIRECTIONS
from her2ladder.errors import InputError
from her2ladder.queries.run import Run, run
from her2ladder.schema.store import Store
from her2ladder.schema.tables import ANALYSIS_RESULT

SEED = 1


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    run         '' where nothing was written
    rows        as they stand in analysis_result, with the run
    groups      who they speak of, in the order of the rows; the pool first
    bands       frozen cuts and threshold; empty where none could be learned (`no_threshold` says why)
    directions  how each variable and score was turned: rows (variable, rule)
    """

    run: str
    score_name: str
    rows: list[dict[str, Any]]
    groups: list[Group]
    bands: dict[str, Any]
    no_threshold: str
    trained: TrainedScore | None
    rivals: list[Rival]
    directions: list[dict[str, str]]
    people: pd.DataFrame


def evaluate(
    store: Store,
    score_name: str,
    *,
    by: Sequence[str] = (),
    against: Sequence[str] | None = None,
    cohort: str | None = None,
    setting: str | None = None,
    seed: int = SEED,
) -> Evaluation:
    """Evaluate a score in the pooled selection, in each role of it where no cohort is named, and in the levels of `by`.

    against  rivals: scores or clinical variables; None: all clinical variables that patients have, and the clinical-only model
    seed     of every bootstrap
    raises   InputError for an unknown score, cohort, variable or rival, or where nobody has both score and outcome
    source   statistics.md, Evaluation
    """
    chosen = selection(cohort, setting, store)
    bands, no_threshold = frozen(store, score_name)
    asked = {
        "score": score_name,
        "by": list(by),
        "against": None if against is None else list(against),
        "cohort": chosen.label,
        "setting": setting,
    }
    with run(store, "evaluate", asked, seed=seed) as this:
        found = measure(this, score_name, chosen, (bands, no_threshold), by=by, against=against, seed=seed)
        this.append(ANALYSIS_RESULT, found.rows)
    return replace(found, run=this.id, rows=with_run(found.rows, this.id))


def measure(
    this: Run,
    score_name: str,
    chosen: Selection,
    cuts: tuple[dict[str, Any], str],
    *,
    by: Sequence[str] = (),
    against: Sequence[str] | None = None,
    seed: int = SEED,
) -> Evaluation:
    """Return what an evaluation finds, nothing written: for the stage, and for a model card.

    cuts     what `frozen` returned
    """
    bands, no_threshold = cuts
    people = patients(this, chosen, score_name)
    found = groups(people, chosen, by)
    trained = trained_score(this, score_name, found[0].frame)
    rivals = _rivals(this, score_name, against, found[0].frame)
    judged = Judged(score_name, bands.get("threshold"), no_threshold, trained, crossfitted(this, score_name, trained), rivals, seed)
    rows = [row for group in found for row in GroupRows(group, judged).all()]
    directions = [{"variable": score_name, "rule": direction_of(_predicts(this)[score_name])}]
    directions += [{"variable": rival.name, "rule": rival.direction} for rival in rivals]
    return Evaluation("", score_name, rows, found, bands, no_threshold, trained, rivals, directions, people)


def frozen(store: Store, score_name: str) -> tuple[dict[str, Any], str]:
    """Return the score's frozen cuts and threshold, or nothing and the reason; an AUC needs no threshold and is not held up by it.

    raises   InputError where there is no such score
    """
    with store.reading() as con:
        check_score(Run(store, "evaluate", {}, con), score_name)
    try:
        bands = freeze_bands(store, score_name)
    except InputError as error:
        return {}, str(error)
    if bands["threshold"] is None:
        return bands, f"score {score_name}: no threshold; it is learned on construction patients, of whom both outcomes were not there then"
    return bands, ""


def _rivals(this: Run, score_name: str, against: Sequence[str] | None, people: pd.DataFrame) -> list[Rival]:
    predicts = _predicts(this)
    names = rival_names(against, score_name, list(predicts), people, score_name + RIVAL)
    made = []
    for name in names:
        if name in DIRECTIONS:
            made.append(variable_rival(name, people))
            continue
        scores = this.fetch("cohort/scores", score_name=name).to_pandas()
        made.append(score_rival(name, predicts[name], dict(zip(scores["patient_id"], scores["score"].astype(float), strict=True))))
    return made


def _predicts(this: Run) -> dict[str, str]:
    return {row["score_name"]: row["predicts"] for row in this.fetch("evaluate/score_names").to_pylist()}
