"""Clinical tables: checked whole, then written whole; a table with a wrong row writes nothing and says which rows."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from her2ladder.errors import InputError, TableError
from her2ladder.ingest.clinical_values import BOOLEANS, DATE, MAX_TEXT, checked_covariate, checked_value
from her2ladder.ingest.clinical_words import ENDPOINT, are_persons, is_contact, is_private_name
from her2ladder.ingest.column_map import KNOWN, ColumnMap, apply_map, load_map
from her2ladder.ingest.near_ids import better_rule, matched, rules_named
from her2ladder.ingest.pseudonyms import key_file, pseudonyms
from her2ladder.ingest.tables import patient_ids, read_table, source_hash
from her2ladder.queries.run import Run, run
from her2ladder.schema.duck import arrow_table
from her2ladder.schema.store import Store
from her2ladder.schema.tables import CLINICAL_COLUMNS, COHORT, PATIENT, PATIENT_CLINICAL
from her2ladder.schema.vocabulary import ROLES

LONGEST_LIKELY_MONTHS = 600.0
MOST_FAULTS = 6  # in the error's line; its table has all
_MONTHS_A = {"months": 1.0, "days": 12 / 365.25, "years": 12.0}


@dataclass(frozen=True)
class ClinicalSummary:
    """What an ingest of a clinical table did: rows, cohorts, who is left out, and how it meets the slides and scores."""

    run: str
    n_patients: int
    cohorts: dict[str, int]
    excluded: dict[str, int]
    n_with_slides: int
    without_slides: list[str]
    slides_without_row: list[str]
    notes: list[str]


def ingest_clinical(
    store: Store,
    path: Path,
    map_path: Path | None = None,
    *,
    supersede: bool = False,
    dry_run: bool = False,
    match_ids: str | None = None,
    pseudonymise: bool = False,
) -> ClinicalSummary:
    """Check a clinical table and write it as one run.

    supersede  let a patient move to another cohort than the store has
    dry_run    check alone: the summary has no run
    match_ids  rules (near_ids.RULES, comma-separated) by which ids of the table become those of patients with slides
    pseudonymise   store a keyed hash of each id; the key stays in a file beside the table
    raises     InputError listing what is wrong, nothing written
    source     design 10; paper, "Patient samples, clinical data, and study cohorts"
    """
    told = load_map(map_path)
    notes: list[str] = []
    frame = read_table(path, told.sheet, encoding=told.encoding, notes=notes)
    told, more = _endpoints(told, frame.columns)
    frame = apply_map(frame, told, path)
    frame, told = _in_months(frame, told)
    ids = patient_ids(frame, path)
    known_ids = _ids_of_slides(store)
    if match_ids is not None:
        same = matched(ids, known_ids, rules_named(match_ids))
        ids = [same.get(one, one) for one in ids]
        notes.append(f"--match-ids {match_ids}: {sum(1 for one, other in same.items() if one != other)} ids became those of slides")
    if near := better_rule(ids, known_ids):
        notes.append(near)
    if pseudonymise:
        ids = pseudonyms(patient_ids(frame, path), path, store.root, write=not dry_run)
        frame = frame.with_columns(pl.Series("patient_id", ids))
        notes.append(f"ids are pseudonyms; who is who stands in {key_file(path)}: keep it apart from the store")
    _refuse_private(frame, ids, told, path)
    rows, said = _rows(frame, ids, told, path)
    notes += [*more, *said]
    if dry_run:
        return ClinicalSummary("", len(ids), _counted(rows, "cohort"), _counted(rows, "excluded_reason"), 0, [], [], notes)
    arguments = {"file": path.name, "map": map_path.name if map_path else None, "supersede": supersede}
    with run(store, "ingest clinical", arguments) as this:
        this.inputs = source_hash(path) | (source_hash(map_path) if map_path else {})
        _check_cohorts(this.con.sql("SELECT patient_id, cohort FROM patient WHERE cohort IS NOT NULL").fetchall(), rows, path, supersede)
        with_slides = known_ids
        notes += _keep_earlier(this, rows, given=set(frame.columns))
        this.insert_new(COHORT, [{"cohort": cohort} for cohort in sorted({row["cohort"] for row in rows})])
        this.insert_new(PATIENT, [{"patient_id": one} for one in ids])
        this.append(PATIENT_CLINICAL, rows)
        known = {one for (one,) in this.con.sql("SELECT patient_id FROM patient WHERE cohort IS NOT NULL").fetchall()}
    return ClinicalSummary(
        run=this.id,
        n_patients=len(ids),
        cohorts=_counted(rows, "cohort"),
        excluded=_counted(rows, "excluded_reason"),
        n_with_slides=len(with_slides & set(ids)),
        without_slides=sorted(set(ids) - with_slides),
        slides_without_row=sorted(with_slides - set(ids) - known),
        notes=notes,
    )


def _ids_of_slides(store: Store) -> set[str]:
    with store.reading() as con:
        return {one for (one,) in con.sql("SELECT DISTINCT patient_id FROM slide").fetchall()}


def _counted(rows: list[dict[str, Any]], name: str) -> dict[str, int]:
    return dict(Counter(row[name] for row in rows if row[name]))


def _endpoints(told: ColumnMap, found: list[str]) -> tuple[ColumnMap, list[str]]:
    """Take every pair NAME_months (or _days, _years) and NAME_event as an endpoint, as it is or by the map: efs, pfs, idfs, ddfs, bcss …"""
    names = {*found, *told.columns} - {*KNOWN, *told.extra, *told.drop}
    parts = [match for name in sorted(names) if (match := ENDPOINT.match(name))]
    events = {match[1] for match in parts if match[2] == "event"} | {"os", "dfs"}
    times = [match for match in parts if match[2] != "event" and match[1] in events]
    kept = [match[0] for match in times] + [f"{match[1]}_event" for match in times if match[1] not in ("os", "dfs")]
    notes = [
        f"{match[0]} is turned into {match[1]}_months ({_MONTHS_A[match[2]]:.7g} months each)" for match in times if match[2] != "months"
    ]
    return replace(told, extra=(*told.extra, *dict.fromkeys(kept))), notes


def _in_months(frame: pl.DataFrame, told: ColumnMap) -> tuple[pl.DataFrame, ColumnMap]:
    """Rename times in days and years, and remember their factor."""
    scale, extra = dict(told.scale), list(told.extra)
    for name in told.extra:
        match = ENDPOINT.match(name)
        if match and match[2] in ("days", "years"):
            ours = f"{match[1]}_months"
            frame = frame.rename({name: ours})
            scale[ours] = _MONTHS_A[match[2]]
            extra.remove(name)
            if ours not in KNOWN:
                extra.append(ours)
    return frame, replace(told, extra=tuple(extra), scale=scale)


def _refuse_private(frame: pl.DataFrame, ids: list[str], told: ColumnMap, where: Path) -> None:
    """Names, birth dates and free text never enter the store."""
    if are_persons(ids):
        raise InputError(
            f"{where}: patient_id: most values look like people's names ({ids[0][:1]}…): names do not enter the store; "
            f"give each patient a number of the study, and name that column under [columns]; or --pseudonymise stores a keyed hash"
        )
    for name in told.extra:
        if is_private_name(name):
            raise InputError(
                f"{where}: column {name!r} looks like a name, a birth date or free text: these do not enter the store; drop it"
            )
        for row, value in enumerate(frame[name].to_list()):
            if value is not None and (len(value) > MAX_TEXT or DATE.match(value) or is_contact(value)):
                kind = "free text" if len(value) > MAX_TEXT else "a date" if DATE.match(value) else "a mail address or telephone number"
                raise InputError(
                    f"{where}: row {row + 2}: column {name}: {kind} does not enter the store, found {value[:30]!r}; drop the column"
                )


def _rows(frame: pl.DataFrame, ids: list[str], told: ColumnMap, where: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Return checked rows, and notes on what was taken how.

    raises   TableError with every fault found, the first ones spelled out
    """
    if "cohort" not in frame.columns:
        raise InputError(
            f"{where}: wanted a column cohort, found {', '.join(frame.columns[:20])}; name it in a map, or set it under [constants]"
        )
    faults: dict[str, list[str]] = {}  # what is wrong -> the rows where it is
    rows = []
    for index, values in enumerate(frame.iter_rows(named=True)):
        row, wrong = _row(values, told)
        row["patient_id"] = ids[index]
        for fault in wrong:
            faults.setdefault(fault, []).append(f"row {index + 2} (patient {ids[index]})")
        rows.append(row)
    told_of = [f"{places[0]}: {fault}{_also(len(places) - 1)}" for fault, places in faults.items()] + _roles(rows)
    if told_of:
        more = f" (and {len(told_of) - MOST_FAULTS} more faults)" if len(told_of) > MOST_FAULTS else ""
        raise TableError(f"{where}: nothing was written: " + "; ".join(told_of[:MOST_FAULTS]) + more, _by_column(faults))
    return rows, _notes(rows, told)


