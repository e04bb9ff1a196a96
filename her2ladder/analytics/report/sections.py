"""The sections of the report, one function each: an analysis is run as its command runs it, its figures and rows are kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from her2ladder.analytics.cohort.selection import Selection
from her2ladder.analytics.report.in_situ_section import ANCHOR, TITLE, Groups, has_sections, in_situ
from her2ladder.analytics.report.outcome_sections import association, contrasts, follow_up, regimens
from her2ladder.analytics.report.parts import Section, Table
from her2ladder.analytics.report.questions import (
    median_patients,
)
from her2ladder.analytics.report.score_sections import explanation, performance
from her2ladder.analytics.report.section import section_of
from her2ladder.analytics.report.tables import baseline
from her2ladder.errors import InputError
from her2ladder.schema.store import Store

Step = tuple[str, str, Callable[[], Section]]
NO_SCORE = "the store has no score: train one (ladder train) or bring one (ladder ingest scores)"
MAP_CELLS = 40_000  # cells drawn of each map on the page; the counts are of all


def steps(store: Store, score: str | None, folder: Path, groups: Groups) -> list[Step]:
    """Return the sections in the order of the page; each is computed when it is called."""
    found: list[Step] = [
        ("patients", "Patients", partial(patients, store, folder / "table1")),
        ("cells", "Slides and cells", partial(cells, store)),
        ("maps", "Cell maps of a Low and a High patient", partial(maps, store, score)),
    ]
    of_score: list[tuple[str, str, Callable[[str], Section]]] = [
        ("performance", "How well the score tells who responds", lambda name: performance(store, name, folder / "evaluate")),
        ("explanation", "What the score is made of (SHAP)", lambda name: explanation(store, name, folder / "explain")),
        ("odds", "Odds of residual disease", lambda name: association(store, name, folder / "odds")),
        ("regimens", "Response by band and regimen", lambda name: regimens(store, name, folder / "compare")),
        ("dfs", "Disease-free survival", lambda name: follow_up(store, name, "dfs", folder / "dfs")),
        ("os", "Overall survival", lambda name: follow_up(store, name, "os", folder / "os")),
        ("contrasts", "What differs between the bands", lambda name: contrasts(store, name, folder / "contrast")),
    ]
    found += [(anchor, title, partial(_with_score, score, make)) for anchor, title, make in of_score]
    if has_sections(store):
        found.append((ANCHOR, TITLE, partial(in_situ, store, score, groups, folder / "in_situ")))
    return found


def _with_score(score: str | None, make: Callable[[str], Section]) -> Section:
    if score is None:
        raise InputError(NO_SCORE)
    return make(score)


def patients(store: Store, folder: Path) -> Section:
    """Table 1 and the patient flow."""
    from her2ladder.analytics.table1.stage import table_one
    from her2ladder.analytics.table1.text import NOTES, export_table, readable

    done = table_one(store, Selection(), "cohort")
    section = section_of("patients", "Patients", "ladder table1 --by cohort", done.run, export_table(done, folder))
    section.intro = "Everyone that a clinical table names, who was left out and why, and what the analysed patients were like at baseline."
    section.tables = [baseline(readable(done))]
    section.notes = list(NOTES)
    return section


def cells(store: Store) -> Section:
    """How many cells of each class."""
    from her2ladder.queries.catalog import query

    with store.reading() as con:
        found = con.sql(query("cells/counts").sql)
        rows = [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]
        lone = con.sql(_ONE_STAIN).fetchall()
    lines = [{"stain": r["stain"], "class": r["cell_class"], "cells": r["n_cells"], "mean area, um2": r["area_um2"]} for r in rows]
    section = Section(
        "cells",
        "Slides and cells",
        command="ladder query run cells/counts",
        queries=["cells/counts"],
        tables=[Table("Cells by stain and class", lines)],
        notes=[f"{n:,} patients have slides of {stain} alone." for stain, n in lone],
    )
    if not rows:
        section.missing.append("the store has no cells (ladder ingest cells)")
    return section


_ONE_STAIN = """
SELECT stain, count(*) FROM (SELECT min(stain) AS stain FROM slide WHERE patient_id IS NOT NULL GROUP BY patient_id HAVING count(DISTINCT stain) = 1)
GROUP BY stain ORDER BY stain
"""


def maps(store: Store, score: str | None) -> Section:
    """The slides of one Low and one High patient, the median score of each band."""
    from her2ladder.analytics.cellmap.page import map_fragment
    from her2ladder.analytics.cellmap.stage import slide_cells

    section = Section("maps", "Cell maps of a Low and a High patient")
    slides = median_patients(store, score) if score else []
    without = [band for band in ("Low", "High") if band not in {slide[0] for slide in slides}]
    if without:
        section.missing.append(f"no patient of the band {' or '.join(without)} has slides" if score else NO_SCORE)
    if not slides:
        return section
    section.command, section.queries = f"ladder map {slides[0][2]} -o map.html", ["cells/of_slide"]
    for number, (band, patient, slide_id, stain) in enumerate(slides):
        drawn = slide_cells(store, slide_id, stain)
        section.fragments.append(
            map_fragment(
                f"map-{number}",
                drawn["x_um"],
                drawn["y_um"],
                drawn["cls"],
                drawn["classes"],
                f"{band}: {patient}, {slide_id}",
                stain=stain,
                provenance=drawn["provenance"],
                is_synthetic=drawn["is_synthetic"],
                max_points=MAP_CELLS,
            )
        )
    section.intro = "The patient whose score is the median of the band. Drag to move, scroll to zoom, click a class to hide it."
    return section
