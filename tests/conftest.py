"""Fixtures that several parts of the suite share."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
SHARED = HERE.parent.parent / "shared"


@pytest.fixture(scope="session")
def reference() -> Path:
    """The answers of R and of the official sc-MTOP code, made outside this project (synthetic inputs)."""
    return HERE / "reference"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data beside a developer's checkout; a test that needs it is marked `shared` and skips where it is absent."""
    data = SHARED / "data"
    if not data.is_dir():
        pytest.skip("the real data (../shared/data) is not beside this checkout")
    return data
