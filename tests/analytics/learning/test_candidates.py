"""Every candidate trains on every draw, and the same seed draws the same."""

from __future__ import annotations

import numpy as np
import pytest

from her2ladder.analytics.learning.candidates import CANDIDATES, KEPT, draws
from her2ladder.analytics.learning.tuning import auc, fit_model, learn_front

NINE = {"elastic_net", "svm", "random_forest", "extra_trees", "gradient_boosting", "xgboost", "knn", "naive_bayes", "mlp"}


def test_the_nine_candidates_stand() -> None:
    assert set(CANDIDATES) == NINE


@pytest.mark.parametrize("name", sorted(NINE))
def test_a_candidate_gives_probabilities_that_find_a_planted_signal_on_any_draw(name: str) -> None:
    random = np.random.default_rng(4)
    values = random.normal(size=(200, 25))
    y = (values[:, :4].sum(axis=1) * 1.5 + random.logistic(size=200) > 0).astype(np.int64)
    front = learn_front(values[:120], y[:120], 1)
    found = []
    for params in draws(CANDIDATES[name], 6, 2):
        model = fit_model(front, front.prepare.transform(values[:120]), y[:120], name, params, 5, 30)
        scores = model.predict_proba(front.prepare.transform(values[120:]))[:, 1]
        assert ((scores >= 0) & (scores <= 1)).all()
        found.append(auc(scores, y[120:]))
    assert found[0] > 0.7, found
    assert sum(area > 0.7 for area in found) >= 3


def test_a_larger_budget_extends_a_smaller_one_and_starts_with_the_default() -> None:
    for candidate in CANDIDATES.values():
        assert draws(candidate, 9, 1)[:4] == draws(candidate, 4, 1)
        assert draws(candidate, 3, 1)[0] == {"k": 15} | candidate.default
        assert draws(candidate, 9, 1)[1:] != draws(candidate, 9, 2)[1:]
        assert {d["k"] for d in draws(candidate, 30, 1)} == set(KEPT)
