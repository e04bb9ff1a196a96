"""What holds for every figure of the package, at both widths of a journal."""

from __future__ import annotations

import sys

import matplotlib as mpl
import pytest

from her2ladder.analytics.figures.save import figure_bytes
from her2ladder.analytics.figures.style import COLUMN_MM, PAGE_MM, Sheet

NAMES = (
    "roc",
    "precision_recall",
    "calibration",
    "decision",
    "confusion",
    "distribution",
    "forest",
    "comparison",
    "pcr_bars",
    "kaplan_meier",
    "boxes",
    "beeswarm",
    "shap_bars",
    "features",
    "candidates",
    "schematic",
    "flow",
)
FULL = {"title": "A title", "notes": ("out-of-fold scores",), "run_ids": ("r-17",)}


def test_the_list_of_figures_is_complete(makers):
    assert set(makers) == set(NAMES)


@pytest.mark.parametrize("width", [COLUMN_MM, PAGE_MM])
@pytest.mark.parametrize("name", NAMES)
def test_no_text_meets_another_or_leaves_the_page(name, width, makers, drawn):
    seen = drawn(makers[name](Sheet(width, synthetic=True, **FULL)))
    assert seen.collisions() == []
    assert seen.outside() == []
    assert seen.figure.get_figwidth() * 25.4 == pytest.approx(width)


@pytest.mark.parametrize("name", NAMES)
def test_text_is_at_least_six_points_and_title_note_run_and_synthetic_mark_stand_on_it(name, makers, drawn):
    seen = drawn(makers[name](Sheet(COLUMN_MM, synthetic=True, **FULL)))
    assert min(text.get_fontsize() for text in seen.texts) >= 6
    for words in ("A title", "out-of-fold scores", "run r-17", "SYNTHETIC DATA"):
        assert words in seen.words


@pytest.mark.parametrize("name", NAMES)
def test_real_data_carries_no_synthetic_mark(name, makers, drawn):
    assert "SYNTHETIC" not in drawn(makers[name](Sheet())).words


@pytest.mark.parametrize("name", NAMES)
def test_two_figures_of_the_same_numbers_are_the_same_bytes(name, makers):
    first, second = makers[name](Sheet()), makers[name](Sheet())
    as_svg, as_png = figure_bytes(first, "svg"), figure_bytes(second, "png", dpi=60)
    # The other way round: drawing once must not change the next drawing.
    assert figure_bytes(first, "png", dpi=60) == as_png
    assert figure_bytes(second, "svg") == as_svg


def test_a_callers_own_settings_neither_leak_in_nor_change(makers):
    plain = figure_bytes(makers["forest"](Sheet()), "svg")
    with mpl.rc_context({"font.size": 20, "axes.grid": True, "font.family": "serif", "svg.hashsalt": "x"}):
        assert figure_bytes(makers["forest"](Sheet()), "svg") == plain
        assert mpl.rcParams["font.size"] == 20


def test_no_figure_needs_pyplot():
    before = "matplotlib.pyplot" in sys.modules
    import her2ladder.analytics.survival.figure

    assert her2ladder.analytics.survival.figure
    assert ("matplotlib.pyplot" in sys.modules) == before
