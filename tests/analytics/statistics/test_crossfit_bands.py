"""Bands by cuts that did not see the patient."""

from __future__ import annotations

import numpy as np

from her2ladder.analytics.statistics.bands import band_of, tertile_cuts
from her2ladder.analytics.statistics.crossfit_bands import crossfitted_bands


def test_leave_one_out_cuts_are_those_of_everyone_else() -> None:
    scores = np.array([0.1, 0.9, 0.4, 0.35, 0.7, 0.2, 0.55])
    wanted = [band_of([s], tertile_cuts(np.delete(scores, at)))[0] for at, s in enumerate(scores)]
    assert crossfitted_bands(scores, folds=7) == wanted


def test_a_patients_own_score_moves_no_cut_of_the_patients_fold() -> None:
    """Garbage in one fold leaves the bands of that fold's members a function of the others alone."""
    rng = np.random.default_rng(3)
    scores = rng.uniform(size=60)
    fold = np.random.default_rng(1).permutation(60) % 5
    moved = scores.copy()
    moved[fold == 2] = 5.0
    assert [band for band, at in zip(crossfitted_bands(moved), fold, strict=True) if at == 2] == ["High"] * 12


def test_cuts_that_coincide_give_no_band() -> None:
    assert crossfitted_bands([0.5] * 9) == [None] * 9
    assert crossfitted_bands([]) == []
    assert crossfitted_bands([0.3]) == [None]
