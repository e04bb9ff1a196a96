"""The soft vote: which candidates vote, with what weights, and the score they give together.

Members and weights come from the inner folds' held-out scores. Nothing is recalibrated after the vote (statistics.md, Model).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from her2ladder.analytics.learning.pipeline import Prepare
from her2ladder.analytics.learning.tuning import Tuned, log_loss

VOTERS = 5
"""Most members of the vote ("best few"; chosen)."""
ROUNDS = 20
"""Steps of the greedy choice of weights, so weights are multiples of 1/20 (chosen)."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Ensemble:
    """A trained soft vote.

    columns   (p,) raw features in the order that `prepare` expects
    prepare   fitted filter, imputation and flags, shared by all members
    members   candidate name to the fitted pipeline from prepared columns to a probability
    weights   candidate name to weight, adding up to 1, in the members' order
    """

    columns: tuple[str, ...]
    prepare: Prepare
    members: Mapping[str, Pipeline]
    weights: Mapping[str, float]

    def member_scores(self, values: Floats) -> Floats:
        """Return (n, members) probabilities of residual disease for (n, p) raw values with NaN."""
        prepared = self.prepare.transform(values)
        # one thread, as in training: sums over threads differ in the last digit
        with threadpool_limits(limits=1):
            return np.column_stack([probability(model, prepared) for model in self.members.values()])

    def scores(self, values: Floats) -> Floats:
        """Return (n,) probabilities of residual disease: the weighted mean of the members'."""
        return vote(self.member_scores(values), np.array(list(self.weights.values())))

    def used(self) -> tuple[str, ...]:
        """Return the prepared columns that at least one member sees, by the best rank they have."""
        names = self.prepare.names(self.columns)
        seen = dict.fromkeys(names[j] for m in self.members.values() for j in m.named_steps["keep"].order[: m.named_steps["keep"].k])
        return tuple(seen)

    def used_columns(self) -> tuple[int, ...]:
        """Return the numbers of the raw columns that can move the score, ascending."""
        keeps = [m.named_steps["keep"] for m in self.members.values()]
        return tuple(sorted({int(self.prepare.source_[j]) for keep in keeps for j in keep.order[: keep.k]}))


def probability(model: Pipeline, prepared: Floats) -> Floats:
    """Return the probability of residual disease."""
    return np.asarray(model.predict_proba(prepared)[:, 1], dtype=np.float64)


def vote(scores: Floats, weights: Floats) -> Floats:
    """Return the weighted mean over the columns of (n, members), summed in the members' order."""
    total = np.zeros(len(scores))
    for column, weight in zip(scores.T, weights, strict=True):
        total = total + weight * column
    return total


def choose(tuned: Sequence[Tuned], y: Ints) -> dict[str, float]:
    """Return the weights of the best few candidates: greedy ensemble selection with replacement on inner held-out scores.

    Starting from nothing, ROUNDS times the candidate is added whose vote then has the lowest log-loss; a candidate's weight is its
    share of the rounds. Only the VOTERS candidates with the lowest inner log-loss stand for the vote.
    source   chosen; the greedy rule is Caruana et al., ICML 2004
    """
    standing = sorted(tuned, key=lambda t: (t.log_loss, t.candidate))[:VOTERS]
    counts = np.zeros(len(standing))
    total = np.zeros(len(y))
    for turn in range(1, ROUNDS + 1):
        losses = [log_loss((total + t.inner) / turn, y) for t in standing]
        best = int(np.argmin(losses))
        counts[best] += 1
        total = total + standing[best].inner
    return {t.candidate: float(c / ROUNDS) for t, c in zip(standing, counts, strict=True) if c > 0}
