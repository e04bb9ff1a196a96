"""What `ladder contrast -o` writes: box plots between the groups and by response (PNG, SVG, CSV), and every row as CSV and Parquet."""

from __future__ import annotations

from pathlib import Path

from her2ladder.analytics.cohort.selection import is_synthetic, score_notes
from her2ladder.analytics.contrast.stage import Between, Contrasted
from her2ladder.analytics.figures.boxes import boxes_figure
from her2ladder.analytics.figures.save import save_figure
from her2ladder.analytics.figures.style import PAGE_MM, Sheet
from her2ladder.analytics.results.files import write_rows


def export_contrast(done: Contrasted, folder: Path) -> list[Path]:
    """Write figures and tables into a folder; return the paths."""
    written: list[Path] = []
    for one in done.betweens:
        stem = folder / ("contrast_response" if one.column == "is_pcr" else f"contrast_{_plain(one.column)}")
        values, tests = (frame[frame["between"] == one.column].drop(columns="between") for frame in (done.values, done.tests))
        tests = tests[tests["feature"].isin(done.drawn)]
        figure = boxes_figure(values, tests, groups=_shown(one), units=done.units, sheet=_sheet(done, one))
        frames = {"values": values.assign(run=done.run), "tests": tests.assign(run=done.run, correction="Benjamini-Hochberg")}
        written += save_figure(figure, stem, frames)
    return [*written, *write_rows(done.rows, folder / "contrast_rows")]


def _shown(one: Between) -> tuple[str, ...]:
    """Return the groups at the axis: responders first, as bands run from Low to High."""
    return one.groups[::-1] if one.column == "is_pcr" else one.groups


def _sheet(done: Contrasted, one: Between) -> Sheet:
    what = "response" if one.column == "is_pcr" else one.column
    score = f"; bands of {done.score_name}" if one.column == "band" else ""
    kinds = score_notes(done.patients, done.score_name) if one.column == "band" else ()
    sheet = Sheet(
        PAGE_MM,
        title=f"Features by {what} ({', '.join(done.cohort.split(','))}{score})",
        run_ids=(done.run,),
        synthetic=is_synthetic(done.patients),
    )
    return sheet.noting(*kinds, one.note, "P adjusted by Benjamini-Hochberg over the features")


def _plain(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name)
