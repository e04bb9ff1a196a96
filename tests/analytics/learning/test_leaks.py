"""The three leak tests of statistics.md, each shown to fail on a variant that leaks.

(b) stands here at a size for the suite; the full one (276 x 142, 20 seeds, all candidates) is benchmarks/learning/leaks.py.
"""

from __future__ import annotations

from collections.abc import Callable

import joblib
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from her2ladder.analytics.learning.cuts import learn_cuts
from her2ladder.analytics.learning.design import Design
from her2ladder.analytics.learning.ensemble import vote
from her2ladder.analytics.learning.nested import Learned, Settings, held_out, learn, learned_without, outer_folds
from her2ladder.analytics.learning.pipeline import Prepare
from her2ladder.analytics.learning.selection import rank
from her2ladder.analytics.learning.train import train
from her2ladder.analytics.learning.tuning import _inner_folds as inner_folds
from her2ladder.analytics.learning.tuning import auc, tune
from her2ladder.errors import InputError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def _garbage(values: Floats, y: Ints, rows: Ints) -> tuple[Floats, Ints]:
    random = np.random.default_rng(99)
    values, y = values.copy(), y.copy()
    values[rows] = 1e6 * random.standard_cauchy(size=values[rows].shape)
    values[rows[0], :5] = np.nan
    y[rows] = 1 - y[rows]
    return values, y


def _bytes_of(learned: Learned) -> str:
    return str(joblib.hash(learned))


def test_garbage_in_the_held_out_fold_leaves_everything_learned_byte_identical(
    cohort: Callable[..., tuple[Design, Ints]], quick: Settings
) -> None:
    design, y = cohort(5, missing=0.08)
    _, _, rows = outer_folds(y, quick)[0]
    honest = learned_without(rows, design.values, y, design.columns, quick, (0, 0))
    again = learned_without(rows, *_garbage(design.values, y, rows), design.columns, quick, (0, 0))
    assert _bytes_of(honest) == _bytes_of(again)
    # what was compared is everything: all nine models, the vote, ranking, tried draws and cuts
    assert len(honest.models.members) == 9
    assert honest.cuts is not None
    assert len(honest.tried) == 18


def test_garbage_in_the_held_out_part_of_an_inner_fold_leaves_what_that_fold_learned_byte_identical(
    cohort: Callable[..., tuple[Design, Ints]],
) -> None:
    """Inner folds tune and weigh: a filter, median or ranking that saw their held-out rows would flatter what overfits."""
    design, y = cohort(5, missing=0.08)
    rows = inner_folds(design.values, y, 3, 1, ("final",))[0].held_rows
    garbage, _ = _garbage(design.values, y, rows)
    honest, again = (inner_folds(values, y, 3, 1, ("final",))[0] for values in (design.values, garbage))
    assert again.held_rows.tolist() == rows.tolist()
    assert joblib.hash(honest.front) == joblib.hash(again.front)
    assert joblib.hash((honest.train, honest.train_y)) == joblib.hash((again.train, again.train_y))
    assert joblib.hash(honest.held) != joblib.hash(again.held)


def test_a_held_out_patient_s_score_does_not_depend_on_the_others_who_are_held_out(cohort: Callable[..., tuple[Design, Ints]]) -> None:
    design, y = cohort(5, missing=0.08)
    _, _, rows = outer_folds(y, _CHEAP)[0]
    garbage, _ = _garbage(design.values, y, rows[:-1])
    honest, again = (held_out(values, y, design.columns, _CHEAP, 0, 0, rows) for values in (design.values, garbage))
    for name in ("ensemble", "elastic_net", "naive_bayes"):
        assert honest.scores[name][-1] == again.scores[name][-1]
        assert (honest.scores[name][:-1] != again.scores[name][:-1]).any()


def test_cuts_of_a_fold_are_those_of_its_votes_inner_held_out_scores(cohort: Callable[..., tuple[Design, Ints]]) -> None:
    """Fitted scores lie further apart than those of new patients: cuts of them would put too many of these in the middle."""
    design, y = cohort(5, missing=0.08)
    learned = learn(design.values, y, design.columns, _CHEAP, (0, 0))
    tuned, _ = tune(design.values, y, _CHEAP.candidates, _CHEAP.budget, _CHEAP.inner_folds, _CHEAP.trees, (_CHEAP.seed, 0, 0))
    inner = {one.candidate: one.inner for one in tuned}
    weights = learned.ensemble.weights
    assert learned.cuts == learn_cuts(vote(np.column_stack([inner[name] for name in weights]), np.array(list(weights.values()))), y)
    assert learned.cuts != learn_cuts(learned.ensemble.scores(design.values), y)


