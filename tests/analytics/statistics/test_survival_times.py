"""Follow-up is checked before anything is counted."""

from __future__ import annotations

import numpy as np
import pytest

from her2ladder.analytics.statistics.survival_times import survival_times
from her2ladder.errors import InputError


def test_incomplete_patients_are_left_out_and_counted() -> None:
    data = survival_times([1, None, 3, 4], [1, 0, None, 0])
    assert (data.n, data.events, data.time.tolist(), data.kept.tolist()) == (2, 1, [1, 4], [True, False, False, True])
    assert data.missing_note == "2 of 4 patients left out: a value is missing"


def test_times_that_rounding_parted_are_one_time() -> None:
    data = survival_times([0.3, 0.1 + 0.2, 1.0], [1, 0, 1])
    assert len(np.unique(data.time)) == 2
    far = survival_times([0.3, 0.3001, 1.0], [1, 0, 1])
    assert len(np.unique(far.time)) == 3


def test_joining_near_times_does_not_depend_on_the_unit() -> None:
    months = np.array([12.0, 12.0 + 1e-9, 30.0])
    for unit in (1e-6, 1.0, 1e6):
        assert len(np.unique(survival_times(months * unit, [1, 1, 1]).time)) == 2


@pytest.mark.parametrize(
    ("time", "event", "wanted"),
    [
        ([-1, 2], [0, 1], "time: wanted a time from 0 on, found -1 at position 0"),
        ([1, 2], [0, 2], "event: wanted 0 .censored. or 1 .event., found 2 at position 1"),
        ([1, 2], [0], "event: wanted one entry a patient"),
        ([np.inf, 2], [0, 1], "time: wanted finite numbers"),
        (["x", 2], [0, 1], "time: wanted numbers"),
    ],
)
def test_a_wrong_entry_is_named(time: list[float], event: list[int], wanted: str) -> None:
    with pytest.raises(InputError, match=wanted):
        survival_times(time, event)
