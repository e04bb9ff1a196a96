"""The rows of one group of patients: the score, its apparent values beside it, its sub-models, its rivals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from her2ladder.analytics.evaluate import performance
from her2ladder.analytics.evaluate.groups import Group
from her2ladder.analytics.evaluate.rivals import Rival, compare
from her2ladder.analytics.model.stored import CrossFitted, TrainedScore
from her2ladder.analytics.results.rows import result_row
from her2ladder.analytics.statistics.delong import auc_delong, auc_logit
from her2ladder.analytics.statistics.design import join_notes
from her2ladder.analytics.statistics.estimate import Estimate

ANALYSIS = "evaluate"
SAME_PATIENTS = "cut_on_same_patients"
CROSSFITTED = "_crossfitted"
APPARENT = "in-sample score of patients that the model was trained on: not a measure of how well it predicts"
Row = dict[str, Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """What is evaluated, the same for every group."""

    score_name: str
    threshold: float | None
    no_threshold: str
    trained: TrainedScore | None
    crossfitted: CrossFitted
    rivals: list[Rival]
    seed: int


class GroupRows:
    """The rows of one group."""

    def __init__(self, group: Group, judged: Judged) -> None:
        self._group, self._judged = group, judged
        self._y, self._score = group.outcome, group.score
        self._ids = group.frame["patient_id"]
        self._family = f"by {group.by}" if group.by else ""

    def all(self) -> Iterator[Row]:
        """Yield every row, the score's own first."""
        yield from self._own()
        if self._judged.trained is not None:
            yield from self._apparent(self._judged.trained)
            if not self._group.by:
                yield from self._members(self._judged.trained)
        for rival in self._judged.rivals:
            yield from self._rival(rival)
        for term, estimate in performance.benefit(self._y, self._score, self._judged.score_name, self._judged.seed):
            yield self._row("net_benefit", estimate, term)

    def _own(self) -> Iterator[Row]:
        name, seed = self._judged.score_name, self._judged.seed
        whose = join_notes(f"scores: {self._group.kinds}", self._group.left_out)
        for metric, estimate in performance.discrimination(self._y, self._score, seed):
            yield self._row(metric, estimate, name, note=whose)
        if self._judged.trained is not None:
            yield from self._repeats(self._judged.trained)
        for metric, estimate in performance.probability(self._y, self._score, seed):
            yield self._row(metric, estimate, name)
        yield from self._threshold()

    def _threshold(self) -> Iterator[Row]:
        """Rates at the frozen cut; where it was learned on patients of this group, the same rates by cuts that did not see them."""
        name, threshold = self._judged.score_name, self._judged.threshold
        own = self._ids.isin(self._judged.crossfitted.calls.index).to_numpy()
        mark = "" if not own.any() else SAME_PATIENTS if own.all() else f"{SAME_PATIENTS} ({own.sum()} of {len(own)})"
        cut = Estimate(threshold, None, None, test="Youden, frozen", note=self._judged.no_threshold)
        yield self._row("threshold", cut, name, note=mark)
        for metric, estimate in performance.at_threshold(self._y, self._score, threshold, self._judged.no_threshold):
            yield self._row(metric, estimate, name, note=mark)
        if threshold is None or not own.any():
            return
        calls = np.where(own, self._judged.crossfitted.calls.reindex(self._ids).to_numpy(), (self._score >= threshold).astype(float))
        known = ~np.isnan(calls)
        how = self._judged.crossfitted.how + ("" if own.all() else f" for {own.sum()} of {len(own)}, the frozen threshold for the others")
        lacking = "" if known.all() else f"{(~known).sum()} patients without a cross-fitted threshold left out"
        for metric, estimate in performance.by_calls(self._y[known], calls[known], CROSSFITTED):
            yield self._row(metric, estimate, name, note=join_notes(how, lacking))

    def _repeats(self, found: TrainedScore) -> Iterator[Row]:
        own = self._ids.isin(found.repeats.index).to_numpy()
        if own.any():
            scores = found.repeats.loc[self._ids[own]].to_numpy(np.float64).T
            yield self._row("auc_mean_of_repeats", performance.mean_of_repeats(self._y[own], scores), self._judged.score_name)

    def _apparent(self, found: TrainedScore) -> Iterator[Row]:
        own = self._ids.isin(found.apparent.index).to_numpy()
        if not own.any():
            return
        y, score = self._y[own], found.apparent.loc[self._ids[own]].to_numpy(np.float64)
        term, seed = f"{self._judged.score_name} (apparent)", self._judged.seed
        for metric, estimate in (*performance.discrimination(y, score, seed), *performance.probability(y, score, seed)):
            yield self._row(metric, estimate, term, note=APPARENT)
        for metric, estimate in performance.at_threshold(y, score, self._judged.threshold, self._judged.no_threshold):
            yield self._row(metric, estimate, term, note=join_notes(SAME_PATIENTS, APPARENT))

    def _members(self, found: TrainedScore) -> Iterator[Row]:
        """Each sub-model alone: its AUC and decision curve on the patients it scored."""
        for member in found.members.columns:
            y, score = member_scores(self._group, found.members[member])
            note = f"sub-model, weight {found.summary['weights'][member]:.2f} in the vote"
            for metric, estimate in (("auc", auc_delong(y, score)), ("auc_logit", auc_logit(y, score))):
                yield self._row(metric, estimate, member, note=note)
            for term, estimate in performance.benefit(y, score, member, self._judged.seed, references=False):
                yield self._row("net_benefit", estimate, term, note=note)

    def _rival(self, rival: Rival) -> Iterator[Row]:
        found = compare(self._ids.tolist(), self._y, self._score, self._judged.score_name, rival)
        lacking = f"{found.paired.n_dropped} patients without {rival.name} left out of both" if found.paired.n_dropped else ""
        for metric, estimate in performance.discrimination(found.outcome, found.rival, self._judged.seed):
            yield self._row(metric, estimate, rival.name, note=join_notes(f"direction: {rival.direction}", lacking))
        difference = found.paired.difference
        term = f"{self._judged.score_name} - {rival.name}"
        own = found.paired.auc_a.value
        here = "" if own is None or not lacking else f"AUC of {self._judged.score_name} on these patients {own:.6g}"
        family = join_notes(self._family, "the score against each rival, unadjusted")
        yield self._row("auc_difference", difference, term, note=join_notes(lacking, here), family=family)
        z = replace(difference, value=found.paired.z, lo=None, hi=None)
        yield self._row("auc_difference_z", z, term, family=family)

    def _row(self, metric: str, estimate: Estimate, term: str, *, note: str = "", family: str | None = None) -> Row:
        return result_row(
            ANALYSIS,
            self._group.chosen,
            metric,
            estimate,
            subgroup=self._group.subgroup,
            term=term,
            family=self._family if family is None else family,
            score_name=self._judged.score_name,
            note=note,
        )


def member_scores(group: Group, scores: pd.Series) -> tuple[NDArray[np.int64], Floats]:
    """Return outcome and scores of the patients of a group that a sub-model has scored."""
    values = scores.reindex(group.frame["patient_id"]).to_numpy(np.float64)
    known = ~np.isnan(values)
    return group.outcome[known], values[known]
