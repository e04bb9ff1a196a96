"""The moving hazard ratio against Schoenfeld residuals by hand."""

from __future__ import annotations

import numpy as np
import pytest

from her2ladder.analytics.statistics import covariates as cov
from her2ladder.analytics.statistics.cox import cox
from her2ladder.analytics.statistics.schoenfeld import moving_ratio


def test_each_point_is_the_scaled_residual_of_its_event_about_the_coefficient() -> None:
    """R: cox.zph(fit)$y is coef + n_events x var x (x of the event - weighted mean of those at risk)."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=40)
    time, event = rng.exponential(np.exp(-x)), rng.random(40) < 0.7
    fit = cox(time, event, [cov.number("x", x)])
    beta = fit.terms[0].coef
    information, residuals = 0.0, []
    for at in np.argsort(time):
        if event[at]:
            risk = time >= time[at]
            weight = np.exp(beta * x[risk])
            mean = (weight * x[risk]).sum() / weight.sum()
            information += (weight * x[risk] ** 2).sum() / weight.sum() - mean**2
            residuals.append(x[at] - mean)
    found = moving_ratio(time, event, cov.number("x", x))
    np.testing.assert_allclose(found.points["time"], np.sort(time[event]))
    np.testing.assert_allclose(found.points["log_hazard_ratio"], beta + event.sum() * np.array(residuals) / information, rtol=1e-6)
    assert found.log_hazard_ratio == pytest.approx(beta)
    assert not found.smooth.empty


def test_few_or_one_sided_events_draw_nothing_and_say_why() -> None:
    found = moving_ratio([1, 2, 3, 4], [1, 0, 1, 1], cov.factor("g", ["a", "a", "b", "b"]))
    assert found.points.empty
    assert "Firth" in found.note
