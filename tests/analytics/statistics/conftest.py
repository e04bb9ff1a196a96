"""The synthetic cohort and what R 4.2.2 says of it (tests/reference/README.md), for every statistics test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest


@pytest.fixture(scope="session")
def cohort(reference: Path) -> pd.DataFrame:
    """400 synthetic patients; `residual` = 1 - is_pcr is the outcome of the model."""
    table = pd.read_csv(reference / "cohort.csv")
    table["residual"] = 1 - table["is_pcr"]
    return table


@pytest.fixture(scope="session")
def truth(reference: Path) -> dict[str, Any]:
    """R's answers for that cohort."""
    answers: dict[str, Any] = json.loads((reference / "r_truth.json").read_text())
    return answers
