"""What the store knows of a score beyond its values, where a model of the store made it, and the honest calls of any score.

The apparent score, the out-of-fold scores of each repeat and sub-model, and the calls by thresholds that never saw the patient.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from her2ladder.analytics.learning import persist
from her2ladder.analytics.learning.design import Design
from her2ladder.analytics.learning.nested import ENSEMBLE
from her2ladder.analytics.learning.score import score as score_design
from her2ladder.analytics.model.inputs import DesignTable, design_table
from her2ladder.analytics.statistics.crossfit import FOLDS, crossfitted_calls
from her2ladder.errors import InputError, MissingError
from her2ladder.queries.run import Run
from her2ladder.schema.duck import arrow_table
from her2ladder.schema.lake import sha256_of
from her2ladder.schema.store import MODELS

RIVAL = "-clinical"  # the fair rival of a model is stored as a score of its own under this ending


@dataclass(frozen=True)
class TrainedScore:
    """What the store holds of a trained score beside its values.

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


def trained_score(this: Run, score_name: str, people: pd.DataFrame) -> TrainedScore | None:
    """Return what the store holds of a trained score; None for an imported one.

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
    return TrainedScore(row, summary, apparent.set_index("patient_id")["score"].astype(float), repeats.astype(float), members, means)


def crossfitted(this: Run, score_name: str, found: TrainedScore | None) -> CrossFitted:
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


def newest_model(this: Run, name: str) -> dict[str, Any]:
    """Return the newest row of table model with this name or id.

    raises   MissingError naming those there are
    """
    rows = arrow_table(this.con, "SELECT * FROM model WHERE name = ? OR model_id = ? ORDER BY run DESC", [name, name]).to_pylist()
    if not rows:
        there = ", ".join(n for (n,) in this.con.sql("SELECT DISTINCT name FROM model ORDER BY 1").fetchall())
        raise MissingError(f"no model called {name!r}; there is {there or 'none: ladder train'}")
    return dict(rows[0])


def load_model(root: Path, row: dict[str, Any]) -> persist.Model:
    """Return a stored model after its files' hash has been compared with the catalog's."""
    folder = root / MODELS / str(row["model_id"])
    if not (folder / "model.json").is_file() or _folder_hash(folder) != row["sha256"]:
        raise InputError(f"model {row['model_id']}: its files are missing or not those that were trained; train it again")
    return persist.load(folder)


def model_inputs(this: Run, row: dict[str, Any], model: persist.Model) -> DesignTable:
    """Return the table that a model reads: its feature set, and the clinical variables among its columns."""
    summary = json.loads(row["summary"])
    return design_table(this, str(row["feature_set"]), summary["clinical"])


def _folder_hash(folder: Path) -> str:
    """One hash over model.json, which itself names the hash of model.skops (checked on loading)."""
    return sha256_of(folder / "model.json")
