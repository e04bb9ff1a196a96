"""Fixed directions of the clinical rivals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from her2ladder.analytics.statistics.delong import auc_delong
from her2ladder.analytics.statistics.directions import rival_values, stage_ordinal
from her2ladder.errors import InputError


def test_reference_cohort_has_the_areas_that_the_fixed_directions_give(cohort: pd.DataFrame) -> None:
    """statistics.md: age .479, stage .463 (pROC, direction fixed); below a half and left there."""
    for variable, column, wanted in (("age_years", "age_years", 0.479), ("clinical_stage", "stage", 0.463)):
        found = auc_delong(cohort.residual, rival_values(variable, cohort[column].tolist()))
        assert found.value == pytest.approx(wanted, abs=5e-4)
    for variable, better in (("hr_status", "positive"), ("her2_ihc", "2+")):
        values = rival_values(variable, cohort[variable].tolist())
        assert set(cohort[variable][values == values.max()]) == {better}


def test_stages_stand_in_their_order() -> None:
    order = ["0", "IA", "IB", "IIA", "IIB", "IIIA", "IIIB", "IIIC", "IV"]
    numbers = [stage_ordinal(stage) for stage in order]
    assert numbers == sorted(set(numbers))
    assert stage_ordinal("IIA") < stage_ordinal("II") < stage_ordinal("IIB") < stage_ordinal("III") < stage_ordinal("IIIC")


@pytest.mark.parametrize(
    "same", [("IIA", "iia", "2a", "Stage IIA", "cIIA", "clinical stage 2A", " II A ", "II-A"), ("III", 3, 3.0, "3.0", "stage 3")]
)
def test_one_stage_may_be_written_in_many_ways(same: tuple[object, ...]) -> None:
    assert len({stage_ordinal(stage) for stage in same}) == 1


@pytest.mark.parametrize("stage", ["", "V", "IIC", "IC", "IVA", "T2N1", "II-III", "5", "2.5", None, "unknown"])
def test_what_is_no_stage_is_refused(stage: object) -> None:
    with pytest.raises(InputError, match="stage: wanted"):
        stage_ordinal(stage)


def test_each_variable_is_turned_toward_residual_disease() -> None:
    assert rival_values("hr_status", ["positive", "Negative", None])[:2].tolist() == [1.0, 0.0]
    assert rival_values("her2_ihc", ["3+", "2+", "1+", "0", 3, 2.0]).tolist() == [-3, -2, -1, 0, -3, -2]
    assert rival_values("tils_percent", [10, "40", 0]).tolist() == [-10, -40, 0]
    assert rival_values("age_years", [55, 41.5]).tolist() == [55, 41.5]
    assert not np.signbit(rival_values("tils_percent", [0])[0])


def test_a_missing_value_is_nan_and_a_wrong_one_is_refused_with_its_row() -> None:
    assert np.isnan(rival_values("age_years", [None, float("nan"), "", pd.NA])).all()
    with pytest.raises(InputError, match=r"rival 'hr_status', row 1: wanted positive or negative, found 'pos'"):
        rival_values("hr_status", ["positive", "pos"])
    with pytest.raises(InputError, match="rival 'age_years', row 0"):
        rival_values("age_years", ["old"])
    with pytest.raises(InputError, match="finite number, found 'inf'"):
        rival_values("age_years", ["inf"])
    with pytest.raises(InputError, match="rival 'her2_ihc', row 0: wanted 0"):
        rival_values("her2_ihc", ["4+"])


def test_a_variable_without_a_direction_is_refused_and_told_which_have_one() -> None:
    with pytest.raises(InputError, match="no fixed direction toward residual disease; there is hr_status, her2_ihc, tils_percent"):
        rival_values("ki67", [1.0])
