"""Train: outer folds for the honest scores, the whole procedure once more on everyone for the model, and the clinical rival beside it.

Three kinds of score are kept apart: out-of-fold (per repeat, per candidate, and its mean), apparent (in-sample, never mixed in),
and what the final ensemble gives to other patients (`Ensemble.scores`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn import config_context
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from her2ladder.analytics.learning.candidates import CANDIDATES
from her2ladder.analytics.learning.cuts import Cuts, band, learn_cuts
from her2ladder.analytics.learning.design import Design, ready
from her2ladder.analytics.learning.ensemble import Ensemble
from her2ladder.analytics.learning.nested import ENSEMBLE, HeldOut, Learned, Settings, held_out, learn, outer_folds
from her2ladder.analytics.learning.selection import Ranking
from her2ladder.analytics.learning.tuning import Tried
from her2ladder.errors import InputError, StageError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class CrossFitted:
    """Bands and predictions of the training patients by cuts that never saw them.

    q1, q2, threshold  (n,) mean over repeats of the cuts learned in the fold that held the patient out (on its inner held-out scores)
    band               (n,) of the out-of-fold mean score by these; None where no fold could learn cuts
    positive           (n,) out-of-fold mean score >= threshold
    """

    q1: Floats
    q2: Floats
    threshold: Floats
    band: tuple[str | None, ...]
    positive: tuple[bool | None, ...]


@dataclass(frozen=True)
class Fitted:
    """One nested training: out-of-fold, apparent and final kept apart; all arrays in the order of `patient_ids`.

    oof          candidate name or "ensemble" to (repeats, n) out-of-fold scores
    oof_mean     (n,) mean over repeats of the ensemble's
    apparent     candidate name or "ensemble" to (n,) in-sample scores of the final models; only members of the vote and the vote
    ensemble     the final soft vote, trained on all patients
    ranking      of the final fit's prepared columns, named by `ensemble.prepare.names(columns)`
    folds        what each outer fold learned and gave
    tried        the final fit's draws; each fold holds its own
    cuts         tertiles and Youden threshold of oof_mean: frozen, applied unchanged to all other patients
    """

    patient_ids: tuple[str, ...]
    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    values: Floats
    y: Ints
    settings: Settings
    oof: dict[str, Floats]
    oof_mean: Floats
    apparent: dict[str, Floats]
    ensemble: Ensemble
    ranking: Ranking
    folds: tuple[HeldOut, ...]
    tried: tuple[Tried, ...]
    cuts: Cuts
    crossfitted: CrossFitted

    def selected(self) -> list[tuple[str, float, bool]]:
        """Return (prepared column, share of outer folds whose vote saw it, whether the final vote sees it), most frequent first."""
        final = set(self.ensemble.used())
        names = sorted(final | {name for fold in self.folds for name in fold.selected})
        share = {name: sum(name in fold.selected for fold in self.folds) / len(self.folds) for name in names}
        return [(name, share[name], name in final) for name in sorted(names, key=lambda name: (-share[name], name))]


@dataclass(frozen=True)
class Trained:
    """The model, its clinical-only rival trained by the same procedure on the same folds, and the columns nobody could learn from."""

    model: Fitted
    rival: Fitted | None
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class _Task:
    design: int
    repeat: int
    fold: int
    rows: Ints | None


def train(
    design: Design,
    y: Ints,
    settings: Settings | None = None,
    *,
    clinical: Sequence[str] = (),
    workers: int = 1,
    drop_unusable: bool = False,
    progress: Progress | None = None,
) -> Trained:
    """Return the trained model with its honest scores.

    design         training patients only, one row each, in any order
    y              (n,), 1 = residual disease
    clinical       columns of the rival that sees them alone; none: no rival
    workers        processes; the scores do not depend on it
    drop_unusable  leave out columns that are constant or missing for all, instead of refusing them
    progress       called with (done, all, what was done) after each fit
    raises         InputError in one line (see design.ready and nested.outer_folds); StageError where a worker was killed
    """
    settings = settings or Settings()
    _check(settings, workers)
    design, y, left_out = ready(design, y, drop_unusable=drop_unusable)
    designs = [design]
    if clinical:
        designs.append(design.only([c for c in clinical if c not in left_out]))
    folds = outer_folds(y, settings)
    # the final fits go first: they are the longest
    tasks = [_Task(d, -1, -1, None) for d in range(len(designs))]
    tasks += [_Task(d, repeat, fold, rows) for d in range(len(designs)) for repeat, fold, rows in folds]
    done = _run(designs, y, settings, tasks, workers, progress)
    fitted = [_gather(designs[d], y, settings, [r for t, r in zip(tasks, done, strict=True) if t.design == d]) for d in range(len(designs))]
    return Trained(fitted[0], fitted[1] if clinical else None, left_out)


def _check(settings: Settings, workers: int) -> None:
    unknown = [c for c in settings.candidates if c not in CANDIDATES]
    if unknown or not settings.candidates:
        raise InputError(f"candidates: wanted some of {', '.join(CANDIDATES)}, got {', '.join(unknown) or 'none'}")
    for name, value, least in (
        ("budget", settings.budget, 1),
        ("repeats", settings.repeats, 1),
        ("inner folds", settings.inner_folds, 2),
        ("trees", settings.trees, 1),
        ("workers", workers, 1),
    ):
        if value < least:
            raise InputError(f"{name}: wanted {least} or more, got {value}")


def _run(
    designs: list[Design], y: Ints, settings: Settings, tasks: list[_Task], workers: int, progress: Progress | None
) -> list[HeldOut | Learned]:
    calls = (delayed(_numbered)(i, designs[t.design], y, settings, t) for i, t in enumerate(tasks))
    # no memory maps: an array must look the same to every worker, and these are small
    parallel = Parallel(n_jobs=workers, return_as="generator_unordered", batch_size=1, max_nbytes=None)
    results: dict[int, HeldOut | Learned] = {}
    try:
        for number, result in parallel(calls):
            results[number] = result
            if progress is not None:
                progress(len(results), len(tasks), _said(tasks[number], settings))
    except BrokenExecutor as broken:
        raise StageError(
            f"train: a worker process was ended from outside after {len(results)} of {len(tasks)} fits (out of memory?);"
            " try again with fewer workers"
        ) from broken
    return [results[i] for i in range(len(tasks))]


def _numbered(number: int, design: Design, y: Ints, settings: Settings, task: _Task) -> tuple[int, HeldOut | Learned]:
    # one thread: sums over threads differ in the last digit, and workers would fight for the cores
    # scikit-learn's checks of every call are half of the search's time, and `ready` has checked the numbers once
    with threadpool_limits(limits=1), config_context(assume_finite=True, skip_parameter_validation=True):
        if task.rows is None:
            return number, learn(design.values, y, design.columns, settings, ("final",))
        return number, held_out(design.values, y, design.columns, settings, task.repeat, task.fold, task.rows)


def _said(task: _Task, settings: Settings) -> str:
    which = ("model", "clinical rival")[task.design]
    if task.rows is None:
        return f"{which}: final fit"
    return f"{which}: repeat {task.repeat + 1} of {settings.repeats}, fold {task.fold + 1}"


def _gather(design: Design, y: Ints, settings: Settings, results: list[HeldOut | Learned]) -> Fitted:
    final = next(r for r in results if isinstance(r, Learned))
    folds = tuple(r for r in results if isinstance(r, HeldOut))
    repeats = 1 + max(f.repeat for f in folds)
    oof = {name: np.full((repeats, len(y)), np.nan) for name in folds[0].scores}
    for fold in folds:
        for name, scores in fold.scores.items():
            oof[name][fold.repeat, fold.rows] = scores
    mean = oof[ENSEMBLE].mean(axis=0)
    members = final.ensemble.member_scores(design.values)
    apparent = {name: members[:, m].copy() for m, name in enumerate(final.ensemble.members)}
    apparent[ENSEMBLE] = final.ensemble.scores(design.values)
    return Fitted(
        patient_ids=design.patient_ids,
        columns=design.columns,
        kinds=design.kinds,
        values=design.values,
        y=y,
        settings=settings,
        oof=oof,
        oof_mean=mean,
        apparent=apparent,
        ensemble=final.ensemble,
        ranking=final.ranking,
        folds=folds,
        tried=final.tried,
        cuts=learn_cuts(mean, y),
        crossfitted=_crossfit(mean, folds),
    )


def _crossfit(mean: Floats, folds: tuple[HeldOut, ...]) -> CrossFitted:
    sums = np.zeros((3, len(mean)))
    times = np.zeros(len(mean))
    for fold in folds:
        if fold.cuts is not None:
            sums[:, fold.rows] += np.array([[fold.cuts.q1], [fold.cuts.q2], [fold.cuts.threshold]])
            times[fold.rows] += 1
    q1, q2, threshold = np.where(times > 0, sums / np.maximum(times, 1), np.nan)
    known = times > 0
    bands = tuple(b if k else None for b, k in zip(band(mean, q1, q2), known, strict=True))
    positive = tuple(bool(p) if k else None for p, k in zip(mean >= threshold, known, strict=True))
    return CrossFitted(q1, q2, threshold, bands, positive)
