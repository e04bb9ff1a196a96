"""The stage `explain`: SHAP values of a stored model, of each sub-model and of the vote, for the patients of a selection."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from her2ladder.analytics.cohort.selection import Selection, is_synthetic, patients
from her2ladder.analytics.explain.figure import shap_bars_figure, shap_beeswarm_figure
from her2ladder.analytics.figures.save import save_figure
from her2ladder.analytics.figures.style import PAGE_MM, Sheet
from her2ladder.analytics.learning.design import Design
from her2ladder.analytics.learning.explain import WALKS, Explanation, explain
from her2ladder.analytics.model.composition import source_of
from her2ladder.analytics.model.stored import load_model, model_inputs, newest_model
from her2ladder.analytics.results.files import csv_bytes, write_rows
from her2ladder.analytics.results.rows import result_row, with_run
from her2ladder.analytics.statistics.estimate import Estimate
from her2ladder.errors import InputError
from her2ladder.queries.run import run
from her2ladder.schema.lake import write_whole
from her2ladder.schema.store import Store
from her2ladder.schema.tables import ANALYSIS_RESULT

METHOD = "SHAP on the probability scale, permutation walks with their reverse"
IN_SAMPLE = "patients that the model was trained on: this explains the model, it does not say how well it predicts"


@dataclass(frozen=True)
class Explained:
    """SHAP values of some patients.

    rows        mean |SHAP| of each feature in each model, as they stand in analysis_result; term `MODEL: FEATURE`
    values      patient_id, model, feature, shap, value (raw, NaN = missing), base, output (probability); features that a member reads
    importance  model, feature, value (mean |SHAP|), source, family
    """

    run: str
    model_id: str
    name: str
    rows: list[dict[str, Any]]
    values: pd.DataFrame
    importance: pd.DataFrame
    n: int
    is_synthetic: bool


def explain_model(store: Store, name: str, chosen: Selection | None = None, *, seed: int = 1, walks: int = WALKS) -> Explained:
    """Explain a model to the patients of a selection that have its features, against patients that it was trained on.

    chosen   None: the patients that it was trained on
    walks    background patients, drawn from the training patients
    raises   MissingError where there is no such model; InputError where nobody of the selection has features
    source   statistics.md, Contrasts and explanation
    """
    label = "training patients" if chosen is None else chosen.label
    with run(store, "explain", {"model": name, "cohort": label, "walks": walks}, seed=seed) as this:
        row = newest_model(this, name)
        model = load_model(store.root, row)
        table = model_inputs(this, row, model)
        design = Design.from_frame(table.frame, table.kinds).only(model.ensemble.columns)
        trained = set(this.fetch("evaluate/apparent", score_name=str(row["name"])).column("patient_id").to_pylist())
        people = patients(this, chosen or Selection())
        wanted = trained if chosen is None else set(people["patient_id"])
        of_whom = np.array([one in wanted for one in design.patient_ids], dtype=bool)
        background = np.array([one in trained for one in design.patient_ids], dtype=bool)
        if not of_whom.any():
            raise InputError(
                f"--cohort {label}: no patient of it has features of the set {row['feature_set']}; wanted at least one to explain"
            )
        told = explain(model.ensemble, design.values[of_whom], design.values[background], seed=seed, walks=walks)
        ids = [one for one, is_in in zip(design.patient_ids, of_whom, strict=True) if is_in]
        used = list(model.ensemble.used_columns())
        clinical = json.loads(row["summary"])["clinical"]
        importance = _importance(told, used, clinical)
        note = IN_SAMPLE if trained & set(ids) else ""
        n_walks = min(walks, int(background.sum()))  # fewer patients than walks: all of them are the background
        rows = [_row(label, str(row["name"]), one, len(ids), n_walks, note) for one in importance.to_dict("records")]
        this.append(ANALYSIS_RESULT, rows)
    values = _values(told, used, ids, design.values[of_whom])
    shown = people[people["patient_id"].isin(ids)]
    return Explained(
        this.id, str(row["model_id"]), str(row["name"]), with_run(rows, this.id), values, importance, len(ids), is_synthetic(shown)
    )


def write_explanation(done: Explained, folder: Path, *, top: int = 15) -> list[Path]:
    """Write beeswarm and bars (PNG, SVG, CSV), the SHAP values (CSV, Parquet) and the rows; return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    notes = (
        f"model {done.model_id}",
        *dict.fromkeys(row["note"] for row in done.rows if row["note"]),
        "sub-models and ensemble on the same walks",
    )
    sheet = Sheet(PAGE_MM, title=f"SHAP values, {done.name}", notes=notes, run_ids=(done.run,), synthetic=done.is_synthetic)
    mark = {"run": done.run, "model_id": done.model_id}
    importance = done.importance.assign(n=done.n, **mark)
    read = done.importance[done.importance["value"] > 0]  # a member does not read every feature that another reads
    bars = shap_bars_figure(read, top=top, n=done.n, sheet=sheet)
    beeswarm = shap_beeswarm_figure(done.values, read, top=top, sheet=sheet)
    values = pa.Table.from_pandas(done.values.assign(**mark), preserve_index=False)
    held = pa.BufferOutputStream()
    pq.write_table(values, held, compression="zstd")
    return [
        *save_figure(bars, folder / "shap_bars", {"shap_bars": importance}),
        *save_figure(beeswarm, folder / "shap_beeswarm", {}),
        write_whole(folder / "shap_values.csv", csv_bytes(values)),
        write_whole(folder / "shap_values.parquet", held.getvalue().to_pybytes()),
        *write_rows(done.rows, folder / "explain_rows"),
    ]


def _importance(told: Explanation, used: list[int], clinical: list[str]) -> pd.DataFrame:
    """Return mean |SHAP| of the features that a member reads, the vote first, the largest first within a model."""
    means = np.abs(told.values).mean(axis=0)
    rows = []
    for m in [len(told.models) - 1, *range(len(told.models) - 1)]:
        for j in sorted(used, key=lambda j: (-means[j, m], j)):
            source, family = source_of(told.columns[j], clinical)
            rows.append(
                {"model": told.models[m], "feature": told.columns[j], "value": float(means[j, m]), "source": source, "family": family}
            )
    return pd.DataFrame(rows)


def _values(told: Explanation, used: list[int], ids: list[str], raw: np.ndarray) -> pd.DataFrame:
    """Return one row a patient, model and feature."""
    parts = []
    for m, model in enumerate(told.models):
        for j in used:
            columns = {"shap": told.values[:, j, m], "value": raw[:, j], "base": told.base[m], "output": told.output[:, m]}
            parts.append(pd.DataFrame({"patient_id": ids, "model": model, "feature": told.columns[j], **columns}))
    return pd.concat(parts, ignore_index=True)


def _row(label: str, name: str, one: dict[str, Any], n: int, walks: int, note: str) -> dict[str, Any]:
    estimate = Estimate(one["value"], None, None, n=n, test=f"{METHOD}, {walks} background patients", note=note)
    term = f"{one['model']}: {one['feature']}"
    return result_row("explain", Selection((label,)), "mean_abs_shap", estimate, term=term, score_name=name)
