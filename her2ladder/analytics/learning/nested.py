"""Everything that learns, in one function of training rows; and the outer folds that hold patients out of it.

`learn` is the whole procedure: inner folds, search, vote, final fits, cuts. It is given training rows and nothing else, so a held-out
patient cannot reach it. `outer_folds` cuts patients, `held_out` runs one outer fold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from her2ladder.analytics.learning.candidates import CANDIDATES, TREES
from her2ladder.analytics.learning.cuts import Cuts, learn_cuts
from her2ladder.analytics.learning.ensemble import Ensemble, choose, probability, vote
from her2ladder.analytics.learning.seeds import seed_of
from her2ladder.analytics.learning.selection import Ranking
from her2ladder.analytics.learning.tuning import Tried, fit_model, learn_front, tune
from her2ladder.errors import InputError

ENSEMBLE = "ensemble"

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Settings:
    """How to train.

    budget       parameter draws per candidate
    outer_folds  folds that give the out-of-fold scores; 0 is leave-one-out (one repeat)
    repeats      times the outer folds are cut anew
    inner_folds  folds that tune and weigh
    candidates   names of CANDIDATES
    trees        of a final forest
    """

    seed: int = 1
    budget: int = 40
    outer_folds: int = 5
    repeats: int = 3
    inner_folds: int = 5
    candidates: tuple[str, ...] = tuple(CANDIDATES)
    trees: int = TREES


@dataclass(frozen=True)
class Learned:
    """What one set of training rows taught.

    models    the fitted pipeline of every candidate, voting or not
    ensemble  the soft vote
    cuts      tertiles and threshold of the vote's inner held-out scores; None where their tertiles are equal
    """

    ensemble: Ensemble
    models: Ensemble
    ranking: Ranking
    tried: tuple[Tried, ...]
    cuts: Cuts | None


@dataclass(frozen=True)
class HeldOut:
    """What one outer fold gave: scores of the patients it held out, one row each, and what was learned without them."""

    repeat: int
    fold: int
    rows: Ints
    scores: dict[str, Floats]
    weights: dict[str, float]
    selected: tuple[str, ...]
    tried: tuple[Tried, ...]
    cuts: Cuts | None


def learn(values: Floats, y: Ints, columns: tuple[str, ...], settings: Settings, place: Sequence[int | str]) -> Learned:
    """Return everything that these training rows teach; `place` names them among the tasks and only seeds."""
    seed = settings.seed
    tuned, tried = tune(values, y, settings.candidates, settings.budget, settings.inner_folds, settings.trees, (seed, *place))
    weights = choose(tuned, y)
    front = learn_front(values, y, seed_of(seed, *place, "front"))
    prepared = front.prepare.transform(values)
    models = {
        t.candidate: fit_model(front, prepared, y, t.candidate, t.params, seed_of(seed, *place, t.candidate, "final"), settings.trees)
        for t in tuned
    }
    inner = {t.candidate: t.inner for t in tuned}
    together = vote(np.column_stack([inner[name] for name in weights]), np.array(list(weights.values())))
    return Learned(
        ensemble=Ensemble(columns, front.prepare, {name: models[name] for name in weights}, weights),
        models=Ensemble(columns, front.prepare, models, {name: weights.get(name, 0.0) for name in models}),
        ranking=front.ranking,
        tried=tuple(tried),
        cuts=_cuts(together, y),
    )


def learned_without(
    rows: Ints, values: Floats, y: Ints, columns: tuple[str, ...], settings: Settings, place: Sequence[int | str]
) -> Learned:
    """Return what all patients but those in `rows` teach."""
    train = np.setdiff1d(np.arange(len(y)), rows)
    return learn(values[train], y[train], columns, settings, place)


def held_out(values: Floats, y: Ints, columns: tuple[str, ...], settings: Settings, repeat: int, fold: int, rows: Ints) -> HeldOut:
    """Return the scores of the patients in `rows`, by what all other patients teach."""
    learned = learned_without(rows, values, y, columns, settings, (repeat, fold))
    prepared = learned.models.prepare.transform(values[rows])
    scores = {name: probability(model, prepared) for name, model in learned.models.members.items()}
    weights = dict(learned.ensemble.weights)
    scores[ENSEMBLE] = vote(np.column_stack([scores[name] for name in weights]), np.array(list(weights.values())))
    return HeldOut(repeat, fold, rows, scores, weights, learned.ensemble.used(), learned.tried, learned.cuts)


def outer_folds(y: Ints, settings: Settings) -> list[tuple[int, int, Ints]]:
    """Return (repeat, fold, held-out rows): each patient held out once a repeat; outer_folds 0: one patient a fold."""
    n = len(y)
    fewest = int(min(y.sum(), n - y.sum()))
    _check_inner(fewest, settings)
    if settings.outer_folds == 0:
        return [(0, i, np.array([i])) for i in range(n)]
    if not 2 <= settings.outer_folds <= fewest:
        raise InputError(
            f"outer folds: wanted 2 to {fewest} (the rarer outcome's patients) or 0 for leave-one-out, got {settings.outer_folds}"
        )
    made = []
    for repeat in range(settings.repeats):
        splitter = StratifiedKFold(settings.outer_folds, shuffle=True, random_state=seed_of(settings.seed, repeat, "outer folds"))
        made += [(repeat, fold, rows.astype(np.int64)) for fold, (_, rows) in enumerate(splitter.split(np.zeros((n, 1)), y))]
    return made


def _check_inner(fewest: int, settings: Settings) -> None:
    """Refuse folds so small that a fit inside them would miss an outcome (the SVM's calibration cuts its rows in three once more)."""
    outer = fewest - (1 if settings.outer_folds == 0 else math.ceil(fewest / settings.outer_folds))
    inner = outer - math.ceil(outer / settings.inner_folds)
    if settings.inner_folds > outer or inner < 3:
        raise InputError(
            f"folds: wanted at least 3 patients of the rarer outcome in each inner training fold, found {max(inner, 0)} with"
            f" {fewest} patients, {settings.outer_folds} outer and {settings.inner_folds} inner folds; change the numbers of folds"
        )


def _cuts(scores: Floats, y: Ints) -> Cuts | None:
    """Return the fold's cuts, or None: equal tertiles within a fold leave its patients without a cross-fitted band, not without a score."""
    try:
        return learn_cuts(scores, y)
    except InputError:
        return None