def _by_column(faults: dict[str, list[str]]) -> list[dict[str, object]]:
    """Return the faults as a table: column, what is wrong, in how many rows, the first of them."""
    parts = [(fault.partition(": "), places) for fault, places in faults.items()]
    rows = [{"column": column, "fault": why, "n": len(places), "first": places[0]} for (column, _, why), places in parts]
    return sorted(rows, key=lambda row: str(row["column"]))


def _row(values: dict[str, Any], told: ColumnMap) -> tuple[dict[str, Any], list[str]]:
    """Return one patient's checked values, and what is wrong with them."""
    row: dict[str, Any] = {"extra": None}
    faults = []
    for column in CLINICAL_COLUMNS:
        try:
            row[column.name] = checked_value(column.name, values.get(column.name), told)
        except ValueError as error:
            faults.append(f"{column.name}: {error}")
            row[column.name] = None
    if values.get("cohort") is None:
        faults.append("cohort: wanted a cohort, found none")
    if told.extra:
        extra = {}
        for name in told.extra:
            try:
                extra[name] = checked_covariate(name, values[name], told)
            except ValueError as error:
                faults.append(f"{name}: {error}")
        row["extra"] = json.dumps(extra, sort_keys=True)
    return row, faults or _against_each_other(row)


def _also(n: int) -> str:
    return f" (and in {n} more {'row' if n == 1 else 'rows'})" if n else ""


