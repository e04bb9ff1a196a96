"""What single figures must get right: log axes of boxes, reasons in place of estimates, medians and ticks of survival."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from her2ladder.analytics.evaluate.figures.comparison import comparison_figure
from her2ladder.analytics.figures.boxes import boxes_figure
from her2ladder.analytics.figures.style import COLUMN_MM, PAGE_MM, Sheet
from her2ladder.analytics.odds.figure import forest_figure
from her2ladder.analytics.survival.figure import kaplan_meier_figure


def boxes(low, high, unit="um"):
    """Nine patients around `low` in band Low, nine around `high` in band High."""
    spread = np.linspace(0.5, 1.5, 9)
    values = [("f", band, float(x)) for band, centre in (("Low", low), ("High", high)) for x in centre * spread]
    frame = pd.DataFrame(values, columns=["feature", "group", "value"])
    return boxes_figure(frame, groups=("Low", "High"), units={"f": unit})


@pytest.mark.parametrize(("low", "high", "is_log"), [(1, 20, True), (1, 5, False), (-1, 20, False), (0, 20, False)])
def test_boxes_a_decade_apart_stand_on_a_log_axis_that_says_so(low, high, is_log):
    axes = boxes(low, high).axes[0]
    assert axes.get_ylabel() == ("µm, log scale" if is_log else "µm")


def test_a_log_axis_has_the_median_and_the_ticks_at_their_values():
    axes = boxes(1, 20).axes[0]
    medians = [line.get_ydata()[0] for line in axes.lines if line.get_linewidth() == 1.6]
    assert 10 ** np.array(medians) == pytest.approx([1, 20])
    for place, label in zip(axes.get_yticks(), axes.get_yticklabels(), strict=True):
        assert 10**place == pytest.approx(float(label.get_text()))


def test_a_share_has_no_unit():
    assert boxes(0.2, 0.4, "1").axes[0].get_ylabel() == ""


@pytest.mark.parametrize("width", [COLUMN_MM, PAGE_MM])
def test_a_long_reason_in_every_row_has_its_own_place(width, drawn):
    reason = "one class: all 9 patients of this cohort have residual disease, and none has a complete response; direction: older"
    rows = pd.DataFrame([("THP", f"v{i}", None, None, None, None, 9, reason) for i in range(4)])
    rows.columns = ["cohort", "label", "value", "lo", "hi", "p", "n", "note"]
    seen = drawn(comparison_figure(pd.concat([rows, rows.assign(cohort="TCbH")]), score="v0", sheet=Sheet(width)))
    assert seen.collisions() == []
    assert "direction" not in seen.words


def survival(**median):
    steps = pd.DataFrame({"time": [0.0, 20.0, 50.0], "surv": [1.0, 0.8, 0.4], "lo": [1.0, 0.6, 0.2], "hi": [1.0, 0.9, 0.7]})
    steps = steps.assign(label="all", n_risk=[9, 9, 5], n_event=[0, 2, 2], n_censor=0)
    at_risk = pd.DataFrame({"label": "all", "time": [0.0, 12.0, 24.0], "n_risk": [9, 9, 7]})
    return kaplan_meier_figure(steps, at_risk, pd.DataFrame([{"label": "all", "n": 9, "events": 4, **median}]))


def test_a_median_has_the_limits_that_were_given_and_no_others(drawn):
    assert "median 50.0 (20.0–not reached)" in drawn(survival(median=50.0, median_lo=20.0, median_hi=None)).words
    assert drawn(survival(median=50.0)).words.count("not reached") == 0


def test_the_axis_of_time_has_the_ticks_of_the_risk_table_and_holds_the_curves():
    axes = survival(median=50.0).axes[0]
    assert [float(x) for x in axes.get_xticks()] == [0, 12, 24]
    assert axes.get_xlim()[1] > 50


@pytest.mark.parametrize(("step", "shown"), [(24.0, 24.0), (12.0, 24.0), (3.0, 24.0)])
def test_numbers_at_risk_that_would_touch_are_thinned(drawn, step, shown):
    times = np.arange(0, 217, step)
    steps = pd.DataFrame({"label": "all", "time": times, "surv": np.linspace(1, 0.5, len(times)), "n_censor": 0}).assign(lo=0.4, hi=1.0)
    at_risk = pd.DataFrame({"label": "all", "time": times, "n_risk": np.arange(2000, 2000 - len(times), -1)})
    figure = kaplan_meier_figure(steps, at_risk, pd.DataFrame([{"label": "all", "n": 2000, "events": 40, "median": None}]), sheet=Sheet(COLUMN_MM))
    assert np.diff(figure.axes[0].get_xticks()).tolist() == [shown] * int(216 // shown)
    assert drawn(figure).collisions() == []


def test_one_event_is_one_event(drawn):
    steps = pd.DataFrame({"label": "all", "time": [0.0, 20.0], "surv": [1.0, 0.8], "lo": [1.0, 0.6], "hi": [1.0, 0.9], "n_censor": 0})
    at_risk = pd.DataFrame({"label": "all", "time": [0.0], "n_risk": [5]})
    assert "n = 5, 1 event;" in drawn(kaplan_meier_figure(steps, at_risk, pd.DataFrame([{"label": "all", "n": 5, "events": 1, "median": None}]))).words


def test_a_model_that_was_not_fitted_is_one_row_with_its_reason(drawn):
    reason = "1.2 events per parameter (5 over 4): below 5, not fitted"
    rows = [("THP", name, 2.0, 1.0, 4.0, 0.04, 46, 27, "") for name in ("score", "age")]
    rows += [("ddAC-THP", name, None, None, None, None, 18, 5, reason) for name in ("score", "age", "stage II", "stage III")]
    rows += [("SHR", "score", None, None, None, None, 9, 0, "no events")]
    seen = drawn(forest_figure(pd.DataFrame(rows, columns=["group", "label", "value", "lo", "hi", "p", "n", "events", "note"])))
    assert seen.words.count("not fitted") == 1
    assert "score and 3 more" in seen.words
    assert "stage II" not in seen.words
    assert "no events" in seen.words
