"""What a fixed cut makes of a score: confusion matrix, sensitivity, specificity, PPV, NPV, Cohen's kappa, and Youden's cut.

A patient is called positive (residual disease) where score >= cut. The cut is learned on construction patients and handed in here:
no function but `youden_cut` looks for one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from her2ladder.analytics.statistics.estimate import Estimate
from her2ladder.analytics.statistics.inputs import Z95, checked_pair, gap
from her2ladder.analytics.statistics.rates import wilson
from her2ladder.errors import InputError


@dataclass(frozen=True, slots=True)
class Confusion:
    """Patients by call and outcome; positive = residual disease."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int


@dataclass(frozen=True, slots=True)
class AtCut:
    """Everything read at one cut. Rates carry Wilson intervals; a rate without patients under it is None with the reason."""

    cut: float
    confusion: Confusion
    sensitivity: Estimate
    specificity: Estimate
    ppv: Estimate
    npv: Estimate
    accuracy: Estimate
    kappa: Estimate


@dataclass(frozen=True, slots=True)
class YoudenCut:
    """The cut with the largest sensitivity + specificity - 1."""

    cut: float
    youden: float
    sensitivity: float
    specificity: float


def at_cut(y: ArrayLike, score: ArrayLike, cut: float) -> AtCut:
    """Return confusion matrix and rates where score >= cut is called residual disease.

    y        (n,), 1 = residual disease
    cut      unrounded, finite
    raises   InputError for a missing entry or cut
    """
    outcome, values = checked_pair(y, score)
    if not np.isfinite(cut):
        raise InputError(f"cut: must be a finite number, got {cut}")
    called = values >= cut
    tp, fp = int((called & (outcome == 1)).sum()), int((called & (outcome == 0)).sum())
    fn, tn = int(outcome.sum()) - tp, int((outcome == 0).sum()) - fp
    return AtCut(
        cut=float(cut),
        confusion=Confusion(tp, fp, fn, tn),
        sensitivity=_rate(tp, tp + fn, "no patient has residual disease"),
        specificity=_rate(tn, tn + fp, "no patient has pCR"),
        ppv=_rate(tp, tp + fp, "no patient is called positive"),
        npv=_rate(tn, tn + fn, "no patient is called negative"),
        accuracy=_rate(tp + tn, len(outcome), "no patients"),
        kappa=kappa_of_table([[tp, fp], [fn, tn]]),
    )


def youden_cut(y: ArrayLike, score: ArrayLike) -> YoudenCut:
    """Return the observed score that maximises Youden's index; ties: highest sensitivity, then lowest cut. Never rounded.

    y        (n,), 1 = residual disease
    raises   InputError where a class is empty: there is no cut to learn
    """
    outcome, values = checked_pair(y, score)
    if reason := gap(outcome):
        raise InputError(f"Youden's cut: wanted patients with residual disease and with pCR, found {reason}")
    positive, negative = np.sort(values[outcome == 1]), np.sort(values[outcome == 0])
    n1, n0 = len(positive), len(negative)
    cuts = np.unique(values)
    true_positive = n1 - np.searchsorted(positive, cuts, "left")
    false_positive = n0 - np.searchsorted(negative, cuts, "left")
    scaled = true_positive * n0 - false_positive * n1  # Youden x n1 x n0, in whole numbers: ties are exact
    # cuts ascend and sensitivity falls with them, so the first maximum has the highest sensitivity and, among equals, the lowest cut
    best = int(np.argmax(scaled))
    sensitivity, specificity = true_positive[best] / n1, 1 - false_positive[best] / n0
    return YoudenCut(float(cuts[best]), float(scaled[best] / (n1 * n0)), float(sensitivity), float(specificity))


def kappa_of_table(table: ArrayLike) -> Estimate:
    """Return Cohen's kappa of a square table of agreement, with the asymptotic interval of Fleiss, Cohen & Everitt (1969).

    table    (r, r) counts, same order of classes on both sides; class 0 of the rows and columns is residual disease
    returns  None where chance agreement is complete (one class on both sides) or the table is empty; limits clipped to [-1, 1]
    source   equal to R's psych::cohen.kappa and statsmodels' `cohens_kappa` (non-null standard error)
    """
    counts: NDArray[np.float64] = np.asarray(table, dtype=np.float64)
    n, events = int(counts.sum()), int(counts[:, 0].sum())
    test = "Cohen's kappa, Fleiss-Cohen-Everitt"
    if n == 0:
        return Estimate(None, None, None, n=0, events=0, test=test, note="no patients")
    share = counts / n
    row, column, observed = share.sum(axis=1), share.sum(axis=0), float(np.trace(share))
    chance = float(row @ column)
    if chance >= 1:
        return Estimate(
            None, None, None, n=n, events=events, test=test, note="outcome and call have one and the same class: kappa is undefined"
        )
    kappa = (observed - chance) / (1 - chance)
    pair = column[:, None] + row[None, :]  # column margin of the row's class + row margin of the column's class
    agreeing = float((np.diag(share) * ((1 - chance) - np.diag(pair) * (1 - observed)) ** 2).sum())
    apart = float((share * pair**2).sum() - (np.diag(share) * np.diag(pair) ** 2).sum())
    inner = agreeing + (1 - observed) ** 2 * apart - (observed * chance - 2 * chance + observed) ** 2
    variance = inner / (n * (1 - chance) ** 4)
    if variance <= 1e-15:
        note = "kappa has no asymptotic variance here (agreement complete, or nothing called on one side): no interval"
        return Estimate(kappa, None, None, n=n, events=events, test=test, note=note)
    half = Z95 * float(np.sqrt(variance))
    return Estimate(kappa, max(-1.0, kappa - half), min(1.0, kappa + half), n=n, events=events, test=test)


def _rate(k: int, n: int, reason: str) -> Estimate:
    return wilson(k, n) if n else Estimate(None, None, None, n=0, events=0, test="Wilson", note=reason)
