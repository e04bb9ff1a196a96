"""Choose each candidate's parameters on inner folds by a random search that drops the worse draws early.

Every inner fold learns its own preparation and ranking. The search is successive halving over inner folds (chosen): all draws are judged
on the first folds (as many as hold SCREEN_PATIENTS patients), the best fifth of them on half of the folds, the best fifth of those on all.
A draw is judged by the mean log-loss of its folds; the AUC stands beside it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from her2ladder.analytics.learning.candidates import CANDIDATES, Params, draws
from her2ladder.analytics.learning.pipeline import Keep, Prepare
from her2ladder.analytics.learning.seeds import seed_of
from her2ladder.analytics.learning.selection import Ranking, rank
from her2ladder.analytics.statistics.discrimination import auc_value

SCREEN_PATIENTS = 40
KEPT_SHARE = 1 / 5
CLIP = 1e-6

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Front:
    """What stands before every model of one set of training rows: the fitted preparation and the ranking of its columns."""

    prepare: Prepare
    ranking: Ranking


@dataclass(frozen=True)
class Tried:
    """One draw of one candidate: its parameters and its mean inner scores over the `folds` inner folds it reached."""

    candidate: str
    draw: int
    params: Params
    folds: int
    log_loss: float
    auc: float
    chosen: bool


@dataclass(frozen=True)
class Tuned:
    """The chosen draw of one candidate and its scores for the training patients, each from the inner fold that held the patient out."""

    candidate: str
    params: Params
    log_loss: float
    auc: float
    inner: Floats


@dataclass(frozen=True)
class _Fold:
    front: Front
    train: Floats
    held: Floats
    train_y: Ints
    held_y: Ints
    held_rows: Ints


def learn_front(values: Floats, y: Ints, seed: int) -> Front:
    """Return preparation and ranking learned from these training rows alone."""
    prepare = Prepare().fit(values)
    return Front(prepare, rank(prepare.transform(values), y, seed))


def fit_model(front: Front, prepared: Floats, y: Ints, candidate: str, params: Params, seed: int, trees: int) -> Pipeline:
    """Return the fitted pipeline from prepared columns to a probability: ranking, scaling where the model needs it, model."""
    kind = CANDIDATES[candidate]
    steps: list[tuple[str, Any]] = [("keep", Keep(front.ranking.order, params["k"]))]
    if kind.scaled:
        steps.append(("scale", StandardScaler()))
    steps.append(("model", kind.build(params, seed, trees, len(y))))
    with warnings.catch_warnings():
        # the cap on iterations is part of the model: stopping there is early stopping, not a failure
        warnings.simplefilter("ignore", ConvergenceWarning)
        return Pipeline(steps).fit(prepared, y)


def tune(
    values: Floats, y: Ints, candidates: Sequence[str], budget: int, inner_folds: int, trees: int, place: tuple[int | str, ...]
) -> tuple[list[Tuned], list[Tried]]:
    """Return the chosen draw of each candidate and every draw that was tried.

    values, y   training rows only
    budget      draws per candidate, the first being the candidate's default
    trees       of a final forest
    place       seed and place of this training set among the tasks: what every seed below derives from
    """
    seed, *at = place
    inner = _inner_folds(values, y, inner_folds, int(seed), at)
    tuned: list[Tuned] = []
    tried: list[Tried] = []
    for candidate in candidates:
        tries = draws(CANDIDATES[candidate], budget, seed_of(int(seed), *at, candidate, "draws"))
        best, rows = _halve(candidate, tries, inner, trees, seed_of(int(seed), *at, candidate, "fit"))
        tuned.append(best)
        tried.extend(rows)
    return tuned, tried


def _inner_folds(values: Floats, y: Ints, folds: int, seed: int, at: Sequence[int | str]) -> list[_Fold]:
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed_of(seed, *at, "inner folds"))
    made = []
    for number, (train, held) in enumerate(splitter.split(values, y)):
        front = learn_front(values[train], y[train], seed_of(seed, *at, "inner", number))
        prepared = front.prepare.transform
        made.append(_Fold(front, prepared(values[train]), prepared(values[held]), y[train], y[held], held.astype(np.int64)))
    return made


def _halve(candidate: str, tries: list[Params], inner: list[_Fold], trees: int, seed: int) -> tuple[Tuned, list[Tried]]:
    n = sum(len(fold.held_y) for fold in inner)
    scores: dict[int, list[Floats]] = {d: [] for d in range(len(tries))}
    alive = list(scores)
    for reached in _rungs(len(inner), n):
        for d in alive:
            for fold in inner[len(scores[d]) : reached]:
                scores[d].append(_held_out(candidate, tries[d], fold, seed, max(1, trees // 10)))
        losses = {d: _mean_loss(scores[d], inner) for d in alive}
        alive = sorted(alive, key=lambda d: (losses[d], d))
        if reached < len(inner):
            alive = alive[: max(1, math.ceil(len(alive) * KEPT_SHARE))]
    best = alive[0]
    rows = [Tried(candidate, d, tries[d], len(s), _mean_loss(s, inner), _mean_auc(s, inner), chosen=d == best) for d, s in scores.items()]
    held = scores[best]
    if CANDIDATES[candidate].forest:
        held = [_held_out(candidate, tries[best], fold, seed, max(1, trees // 4)) for fold in inner]
    together = np.empty(n)
    for fold, of_fold in zip(inner, held, strict=True):
        together[fold.held_rows] = of_fold
    return Tuned(candidate, tries[best], _mean_loss(held, inner), _mean_auc(held, inner), together), rows


def _rungs(folds: int, n: int) -> list[int]:
    """Return how many inner folds a draw has seen after each rung."""
    first = min(folds, math.ceil(SCREEN_PATIENTS * folds / n))
    return sorted({first, min(folds, max(first, math.ceil(folds / 2))), folds})


def _held_out(candidate: str, params: Params, fold: _Fold, seed: int, trees: int) -> Floats:
    model = fit_model(fold.front, fold.train, fold.train_y, candidate, params, seed, trees)
    return np.asarray(model.predict_proba(fold.held)[:, 1], dtype=np.float64)


def _mean_loss(scores: list[Floats], inner: list[_Fold]) -> float:
    return float(np.mean([log_loss(s, f.held_y) for s, f in zip(scores, inner, strict=False)]))


def _mean_auc(scores: list[Floats], inner: list[_Fold]) -> float:
    return float(np.mean([auc(s, f.held_y) for s, f in zip(scores, inner, strict=False)]))


def log_loss(scores: Floats, y: Ints) -> float:
    """Return the mean negative log-likelihood, scores clipped to [CLIP, 1 - CLIP]."""
    p = np.clip(scores, CLIP, 1 - CLIP)
    return float(-np.mean(np.where(y == 1, np.log(p), np.log1p(-p))))


def auc(scores: Floats, y: Ints) -> float:
    """Return the area under the ROC curve by midranks; NaN where a class is absent."""
    area = auc_value(y, scores)
    return float("nan") if area is None else area
