"""The stages that train a model on construction patients and score everyone else with it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from her2ladder.analytics.cohort.bands import band_row
from her2ladder.analytics.cohort.selection import Selection, patients
from her2ladder.analytics.learning import persist
from her2ladder.analytics.learning.design import Design
from her2ladder.analytics.learning.nested import Settings
from her2ladder.analytics.learning.score import score
from her2ladder.analytics.learning.train import Fitted, train
from her2ladder.analytics.model.inputs import CLINICAL, DesignTable, design_table
from her2ladder.analytics.model.missingness import Missing, filled_apparent, filled_out_of_fold, missing_of
from her2ladder.analytics.model.stored import RIVAL, _folder_hash, load_model, model_inputs, newest_model
from her2ladder.errors import InputError
from her2ladder.queries.run import Run, run
from her2ladder.schema.lake import sync
from her2ladder.schema.store import MODELS, Store
from her2ladder.schema.tables import FOLD_PREDICTION, MODEL, MODEL_BAND, SCORE

Said = Callable[[int, int, str], None]


@dataclass(frozen=True)
class TrainedModel:
    """What a training left in the store."""

    run: str
    model_id: str
    name: str
    n: int
    events: int
    n_without_features: int
    left_out: tuple[str, ...]
    missing: Missing
    fitted: Fitted
    rival: Fitted | None


@dataclass(frozen=True)
class ScoredPatients:
    """What a scoring did."""

    run: str
    name: str
    n_scored: int
    n_training: int
    n_with_missing: int
    missing: dict[str, int]


def train_model(
    store: Store,
    name: str,
    chosen: Selection,
    settings: Settings,
    *,
    feature_set: str = "sc-mtop",
    clinical: Sequence[str] = CLINICAL,
    workers: int = 1,
    said: Said | None = None,
) -> TrainedModel:
    """Train on the patients of a selection that have an outcome and features; write model, scores and frozen cuts as one run.

    Writes out-of-fold scores (per repeat and sub-model, and their mean), apparent scores beside them, and the same for the
    clinical-only rival under `NAME-clinical`.
    raises   InputError in one line: too few of a class, no features, a name that an imported score has
    source   statistics.md, Model
    """
    arguments = {
        "name": name,
        "cohort": chosen.label,
        "features": feature_set,
        "clinical": list(clinical),
        "budget": settings.budget,
        "folds": settings.outer_folds,
        "repeats": settings.repeats,
    }
    with store.working(), run(store, "train", arguments, seed=settings.seed) as this:
        _check_name(this, name)
        table = design_table(this, feature_set, clinical)
        people = patients(this, chosen).set_index("patient_id")
        people = people[people["residual"].notna()]
        known = people.index.intersection(table.frame.index)
        if known.empty:
            raise InputError(f"--cohort {chosen.label}: no patient has both an outcome (is_pcr) and features of the set {feature_set}")
        frame = table.frame.loc[known]
        y = people.loc[known, "residual"].to_numpy(np.int64)
        usable = [column for column in clinical if frame[column].notna().any()]
        result = train(
            Design.from_frame(frame, table.kinds), y, settings, clinical=usable, workers=workers, drop_unusable=True, progress=said
        )
        fitted = result.model
        model_id, model_sha256 = _save(store.root, fitted, name)
        for of, score_name, kind in ((fitted, name, "ensemble"), (result.rival, name + RIVAL, "clinical")):
            if of is None:
                continue
            held_id, sha256 = (model_id, model_sha256) if of is fitted else _save(store.root, of, score_name)
            told = {
                "model_id": held_id,
                "name": score_name,
                "kind": kind,
                "feature_set": feature_set,
                "cohort": chosen.label,
                "sha256": sha256,
            }
            in_model = [column for column in of.columns if column in clinical]
            this.insert_new(MODEL, [{**told, "summary": _summary(of, in_model, missing_of(of, table.stains))}])
            _write_scores(this, of, score_name, people, table)
    n_without = len(people) - len(known)
    missing = missing_of(fitted, table.stains)
    return TrainedModel(this.id, model_id, name, len(y), int(y.sum()), n_without, result.left_out, missing, fitted, result.rival)


def score_patients(store: Store, name: str) -> ScoredPatients:
    """Score every patient with features by the newest model of a name; those it was trained on keep their out-of-fold scores.

    The clinical-only rival, where there is one, scores the same patients.
    raises   MissingError where there is no such model; InputError listing features that the store lacks
    """
    with run(store, "score", {"model": name}) as this:
        model = newest_model(this, name)
        done = _score_with(this, model)
        rivals = this.con.execute("SELECT name FROM model WHERE name = ?", [str(model["name"]) + RIVAL]).fetchall()
        if rivals:
            _score_with(this, newest_model(this, str(model["name"]) + RIVAL))
    return ScoredPatients(this.id, **done)


def _score_with(this: Run, row: dict[str, Any]) -> dict[str, Any]:
    model = load_model(this.store.root, row)
    table = model_inputs(this, row, model)
    name = str(row["name"])
    trained_on = {
        one
        for (one,) in this.con.execute(
            "SELECT patient_id FROM ladder.base.score WHERE score_name = ? AND kind = 'out_of_fold' AND run = ?", [name, row["run"]]
        ).fetchall()
    }
    frame = table.frame[~table.frame.index.isin(trained_on)]
    done: dict[str, Any] = {"name": name, "n_scored": len(frame), "n_training": len(trained_on), "n_with_missing": 0, "missing": {}}
    if frame.empty:
        return done
    scored = score(model, Design.from_frame(frame, table.kinds))
    rows = zip(scored.patient_ids, scored.scores.tolist(), scored.imputed.tolist(), strict=True)
    this.append(SCORE, [_score_row(name, one, "final", value, table.input_sha256[one], imputed) for one, value, imputed in rows])
    return done | {"n_with_missing": int((scored.imputed > 0).sum()), "missing": scored.missing}


def _write_scores(this: Run, fitted: Fitted, score_name: str, people: pd.DataFrame, table: DesignTable) -> None:
    ids = fitted.patient_ids
    means = fitted.oof_mean.tolist()
    for kind, values, filled in (
        ("out_of_fold", means, filled_out_of_fold(fitted)),
        ("apparent", fitted.apparent["ensemble"].tolist(), filled_apparent(fitted)),
    ):
        rows = zip(ids, values, filled.tolist(), strict=True)
        this.append(SCORE, [_score_row(score_name, one, kind, value, table.input_sha256[one], n) for one, value, n in rows])
    this.append(FOLD_PREDICTION, _fold_rows(fitted, score_name))
    cuts = band_row(score_name, pd.DataFrame({"cohort": people.loc[list(ids), "cohort"], "score": means, "residual": fitted.y}))
    this.append(MODEL_BAND, [cuts])


def _fold_rows(fitted: Fitted, score_name: str) -> list[dict[str, Any]]:
    fold_of = {(fold.repeat, int(row)): fold.fold for fold in fitted.folds for row in fold.rows}
    rows = []
    for member, scores in fitted.oof.items():
        for repeat, values in enumerate(scores.tolist()):
            for place, value in enumerate(values):
                known = None if value != value else value
                fold = fold_of[repeat, place]
                rows.append(
                    {
                        "score_name": score_name,
                        "patient_id": fitted.patient_ids[place],
                        "member": member,
                        "repeat": repeat,
                        "fold": fold,
                        "score": known,
                    }
                )
    return rows


def _score_row(score_name: str, patient_id: str, kind: str, value: float, input_sha256: str, n_imputed: int) -> dict[str, Any]:
    return {
        "score_name": score_name,
        "patient_id": patient_id,
        "kind": kind,
        "score": value,
        "raw_score": value,
        "predicts": "residual",
        "n_imputed": n_imputed,
        "input_sha256": input_sha256,
    }


def _summary(fitted: Fitted, clinical: Sequence[str], missing: Missing) -> str:
    """Return as JSON what was tried, chosen and weighted: what model cards and figures read."""
    tried = [
        {"candidate": t.candidate, "params": t.params, "folds": t.folds, "log_loss": t.log_loss, "auc": t.auc, "is_chosen": t.chosen}
        for t in fitted.tried
    ]
    told = {
        "columns": list(fitted.columns),
        "clinical": list(clinical),
        "n": len(fitted.y),
        "events": int(fitted.y.sum()),
        "weights": fitted.ensemble.weights,
        "selected": [{"column": c, "share_of_folds": share, "is_in_vote": final} for c, share, final in fitted.selected()],
        "tried": tried,
        "missing": missing.__dict__,
        "seed": fitted.settings.seed,
        "budget": fitted.settings.budget,
        "folds": fitted.settings.outer_folds,
        "repeats": fitted.settings.repeats,
        "crossfitted": {
            "patients": list(fitted.patient_ids),
            "bands": list(fitted.crossfitted.band),
            "positive": list(fitted.crossfitted.positive),
        },
    }
    return json.dumps(told, sort_keys=True, default=str)


def _save(root: Path, fitted: Fitted, name: str) -> tuple[str, str]:
    """Write the model's files into the store, whole or not at all; return its id and their hash.

    Files of a training that never published its run are swept by `ladder check --mend`.
    """
    draft = root / MODELS / f".{name}-{os.getpid()}.draft"
    shutil.rmtree(draft, ignore_errors=True)
    try:
        persist.save(fitted, draft, name)
        sha256 = _folder_hash(draft)
        model_id = f"{name}-{sha256[:12]}"
        target = root / MODELS / model_id
        if not target.is_dir():
            for file in draft.iterdir():
                sync(file)
            os.replace(draft, target)
            sync(target.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return model_id, sha256


def _check_name(this: Run, name: str) -> None:
    if not name or len(name) > 64 or not all(part.isalnum() or part in "._+-" for part in name) or name.startswith("."):
        raise InputError(f"--name: a model is named by letters, digits and . _ + - (at most 64), found {name[:80]!r}")
    kinds = {
        kind for (kind,) in this.con.execute("SELECT DISTINCT kind FROM score WHERE score_name IN (?, ?)", [name, name + RIVAL]).fetchall()
    }
    if "imported" in kinds:
        raise InputError(f"--name: an imported score is called {name!r} already: choose another")
