"""What `ladder compare -o` writes: the bars of Fig. 3d and the schematic of Fig. 3e as PNG and SVG with their CSV, every row as CSV and Parquet."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from her2ladder.analytics.cohort.selection import is_synthetic, score_notes
from her2ladder.analytics.compare.context import EXPLORATORY
from her2ladder.analytics.compare.figure import pcr_bars_figure
from her2ladder.analytics.compare.schematic import band_schematic_figure
from her2ladder.analytics.compare.stage import Compared
from her2ladder.analytics.compare.strata import STANDARD
from her2ladder.analytics.figures.save import save_figure
from her2ladder.analytics.figures.style import COLUMN_MM, PAGE_MM, Sheet
from her2ladder.analytics.results.files import write_rows
from her2ladder.schema.vocabulary import BANDS

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
    drawn = [*save_figure(figure, folder / "compare", frames), *_schematic(done, score, folder)]
    return [*drawn, *write_rows(done.rows, folder / "compare_rows")]


def _schematic(done: Compared, score: str | None, folder: Path) -> list[Path]:
    """From band to treatment as the paper reads it; drawn where a regimen that it names is compared."""
    suggested = {row["subgroup"]: row["term"] for row in done.rows if row["metric"] == "suggestion"}
    if not suggested or done.cuts is None:
        return []
    scores = done.patients["score"].dropna()
    ends = [min(0.0, float(scores.min())), *done.cuts, max(1.0, float(scores.max()))]
    standard = done.rates[done.rates["regimen"] == STANDARD].set_index("band")
    bands = [
        {
            "band": band,
            "lower": ends[at],
            "upper": ends[at + 1],
            "suggestion": suggested.get(band, "none of the regimens that the paper names is compared here"),
            "n": int((done.patients["band"] == band).sum()),
            **({"regimen": STANDARD, **standard.loc[band, ["value", "lo", "hi"]]} if band in standard.index else {}),
        }
        for at, band in enumerate(BANDS)
    ]
    frame = pd.DataFrame(bands)
    sheet = Sheet(COLUMN_MM, title=f"From band to treatment ({done.cohort})", run_ids=(done.run,), synthetic=is_synthetic(done.patients))
    figure = band_schematic_figure(frame, score_name="score", sheet=sheet.noting(*score_notes(done.patients, score), EXPLORATORY))
    return save_figure(figure, folder / "schematic", {"schematic": frame.assign(run=done.run)})
