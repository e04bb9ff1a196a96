"""What is refused before training, each in one line that says what to mend."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from her2ladder.analytics.learning.design import Design, hr_binary, ready, stage_ordinal
from her2ladder.errors import InputError


def _frame(n: int = 40) -> tuple[Design, np.ndarray]:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(n, 3)), index=[f"P{i}" for i in range(n)], columns=["a", "b", "c"])
    return Design.from_frame(frame, {"c": "ordinal"}), np.arange(n) % 2


def _one_line(caught: pytest.ExceptionInfo[InputError]) -> str:
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_a_frame_becomes_a_design_with_nan_where_missing() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": [None, 0.5]}, index=["x", "y"])
    design = Design.from_frame(frame, {"a": "binary"})
    assert design.kinds == ("binary", "continuous")
    assert np.isnan(design.values[0, 1])
    assert design.values[1].tolist() == [2.0, 0.5]


def test_stages_are_in_order_and_other_words_are_refused() -> None:
    stages = ["I", "IB", "II", "IIB", "III", "iiib", "IIIC", "Stage IV"]
    numbers = [stage_ordinal(s) for s in stages]
    assert numbers == sorted(numbers)
    assert stage_ordinal("IIA") < stage_ordinal("IIB")
    assert np.isnan(stage_ordinal(None))
    with pytest.raises(InputError, match="stage"):
        stage_ordinal("T2")


def test_hr_status_is_one_for_positive() -> None:
    assert (hr_binary("positive"), hr_binary("negative")) == (1.0, 0.0)
    assert np.isnan(hr_binary(None))
    with pytest.raises(InputError, match="hr_status"):
        hr_binary("maybe")


def test_patients_are_sorted_by_id_with_their_outcomes() -> None:
    design, y = _frame()
    sorted_design, sorted_y, _ = ready(design, y)
    assert list(sorted_design.patient_ids) == sorted(design.patient_ids)
    for i in (0, 17, 39):
        j = sorted_design.patient_ids.index(f"P{i}")
        assert sorted_y[j] == y[i]
        assert sorted_design.values[j].tobytes() == design.values[i].tobytes()


def test_a_patient_named_twice_is_refused_by_name() -> None:
    design, y = _frame()
    doubled = replace(design, patient_ids=("P1", *design.patient_ids[1:]))
    with pytest.raises(InputError) as caught:
        ready(doubled, y)
    assert "P1" in _one_line(caught)


def test_one_class_and_too_few_of_a_class_are_refused_with_the_numbers() -> None:
    design, y = _frame()
    with pytest.raises(InputError) as caught:
        ready(design, np.zeros_like(y))
    assert "all 40 patients have pCR" in _one_line(caught)
    with pytest.raises(InputError) as caught:
        ready(design, (np.arange(40) < 9).astype(np.int64))
    assert "at least 10" in _one_line(caught)
    assert "found 9 with residual disease and 31 with pCR" in str(caught.value)


def test_columns_missing_or_equal_for_all_are_refused_by_name_or_left_out_when_told() -> None:
    design, y = _frame()
    values = design.values.copy()
    values[:, 0], values[:, 1] = np.nan, 7.0
    unusable = replace(design, values=values)
    with pytest.raises(InputError) as caught:
        ready(unusable, y)
    assert "a is missing for all; b is 7 for all" in _one_line(caught)
    kept, _, left_out = ready(unusable, y, drop_unusable=True)
    assert kept.columns == ("c",)
    assert kept.kinds == ("ordinal",)
    assert left_out == ("a", "b")
    with pytest.raises(InputError):
        ready(replace(unusable, values=np.zeros_like(values)), y, drop_unusable=True)


def test_infinite_values_and_outcomes_other_than_zero_and_one_are_refused() -> None:
    design, y = _frame()
    values = design.values.copy()
    values[3, 1] = np.inf
    with pytest.raises(InputError, match="infinity in b"):
        ready(replace(design, values=values), y)
    with pytest.raises(InputError, match="outcome"):
        ready(design, y + 1)
