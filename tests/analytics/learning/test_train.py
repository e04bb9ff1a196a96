"""Training: what comes back, that it does not depend on workers or row order, and how good it is on a known generator."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from her2ladder.analytics.learning import train as train_module
from her2ladder.analytics.learning.candidates import CANDIDATES
from her2ladder.analytics.learning.cuts import learn_cuts
from her2ladder.analytics.learning.design import Design
from her2ladder.analytics.learning.nested import ENSEMBLE, Settings
from her2ladder.analytics.learning.train import Trained, train
from her2ladder.analytics.learning.tuning import auc
from her2ladder.errors import InputError, StageError

Ints = NDArray[np.int64]
MakeCohort = Callable[..., tuple[Design, Ints]]


def _same_scores(one: Trained, other: Trained) -> bool:
    fits = [(one.model, other.model)] + ([(one.rival, other.rival)] if one.rival and other.rival else [])
    return all(
        a.oof[name].tobytes() == b.oof[name].tobytes()
        and a.cuts == b.cuts
        and a.apparent[ENSEMBLE].tobytes() == b.apparent[ENSEMBLE].tobytes()
        for a, b in fits
        for name in a.oof
    )


def test_two_workers_give_the_same_scores_to_the_last_bit(cohort: MakeCohort, quick: Settings, trained: Trained) -> None:
    design, y = cohort(11, missing=0.08)
    steps: list[tuple[int, int, str]] = []
    again = train(design, y, quick, clinical=("f0", "f9"), workers=2, progress=lambda *step: steps.append(step))
    assert _same_scores(trained, again)
    assert [done for done, _, _ in steps] == list(range(1, 9))
    assert {total for _, total, _ in steps} == {8}
    assert sum("final fit" in said for _, _, said in steps) == 2


def test_the_order_of_rows_does_not_matter_and_the_seed_does(cohort: MakeCohort) -> None:
    design, y = cohort(11, n=60, p=12)
    cheap = Settings(budget=1, outer_folds=3, repeats=1, inner_folds=3, candidates=("elastic_net", "random_forest"), trees=20)
    order = np.random.default_rng(0).permutation(60)
    shuffled = replace(design, patient_ids=tuple(design.patient_ids[i] for i in order), values=design.values[order])
    one = train(design, y, cheap)
    assert _same_scores(one, train(shuffled, y[order], cheap))
    assert not _same_scores(one, train(design, y, replace(cheap, seed=2)))


def test_out_of_fold_scores_of_the_vote_are_the_weighted_mean_of_the_folds_candidates(trained: Trained) -> None:
    fitted = trained.model
    assert set(fitted.oof) == {*CANDIDATES, ENSEMBLE}
    for fold in fitted.folds:
        assert sum(fold.weights.values()) == pytest.approx(1.0, abs=1e-12)
        together = sum(weight * fitted.oof[name][fold.repeat, fold.rows] for name, weight in fold.weights.items())
        np.testing.assert_allclose(fitted.oof[ENSEMBLE][fold.repeat, fold.rows], together, rtol=0, atol=1e-15)
    assert not np.isnan(fitted.oof[ENSEMBLE]).any()
    np.testing.assert_array_equal(fitted.oof_mean, fitted.oof[ENSEMBLE].mean(axis=0))


def test_apparent_scores_are_kept_apart_and_look_better_than_they_are(trained: Trained) -> None:
    fitted = trained.model
    assert set(fitted.apparent) == {*fitted.ensemble.members, ENSEMBLE}
    assert auc(fitted.apparent[ENSEMBLE], fitted.y) > auc(fitted.oof_mean, fitted.y)


def test_final_cuts_come_from_out_of_fold_means_and_cross_fitted_ones_from_the_folds_that_held_the_patient_out(trained: Trained) -> None:
    fitted = trained.model
    assert fitted.cuts == learn_cuts(fitted.oof_mean, fitted.y)
    crossed = fitted.crossfitted
    for fold in fitted.folds:
        assert fold.cuts is not None
        assert set(crossed.q1[fold.rows]) == {fold.cuts.q1}
        assert set(crossed.threshold[fold.rows]) == {fold.cuts.threshold}
    assert list(crossed.positive) == (fitted.oof_mean >= crossed.threshold).tolist()
    assert set(crossed.band) <= {"Low", "Medium", "High"}


def test_the_rival_sees_its_clinical_columns_alone_on_the_same_folds(trained: Trained) -> None:
    assert trained.rival is not None
    assert trained.rival.columns == ("f0", "f9")
    assert [f.rows.tolist() for f in trained.rival.folds] == [f.rows.tolist() for f in trained.model.folds]


def test_selected_columns_are_named_with_the_share_of_folds_and_the_final_ones_marked(trained: Trained) -> None:
    rows = trained.model.selected()
    assert {name for name, _, final in rows if final} == set(trained.model.ensemble.used())
    assert all(share in (0, 1 / 3, 2 / 3, 1) for _, share, _ in rows)
    assert len({"f0", "f1", "f2", "f3", "f4"} & {name for name, share, _ in rows if share > 0.5}) >= 3


def test_every_draw_tried_is_told_with_its_inner_scores(trained: Trained) -> None:
    tried = trained.model.tried
    assert len(tried) == 2 * len(CANDIDATES)
    for name in CANDIDATES:
        mine = [t for t in tried if t.candidate == name]
        assert sum(t.chosen for t in mine) == 1
        chosen = next(t for t in mine if t.chosen)
        assert chosen.folds == 3
        assert chosen.log_loss <= min(t.log_loss for t in mine if t.folds == 3)


def test_leave_one_out_holds_each_patient_out_alone(cohort: MakeCohort) -> None:
    design, y = cohort(2, n=30, p=4)
    alone = Settings(budget=1, outer_folds=0, inner_folds=3, candidates=("naive_bayes",))
    fitted = train(design, y, alone).model
    assert fitted.oof[ENSEMBLE].shape == (1, 30)
    assert [f.rows.tolist() for f in fitted.folds] == [[i] for i in range(30)]


@pytest.mark.parametrize(
    "change, said",
    [
        ({"budget": 0}, "budget: wanted 1 or more, got 0"),
        ({"outer_folds": 60}, "folds"),
        ({"inner_folds": 40}, "folds"),
        ({"candidates": ("oracle",)}, "got oracle"),
    ],
)
def test_impossible_settings_are_refused_in_one_line(cohort: MakeCohort, change: dict[str, object], said: str) -> None:
    design, y = cohort(2, n=60, p=4)
    with pytest.raises(InputError, match=said) as caught:
        train(design, y, replace(Settings(), **change))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_on_the_strong_generator_the_out_of_fold_auc_comes_near_the_oracles() -> None:
    """Two seeds, two candidates; the mean gap of all 20 with the whole procedure is in benchmarks/learning/RESULTS.md (bound 0.05)."""
    gaps = []
    for seed in range(2):
        random = np.random.default_rng(seed)
        values = random.normal(size=(300, 142))
        truth = values[:, :5].sum(axis=1)
        y = (truth + random.logistic(size=300) > 0).astype(np.int64)
        design = Design(tuple(f"P{i:03d}" for i in range(300)), tuple(f"f{j}" for j in range(142)), ("continuous",) * 142, values)
        cheap = Settings(budget=4, repeats=1, candidates=("elastic_net", "svm"))
        gaps.append(auc(truth, y) - auc(train(design, y, cheap).model.oof_mean, y))
    assert np.mean(gaps) < 0.06


def test_a_killed_worker_is_told_in_one_line(cohort: MakeCohort, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pool's own error is raised in place of a fit: killing a process here would leave the test's outcome to chance."""

    def killed(*task: object) -> None:
        raise BrokenProcessPool("a worker was killed")

    design, y = cohort(2, n=60, p=4)
    monkeypatch.setattr(train_module, "_numbered", killed)
    with pytest.raises(StageError, match=r"ended from outside after 0 of 16 fits \(out of memory\?\)") as caught:
        train(design, y)
    assert "\n" not in str(caught.value)
