"""The sections of the report, one function each: an analysis is run as its command runs it, its figures and rows are kept."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from her2ladder.analytics.cohort.selection import Selection, selection
from her2ladder.analytics.figures.words import p_equals
from her2ladder.analytics.report.captions import caption
from her2ladder.analytics.report.parts import Picture, Section, Table
from her2ladder.analytics.report.questions import (
    has_paper_regimens,
    has_role,
    is_trained,
    median_patients,
    only_setting,
    regimens_of_adjuvant,
)
from her2ladder.analytics.report.tables import baseline, estimate, result_table
from her2ladder.errors import InputError
from her2ladder.schema.store import Store
from her2ladder.schema.vocabulary import BANDS

Step = tuple[str, str, Callable[[], Section]]
_ROLE_WORDS = {"construction": "construction (out-of-fold or imported)", "regimen": "cohorts of other regimens"}
Rows = Sequence[dict[str, Any]]
NO_SCORE = "the store has no score: train one (ladder train) or bring one (ladder ingest scores)"
MAP_CELLS = 40_000  # cells drawn of each map on the page; the counts are of all


def steps(store: Store, score: str | None, folder: Path) -> list[Step]:
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
    return found + [(anchor, title, partial(_with_score, score, make)) for anchor, title, make in of_score]


def _with_score(score: str | None, make: Callable[[str], Section]) -> Section:
    if score is None:
        raise InputError(NO_SCORE)
    return make(score)


def patients(store: Store, folder: Path) -> Section:
    """Table 1 and the patient flow."""
    from her2ladder.analytics.table1.stage import table_one
    from her2ladder.analytics.table1.text import NOTES, export_table, readable

    done = table_one(store, Selection(), "cohort")
    section = _section("patients", "Patients", "ladder table1 --by cohort", done.run, export_table(done, folder))
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


def performance(store: Store, score: str, folder: Path) -> Section:
    """Discrimination, calibration, net benefit and rivals."""
    from her2ladder.analytics.evaluate.files import write_pictures
    from her2ladder.analytics.evaluate.stage import evaluate
    from her2ladder.analytics.evaluate.summary import differences, overview

    done = evaluate(store, score, by=("regimen",), setting=only_setting(store))
    section = _section(
        "performance",
        "How well the score tells who responds",
        _command("evaluate", score=score, by="regimen", setting=only_setting(store)),
        done.run,
        write_pictures(done, folder),
    )
    section.intro = "Construction patients have out-of-fold scores; what is in-sample is called apparent and is no evidence of performance."
    everything = [{name.replace("_", " "): value for name, value in line.items()} for line in overview(done.rows)]
    section.tables = [
        Table("Performance of the score", [_without_term(line) for line in everything if line["term"] == score]),
        Table("Performance of everything compared", everything, is_folded=True),
        Table("AUC of the score minus that of each rival (paired DeLong)", differences(done.rows), is_folded=True),
        Table("Direction of each variable, fixed before any data is seen", done.directions, is_folded=True),
    ]
    section.key = [
        (f"AUC, {_ROLE_WORDS.get(row['cohort'], row['cohort'].replace('_', ' '))}", _found(row))
        for row in done.rows
        if row["metric"] == "auc_logit" and row["term"] == score and row["subgroup"] == "all" and row["cohort"] != "all"
    ]
    if done.no_threshold:
        section.missing.append(f"threshold metrics: {done.no_threshold}")
    return section


def explanation(store: Store, score: str, folder: Path) -> Section:
    """SHAP of the sub-models and the ensemble."""
    from her2ladder.analytics.explain.stage import explain_model, write_explanation

    if not is_trained(store, score):
        raise InputError(f"{score} was made elsewhere: there is no model here to explain")
    done = explain_model(store, score)
    section = _section(
        "explanation", "What the score is made of (SHAP)", _command("explain", model=score), done.run, write_explanation(done, folder)
    )
    section.intro = "Mean absolute SHAP values on the probability scale; the ensemble's are the weighted mean of its members'."
    return section


def association(store: Store, score: str, folder: Path) -> Section:
    """Odds ratios alone, adjusted, and by regimen."""
    from her2ladder.analytics.odds.stage import odds
    from her2ladder.analytics.survival.files import export_odds

    done = odds(store, selection(None, only_setting(store), store), score_name=score, within="regimen")
    command = _command("odds", score=score, within="regimen", setting=only_setting(store))
    section = _section("odds", "Odds of residual disease", command, done.run, export_odds(done, folder))
    section.intro = "Logistic regression, per 0.1 of the score; separated data by Firth's penalised likelihood, said in the row."
    section.notes = list(done.remarks)
    pooled = [row for row in done.rows if row["subgroup"] == "all"]
    section.tables = [
        result_table("Odds ratios, all regimens", pooled),
        result_table("Odds ratios by regimen", [row for row in done.rows if row["subgroup"] != "all"], is_folded=True),
    ]
    section.key = [
        ("Odds ratio of residual disease, score per 0.1", _found(row))
        for row in pooled
        if row["metric"] == "odds_ratio" and row["term"] == "score (per 0.1)"
    ]
    return section


def regimens(store: Store, score: str, folder: Path) -> Section:
    """pCR by band and regimen, as the paper groups them where its roles are there."""
    from her2ladder.analytics.compare.files import export_comparison
    from her2ladder.analytics.compare.stage import CompareOptions, compare

    setting, as_paper = only_setting(store), has_paper_regimens(store)
    done = compare(store, selection(None, setting, store), CompareOptions(score_name=score, as_paper=as_paper))
    command = _command("compare", score=score, by="band,regimen", setting=setting, **{"as": "paper" if as_paper else None})
    section = _section("regimens", "Response by band and regimen", command, done.run, export_comparison(done, folder))
    section.intro = "Regimens are not randomised: rates and tests compare groups that were chosen, not treatments."
    if any(row["metric"] == "suggestion" for row in done.rows):
        section.intro += " Suggestions are the paper's exploratory reading, not a finding from these data; not for clinical use."
    section.tables = [
        result_table("pCR rates", [row for row in done.rows if row["metric"] == "pcr_rate"]),
        result_table("Comparisons", [row for row in done.rows if row["metric"] == "pcr_comparison"]),
        result_table(
            "Beside it: other tests, baseline, adjusted, without construction patients",
            [row for row in done.rows if row["metric"] not in ("pcr_rate", "pcr_comparison")],
            is_folded=True,
        ),
    ]
    section.notes = _left_out("compared", done.left_out)
    section.key = _rate_line([row for row in done.rows if row["metric"] == "pcr_rate" and row["subgroup"] in BANDS])
    return section


def _rate_line(rates: Rows) -> list[tuple[str, str]]:
    """The pCR rates by band of the regimen that most patients had."""
    sizes: dict[str, int] = {}
    for row in rates:
        sizes[row["term"]] = sizes.get(row["term"], 0) + row["n"]
    if not sizes:
        return []
    largest = max(sorted(sizes), key=lambda name: sizes[name])
    cells = [row for row in rates if row["term"] == largest]
    told = ", ".join(f"{row['subgroup']} {row['events']} of {row['n']}" for row in cells)
    return [(f"pCR with {largest}", told)]


def follow_up(store: Store, score: str, endpoint: str, folder: Path) -> Section:
    """Kaplan-Meier, log-rank and Cox of one endpoint."""
    from her2ladder.analytics.survival.files import export_survival
    from her2ladder.analytics.survival.stage import ENDPOINTS, Asked, default_by, survival

    chosen = selection("adjuvant" if has_role(store, "adjuvant") else None, None, store)
    by, within = default_by(store, score), regimens_of_adjuvant(store)
    done = survival(store, chosen, Asked(endpoint, by, score, within))
    command = _command("survival", score=score, endpoint=endpoint, within=within, cohort=",".join(chosen.cohorts) or None)
    section = _section(endpoint, ENDPOINTS[endpoint], command, done.run, export_survival(done, folder))
    section.intro = "Months from the origin of the clinical table. Log-rank and Wald P are different tests and stand apart."
    section.missing = [f"curves by band: {done.no_bands}"] if done.no_bands else []
    section.notes = list(done.remarks)
    shown = "High vs Low" if by == "band" else "score (per 0.1)"
    if by == "score":
        section.pictures = [replace(one, caption=one.caption.replace(" by band", ", one curve")) for one in section.pictures]
    main = [row for row in done.rows if row["metric"] != "survival_at" and _is_main(row)]
    section.tables = [
        result_table("Tests and models, all regimens", main),
        result_table(
            "Subgroups, adjusted models and checks",
            [r for r in done.rows if r["metric"] != "survival_at" and not _is_main(r)],
            is_folded=True,
        ),
        result_table("Survival at times", [row for row in done.rows if row["metric"] == "survival_at"], is_folded=True),
    ]
    section.key = [
        (f"{ENDPOINTS[endpoint]}, hazard ratio {shown.replace(' vs ', ' against ')}", _found(row))
        for row in main
        if row["metric"] == "hazard_ratio" and row["term"] == shown
    ]
    return section


def _is_main(row: dict[str, Any]) -> bool:
    """What the curves alone say, and High against Low alone and adjusted; the rest is for the reader who asks."""
    if row["metric"] in ("median_survival", "median_followup"):
        return row["subgroup"] in ("all", "Low", "Medium", "High")
    return row["subgroup"] == "all" and row["term"] in (
        "High vs Low",
        "High vs Low, adjusted",
        "Low vs Medium vs High",
        "score (per 0.1)",
        "score (per 0.1), adjusted",
    )


def _left_out(done: str, counted: Mapping[str, int]) -> list[str]:
    return [f"Not {done}: " + "; ".join(f"{n} patients: {why}" for why, n in counted.items())] if counted else []


def contrasts(store: Store, score: str, folder: Path) -> Section:
    """Feature contrasts between bands, and by response."""
    from her2ladder.analytics.contrast.files import export_contrast
    from her2ladder.analytics.contrast.stage import contrast, default_population

    done = contrast(store, selection(default_population(store), None, store), score_name=score)
    section = _section(
        "contrasts",
        "What differs between the bands",
        _command("contrast", score=score, between="band"),
        done.run,
        export_contrast(done, folder),
    )
    section.intro = "Bands are functions of these features: P between bands is descriptive. The same contrast by response stands beside it."
    section.notes = _left_out("contrasted", done.left_out)
    section.tables = [
        result_table("Rank-sum contrasts", [row for row in done.rows if str(row["metric"]).startswith("rank_sum")], is_folded=True)
    ]
    return section


def _command(name: str, **options: str | None) -> str:
    """Return the command line that makes a section's rows again; options that are None are left out."""
    words = [word for option, value in options.items() if value is not None for word in (f"--{option}", value)]
    return shlex.join(["ladder", name, *words])


def _section(anchor: str, title: str, command: str, run_id: str, written: Sequence[Path]) -> Section:
    return Section(anchor, title, pictures=_pictures(written), runs=[run_id], command=command)


def _pictures(written: Sequence[Path]) -> list[Picture]:
    """The PNG of each figure: vector files with thousands of marks would make the page heavy."""
    pictures = []
    for path in written:
        if path.suffix == ".png":
            pictures.append(Picture(path, caption(path.stem), is_wide=_width_px(path) > 1200))
    return pictures


def _width_px(path: Path) -> int:
    return int.from_bytes(path.read_bytes()[16:20], "big")  # PNG: the header's first field


def _found(row: dict[str, Any]) -> str:
    p = f"; {p_equals(row['p'])}" if row["p"] is not None else ""
    return f"{estimate(row)}{p}; n = {row['n']:,}"


def _without_term(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name != "term"}
