"""Write a simulated study into a folder: slides, manifest, clinical table, planted truth and a page that says it is synthetic."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from her2ladder.analytics.simulate import document, files, labels, patients
from her2ladder.analytics.simulate.draw import FORMATS, SlideTask, write_slide
from her2ladder.analytics.simulate.folder import check_new, new_folder
from her2ladder.analytics.simulate.plan import Plan
from her2ladder.errors import InputError, LadderError
from her2ladder.queries.fan_out import fan_out
from her2ladder.schema.vocabulary import CLASSES

CELLS_MIN = 20
MANIFEST_COLUMNS = ["path", "slide_id", "patient_id", "stain", "mpp", "label_map", "format"]
CLINICAL, SCORES, TRUTH_TABLE, TRUTH, MANIFEST = "clinical.csv", "true_score.csv", "truth.csv", "truth.json", "manifest.csv"
README = """SYNTHETIC DATA. No patient stands behind any row of this folder.

Plan: {plan}; seed {seed}; {analysed} analysed patients of {enrolled} enrolled.

clinical.csv      for `ladder ingest clinical clinical.csv`
true_score.csv    the planted score, for `ladder ingest scores true_score.csv --name planted`
truth.csv         latent variables and true probabilities of each patient: never an input of an analysis
truth.json        planted odds ratios, pCR rates, hazard ratios and feature directions
{rest}"""
OF_SLIDES = """manifest.csv      slides for `ladder ingest cells manifest.csv`; paths are relative to it
slides/           cells of each slide, one file a slide and stain
"""


@dataclass(frozen=True)
class Simulated:
    """Where things were written, and how much."""

    manifest: Path
    clinical: Path
    scores: Path
    truth_table: Path
    truth: Path
    n_patients: int
    n_slides: int
    n_cells: int


def simulate(out: Path, plan: Plan, seed: int, workers: int = 1, progress: Callable[[int, int], None] | None = None) -> Simulated:
    """Write the study that `plan` and `seed` describe into the new or empty folder `out`; any number of workers writes the same bytes.

    progress  called with (slides written, slides in all)
    raises    InputError for a folder that holds something, an unknown stain or format, too few cells, a negative seed;
              StageError where a slide could not be written: then nothing is left
    """
    _check(plan, seed, workers)
    check_new(out)
    everyone = patients.draw(plan, seed)
    n_cells = 0
    with new_folder(out) as folder:
        (folder / "slides").mkdir()
        manifest = _manifest(plan, patients.analysed(everyone))
        tasks = list(_tasks(folder, plan, seed, patients.analysed(everyone)))
        for done, (_, written) in enumerate(fan_out(tasks, write_slide, workers=workers), start=1):
            if isinstance(written, LadderError):
                raise written
            n_cells += written
            if progress is not None:
                progress(done, len(tasks))
        manifest.to_csv(folder / MANIFEST, index=False, lineterminator="\n")
        write_tables(folder, plan, seed, everyone, OF_SLIDES)
    return Simulated(out / MANIFEST, out / CLINICAL, out / SCORES, out / TRUTH_TABLE, out / TRUTH, plan.n_enrolled, len(manifest), n_cells)


def write_tables(folder: Path, plan: Plan, seed: int, everyone: pd.DataFrame, files_beside: str) -> None:
    """Write the clinical table, the planted score, the truth and README.txt, which lists `files_beside` too."""
    everyone[list(patients.CLINICAL_COLUMNS)].to_csv(folder / CLINICAL, index=False, lineterminator="\n")
    planted = patients.analysed(everyone)[["patient_id", "true_score"]].rename(columns={"true_score": "score"})
    planted.to_csv(folder / SCORES, index=False, lineterminator="\n")
    everyone[list(patients.TRUTH_COLUMNS)].to_csv(folder / TRUTH_TABLE, index=False, lineterminator="\n")
    told = json.dumps(document.truth_document(plan, seed), indent=2, ensure_ascii=False)
    (folder / TRUTH).write_text(told + "\n", encoding="utf-8")
    rest = files_beside
    if plan.hazard_factor != 1:
        rest += f"\nHazards are {plan.hazard_factor:g} times those of the paper's plan, so that few patients show a curve.\n"
    page = README.format(plan=plan.name, seed=seed, analysed=plan.n_analysed, enrolled=plan.n_enrolled, rest=rest)
    (folder / "README.txt").write_text(page, encoding="utf-8")


def _check(plan: Plan, seed: int, workers: int) -> None:
    if not plan.stains or len(set(plan.stains)) != len(plan.stains) or not set(plan.stains) <= set(CLASSES):
        raise InputError(f"simulate: stains must be one or both of {', '.join(CLASSES)}, got {', '.join(plan.stains) or 'none'}")
    if plan.cell_format not in FORMATS:
        raise InputError(f"simulate: format must be one of {', '.join(FORMATS)}, got {plan.cell_format}")
    if plan.cells_per_slide < CELLS_MIN:
        raise InputError(f"simulate: wanted at least {CELLS_MIN} cells a slide, got {plan.cells_per_slide}")
    if seed < 0 or workers < 1:
        raise InputError(f"simulate: seed must be 0 or more and workers 1 or more, got {seed} and {workers}")


def _path(plan: Plan, patient_id: str, stain: str) -> str:
    return f"slides/{patient_id}-{stain}{FORMATS[plan.cell_format]}"


def _manifest(plan: Plan, subjects: pd.DataFrame) -> pd.DataFrame:
    """Return one row a slide, in the order in which `_tasks` draws them."""
    is_points = plan.cell_format == "parquet"
    rows = [
        {
            "path": _path(plan, patient_id, stain),
            "slide_id": f"{patient_id}-{stain}",
            "patient_id": patient_id,
            "stain": stain,
            "mpp": files.MPP_UM,
            "label_map": labels.STORE_WORDS if is_points else labels.PRESETS[stain],
            "format": "table" if is_points else "hovernet",
        }
        for patient_id in subjects["patient_id"]
        for stain in plan.stains
    ]
    return pd.DataFrame(rows, columns=MANIFEST_COLUMNS)


def _tasks(folder: Path, plan: Plan, seed: int, subjects: pd.DataFrame) -> Iterator[SlideTask]:
    """Yield what to draw; a slide hangs on the seed, the patient's number and the stain, not on which stains are asked for."""
    stretch = np.random.default_rng([seed, 1]).lognormal(0.0, 0.33, (len(subjects), len(CLASSES))).clip(0.5, 2.0)
    for number, subject in enumerate(subjects.itertuples(index=False)):
        for stain in plan.stains:
            at = list(CLASSES).index(stain)
            yield SlideTask(
                path=folder / _path(plan, subject.patient_id, stain),
                stain=stain,
                n_cells=max(CELLS_MIN, round(plan.cells_per_slide * float(stretch[number, at]))),
                latent=float(subject.latent_immune if stain == "HE" else subject.latent_mosaic),
                is_equivocal=subject.her2_ihc == "2+",
                seed=(seed, 2, number, at),
                cell_format=plan.cell_format,
            )
