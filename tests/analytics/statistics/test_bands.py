"""Tertile bands against R and by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from her2ladder.analytics.statistics.bands import Tertiles, band_of, tertile_cuts
from her2ladder.errors import InputError


def test_cuts_and_band_sizes_agree_with_R(cohort: pd.DataFrame, truth: dict[str, Any]) -> None:
    """R: quantile(score, c(1, 2) / 3, type = 7); exact, not nearly."""
    cuts = tertile_cuts(cohort.score)
    assert [cuts.q1, cuts.q2] == truth["tertiles"]
    bands = band_of(cohort.score, cuts)
    assert {band: bands.count(band) for band in ("Low", "Medium", "High")} == truth["band_n"]


def test_type_seven_interpolates_between_order_statistics() -> None:
    """Five scores 0..4: positions 4/3 and 8/3."""
    cuts = tertile_cuts([4, 2, 0, 1, 3])
    assert [cuts.q1, cuts.q2] == pytest.approx([4 / 3, 8 / 3])
    assert cuts.n == 5


def test_a_score_at_a_cut_is_in_the_lower_band_and_no_score_is_in_none() -> None:
    cuts = Tertiles(0.2, 0.5, 10)
    above = np.nextafter(0.5, 1)
    assert band_of([0.2, np.nextafter(0.2, 1), 0.5, above, None, float("nan"), -9.0, 9.0], cuts) == [
        "Low", "Medium", "Medium", "High", None, None, "Low", "High",
    ]  # fmt: skip
    assert band_of([], cuts) == []


@pytest.mark.parametrize("n", [4, 7, 100, 301, 3000])
def test_a_patient_at_an_exact_order_statistic_is_never_pushed_over_the_cut(n: int) -> None:
    """Where n - 1 divides by 3 the cut is one of the scores, to the last bit."""
    scores = np.sort(np.random.default_rng(n).uniform(size=n))
    cuts = tertile_cuts(scores)
    if (n - 1) % 3 == 0:
        assert (cuts.q1, cuts.q2) == (scores[(n - 1) // 3], scores[2 * (n - 1) // 3])
    assert band_of(scores, cuts).count("Low") == (n - 1) // 3 + 1


def test_cuts_that_coincide_or_have_no_scores_are_refused() -> None:
    with pytest.raises(InputError, match="wanted two different cuts, found both at 0"):
        tertile_cuts([0, 0, 0, 0, 0, 1])
    with pytest.raises(InputError, match="found none"):
        tertile_cuts([])
    with pytest.raises(InputError, match="got nan at position 1"):
        tertile_cuts([0.1, np.nan])
