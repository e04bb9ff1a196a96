"""Cuts learned together, and bands by one pair of cuts or one a patient."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from her2ladder.analytics.learning.cuts import band, learn_cuts
from her2ladder.analytics.statistics.bands import Tertiles, band_of
from her2ladder.errors import InputError


def test_tertiles_agree_with_R_quantile_type_7_and_bands_with_the_statistics_part(reference: Path) -> None:
    """R: quantile(score, c(1, 2) / 3, type = 7)."""
    truth = json.loads((reference / "r_truth.json").read_text())
    table = pd.read_csv(reference / "cohort.csv")
    scores = table["score"].to_numpy()
    cuts = learn_cuts(scores, 1 - table["is_pcr"].to_numpy())
    np.testing.assert_allclose((cuts.q1, cuts.q2), truth["tertiles"], rtol=0, atol=1e-12)
    assert band(scores, cuts.q1, cuts.q2) == band_of(scores, Tertiles(cuts.q1, cuts.q2, len(scores)))


def test_a_score_on_a_cut_belongs_to_the_lower_band() -> None:
    assert band(np.array([0.2, 0.200001, 0.5, 0.500001]), 0.2, 0.5) == ["Low", "Medium", "Medium", "High"]


def test_each_patient_may_have_cuts_of_their_own() -> None:
    assert band(np.array([0.4, 0.4]), np.array([0.1, 0.5]), np.array([0.3, 0.6])) == ["High", "Low"]


def test_equal_tertiles_are_refused() -> None:
    with pytest.raises(InputError, match="tertiles"):
        learn_cuts(np.array([0.5, 0.5, 0.5, 0.9]), np.array([0, 1, 0, 1]))
