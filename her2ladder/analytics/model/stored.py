"""What the store knows of a score beyond its values, where a model of the store made it, and the honest calls of any score.

The apparent score, the out-of-fold scores of each repeat and sub-model, and the calls by thresholds that never saw the patient.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from her2ladder.analytics.learning.design import Design
from her2ladder.analytics.learning.nested import ENSEMBLE
from her2ladder.analytics.learning.score import score as score_design
from her2ladder.analytics.model.stage import load_model, model_inputs, newest_model
from her2ladder.analytics.statistics.crossfit import FOLDS, crossfitted_calls
from her2ladder.queries.run import Run


@dataclass(frozen=True)
class Behind:
    """What stands behind a trained score.

    row        of table model; `summary` is its JSON, read
    apparent   in-sample score by patient_id
    repeats    out-of-fold score of the vote: patient_id by repeat
    members    score of each member of the vote: patient_id by member; out-of-fold mean, or the final model's for other patients
    candidates out-of-fold mean score of every candidate, voting or not: patient_id by candidate
    """

    row: dict[str, Any]
    summary: dict[str, Any]
    apparent: pd.Series
    repeats: pd.DataFrame
    members: pd.DataFrame
    candidates: pd.DataFrame


@dataclass(frozen=True)
class CrossFitted:
    """Calls of the patients that the threshold was learned on, each by a threshold that did not see the patient.

    calls   0/1 by patient_id, NaN where none could be learned; these patients and no others
    how     one line for the row
    """

    calls: pd.Series
    how: str


def behind(this: Run, score_name: str, people: pd.DataFrame) -> Behind | None:
    """Return what stands behind a trained score; None for an imported one.

    people   patients with columns patient_id and kind; the members of the vote score those of kind 'final'
    """
    apparent = this.fetch("evaluate/apparent", score_name=score_name).to_pandas()
    if apparent.empty:
        return None
    row = newest_model(this, score_name)
    summary = json.loads(row["summary"])
    folds = this.fetch("evaluate/fold_predictions", score_name=score_name).to_pandas()
    repeats = folds[folds["member"] == ENSEMBLE].pivot(index="patient_id", columns="repeat", values="score")
    alone = folds[folds["member"] != ENSEMBLE]
    means = alone.groupby(["patient_id", "member"], sort=False)["score"].mean().unstack("member").astype(float)
    final = people.loc[people["kind"] == "final", "patient_id"].tolist()
    others = [_final_members(this, row, final)] if final else []
    members = pd.concat([means.reindex(columns=list(summary["weights"])), *others])
    return Behind(row, summary, apparent.set_index("patient_id")["score"].astype(float), repeats.astype(float), members, means)


def crossfitted(this: Run, score_name: str, found: Behind | None) -> CrossFitted:
    """Return honest calls of the patients that the threshold was learned on.

    A trained score brings those of its outer folds; for an imported one the threshold is learned on the other four of five parts.
    """
    if found is not None:
        told = found.summary["crossfitted"]
        calls = pd.Series([np.nan if call is None else float(call) for call in told["positive"]], index=told["patients"], dtype=np.float64)
        return CrossFitted(calls, "cross-fitted: thresholds of the outer folds that held the patient out")
    frame = this.fetch("cohort/construction_scores", score_name=score_name).to_pandas()
    frame = frame[frame["residual"].notna()]
    values = crossfitted_calls(frame["residual"].to_numpy(np.int64), frame["score"].to_numpy(np.float64))
    how = f"cross-fitted: threshold of the other parts, {FOLDS} parts dealt by a fixed seed"
    return CrossFitted(pd.Series(values, index=frame["patient_id"]), how)


def _final_members(this: Run, row: dict[str, Any], ids: list[str]) -> pd.DataFrame:
    """Return each member's own score of patients that the model never saw."""
    model = load_model(this.store.root, row)
    table = model_inputs(this, row, model)
    known = table.frame.index.intersection(ids)
    scored = score_design(model, Design.from_frame(table.frame.loc[known], table.kinds))
    columns: dict[str, NDArray[np.float64]] = scored.members
    return pd.DataFrame(columns, index=list(scored.patient_ids))
