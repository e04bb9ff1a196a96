"""The clinical table of a simulated study: its columns, words, ranges and gaps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from her2ladder.analytics.simulate import patients, plan
from her2ladder.schema.tables import CLINICAL_COLUMNS
from her2ladder.schema.vocabulary import HR_STATUS, ROLES, SETTINGS


@pytest.fixture(scope="module")
def study() -> pd.DataFrame:
    return patients.draw(plan.paper(), 3)


def test_columns_are_those_of_the_clinical_contract() -> None:
    assert list(patients.CLINICAL_COLUMNS) == ["patient_id", *(column.name for column in CLINICAL_COLUMNS if column.name != "extra")]


def test_patients_are_numbered_once_and_named_synthetic(study: pd.DataFrame) -> None:
    assert len(study) == 1272
    assert study["patient_id"].is_unique
    assert study["patient_id"].str.fullmatch(r"SYN-\d{4}").all()


def test_values_keep_to_the_vocabulary_and_ranges(study: pd.DataFrame) -> None:
    assert set(study["cohort_role"]) <= set(ROLES)
    assert set(study["setting"]) <= set(SETTINGS)
    assert set(study["hr_status"]) == set(HR_STATUS)
    assert set(study["her2_ihc"]) == {"2+", "3+"}
    assert set(study["clinical_stage"]) == {"I", "II", "III"}
    assert study["age_years"].between(18, 100).all()
    assert study["tils_percent"].dropna().between(0, 100).all()
    assert 0 < study["tils_percent"].isna().mean() < 0.06


def test_response_is_known_before_surgery_and_survival_after(study: pd.DataFrame) -> None:
    adjuvant = study["setting"] == "adjuvant"
    assert study["is_pcr"].isna().equals(adjuvant)
    for column in ("os_months", "os_event", "dfs_months", "dfs_event"):
        assert study[column].notna().equals(adjuvant)


def test_disease_free_survival_never_outlasts_survival_and_death_ends_both(study: pd.DataFrame) -> None:
    followed = study[study["setting"] == "adjuvant"]
    assert (followed["dfs_months"] <= followed["os_months"]).all()
    assert followed.loc[followed["os_event"] == 1, "dfs_event"].eq(1).all()
    assert followed["dfs_months"].min() >= 0.1


def test_follow_up_is_longer_than_five_years_with_few_events(study: pd.DataFrame) -> None:
    followed = study[study["setting"] == "adjuvant"]
    alive = followed[followed["os_event"] == 0]
    assert alive["os_months"].median() > 60
    assert 0.02 < followed["os_event"].mean() < 0.16
    assert followed["os_event"].sum() < followed["dfs_event"].sum() < 0.25 * len(followed)


def test_the_excluded_carry_a_reason_and_nobody_else_does(study: pd.DataFrame) -> None:
    assert study["excluded_reason"].ne("").equals(study["analysed"].eq(0))
    assert study["analysed"].eq(0).sum() == 23


def test_hr_positive_and_equivocal_tumours_resist_more_and_tils_less(study: pd.DataFrame) -> None:
    standard = study[(study["regimen"] == plan.TCBHP) & study["is_pcr"].notna()]
    residual = 1 - standard["is_pcr"].astype(int)
    assert 0.58 < roc_auc_score(residual, standard["hr_status"] == "positive") < 0.75
    assert roc_auc_score(residual, standard["her2_ihc"] == "2+") > 0.54
    assert roc_auc_score(residual, standard["tils_percent"].fillna(17)) < 0.45


def test_the_same_seed_draws_the_same_patients_and_another_does_not() -> None:
    small = plan.scaled(60)
    pd.testing.assert_frame_equal(patients.draw(small, 5), patients.draw(small, 5))
    assert not np.array_equal(patients.draw(small, 5)["true_score"], patients.draw(small, 6)["true_score"])
