"""How a score is cut into bands: tertiles and threshold, learned on construction patients and frozen at first use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from her2ladder.analytics.cohort.selection import check_score, give_role
from her2ladder.analytics.statistics.bands import band_of, tertile_cuts
from her2ladder.analytics.statistics.threshold import youden_cut
from her2ladder.errors import InputError
from her2ladder.queries.run import Run, run
from her2ladder.schema.duck import arrow_table
from her2ladder.schema.store import Store
from her2ladder.schema.tables import MODEL_BAND
from her2ladder.schema.vocabulary import BANDS

CUT_RULE = (
    "tertiles of the construction patients' scores (quantile type 7, unrounded); threshold: Youden, ties to sensitivity, then the lower cut"
)


def freeze_bands(store: Store, score_name: str) -> dict[str, Any]:
    """Return the frozen cuts and threshold of a score, learning and freezing them first where that has not been done.

    Every analysis by band or threshold calls this before it reads: the cuts are those of the first use, whatever came in later.
    raises   InputError where no construction patient has the score, or the tertiles coincide
    source   statistics.md, Bands and regimens
    """
    held = _held_bands(store, score_name)
    if held:
        return dict(held[0])
    with run(store, "freeze bands", {"score": score_name}) as this:
        check_score(this, score_name)
        frame = this.fetch("cohort/construction_scores", score_name=score_name).to_pandas()
        if frame.empty:
            raise InputError(no_construction(score_name))
        row = band_row(score_name, frame)
        this.append(MODEL_BAND, [row])
    return {**row, "run": this.id, "is_frozen": True}


def _held_bands(store: Store, score_name: str) -> list[dict[str, Any]]:
    with store.reading() as con:
        return list(arrow_table(con, "SELECT * FROM score_band WHERE score_name = ? AND is_frozen", [score_name]).to_pylist())


def has_bands(store: Store, score_name: str) -> bool:
    """Whether a score's bands are frozen, or there are construction patients whose scores could be cut (in vain, where they coincide)."""
    if _held_bands(store, score_name):
        return True
    with store.reading() as con:
        scores = Run(store, "bands", {}, con).fetch("cohort/construction_scores", score_name=score_name)
    return bool(scores.num_rows)


def no_construction(score_name: str) -> str:
    """Return in one line why a score has no bands, and what to do."""
    return (
        f"score {score_name}: bands are cut on construction patients, and none has this score;"
        f" say which cohort they are: {give_role('construction')}"
    )


def band_row(score_name: str, frame: pd.DataFrame) -> dict[str, Any]:
    """Return the row of model_band for construction patients (columns cohort, score, residual)."""
    cuts = tertile_cuts(frame["score"].to_numpy(float))
    known = frame[frame["residual"].notna()]
    both = known["residual"].nunique() == 2
    threshold = youden_cut(known["residual"].to_numpy(int), known["score"].to_numpy(float)).cut if both else None
    return {
        "score_name": score_name,
        "low_max": cuts.q1,
        "medium_max": cuts.q2,
        "threshold": threshold,
        "rule": CUT_RULE + _nobody(band_of(frame["score"].to_numpy(float), cuts)),
        "n": cuts.n,
        "cohort": ",".join(sorted(set(frame["cohort"]))),
    }


def _nobody(bands: Sequence[str | None]) -> str:
    empty = [band for band in BANDS if band not in bands]
    return f"; nobody in {' and '.join(empty)}: too few different scores for three bands" if empty else ""


def band_remark(store: Store, score_name: str) -> str:
    """Return what must be said of a score's frozen bands: that the cuts leave one of them without construction patients; mostly nothing."""
    held = _held_bands(store, score_name)
    told = str(held[0]["rule"]).partition("; nobody in ")[2] if held else ""
    return f"score {score_name}: nobody in {told}" if told else ""
