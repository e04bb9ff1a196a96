"""What `ladder odds -o` writes: the forest plot, and every row as CSV and Parquet."""

from __future__ import annotations

from pathlib import Path

from her2ladder.analytics.cohort.selection import is_synthetic, score_notes
from her2ladder.analytics.figures.save import save_figure
from her2ladder.analytics.figures.style import PAGE_MM, Sheet
from her2ladder.analytics.odds.figure import forest_figure
from her2ladder.analytics.odds.stage import Odds
from her2ladder.analytics.results.files import write_rows


def export_odds(done: Odds, folder: Path) -> list[Path]:
    """Write the forest plot and the rows into a folder; return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    event = "residual disease" if done.outcome == "residual" else "pCR"
    score = next((row["score_name"] for row in done.rows if row["score_name"]), None)
    sheet = Sheet(
        PAGE_MM,
        title=f"Odds of {event}",
        notes=(*score_notes(done.patients, score), *done.remarks),
        run_ids=(done.run,),
        synthetic=is_synthetic(done.patients),
    )
    figure = forest_figure(done.forest, measure="OR", event=event, sheet=sheet)
    return [*save_figure(figure, folder / "odds", {"odds": done.forest.assign(run=done.run)}), *write_rows(done.rows, folder / "odds_rows")]
