"""What `ladder survival -o` and `ladder odds -o` write: figures, and the Kaplan-Meier tables that name run, endpoint and convention."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from her2ladder.analytics.cohort.selection import is_synthetic, score_notes
from her2ladder.analytics.figures.palette import BAND_COLOURS, regimen_colours
from her2ladder.analytics.figures.save import save_figure
from her2ladder.analytics.figures.style import COLUMN_MM, PAGE_MM, Sheet
from her2ladder.analytics.figures.words import p_equals
from her2ladder.analytics.results.files import csv_bytes, write_rows
from her2ladder.analytics.statistics.schoenfeld import moving_ratio
from her2ladder.analytics.survival.asked import endpoint_words
from her2ladder.analytics.survival.curves import Curve
from her2ladder.analytics.survival.figure import kaplan_meier_figure
from her2ladder.analytics.survival.hazards_figure import hazards_figure
from her2ladder.analytics.survival.stage import ALL, Survival, compared
from her2ladder.schema.lake import write_whole

STEP_COLUMNS = ["part", "label", "time_months", "n_risk", "n_event", "n_censor", "surv", "lo", "hi", "se"]


def export_survival(done: Survival, folder: Path) -> list[Path]:
    """Write curves, step table, raw rows and result rows into a folder; return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"survival_{done.asked.endpoint}"
    written = []
    for part in dict.fromkeys(curve.part for curve in done.curves):
        stem = folder / (name if part == "all" else f"{name}_{_plain(part)}")
        written += _figure(done, part, stem)
    written += _hazards(done, folder / f"{name}_hazards")
    written += _tables(step_table(done), folder / f"{name}_steps")
    written += _tables(raw_table(done), folder / f"{name}_patients")
    return [*written, *write_rows(done.rows, folder / f"{name}_rows")]


def step_table(done: Survival) -> pd.DataFrame:
    """Return every step of every curve; each row says run, endpoint, unit, interval and how the number at risk is counted."""
    frames = [curve.steps.assign(part=curve.part).rename(columns={"time": "time_months"}) for curve in done.curves if curve.n]
    held = pd.concat(frames, ignore_index=True)[STEP_COLUMNS] if frames else pd.DataFrame(columns=STEP_COLUMNS)
    return _told(held, done)


def raw_table(done: Survival) -> pd.DataFrame:
    """Return one row a patient: group, time, event."""
    return _told(done.raw.drop(columns=["part"]), done)


def _told(frame: pd.DataFrame, done: Survival) -> pd.DataFrame:
    return frame.assign(
        endpoint=done.asked.endpoint,
        by=done.asked.by,
        score_name=done.asked.score_name,
        interval=f"{done.asked.interval}, 95 %",
        at_risk="time >= t",
        time_origin="as in the clinical table",
        run=done.run,
    )


def _figure(done: Survival, part: str, stem: Path) -> list[Path]:
    curves = [curve for curve in done.curves if curve.part == part]
    drawn = [curve for curve in curves if curve.n] or curves[:1]  # an empty frame has no types to add to the others'
    steps = pd.concat([curve.steps for curve in drawn], ignore_index=True)
    at_risk = pd.concat([curve.at_risk for curve in drawn], ignore_index=True)
    summary = pd.DataFrame([{"label": c.label, "n": c.n, "events": c.events, **_median(c)} for c in curves])
    tests = pd.DataFrame([row for row in done.plain if row["subgroup"] == part and row["metric"] in ("hazard_ratio", "logrank")])
    hidden = ", " if done.asked.by == "score" else ", |score"
    tests = tests[~tests["term"].str.contains(hidden)] if len(tests) else tests
    colours = _colours(done, [c.label for c in curves])
    title = endpoint_words(done.asked.endpoint) + ("" if part == "all" else f", {part}")
    cohort = next((f"cohort {row['cohort']}" for row in done.rows if row["cohort"]), "")
    notes = (cohort, *score_notes(done.patients, done.asked.score_name), *done.remarks)
    sheet = Sheet(COLUMN_MM, title=title, notes=notes, run_ids=(done.run,), synthetic=is_synthetic(done.patients))
    figure = kaplan_meier_figure(
        steps, at_risk, summary, tests=tests, endpoint=endpoint_words(done.asked.endpoint), colours=colours, sheet=sheet
    )
    frames = {"curves": steps.assign(run=done.run), "at_risk": at_risk.assign(run=done.run)}
    return save_figure(figure, stem, frames, pdf=True)


def _hazards(done: Survival, stem: Path) -> list[Path]:
    """The figure by which proportional hazards are judged: of everyone, by the comparison that comes first."""
    curves = [curve.steps for curve in done.curves if curve.part == ALL and curve.n]
    steps = pd.concat(curves, ignore_index=True) if curves else pd.DataFrame(columns=["label", "time", "surv"])
    rows, covariate = compared(done)
    moving = moving_ratio(rows["time_months"], rows["is_event"], covariate)
    term = " vs ".join(reversed(covariate.levels)) or covariate.name
    tests = [row for row in done.plain if (row["subgroup"], row["metric"], row["term"]) == (ALL, "ph_test", term) and row["p"] is not None]
    said = f"{term}: {p_equals(tests[0]['p'], 'P of proportional hazards')} (cox.zph)" if tests else moving.note
    sheet = Sheet(
        PAGE_MM,
        title=f"{endpoint_words(done.asked.endpoint)}: proportional hazards",
        notes=tuple(score_notes(done.patients, done.asked.score_name)),
        run_ids=(done.run,),
        synthetic=is_synthetic(done.patients),
    )
    figure = hazards_figure(
        steps,
        moving.points,
        moving.smooth,
        term=term,
        log_hazard_ratio=moving.log_hazard_ratio,
        said=said,
        colours=_colours(done, [curve.label for curve in done.curves]),
        sheet=sheet,
    )
    return save_figure(figure, stem, {"residuals": moving.points.assign(term=term, run=done.run)})


def _colours(done: Survival, labels: list[str]) -> Mapping[str, str]:
    return BAND_COLOURS if done.asked.by == "band" else regimen_colours(labels)


def _median(curve: Curve) -> dict[str, float | None]:
    found = curve.median
    return {"median": found.value, "median_lo": found.lo, "median_hi": found.hi}


def _tables(frame: pd.DataFrame, stem: Path) -> list[Path]:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    csv, parquet = (stem.with_name(f"{stem.name}.{kind}") for kind in ("csv", "parquet"))
    write_whole(csv, csv_bytes(table))
    held = pa.BufferOutputStream()
    pq.write_table(table, held, compression="zstd")
    write_whole(parquet, held.getvalue().to_pybytes())
    return [csv, parquet]


def _plain(text: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in text)
