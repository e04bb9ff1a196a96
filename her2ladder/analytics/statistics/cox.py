"""Cox proportional hazards: Efron's ties and Wald intervals as R's coxph, Firth's penalised fit where events are few or one-sided.

Which method is used is decided by the data, unless one is asked for, and printed: Firth's where a level of the first covariate (the one
asked about; the others adjust) has fewer than 5 events, or where the partial likelihood rises for ever in some direction, found by a linear
programme. The maximum-likelihood fit is lifelines', held to a precision of its own (decision 0015).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from her2ladder.analytics.statistics.concordance import NAME, concordance
from her2ladder.analytics.statistics.covariates import Covariate, FloatArray
from her2ladder.analytics.statistics.design import Design, Term, design_of, independent, join_notes, profile_term, standardised, wald_term
from her2ladder.analytics.statistics.estimate import Estimate
from her2ladder.analytics.statistics.firth_cox import firth_cox
from her2ladder.analytics.statistics.partial_likelihood import PartialLikelihood, partial_likelihood
from her2ladder.analytics.statistics.separation import monotone_likelihood
from her2ladder.analytics.statistics.survival_times import SurvivalTimes, survival_times

EFRON = "Cox (Efron), Wald"
FIRTH = "Cox, Firth's penalised likelihood (Breslow; profile interval, likelihood-ratio P)"
METHODS = ("auto", "cox", "firth")
PRECISE = {"precision": 1e-14, "r_precision": 1e-14, "max_steps": 200}  # lifelines' own stops at a hazard ratio of 1.80863 for 1.80833
FEW_EVENTS = 5
FLAG_BELOW = 10.0
ROUNDING = 1e-10  # of a column of unit spread: a smaller difference between patients is none


@dataclass(frozen=True, eq=False, slots=True)
class FittedCox:
    """What a test of the fitted model needs: the likelihood over standardised columns, the coefficients there, each column's covariate."""

    likelihood: PartialLikelihood
    beta: FloatArray
    covariates: tuple[str, ...]


@dataclass(frozen=True, eq=False, slots=True)
class CoxFit:
    """A fitted Cox model.

    terms      one a parameter, in the order of the covariates (ratio: hazard ratio)
    c_index    concordance of the linear predictor on the same patients
    n, events  complete patients and their events; n_missing: patients left out
    method     EFRON or FIRTH; empty where nothing could be fitted
    note       reasons and warnings, one line
    fitted     what `zph` needs; None where there is no maximum-likelihood fit
    """

    terms: tuple[Term, ...]
    c_index: Estimate
    n: int
    events: int
    n_missing: int
    method: str
    note: str
    fitted: FittedCox | None = field(default=None, repr=False)

    def estimates(self) -> dict[str, Estimate]:
        """Return each term as a row's estimate, by name."""
        return {term.name: term.estimate(self.n, self.events, self.method, self.note) for term in self.terms}


def cox(time: object, event: object, covariates: Sequence[Covariate], *, method: str = "auto") -> CoxFit:
    """Return hazard ratios with 95 % intervals and P values.

    time, event  (n,), as `survival_times`, missing allowed
    covariates   the one asked about first, then those it is adjusted for
    method       `auto`; `cox`: maximum likelihood however few the events, no number where none exists; `firth`: always Firth's
    raises       InputError where lengths differ or a column is fixed by those before it (named)
    source       R coxph(ties = "efron"); coxphf for Firth's
    """
    followed = survival_times(time, event)
    complete = np.where(followed.kept, 0.0, np.nan)
    design = design_of(covariates, complete)
    within = design.kept[followed.kept]
    data = SurvivalTimes(followed.time[within], followed.event[within], design.kept)
    design = _informative(design, data)
    reason = _cannot(design, data)
    if reason:
        nothing = Estimate(None, None, None, None, data.n, data.events, NAME, reason)
        note = join_notes(reason, data.missing_note)
        return CoxFit(design.unfitted(reason), nothing, data.n, data.events, design.n_missing, "", note)
    why = _why_firth(method, covariates[0], design, data)
    if method == "cox" and why:
        terms, fitted, trouble = _untold(design, f"{why}: there is no maximum; --method firth gives a penalised one")
    else:
        terms, fitted, trouble = _firth(design, data) if why else _efron(design, data)
    predictor = (design.matrix * np.array([term.coef if term.coef is not None else np.nan for term in terms])).sum(axis=1)
    per_parameter = data.events / len(design.names)
    few = f"{per_parameter:.1f} events per parameter, below {FLAG_BELOW:g}" if per_parameter < FLAG_BELOW else ""
    c_index = (
        Estimate(None, None, None, None, data.n, data.events, NAME, trouble) if trouble else concordance(predictor, data.time, data.event)
    )
    is_firth = bool(why) and method != "cox"
    note = join_notes(trouble, f"{why}: Firth's penalised likelihood" if is_firth else "", few, data.missing_note)
    return CoxFit(design.terms(terms), c_index, data.n, data.events, design.n_missing, FIRTH if is_firth else EFRON, note, fitted)


