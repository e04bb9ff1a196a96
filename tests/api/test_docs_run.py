"""The tour runs and says what it said; the Python page is that of the code; the site has no dead link."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from her2ladder.cli.reference import python_reference

DOCS = Path(__file__).parents[2] / "docs"


def numbers_of(notebook: nbformat.NotebookNode) -> list[str]:
    shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return [str(output["data"]["text/plain"]) for output in shown if "data" in output and "text/plain" in output["data"]]


def test_the_tour_runs_from_top_to_bottom_and_says_what_it_said() -> None:
    kept = nbformat.read(DOCS / "tour.ipynb", as_version=4)
    again = nbformat.read(DOCS / "tour.ipynb", as_version=4)
    NotebookClient(again, timeout=240, kernel_name="python3").execute()
    assert numbers_of(again) == numbers_of(kept)
    assert any("image/png" in output.get("data", {}) for cell in again.cells for output in cell.get("outputs", []))


def test_the_python_page_is_printed_from_the_code() -> None:
    assert (DOCS / "python.md").read_text() == python_reference()
    assert "her2ladder.sc_mtop" in python_reference()


def test_the_site_is_built_offline_and_a_dead_link_fails(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, DOCS / "make_site.py", tmp_path / "site"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-2000:]
    page = (tmp_path / "site" / "python.html").read_text()
    assert "sc_mtop" in page
    for html in (tmp_path / "site").rglob("*.html"):
        assert "fonts.googleapis" not in html.read_text()
