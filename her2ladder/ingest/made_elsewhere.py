"""Scores and feature tables that were made elsewhere: so that a cohort without slides is analysed by the same commands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from her2ladder.errors import InputError
from her2ladder.ingest.tables import numbers, patient_ids, read_table, source_hash
from her2ladder.queries.run import Run, run
from her2ladder.schema.store import Store
from her2ladder.schema.tables import IMPORTED_FEATURE, PATIENT, SCORE

_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$")


@dataclass(frozen=True)
class ImportSummary:
    """What an import did: how many patients it brought, and how many of them the clinical table knows."""

    run: str
    name: str
    n_patients: int
    n_missing: int
    n_columns: int
    n_known: int
    unknown: list[str]
    note: str = ""


def ingest_scores(store: Store, path: Path, name: str, predicts: str = "residual") -> ImportSummary:
    """Write a table `patient_id, score` as score `name`.

    predicts  what a high score of the file predicts; `pcr` is turned: 1 - s where all scores lie in 0..1, -s otherwise
    raises    InputError
    source    statistics.md, Direction
    """
    _check_name(name, "score")
    if predicts not in ("residual", "pcr"):
        raise InputError(f"--predicts: wanted residual or pcr, found {predicts!r}")
    frame = read_table(path)
    ids = patient_ids(frame, path)
    if "score" not in frame.columns:
        raise InputError(f"{path}: wanted columns patient_id, score; found {', '.join(frame.columns[:20])}")
    raw = numbers(frame, "score", path)
    given = [value for value in raw if value is not None]
    if not given:
        raise InputError(f"{path}: every score is missing")
    probabilities = all(0.0 <= value <= 1.0 for value in given)
    turned = [_toward_residual(value, predicts, probabilities) for value in raw]
    with run(store, "ingest scores", {"file": path.name, "name": name, "predicts": predicts}) as this:
        this.inputs = source_hash(path)
        other = this.con.execute("SELECT DISTINCT kind, predicts FROM score WHERE score_name = ?", [name]).fetchall()
        _check_scale(this, name, predicts, probabilities)
        if any(kind != "imported" for kind, _ in other):
            raise InputError(f"score {name!r} belongs to a trained model: choose another --name")
        if any(was != predicts for _, was in other):
            raise InputError(f"score {name!r} was imported with --predicts {other[0][1]}, now {predicts}: choose another --name")
        rows = zip(ids, raw, turned, strict=True)
        this.insert_new(PATIENT, [{"patient_id": one} for one in ids])
        this.append(
            SCORE,
            [
                {"score_name": name, "patient_id": one, "kind": "imported", "score": score, "raw_score": was, "predicts": predicts}
                for one, was, score in rows
            ],
        )
        known = _known(this)
    span = f"scores lie in {min(given):g} to {max(given):g}, not in 0 to 1: odds and hazard ratios per 0.1 are per 0.1 of that scale"
    note = "" if probabilities else span
    return ImportSummary(this.id, name, len(ids), raw.count(None), 1, len(known & set(ids)), sorted(set(ids) - known), note)


def ingest_features(store: Store, path: Path, name: str) -> ImportSummary:
    """Write a table `patient_id` and numeric columns as feature set `name`.

    raises   InputError naming the first cell that is not a number
    """
    _check_name(name, "feature set")
    if name == "sc-mtop":
        raise InputError("the feature set sc-mtop is what `ladder features` computes: choose another --name")
    frame = read_table(path)
    ids = patient_ids(frame, path)
    columns = [column for column in frame.columns if column != "patient_id"]
    if not columns:
        raise InputError(f"{path}: wanted feature columns beside patient_id, found none")
    with run(store, "ingest features", {"file": path.name, "name": name}) as this:
        this.inputs = source_hash(path)
        this.insert_new(PATIENT, [{"patient_id": one} for one in ids])
        n_missing = 0
        rows = []
        for column in columns:
            values = numbers(frame, column, path)
            n_missing += values.count(None)
            rows += [{"feature_set": name, "patient_id": one, "feature": column, "value": v} for one, v in zip(ids, values, strict=True)]
        this.append(IMPORTED_FEATURE, rows)
        known = _known(this)
    return ImportSummary(this.id, name, len(ids), n_missing, len(columns), len(known & set(ids)), sorted(set(ids) - known))


def _toward_residual(value: float | None, predicts: str, probabilities: bool) -> float | None:
    if value is None or predicts == "residual":
        return value
    return 1.0 - value if probabilities else -value


def _check_scale(this: Run, name: str, predicts: str, probabilities: bool) -> None:
    """Two files of one score are turned alike: 1 - s beside -s would be two scales.

    raises   InputError
    """
    if predicts == "residual":
        return
    found = this.con.execute("SELECT min(raw_score), max(raw_score) FROM score WHERE score_name = ?", [name]).fetchall()[0]
    if found[0] is not None and (found[0] >= 0 and found[1] <= 1) != probabilities:
        there, here = ("0 to 1", "beyond") if probabilities is False else ("beyond 0 to 1", "within")
        raise InputError(
            f"score {name!r}: wanted one scale, found scores {there} in the store and {here} in this file: choose another --name"
        )


def _known(this: Run) -> set[str]:
    """Patients that a clinical table has named."""
    return {one for (one,) in this.con.sql("SELECT patient_id FROM patient WHERE cohort IS NOT NULL").fetchall()}


def _check_name(name: str, what: str) -> None:
    if not _NAME.match(name):
        raise InputError(f"--name: a {what} is named by letters, digits and . _ + - (at most 64), found {name[:80]!r}")