def _why_firth(method: str, asked: Covariate, design: Design, data: SurvivalTimes) -> str:
    """Return why maximum likelihood will not do, or ''."""
    if method == "firth":
        return "asked for"
    few = _few_in_a_level(asked, design, data) if method == "auto" else ""
    return join_notes(few, _one_sided(design, data))


def _informative(design: Design, data: SurvivalTimes) -> Design:
    """Leave out columns about which no event says anything: within every risk set with an event they are fixed by the others."""
    if not data.events or not design.names or design.n <= len(design.names):
        return design
    likelihood = partial_likelihood(standardised(design.matrix)[0], data.time, data.event)
    at_risk = [likelihood.columns[:last] - likelihood.columns[:last].mean(axis=0) for last in np.unique(likelihood.last)]
    found = independent(_triangle(at_risk))
    reason = "no event while patients who differ in it were at risk"
    return design.without({int(at): reason for at in np.flatnonzero(~found)})


def _triangle(blocks: Sequence[FloatArray]) -> FloatArray:
    """Return a small matrix with the same dependencies between columns as all the blocks under one another."""
    triangle = np.zeros((0, blocks[0].shape[1]))
    for block in blocks:
        rounded = np.where(np.abs(block) < ROUNDING, 0.0, block)
        triangle = np.asarray(np.linalg.qr(np.vstack([triangle, rounded]), mode="r"))
    return triangle


def _cannot(design: Design, data: SurvivalTimes) -> str:
    """Return why there is no fit, or ''."""
    if not data.n:
        return "no patient with complete values"
    if not data.events:
        return f"no event (n = {data.n})"
    if not design.names:
        return "; ".join(sorted({why for _, why in design.left_out.values()}))
    if data.n <= len(design.names):
        return f"too few patients (n = {data.n}) for {len(design.names)} parameters"
    return ""


def _few_in_a_level(asked: Covariate, design: Design, data: SurvivalTimes) -> str:
    """Say which level of the covariate asked about has fewer than 5 events, or ''."""
    values = asked.values[design.kept]
    counts = [(name, int(data.event[values == at].sum())) for at, name in enumerate(asked.levels) if bool((values == at).any())]
    few = [f"{count} event{'s' * (count != 1)} in {name}" for name, count in counts if count < FEW_EVENTS]
    return ", ".join(few)


def _one_sided(design: Design, data: SurvivalTimes) -> str:
    found = monotone_likelihood(design.matrix, data.time, data.event)
    return f"monotone likelihood ({', '.join(design.names[at] for at in found.infinite)})" if found else ""


def _efron(design: Design, data: SurvivalTimes) -> tuple[list[Term], FittedCox | None, str]:
    columns, _, spread = standardised(design.matrix)
    found = _maximum(columns, data)
    if found is None:
        return _untold(design, "the fit did not converge")
    beta, se = found
    terms = [
        wald_term(name, covariate, float(b), float(s))
        for name, covariate, b, s in zip(design.names, design.covariates, beta / spread, se / spread, strict=True)
    ]
    return terms, FittedCox(partial_likelihood(columns, data.time, data.event), beta, design.covariates), ""


def _maximum(columns: FloatArray, data: SurvivalTimes) -> tuple[FloatArray, FloatArray] | None:
    """Return lifelines' coefficients and standard errors of standardised columns; None where it does not come to rest.

    Its warnings of little variance are not asked: whether there is a maximum has been decided by the linear programme.
    """
    from lifelines import CoxPHFitter
    from lifelines.exceptions import ConvergenceError

    frame = pd.DataFrame(columns, columns=[f"x{at}" for at in range(columns.shape[1])])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            fit = CoxPHFitter().fit(frame.assign(time=data.time, event=data.event), "time", "event", fit_options=PRECISE)
        except ConvergenceError:
            return None
    beta, se = fit.params_.to_numpy(dtype=np.float64), fit.standard_errors_.to_numpy(dtype=np.float64)
    return (beta, se) if np.isfinite(beta).all() and np.isfinite(se).all() else None


def _untold(design: Design, reason: str) -> tuple[list[Term], FittedCox | None, str]:
    """A model without numbers, with the reason in each of its terms."""
    return [Term(name, covariate=c, note=reason) for name, c in zip(design.names, design.covariates, strict=True)], None, reason


def _firth(design: Design, data: SurvivalTimes) -> tuple[list[Term], FittedCox | None, str]:
    fit = firth_cox(design.matrix, data.time, data.event)
    if not fit.converged:
        return _untold(design, "Firth's fit did not converge")
    terms = [
        profile_term(name, covariate, *(float(x) for x in values))
        for name, covariate, *values in zip(design.names, design.covariates, fit.coef, fit.se, fit.lo, fit.hi, fit.p, strict=True)
    ]
    return terms, None, ""
