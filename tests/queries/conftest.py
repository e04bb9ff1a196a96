"""A whole store to damage: a copy of the one that a test's own file makes once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def whole(original: Path, store_dir: Path) -> Path:
    """A copy of `original`, which the file of the test makes for all its tests."""
    shutil.rmtree(store_dir)
    shutil.copytree(original, store_dir)
    return store_dir