def _notes(rows: list[dict[str, Any]], told: ColumnMap) -> list[str]:
    """Say what was taken how, where a reader could have meant something else."""
    notes = []
    for ours, theirs in told.columns.items():
        if ours in BOOLEANS and "cens" in theirs.lower() and ours not in told.inverted:
            notes.append(f"{ours} is read from {theirs!r} with 1 = event; list it under inverted = […] if 1 means censored")
    for name in ("os_months", "dfs_months"):
        longest = max((row[name] for row in rows if row[name] is not None), default=0.0)
        if longest > LONGEST_LIKELY_MONTHS:
            notes.append(f"{name} goes up to {longest:g}: are these days? [scale] {name} = 0.0328549 turns days into months")
    tils = max((row["tils_percent"] for row in rows if row["tils_percent"] is not None), default=0.0)
    if 0 < tils <= 1:
        notes.append(f"tils_percent goes up to {tils:g}: are these fractions? [scale] tils_percent = 100 turns them into percent")
    for endpoint in ("os", "dfs"):
        events = {row[f"{endpoint}_event"] for row in rows if row[f"{endpoint}_event"] is not None}
        n = sum(1 for row in rows if row[f"{endpoint}_event"] is not None)
        if len(events) == 1 and n >= 10:
            notes.append(f"{endpoint}_event is {events.pop()} for all {n} patients: is that column meant, and coded 1 = event?")
    past = sum(1 for row in rows if row["dfs_months"] is not None and row["os_months"] is not None and row["dfs_months"] > row["os_months"])
    if past:
        notes.append(f"{past} patients have a dfs_months beyond their os_months: disease-free survival cannot outlast follow-up")
    deaths = sum(1 for row in rows if row["os_event"] and row["dfs_event"] == 0)
    if deaths:
        notes.append(f"{deaths} patients have os_event 1 and dfs_event 0: a death is usually an event of disease-free survival")
    return notes


