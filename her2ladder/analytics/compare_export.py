"""What `ladder compare -o` writes: the bars of Fig. 3d as PNG and SVG with their CSV, and every row as CSV and Parquet."""

from __future__ import annotations

from pathlib import Path

from her2ladder.analytics.cohorts import is_synthetic, score_notes
from her2ladder.analytics.compare import Compared
from her2ladder.analytics.figures.pcr_bars import pcr_bars_figure
from her2ladder.analytics.figures.save import save_figure
from her2ladder.analytics.figures.style import PAGE_MM, Sheet
from her2ladder.analytics.result_files import write_rows
from her2ladder.analytics.strata import STANDARD

MOST_BRACKETS = 6  # chosen: with more pairs a panel is brackets all over; the CSV has them all


def export_comparison(done: Compared, folder: Path) -> list[Path]:
    """Write figure and tables into a folder; return the paths."""
    regimens = list(dict.fromkeys(done.rates["regimen"]))
    is_crowded = len(regimens) * (len(regimens) - 1) // 2 > MOST_BRACKETS
    against = STANDARD if is_crowded and STANDARD in regimens else None
    shown = None if is_crowded and against is None else done.comparisons
    notes = [f"brackets: against {against} alone" if against else "", "no brackets: too many pairs, see the table" if shown is None else ""]
    score = next((row["score_name"] for row in done.rows if row["score_name"]), None)
    notes = [*score_notes(done.patients, score), *notes]
    sheet = Sheet(PAGE_MM, title=f"pCR rates ({done.cohort})", run_ids=(done.run,), synthetic=is_synthetic(done.patients))
    figure = pcr_bars_figure(done.rates, shown, against=against, sheet=sheet.noting(*notes, "groups are not randomised"))
    frames = {"rates": done.rates.assign(run=done.run, cohort=done.cohort)}
    frames["pairs"] = done.comparisons.assign(run=done.run, cohort=done.cohort)
    return [*save_figure(figure, folder / "compare", frames), *write_rows(done.rows, folder / "compare_rows")]
