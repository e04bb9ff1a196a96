"""Fixtures that several parts of the suite share."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from her2ladder.cli.main import app
from her2ladder.cli.output import talk
from her2ladder.errors import LadderError

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


@dataclass(frozen=True)
class Answer:
    """What one call of the command gave."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows that `--json` printed."""
        return list(json.loads(self.out))


def ladder(*words: object) -> Answer:
    """Run the command in this process, as `main` would: an error raised on purpose is one line on stderr and exit code 1."""
    out, err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), io.StringIO()
    code: object = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        talk.file = err
        try:
            code = app([str(word) for word in words], standalone_mode=False)
        except LadderError as error:
            err.write(f"ladder: {error}\n")
            code = 1
        except SystemExit as left:
            code = left.code
        except Exception as error:
            if type(error).__name__ not in ("UsageError", "NoSuchOption", "BadParameter", "MissingParameter", "NoArgsIsHelpError", "Exit"):
                raise
            code = getattr(error, "exit_code", 2)
    out.flush()
    return Answer(code if isinstance(code, int) else 0, out.buffer.getvalue().decode(), err.getvalue())  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def command() -> Callable[..., Answer]:
    """The command itself: `command("--store", DIR, "sql", …)`."""
    return ladder


@pytest.fixture
def store_dir(tmp_path: Path) -> Path:
    """An empty store."""
    assert ladder("init", tmp_path / "store").code == 0
    return tmp_path / "store"


@pytest.fixture
def run_ladder(store_dir: Path) -> Callable[..., Answer]:
    """The command on an empty store: `run_ladder("--json", "sql", …)`."""
    return lambda *words: ladder("--store", store_dir, *words)


@pytest.fixture
def put(run_ladder: Callable[..., Answer], tmp_path: Path) -> Callable[..., Answer]:
    """Put cells into the store: `put("S1", ("Tumor", 0, 0), ("Lymph", 3, 4))`, micrometres."""

    def place(slide_id: str, *cells: tuple[str, float, float], stain: str = "HE", patient: str | None = None) -> Answer:
        path = tmp_path / f"{slide_id}-{stain}.csv"
        lines = [f"c{i},{name},{x},{y}" for i, (name, x, y) in enumerate(cells)]
        path.write_text("cell_id,cell_class,x_um,y_um\n" + "\n".join(lines) + "\n")
        words = ["ingest", "cells", path, "--stain", stain, "--slide-id", slide_id, "--patient", patient or slide_id, "--workers", 1]
        return run_ladder(*words)

    return place
