"""The pictures of in-situ sections hold the numbers that they are drawn from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from her2ladder.analytics.cellmap.stage import slide_cells
from her2ladder.analytics.cohort.selection import Selection
from her2ladder.analytics.expression.composition import composition
from her2ladder.analytics.expression.design import Asked
from her2ladder.analytics.expression.figure import enrichment_figure
from her2ladder.analytics.expression.files import dots, export_compared
from her2ladder.analytics.expression.interactions import interactions
from her2ladder.analytics.expression.stacked_figure import Placed, dots_figure, maps_figure, stacked_figure
from her2ladder.analytics.expression.subtypes import subtypes
from her2ladder.analytics.figures.style import PAGE_MM, Sheet
from her2ladder.errors import MissingError

ASKED = Asked("hr_status")
SHEET = Sheet(PAGE_MM)


def test_stacked_bars_are_the_shares_of_each_patient(cohort: Any) -> None:
    done = composition(cohort.store, Selection(), ASKED)
    figure = stacked_figure(done.values, ("positive", "negative"), SHEET)
    left, right = figure.axes
    assert (len(left.patches), len(right.patches)) == (15, 15)  # five patients, three types
    for axes in figure.axes:
        tops = pd.Series([bar.get_height() for bar in axes.patches]).groupby([round(bar.get_x(), 3) for bar in axes.patches]).sum()
        assert np.allclose(tops, 1.0)
    heights = sorted(bar.get_height() for bar in right.patches)
    negative = done.values[done.values["group"] == "negative"]["value"]
    np.testing.assert_allclose(heights, sorted(negative))


def test_maps_stand_at_one_scale_and_show_every_cell() -> None:
    small = Placed("small", np.array([0.0, 100.0]), np.array([0.0, 50.0]), np.array([0, -1]), ("A", "B"))
    large = Placed("large", np.array([0.0, 400.0, 10.0]), np.array([0.0, 10.0, 20.0]), np.array([1, 1, 0]), ("A", "B"))
    figure = maps_figure([small, large], SHEET)
    spans = [np.ptp(axes.get_xlim()) for axes in figure.axes]
    assert spans == [400.0, 400.0]
    assert [sum(len(dots.get_offsets()) for dots in axes.collections) for axes in figure.axes] == [2, 3]
    assert np.all([axes.get_ylim()[0] > axes.get_ylim()[1] for axes in figure.axes])  # y down, as on the slide


def test_dots_are_medians_and_the_share_of_patients_in_whom_a_pair_meets(cohort: Any, tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("ligand,receptor\nLIG,REC\nG00,G01\n")
    done = interactions(cohort.store, Selection(), ASKED, pairs=str(tmp_path / "pairs.csv"), senders=("Neutro",), receivers=("Th",), permutations=99)
    table = dots(done).set_index(["pair", "group"])
    planted = table.loc[("LIG - REC", "negative")]
    own = done.values[(done.values["feature"] == "Neutro to Th: LIG - REC") & (done.values["group"] == "negative")]["value"]
    assert (planted["median"], planted["share"]) == (own.median(), 1.0)
    assert table.loc[("G00 - G01", "positive"), "share"] < 1
    figure = dots_figure(dots(done), ("positive", "negative"), SHEET)
    assert len(figure.axes[0].collections[0].get_offsets()) == 4


def test_subtypes_are_drawn_in_sections_of_both_groups(cohort: Any, tmp_path: Path) -> None:
    genes = ["ERBB2", *(f"G{i:02d}" for i in range(12))]
    (tmp_path / "c.csv").write_text("\n".join(["gene,High,Low", *(f"{gene},{at},{-at}" for at, gene in enumerate(genes[::-1]))]) + "\n")
    done = subtypes(cohort.store, Selection(), ASKED, centroids=tmp_path / "c.csv")
    assert [one.title.split(":")[0] for one in done.drawn] == ["positive", "positive", "negative", "negative"]
    for one in done.drawn:
        patient = "P" + one.title.split(": X")[1][0]
        _, types = cohort.sections[patient]
        assert (np.asarray(one.number) >= 0).sum() == types.count("Tumour")
    written = export_compared(done, "subtypes", tmp_path)
    assert {"expression_subtypes_maps.png", "expression_subtypes_stacked.png"} <= {path.name for path in written}


def test_a_gene_on_the_map_is_its_counts(cohort: Any, command: Callable[..., Any], tmp_path: Path) -> None:
    made, _ = cohort.sections["P0"]
    cells = slide_cells(cohort.store, "X0", None, "ERBB2")
    assert cells["value"].tolist() == made.counts[0].tolist()
    assert np.array_equal(cells["x_um"], made.x)
    base = ("--store", cohort.store.root, "map", "X0", "-o", tmp_path / "m.png")
    assert command(*base, "--gene", "ERBB2").code == 0
    assert (tmp_path / "m.png").stat().st_size > 5000
    assert "its panel of 23 genes lacks 'erbb2'; there is ERBB2" in command(*base, "--gene", "erbb2").err
    with pytest.raises(MissingError, match="no slide called"):
        slide_cells(cohort.store, "X99", None, "ERBB2")


def test_pathways_with_the_same_fdr_stand_by_their_size() -> None:
    table = pd.DataFrame({"type": "A", "pathway": [f"p{i:02d}" for i in range(30)], "value": np.arange(30) / 10 - 1.05, "p_adjusted": 0.0})
    figure = enrichment_figure(table, "x", "y", SHEET)
    widths = sorted(bar.get_width() for bar in figure.axes[0].patches)
    assert widths == pytest.approx(sorted(sorted(table["value"], key=abs)[-20:]))