def _against_each_other(row: dict[str, Any]) -> list[str]:
    faults = []
    for endpoint in ("os", "dfs"):
        time, event = row[f"{endpoint}_months"], row[f"{endpoint}_event"]
        if (time is None) != (event is None):
            have, lack = ("event", "months") if time is None else ("months", "event")
            faults.append(f"{endpoint}_{have} without {endpoint}_{lack}: wanted both or neither")
    return faults


def _roles(rows: list[dict[str, Any]]) -> list[str]:
    """One cohort has one role; a cohort named like a role has it without a column cohort_role."""
    roles: dict[str, set[str]] = {}
    for row in rows:
        if row["cohort_role"] is None and row["cohort"] in ROLES:
            row["cohort_role"] = row["cohort"]
        roles.setdefault(row["cohort"], set()).add(row["cohort_role"] or "none")
    return [f"cohort {cohort!r} has the roles {', '.join(sorted(found))}: wanted one" for cohort, found in roles.items() if len(found) > 1]


def _check_cohorts(known: list[tuple[str, str]], rows: list[dict[str, Any]], where: Path, supersede: bool) -> None:
    before = dict(known)
    moved = [
        (row["patient_id"], before[row["patient_id"]], row["cohort"])
        for row in rows
        if before.get(row["patient_id"], row["cohort"]) != row["cohort"]
    ]
    if moved and not supersede:
        one, was, now = moved[0]
        raise InputError(
            f"{where}: patient {one!r} is in cohort {was!r} in the store and in {now!r} here ({len(moved)} such): "
            f"a patient belongs to one cohort; --supersede moves them"
        )


def _keep_earlier(this: Run, rows: list[dict[str, Any]], given: set[str]) -> list[str]:
    """Let columns that this table does not have keep what earlier tables said of the patient; an empty cell of a column it has empties it.

    A follow-up table brings times and events and leaves age, response and the cohort's role as they were. Returns notes on what was kept.
    """
    lacking = [column.name for column in CLINICAL_COLUMNS if column.name not in given]
    earlier = {row["patient_id"]: row for row in arrow_table(this.con, "SELECT * FROM patient_base WHERE cohort IS NOT NULL").to_pylist()}
    roles = {row["cohort"]: row["cohort_role"] for row in earlier.values()}
    kept: Counter[str] = Counter()
    for row in rows:
        before = earlier.get(row["patient_id"], {})
        if "cohort_role" in lacking:
            row["cohort_role"] = roles.get(row["cohort"]) or row["cohort_role"]
        for name in lacking:
            if name != "cohort_role" and before.get(name) is not None:
                row[name] = before[name]
                kept[name] += 1
        covariates = json.loads(before.get("extra") or "{}")
        if covariates:
            now = json.loads(row["extra"] or "{}")
            kept.update(name for name, value in covariates.items() if name not in now and value is not None)
            row["extra"] = json.dumps(covariates | now, sort_keys=True)
    told = ", ".join(f"{name} ({n})" for name, n in kept.items())
    return [f"kept from earlier tables, for this one has no such column: {told}"] if kept else []
