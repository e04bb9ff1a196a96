"""The nine kinds of model, the parameters that a random search draws for each, and how one is built.

A draw is a plain dict of numbers and words, so that the table of what was tried is the dict itself. Draw 0 is a fixed sensible default,
the others come from `draw`. `k` (how many of the ranked columns the model sees: 10, 15 or 20) is part of every draw. The ranges are chosen:
narrow and regularised, for cohorts of a few hundred patients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import ExtraTreesClassifier, GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC
from xgboost import XGBClassifier

KEPT = (10, 15, 20)
TREES = 200
"""Trees of a final forest. The search judges its draws by a tenth of them; the chosen draw is scored again with a quarter of them before the
vote, so that few trees do not count against it (chosen)."""

Params = dict[str, Any]
Random = np.random.Generator


@dataclass(frozen=True)
class Candidate:
    """One kind of model.

    label    as tables and figures name it
    scaled   whether the columns are standardised before it
    default  parameters of draw 0
    draw     parameters from a random generator
    build    (parameters, seed, trees, n_rows) to an unfitted estimator with predict_proba
    forest   whether `trees` matters to it
    """

    label: str
    scaled: bool
    default: Params
    draw: Callable[[Random], Params]
    build: Callable[[Params, int, int, int], Any]
    forest: bool = False


def draws(candidate: Candidate, budget: int, seed: int) -> list[Params]:
    """Return `budget` parameter draws: the default first, the same for the same seed, a larger budget extending a smaller one."""
    random = np.random.default_rng(seed)
    tried = [{"k": 15} | candidate.default]
    while len(tried) < budget:
        tried.append({"k": int(random.choice(KEPT))} | candidate.draw(random))
    return tried


def _log(random: Random, low: float, high: float) -> float:
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


def _one(random: Random, *of: Any) -> Any:
    return of[int(random.integers(len(of)))]


def _elastic_net(p: Params, seed: int, trees: int, n_rows: int) -> Any:
    return LogisticRegression(l1_ratio=p["l1_ratio"], C=p["C"], solver="saga", max_iter=2000, tol=1e-4, random_state=seed)


def _svm(p: Params, seed: int, trees: int, n_rows: int) -> Any:
    return CalibratedClassifierCV(SVC(C=p["C"], gamma=p["gamma"], kernel=p["kernel"]), method="sigmoid", cv=3, ensemble=False)


def _forest(kind: Any) -> Callable[[Params, int, int, int], Any]:
    def build(p: Params, seed: int, trees: int, n_rows: int) -> Any:
        return kind(
            n_estimators=trees,
            min_samples_leaf=p["min_samples_leaf"],
            max_features=p["max_features"],
            max_depth=p["max_depth"],
            random_state=seed,
            n_jobs=1,
        )

    return build


def _boosting(p: Params, seed: int, trees: int, n_rows: int) -> Any:
    return GradientBoostingClassifier(max_features="sqrt", random_state=seed, **{name: p[name] for name in p if name != "k"})


def _xgboost(p: Params, seed: int, trees: int, n_rows: int) -> Any:
    return XGBClassifier(random_state=seed, n_jobs=1, tree_method="exact", **{name: p[name] for name in p if name != "k"})


def _knn(p: Params, seed: int, trees: int, n_rows: int) -> Any:
    return KNeighborsClassifier(min(p["n_neighbors"], n_rows), weights=p["weights"], p=p["p"], algorithm="brute", n_jobs=1)


def _bayes(p: Params, seed: int, trees: int, n_rows: int) -> Any:
    return GaussianNB(var_smoothing=p["var_smoothing"])


def _mlp(p: Params, seed: int, trees: int, n_rows: int) -> Any:
    return MLPClassifier((p["hidden"],), activation=p["activation"], alpha=p["alpha"], solver="lbfgs", max_iter=150, random_state=seed)


def _draw_forest(r: Random) -> Params:
    return {"min_samples_leaf": int(r.integers(2, 16)), "max_features": _one(r, 0.2, 0.35, 0.5, 0.8), "max_depth": _one(r, None, 3, 5, 8)}


_DEFAULT_FOREST: Params = {"min_samples_leaf": 5, "max_features": 0.35, "max_depth": None}

CANDIDATES: Mapping[str, Candidate] = {
    "elastic_net": Candidate(
        "Elastic-net logistic",
        True,
        {"C": 0.1, "l1_ratio": 0.5},
        lambda r: {"C": _log(r, 0.02, 5.0), "l1_ratio": float(r.uniform(0.0, 1.0))},
        _elastic_net,
    ),
    "svm": Candidate(
        "SVM",
        True,
        {"C": 1.0, "gamma": "scale", "kernel": "rbf"},
        lambda r: {"C": _log(r, 0.05, 20.0), "gamma": _log(r, 0.002, 0.1), "kernel": _one(r, "rbf", "rbf", "linear")},
        _svm,
    ),
    "random_forest": Candidate("Random forest", False, _DEFAULT_FOREST, _draw_forest, _forest(RandomForestClassifier), forest=True),
    "extra_trees": Candidate("Extra trees", False, _DEFAULT_FOREST, _draw_forest, _forest(ExtraTreesClassifier), forest=True),
    "gradient_boosting": Candidate(
        "Gradient boosting",
        False,
        {"n_estimators": 50, "learning_rate": 0.08, "max_depth": 2, "subsample": 0.7, "min_samples_leaf": 5},
        lambda r: {
            "n_estimators": int(r.integers(25, 81)),
            "learning_rate": _log(r, 0.02, 0.25),
            "max_depth": int(r.integers(1, 4)),
            "subsample": float(r.uniform(0.5, 1.0)),
            "min_samples_leaf": int(r.integers(2, 16)),
        },
        _boosting,
    ),
    "xgboost": Candidate(
        "XGBoost",
        False,
        {
            "n_estimators": 60,
            "learning_rate": 0.08,
            "max_depth": 2,
            "subsample": 0.7,
            "colsample_bytree": 0.5,
            "reg_lambda": 3.0,
            "min_child_weight": 2.0,
        },
        lambda r: {
            "n_estimators": int(r.integers(25, 121)),
            "learning_rate": _log(r, 0.02, 0.25),
            "max_depth": int(r.integers(1, 4)),
            "subsample": float(r.uniform(0.5, 1.0)),
            "colsample_bytree": float(r.uniform(0.3, 1.0)),
            "reg_lambda": _log(r, 0.5, 30.0),
            "min_child_weight": _log(r, 0.5, 8.0),
        },
        _xgboost,
    ),
    "knn": Candidate(
        "k-nearest neighbours",
        True,
        {"n_neighbors": 15, "weights": "uniform", "p": 2},
        lambda r: {"n_neighbors": int(r.integers(5, 46)), "weights": _one(r, "uniform", "distance"), "p": _one(r, 1, 2)},
        _knn,
    ),
    "naive_bayes": Candidate("Naive Bayes", True, {"var_smoothing": 1e-9}, lambda r: {"var_smoothing": _log(r, 1e-6, 3.0)}, _bayes),
    "mlp": Candidate(
        "Neural network (MLP)",
        True,
        {"hidden": 4, "activation": "tanh", "alpha": 5.0},
        lambda r: {"hidden": _one(r, 2, 4, 8), "activation": _one(r, "tanh", "relu"), "alpha": _log(r, 0.3, 50.0)},
        _mlp,
    ),
}
