"""What the kernels take as outcome and score."""

from __future__ import annotations

import numpy as np
import pytest

from her2ladder.analytics.statistics.inputs import checked_outcome, checked_pair, checked_score, gap
from her2ladder.errors import InputError


def test_whole_numbers_and_booleans_are_outcomes() -> None:
    for y in ([0, 1], [False, True], [0.0, 1.0], np.array([0, 1], dtype=np.int8)):
        assert checked_outcome(y).tolist() == [0, 1]
    assert checked_outcome([]).tolist() == []


@pytest.mark.parametrize("y", [[0, 2], [0, np.nan], [0, 0.5], [0, None], ["yes", "no"], [[0, 1]]])
def test_anything_else_is_no_outcome(y: object) -> None:
    with pytest.raises(InputError, match="outcome:"):
        checked_outcome(y)  # type: ignore[arg-type]


@pytest.mark.parametrize("score", [[0.1, np.nan], [0.1, np.inf], [0.1, -np.inf], ["a"], [[0.1]]])
def test_a_missing_or_infinite_score_is_refused_by_name(score: object) -> None:
    with pytest.raises(InputError, match="ladder-v1:"):
        checked_score(score, "ladder-v1")  # type: ignore[arg-type]


def test_unequal_lengths_are_refused_with_both_counts() -> None:
    with pytest.raises(InputError, match=r"score: wanted one entry a patient \(2 outcomes\), found 1"):
        checked_pair([0, 1], [0.2])


def test_a_gap_names_what_is_missing() -> None:
    assert gap(checked_outcome([])) == "no patients"
    assert gap(checked_outcome([1, 1])) == "one class: all 2 patients have residual disease"
    assert gap(checked_outcome([0])) == "one class: none of 1 patients has residual disease"
    assert gap(checked_outcome([0, 1])) == ""
