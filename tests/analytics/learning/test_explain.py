"""SHAP values: the identities they owe, exact answers where there are any, and shap's exact explainer."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from her2ladder.analytics.learning.ensemble import Ensemble
from her2ladder.analytics.learning.explain import explain
from her2ladder.analytics.learning.pipeline import Keep, Prepare
from her2ladder.analytics.learning.train import Trained
from her2ladder.errors import InputError


class _Formula(BaseEstimator):  # type: ignore[misc]
    """A model that is a formula of its columns."""

    def __init__(self, formula: Any) -> None:
        self.formula = formula

    def fit(self, values: Any, y: Any = None) -> _Formula:
        return self

    def predict_proba(self, values: Any) -> Any:
        p = self.formula(values)
        return np.column_stack([1 - p, p])

    def __sklearn_is_fitted__(self) -> bool:
        return True


def _formula_ensemble(values: Any, *formulas: Any) -> Ensemble:
    prepare = Prepare().fit(values)
    q = len(prepare.source_)
    members = {f"m{i}": Pipeline([("keep", Keep(np.arange(q), q)), ("model", _Formula(f))]) for i, f in enumerate(formulas)}
    columns = tuple(f"f{j}" for j in range(values.shape[1]))
    return Ensemble(columns, prepare, members, {name: 1 / len(formulas) for name in members})


def test_the_votes_values_are_the_weighted_mean_of_its_members(trained: Trained) -> None:
    fitted = trained.model
    found = explain(fitted.ensemble, fitted.values[:10], fitted.values, walks=10)
    weights = np.array(list(fitted.ensemble.weights.values()))
    assert len(weights) > 1
    np.testing.assert_allclose(found.values[:, :, -1], found.values[:, :, :-1] @ weights, rtol=0, atol=1e-14)
    assert found.models == (*fitted.ensemble.members, "ensemble")


def test_values_add_up_to_the_probability_minus_the_backgrounds_mean(trained: Trained) -> None:
    fitted = trained.model
    found = explain(fitted.ensemble, fitted.values[:10], fitted.values, walks=10)
    np.testing.assert_allclose(found.values.sum(axis=1) + found.base, found.output, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(found.output[:, -1], fitted.ensemble.scores(fitted.values[:10]))


def test_features_that_no_member_reads_have_exactly_zero(trained: Trained) -> None:
    fitted = trained.model
    found = explain(fitted.ensemble, fitted.values[:5], fitted.values, walks=5)
    used = list(fitted.ensemble.used_columns())
    assert (np.delete(found.values, used, axis=1) == 0).all()
    assert np.abs(found.values[:, used]).max() > 0


def test_an_additive_model_has_each_features_own_difference_from_the_background() -> None:
    random = np.random.default_rng(0)
    values = random.uniform(size=(30, 3))
    slopes = np.array([0.1, -0.05, 0.3])
    found = explain(_formula_ensemble(values, lambda v: 0.5 + v @ slopes), values[:4], values, walks=30)
    np.testing.assert_allclose(found.values[:, :, 0], slopes * (values[:4] - values.mean(axis=0)), atol=1e-12)


def test_an_interaction_agrees_with_shapleys_sum_over_all_orders() -> None:
    random = np.random.default_rng(1)
    values = random.uniform(size=(40, 3))

    def product(v: Any) -> Any:
        return 0.1 + 0.8 * v[:, 0] * v[:, 1] * v[:, 2]

    exact = np.zeros(3)
    for background in values:
        for order in permutations(range(3)):
            now = background.copy()
            for j in order:
                before = product(now[None])[0]
                now[j] = values[0, j]
                exact[j] += (product(now[None])[0] - before) / (6 * len(values))
    found = explain(_formula_ensemble(values, product), values[:1], values, walks=40)
    np.testing.assert_allclose(found.values[0, :, 0], exact, atol=0.01)


def test_values_agree_with_shaps_exact_explainer_on_the_same_background(trained: Trained) -> None:
    """shap.explainers.Exact with the same background as masker; ours samples the orders, hence the tolerance."""
    shap = pytest.importorskip("shap")
    fitted = trained.model
    ensemble = fitted.ensemble
    used = list(ensemble.used_columns())
    complete = np.nan_to_num(fitted.values)
    loud = [used[i] for i in np.argsort(-np.abs(explain(ensemble, complete[:10], complete, walks=5).values[:, used, -1]).mean(axis=0))[:6]]
    rest = complete[0]

    def of_loud(part: Any) -> Any:
        rows = np.tile(rest, (len(part), 1))
        rows[:, loud] = part
        return ensemble.scores(rows)

    background = np.tile(rest, (50, 1))
    background[:, loud] = complete[20:70, loud]
    people = np.tile(rest, (3, 1))
    people[:, loud] = complete[1:4, loud]
    ours = explain(ensemble, people, background, walks=50)
    theirs = shap.explainers.Exact(of_loud, shap.maskers.Independent(background[:, loud], max_samples=50))(people[:, loud])
    np.testing.assert_allclose(ours.base[-1], theirs.base_values[0], atol=1e-9)
    np.testing.assert_allclose(ours.values[:, loud, -1], theirs.values, atol=0.02)


def test_a_feature_and_its_missing_flag_are_one_player() -> None:
    values = np.array([[1.0, 2.0], [np.nan, 3.0], [3.0, 5.0], [4.0, 1.0], [np.nan, 0.0]])
    ensemble = _formula_ensemble(values, lambda v: 0.2 + 0.5 * v[:, 2])
    assert ensemble.prepare.names(("a", "b")) == ("a", "b", "a (missing)")
    found = explain(ensemble, values[1:2], values, walks=5)
    np.testing.assert_allclose(found.values[0, :, 0], [0.5 * (1 - 2 / 5), 0.0], atol=1e-12)


def test_the_same_seed_gives_the_same_values_and_nobody_to_explain_is_refused(trained: Trained) -> None:
    fitted = trained.model
    one, again = (explain(fitted.ensemble, fitted.values[:2], fitted.values, seed=4, walks=5) for _ in range(2))
    assert one.values.tobytes() == again.values.tobytes()
    with pytest.raises(InputError, match="explain"):
        explain(fitted.ensemble, fitted.values[:0], fitted.values)
