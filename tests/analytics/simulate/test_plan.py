"""The plans hold the paper's cohorts with their sizes, and scale without losing one."""

from __future__ import annotations

from collections import Counter

import pytest

from her2ladder.analytics.simulate import plan
from her2ladder.errors import InputError
from her2ladder.schema.vocabulary import ROLES, SETTINGS


def test_the_paper_plan_has_the_papers_cohorts() -> None:
    groups = plan.paper().groups
    assert [g.n for g in groups] == [276, 82, 85, 40, 18, 46, 301, 80, 39, 157, 125]
    assert plan.paper().n_analysed == 1249
    assert plan.paper().n_enrolled == 1249 + 14 + 3 + 6
    excluded: Counter[str] = Counter()
    for g in groups:
        excluded[g.role] += g.n_excluded
    assert excluded["construction"] + excluded["temporal_validation"] == 14
    assert (excluded["trial_validation"], excluded["regimen"]) == (3, 6)


def test_regimens_are_spelled_as_the_paper_spells_them() -> None:
    assert {g.regimen for g in plan.paper().groups} == {"TCbHP/PCbHP", "ddAC-THP", "THP", "TCbH/PCbH", "SHR-A1811", "TH+pyrotinib"}


def test_every_cohort_says_that_it_is_synthetic_and_uses_the_stores_words() -> None:
    for group in plan.paper().groups:
        assert group.cohort.startswith("synthetic-")
        assert "," not in group.cohort
        assert group.role in ROLES
        assert group.setting in SETTINGS


@pytest.mark.parametrize("n", [11, 12, 100, 500, 1249, 5000])
def test_a_scaled_plan_has_exactly_the_patients_asked_for_and_all_cohorts(n: int) -> None:
    scaled = plan.scaled(n)
    assert scaled.n_analysed == n
    assert len(scaled.groups) == 11
    assert min(g.n for g in scaled.groups) >= 1


def test_scaling_to_the_papers_size_stays_within_a_patient_of_the_paper() -> None:
    for mine, papers in zip(plan.scaled(1249).groups, plan.paper().groups, strict=True):
        assert abs(mine.n - papers.n) <= 2


def test_fewer_patients_than_cohorts_are_refused() -> None:
    with pytest.raises(InputError, match="at least 11 patients"):
        plan.scaled(10)


def test_the_demo_has_every_cohort_of_the_paper() -> None:
    demo = plan.demo()
    assert [g.cohort for g in demo.groups] == [g.cohort for g in plan.paper().groups]
    assert 120 <= demo.n_analysed <= 160
