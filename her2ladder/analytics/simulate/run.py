"""Write a simulated study into a folder: slides, manifest, clinical table, planted truth and a page that says it is synthetic."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd

from her2ladder.analytics.simulate import document, files, labels, patients, tissue
from her2ladder.analytics.simulate.plan import Plan
from her2ladder.errors import InputError
from her2ladder.schema.vocabulary import CLASSES

FORMATS = {"hovernet": ".json", "parquet": ".parquet"}
CELLS_MIN = 20
README = """SYNTHETIC DATA. No patient stands behind any row of this folder.

Plan: {plan}; seed {seed}; {analysed} analysed patients of {enrolled} enrolled.

manifest.csv      slides for `ladder ingest cells manifest.csv`; paths are relative to it
slides/           cells of each slide, one file a slide and stain
label_map_*.toml  what the segmenter's numbers mean
clinical.csv      for `ladder ingest clinical clinical.csv`
true_score.csv    the planted score, for `ladder ingest scores true_score.csv --name planted`
truth.csv         latent variables and true probabilities of each patient: never an input of an analysis
truth.json        planted odds ratios, pCR rates, hazard ratios and feature directions
{hazard}"""


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


@dataclass(frozen=True)
class _Slide:
    """All that a worker needs to draw and write one slide."""

    path: Path
    stain: str
    n_cells: int
    latent: float
    is_equivocal: bool
    seed: list[int]
    cell_format: str


def simulate(out: Path, plan: Plan, seed: int, workers: int = 1, progress: Callable[[int, int], None] | None = None) -> Simulated:
    """Write the study that `plan` and `seed` describe into the new or empty folder `out`; any number of workers writes the same bytes.

    progress  called with (slides written, slides in all)
    raises    InputError for a folder that holds something, an unknown stain or format, too few cells, a negative seed
    """
    _check(out, plan, seed, workers)
    everyone = patients.draw(plan, seed)
    (out / "slides").mkdir(parents=True, exist_ok=True)
    slides = list(_slides(out, plan, seed, patients.analysed(everyone)))
    for done, _ in enumerate(_written([slide for slide, _ in slides], workers), start=1):
        if progress is not None:
            progress(done, len(slides))
    paths = write_tables(out, plan, seed, everyone)
    maps = {stain: labels.write_label_map(out, stain) for stain in plan.stains}
    manifest = pd.DataFrame([row | {"label_map": maps[row["stain"]]} for _, row in slides], columns=MANIFEST_COLUMNS)
    manifest.to_csv(out / "manifest.csv", index=False, lineterminator="\n")
    n_cells = sum(slide.n_cells for slide, _ in slides)
    return Simulated(out / "manifest.csv", *paths, plan.n_enrolled, len(slides), n_cells)


MANIFEST_COLUMNS = ["path", "slide_id", "patient_id", "stain", "mpp", "label_map", "format"]


def write_tables(out: Path, plan: Plan, seed: int, everyone: pd.DataFrame) -> tuple[Path, Path, Path, Path]:
    """Write clinical.csv, true_score.csv, truth.csv, truth.json and README.txt; return the paths of the first four."""
    out.mkdir(parents=True, exist_ok=True)
    clinical, scores, table, truth = (out / name for name in ("clinical.csv", "true_score.csv", "truth.csv", "truth.json"))
    csv = {"index": False, "lineterminator": "\n"}
    everyone[list(patients.CLINICAL_COLUMNS)].to_csv(clinical, **csv)
    planted = patients.analysed(everyone)[["patient_id", "true_score"]].rename(columns={"true_score": "score"})
    planted.to_csv(scores, **csv)
    everyone[list(patients.TRUTH_COLUMNS)].to_csv(table, **csv)
    truth.write_text(json.dumps(document.truth_document(plan, seed), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    hazard = (
        ""
        if plan.hazard_factor == 1
        else f"\nHazards are {plan.hazard_factor:g} times the paper plan's, so that few patients show a curve.\n"
    )
    page = README.format(plan=plan.name, seed=seed, analysed=plan.n_analysed, enrolled=plan.n_enrolled, hazard=hazard)
    (out / "README.txt").write_text(page, encoding="utf-8")
    return clinical, scores, table, truth


def _check(out: Path, plan: Plan, seed: int, workers: int) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: wanted a new or empty folder for the simulated study, found one that holds something; name another")
    strange = [stain for stain in plan.stains if stain not in CLASSES]
    if strange or not plan.stains or len(set(plan.stains)) != len(plan.stains):
        raise InputError(f"simulate: stains must be one or both of {', '.join(CLASSES)}, got {', '.join(plan.stains) or 'none'}")
    if plan.cell_format not in FORMATS:
        raise InputError(f"simulate: format must be one of {', '.join(FORMATS)}, got {plan.cell_format}")
    if plan.cells_per_slide < CELLS_MIN:
        raise InputError(f"simulate: wanted at least {CELLS_MIN} cells a slide, got {plan.cells_per_slide}")
    if seed < 0 or workers < 1:
        raise InputError(f"simulate: seed must be 0 or more and workers 1 or more, got {seed} and {workers}")


def _slides(out: Path, plan: Plan, seed: int, subjects: pd.DataFrame) -> Iterator[tuple[_Slide, dict[str, object]]]:
    """Yield each slide to write with its row of the manifest; a slide's seed depends on the patient's number and the stain only."""
    sizes = np.random.default_rng([seed, 1]).lognormal(0.0, 0.33, (len(subjects), len(CLASSES)))
    for number, subject in enumerate(subjects.itertuples(index=False)):
        for at, stain in enumerate(CLASSES):
            if stain not in plan.stains:
                continue
            slide_id = f"{subject.patient_id}-{stain}"
            path = Path("slides") / f"{slide_id}{FORMATS[plan.cell_format]}"
            n_cells = max(CELLS_MIN, round(plan.cells_per_slide * float(np.clip(sizes[number, at], 0.5, 2.0))))
            latent = float(subject.latent_immune if stain == "HE" else subject.latent_mosaic)
            is_equivocal = subject.her2_ihc == "2+"
            yield (
                _Slide(out / path, stain, n_cells, latent, is_equivocal, [seed, 2, number, at], plan.cell_format),
                {
                    "path": path.as_posix(),
                    "slide_id": slide_id,
                    "patient_id": subject.patient_id,
                    "stain": stain,
                    "mpp": files.MPP_UM,
                    "format": plan.cell_format,
                },
            )


def _written(slides: list[_Slide], workers: int) -> Iterator[None]:
    if workers == 1:
        yield from map(_write, slides)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_write, slides, chunksize=max(1, len(slides) // (8 * workers)))


def _write(slide: _Slide) -> None:
    rng = np.random.default_rng(slide.seed)
    if slide.stain == "HE":
        cells = tissue.he(slide.n_cells, slide.latent, rng)
    else:
        cells = tissue.her2(slide.n_cells, slide.latent, slide.is_equivocal, rng)
    seed = [*slide.seed, 1]
    if slide.cell_format == "parquet":
        files.write_points_parquet(slide.path, cells, seed)
    else:
        files.write_hovernet_json(slide.path, cells.x_um, cells.y_um, cells.names(), labels.TYPE_IDS[slide.stain], seed)