def test_the_garbage_test_fails_where_imputation_sees_the_held_out_fold(
    cohort: Callable[..., tuple[Design, Ints]], quick: Settings
) -> None:
    design, y = cohort(5, missing=0.08)
    _, _, rows = outer_folds(y, quick)[0]
    cheap = Settings(seed=3, budget=1, outer_folds=3, repeats=1, inner_folds=3, candidates=("naive_bayes",))

    def leaky(values: Floats, y: Ints) -> Learned:
        everyone = Prepare().fit(values)
        filled = everyone.transform(values)
        return learned_without(rows, filled, y, everyone.names(design.columns), cheap, (0, 0))

    assert _bytes_of(leaky(design.values, y)) != _bytes_of(leaky(*_garbage(design.values, y, rows)))


def _noise(seed: int) -> tuple[Design, Ints]:
    random = np.random.default_rng(seed)
    n, p = 100, 142
    y = random.permutation(np.arange(n) % 2)
    return Design(
        tuple(f"P{i:03d}" for i in range(n)), tuple(f"f{j}" for j in range(p)), ("continuous",) * p, random.normal(size=(n, p))
    ), y


_CHEAP = Settings(budget=2, outer_folds=3, repeats=1, inner_folds=2, candidates=("elastic_net", "naive_bayes"))
_SEEDS = range(8)


def _mean_auc(prepare: Callable[[Design, Ints], Design]) -> float:
    areas = []
    for seed in _SEEDS:
        design, y = _noise(seed)
        fitted = train(prepare(design, y), y, _CHEAP).model
        areas.append(auc(fitted.oof_mean, fitted.y))
    return float(np.mean(areas))


def test_pure_noise_has_an_out_of_fold_auc_near_one_half() -> None:
    assert 0.45 < _mean_auc(lambda design, y: design) < 0.55


def test_the_noise_test_fails_where_selection_sees_all_patients() -> None:
    def leaky(design: Design, y: Ints) -> Design:
        best = rank(design.values, y, 1).order[:15]
        return design.only([design.columns[j] for j in best])

    assert _mean_auc(leaky) > 0.65


def _on_both_sides(folds: list[Ints], patients: list[str]) -> set[str]:
    """Return patients who stand on both sides of any of the folds."""
    everyone = np.asarray(patients)
    return {p for rows in folds for p in set(everyone[rows]) & set(np.delete(everyone, rows))}


def test_each_patient_is_held_out_once_a_repeat_and_never_stands_on_both_sides(cohort: Callable[..., tuple[Design, Ints]]) -> None:
    design, y = cohort(1)
    settings = Settings(outer_folds=5, repeats=3)
    folds = outer_folds(y, settings)
    assert len(folds) == 15
    for repeat in range(3):
        held = np.concatenate([rows for r, _, rows in folds if r == repeat])
        assert sorted(held.tolist()) == list(range(len(y)))
    assert _on_both_sides([rows for _, _, rows in folds], list(design.patient_ids)) == set()
    assert len({tuple(rows.tolist()) for _, _, rows in folds}) == 15


def test_the_patient_test_fails_where_the_slide_is_the_unit_and_training_refuses_such_rows(
    cohort: Callable[..., tuple[Design, Ints]],
) -> None:
    design, y = cohort(1)
    slides = [patient for patient in design.patient_ids for _ in range(2)]
    by_slide = [rows for _, rows in StratifiedKFold(5, shuffle=True, random_state=0).split(np.zeros((len(slides), 1)), np.repeat(y, 2))]
    assert len(_on_both_sides(by_slide, slides)) > 50
    two_rows_each = Design(tuple(slides), design.columns, design.kinds, np.repeat(design.values, 2, axis=0))
    with pytest.raises(InputError, match="each patient must stand once"):
        train(two_rows_each, np.repeat(y, 2), _CHEAP)
