"""Rows of a survival analysis counted by hand: events up to a time, and whose follow-up a median is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from her2ladder.errors import InputError
from her2ladder.schema.store import Store

Ladder = Callable[..., list[dict[str, Any]]]
Clinic = Callable[..., Store]


def followed(months: list[float], events: list[int], **columns: object) -> pd.DataFrame:
    frame = pd.DataFrame({"patient_id": [f"P{i:02d}" for i in range(len(months))], "dfs_months": months, "dfs_event": events})
    return frame.assign(cohort="A", cohort_role="adjuvant", setting="adjuvant").assign(**columns)


def test_an_event_at_the_very_time_is_among_the_events_until_then(clinic: Clinic, ladder: Ladder) -> None:
    """Relapses at 12, 20 and 30 months: at 12 three are at risk and one has relapsed, so 2/3 are free of it."""
    store = clinic(followed([12, 20, 30], [1, 1, 1], hr_status="positive"))
    rows = ladder(store, "survival", "--endpoint", "dfs", "--by", "hr_status", "--times", "11,12,13,30", "--adjust", "")
    at = {row["term"]: (row["n"], row["events"], row["value"]) for row in rows if row["metric"] == "survival_at"}
    assert at == {
        "11": (3, 0, 1.0),
        "12": (3, 1, pytest.approx(2 / 3)),
        "13": (2, 1, pytest.approx(2 / 3)),
        "30": (1, 3, pytest.approx(0.0)),
    }


def test_the_follow_up_of_a_part_is_that_of_its_own_patients(clinic: Clinic, ladder: Ladder) -> None:
    """Nobody relapses: 30 patients seen for 1 to 30 months, 20 for 101 to 120."""
    months = [*range(1, 31), *range(101, 121)]
    frame = followed([float(m) for m in months], [0] * 50, regimen=["THP"] * 30 + ["TCbHP"] * 20, hr_status=["positive", "negative"] * 25)
    rows = ladder(clinic(frame), "survival", "--endpoint", "dfs", "--by", "hr_status", "--within", "regimen", "--adjust", "")
    found = {row["subgroup"]: (row["n"], row["value"]) for row in rows if row["metric"] == "median_followup"}
    assert (found["THP"], found["TCbHP"]) == ((30, 15.5), (20, 110.5))
    assert found["all"][0] == 50


def test_the_restricted_mean_and_the_method_are_rows_of_the_store(reference_store: Store, ladder: Ladder, tmp_path: Path) -> None:
    asked = ("survival", "--score", "ref", "--endpoint", "dfs", "--adjust", "", "--rmst", "36", "--method", "firth", "-o", str(tmp_path))
    rows = ladder(reference_store, *asked)
    means = {row["subgroup"]: row for row in rows if row["metric"] == "restricted_mean"}
    assert set(means) == {"Low", "Medium", "High"}
    assert all(0 < row["lo"] < row["value"] < row["hi"] <= 40 for row in means.values())
    gap = next(row for row in rows if row["metric"] == "restricted_mean_difference")
    assert gap["term"] == "High vs Low"
    assert gap["value"] == pytest.approx(means["High"]["value"] - means["Low"]["value"])
    assert all("Firth" in row["test"] for row in rows if row["metric"] == "hazard_ratio" and row["value"] is not None)
    assert (tmp_path / "survival_dfs_hazards.png").stat().st_size > 5000


def test_a_wrong_method_and_horizon_are_named(reference_store: Store, ladder: Ladder) -> None:
    for words, said in ((("--method", "exact"), "--method: wanted auto, cox, firth"), (("--rmst", "0"), "--rmst: wanted months above 0")):
        with pytest.raises(InputError, match=said):
            ladder(reference_store, "survival", "--score", "ref", *words)
