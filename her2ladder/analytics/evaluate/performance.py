"""The numbers of one score in one group of patients, by metric; every kernel's reason for a missing value goes with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from her2ladder.analytics.statistics.calibration import calibration
from her2ladder.analytics.statistics.decision import decision_curve, net_benefit_band
from her2ladder.analytics.statistics.delong import auc_delong, auc_logit
from her2ladder.analytics.statistics.discrimination import ap_bootstrap, auc_bootstrap, brier
from her2ladder.analytics.statistics.estimate import Estimate
from her2ladder.analytics.statistics.inputs import gap
from her2ladder.analytics.statistics.threshold import AtCut, at_cut

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Named = Iterator[tuple[str, Estimate]]

RATES = ("sensitivity", "specificity", "ppv", "npv", "accuracy", "kappa")
COUNTS = ("true_positive", "false_positive", "false_negative", "true_negative")
TREAT_ALL, TREAT_NONE = "treat_all", "treat_none"


def discrimination(y: Ints, score: Floats, seed: int) -> Named:
    """Yield auc (DeLong, Wald), auc_logit, auc_bootstrap and ap."""
    yield "auc", auc_delong(y, score)
    yield "auc_logit", auc_logit(y, score)
    yield "auc_bootstrap", auc_bootstrap(y, score, seed=seed)
    yield "ap", ap_bootstrap(y, score, seed=seed)


def probability(y: Ints, score: Floats, seed: int) -> Named:
    """Yield what only a probability has: brier and calibration."""
    yield "brier", brier(y, score, seed=seed)
    found = calibration(y, score)
    yield "calibration_intercept", found.intercept
    yield "calibration_in_the_large", found.in_the_large
    yield "calibration_slope", found.slope


def at_threshold(y: Ints, score: Floats, threshold: float | None, reason: str) -> Named:
    """Yield rates and counts where score >= threshold is called residual disease; without a threshold, the reason for each."""
    if threshold is None:
        for name in (*RATES, *COUNTS):
            yield name, Estimate(None, None, None, n=len(y), events=int(y.sum()), note=reason)
        return
    yield from _read(at_cut(y, score, threshold), y, f"score >= {threshold:.10g}")


def by_calls(y: Ints, calls: Floats, suffix: str) -> Named:
    """Yield the same rates of calls (1 = residual disease) that were made before, each metric with a suffix."""
    for name, estimate in _read(at_cut(y, calls, 0.5), y, "calls made without the patient"):
        yield name + suffix, estimate


def benefit(y: Ints, score: Floats, strategy: str, seed: int, *, references: bool = True) -> Iterator[tuple[str, Estimate]]:
    """Yield (term, net benefit) at 0.01..0.99 for the score and, once, for treat-all and treat-none.

    The term names threshold and strategy: `0.20 ladder-v1`, `0.20 treat_all`.
    """
    n, events = len(y), int(y.sum())
    reason = gap(y) or ("the score leaves 0..1: it is no probability, net benefit is not defined" if n and _leaves(score) else "")
    if reason:
        yield strategy, Estimate(None, None, None, n=n, events=events, test="net benefit", note=reason)
        return
    curve, band = decision_curve(y, score), net_benefit_band(y, score, seed=seed)
    named = f"net benefit, stratified bootstrap, {band.replicates} replicates, percentile"
    for at, threshold in enumerate(curve.threshold):
        lo, hi = (_known(float(end[at])) for end in (band.lo, band.hi))
        note = "fewer than two patients in a class: no interval" if lo is None else ""
        if lo == hi:
            lo = hi = None
            note = note or "all bootstrap replicates agree: no interval"
        yield f"{threshold:.2f} {strategy}", Estimate(float(curve.model[at]), lo, hi, n=n, events=events, test=named, note=note)
        if references:
            for name, values in ((TREAT_ALL, curve.treat_all), (TREAT_NONE, curve.treat_none)):
                yield f"{threshold:.2f} {name}", Estimate(float(values[at]), None, None, n=n, events=events, test="net benefit")


def mean_of_repeats(y: Ints, scores: Floats) -> Estimate:
    """Return the mean AUC over the repeats of (repeats, n) out-of-fold scores; the repeats share their patients, so it has no interval."""
    areas = [auc_delong(y, row).value for row in scores]
    known = [area for area in areas if area is not None]
    n, events, test = len(y), int(y.sum()), f"mean AUC of {len(areas)} repeats of the outer folds"
    if not known or len(known) < len(areas):
        return Estimate(None, None, None, n=n, events=events, test=test, note=gap(y))
    note = f"repeats from {min(known):.4f} to {max(known):.4f}; they share their patients: no interval"
    return Estimate(float(np.mean(known)), None, None, n=n, events=events, test=test, note=note)


def _read(found: AtCut, y: Ints, how: str) -> Named:
    for name in RATES:
        estimate: Estimate = getattr(found, name)
        yield name, replace(estimate, test=f"{estimate.test}; {how}")
    for name in COUNTS:
        yield name, Estimate(float(getattr(found.confusion, name)), None, None, n=len(y), events=int(y.sum()), test=f"count; {how}")


def _known(value: float) -> float | None:
    return None if value != value else value


def _leaves(score: Floats) -> bool:
    return bool(score.min() < 0 or score.max() > 1)
