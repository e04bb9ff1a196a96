"""What the report says of the store itself: its size, its state, its runs, what is synthetic and what was chosen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from her2ladder.analytics.report.methods import SENTENCES, methods_of, newest
from her2ladder.analytics.report.page import Facts
from her2ladder.analytics.report.parts import Section, Table
from her2ladder.schema.store import Store

_COUNTS = """
SELECT (SELECT count(*) FROM patient WHERE cohort IS NOT NULL) AS patients, (SELECT count(*) FROM cohort) AS cohorts,
  (SELECT count(*) FROM slide) AS slides, (SELECT coalesce(sum(n_cells), 0) FROM slide) AS cells,
  (SELECT count(DISTINCT feature) FROM feature_value) AS features,
  (SELECT count(DISTINCT score_name) FROM score_current) AS scores
"""
DEFINITIONS = (
    ("residual disease", "no pathological complete response (pCR); the outcome 1 of every analysis of response"),
    ("score", "0 to 1 for trained models; high = residual disease expected"),
    ("band", "Low, Medium, High: tertiles of the construction patients' scores (quantile type 7), frozen and applied to all"),
    ("out-of-fold", "the score of a construction patient by models that never saw the patient: the honest one"),
    ("apparent", "the score of a construction patient by the model trained on the patient: never evidence of performance"),
    ("Nsubgraph", "cells in a cell's connected component; grows with tissue area near percolation: compare slides of like size"),
    (
        "minEdgeLength, meanEdgeLength",
        "shortest and mean distance to a cell's up to five nearest of the other class below 25 um; none counts as 25 um",
    ),
    ("Degrees", "distinct neighbours in the graph of a pair of classes"),
)
CHOSEN = (
    "Slide values are means over the cells of the first-named class, an empty edge list counting as the radius: the paper's Methods do not say.",
    "Training: filters, stability selection, candidates, soft vote; the paper names systematic splitting, tuning and voting, no more.",
    "Contrasts between bands use construction and temporal validation patients with out-of-fold bands.",
    "The paper's own numbers are not all consistent with each other (sensitivities at its n, one odds ratio's interval, temporal AUC .917 and .903); none was aimed at.",
)


def facts_of(store: Store, title: str, is_synthetic: bool) -> Facts:
    """Return head and provenance facts of the store as it is now."""
    with store.reading() as con:
        cursor = con.sql(_COUNTS)
        counts = dict(zip(cursor.columns, cursor.fetchall()[0], strict=True))
        runs = con.sql("SELECT run, queries FROM run").fetchall()
        last = con.sql("SELECT max(run) FROM run").fetchall()[0][0]
    return Facts(
        title=title,
        is_synthetic=is_synthetic,
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        snapshot=str(last),
        numbers=[(name, f"{int(value):,}") for name, value in counts.items()],
        queries={run: json.loads(queries) for run, queries in runs},
    )


def provenance(store: Store, runs: Sequence[str]) -> Section:
    """Return the section that says what was run, on what, with which code."""
    with store.reading() as con:
        listed = _rows(
            con.sql("SELECT run, stage, started, round(seconds, 2) AS seconds, n_rows, fingerprint, snapshot FROM run ORDER BY run")
        )
        versions = json.loads(con.execute("SELECT versions FROM run ORDER BY run DESC LIMIT 1").fetchall()[0][0])
        inputs = [
            (run, json.loads(text)) for run, text in con.sql("SELECT run, inputs FROM run WHERE inputs <> '{}' ORDER BY run").fetchall()
        ]
        left_out = _rows(con.sql("SELECT what, count(*) AS n, min(reason) AS example FROM quarantine GROUP BY what ORDER BY what"))
    shown = [{**row, "fingerprint": row["fingerprint"][:16], "started": str(row["started"])[:19]} for row in listed]
    hashes = [{"run": run, "input": name, "sha256": sha[:16]} for run, told in inputs for name, sha in told.items()]
    return Section(
        "provenance",
        "Provenance",
        f"Everything above was computed by {len(runs)} runs of this report from the state of the store below; a run's row names its arguments, "
        "queries, inputs and versions in full (ladder runs RUN).",
        tables=[
            Table("Versions", [{"package": name, "version": version} for name, version in versions.items()]),
            Table("What was left out on the way in (quarantine)", left_out),
            Table("Runs", shown[-400:], is_folded=True),
            Table("Inputs (first 16 digits of sha256)", hashes[-400:], is_folded=True),
        ],
    )


def methods(store: Store, runs: Sequence[str]) -> Section:
    """Return the sentences of a methods section about features, training, and the runs of this page, with their references."""
    with store.reading() as con:
        stages = dict(con.sql("SELECT run, stage FROM run").fetchall())
    before = [run for run in newest(store) if stages[run] in ("features", "train")]
    told = [methods_of(store, run) for run in [*before, *runs] if stages[run] in SENTENCES]
    references = dict.fromkeys(reference for one in told for reference in one.references)
    if not told:
        return Section("methods", "Methods, to copy", missing=["no analysis of this page could be made"])
    return Section(
        "methods",
        "Methods, to copy",
        "Written from the stored runs: no test is named that the rows do not name.",
        notes=[one.text for one in told],
        tables=[Table("References", [{"no.": str(number), "reference": text} for number, text in enumerate(references, 1)])],
        command="ladder methods",
    )


def definitions(is_synthetic: bool) -> Section:
    """Return the section of words, and of what was chosen where the paper is silent."""
    section = Section(
        "definitions", "Definitions, and what was chosen", tables=[Table("Words", [{"word": w, "meaning": m} for w, m in DEFINITIONS])]
    )
    section.notes = [f"Chosen: {text}" for text in CHOSEN]
    if is_synthetic:
        section.notes.append("Synthetic: patients, slides, response and survival of this report were simulated with planted effects.")
    return section


def _rows(cursor: Any) -> list[dict[str, Any]]:
    return [dict(zip(cursor.columns, row, strict=True)) for row in cursor.fetchall()]
