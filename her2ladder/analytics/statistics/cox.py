"""Cox proportional hazards: Efron's ties and Wald intervals as R's coxph, Firth's penalised fit where events are few or one-sided.

Which method is used is decided by the data and printed: Firth's where a level of the first covariate (the one asked about; the others
adjust) has fewer than 5 events, or where the partial likelihood rises for ever in some direction, found by a linear programme.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from her2ladder.analytics.statistics.climb import climb
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


def cox(time: object, event: object, covariates: Sequence[Covariate]) -> CoxFit:
    """Return hazard ratios with 95 % intervals and P values.

    time, event  (n,), as `survival_times`, missing allowed
    covariates   the one asked about first, then those it is adjusted for
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
    why = join_notes(_few_in_a_level(covariates[0], design, data), _one_sided(design, data))
    terms, fitted, trouble = _firth(design, data) if why else _efron(design, data)
    predictor = (design.matrix * np.array([term.coef if term.coef is not None else np.nan for term in terms])).sum(axis=1)
    per_parameter = data.events / len(design.names)
    few = f"{per_parameter:.1f} events per parameter, below {FLAG_BELOW:g}" if per_parameter < FLAG_BELOW else ""
    c_index = (
        Estimate(None, None, None, None, data.n, data.events, NAME, trouble) if trouble else concordance(predictor, data.time, data.event)
    )
    note = join_notes(trouble, f"{why}: Firth's penalised likelihood" if why else "", few, data.missing_note)
    return CoxFit(design.terms(terms), c_index, data.n, data.events, design.n_missing, FIRTH if why else EFRON, note, fitted)


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
    likelihood = partial_likelihood(columns, data.time, data.event)

    def model(beta: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        found = likelihood.moments(beta)
        return found.value, found.score, found.information

    size = len(design.names)
    top = climb(model, np.zeros(size), np.ones(size, dtype=bool))
    if not top.converged:
        reason = "the fit did not converge"
        return [Term(name, covariate=c, note=reason) for name, c in zip(design.names, design.covariates, strict=True)], None, reason
    se = np.sqrt(np.diag(np.linalg.inv(top.information)))
    terms = [
        wald_term(name, covariate, float(b), float(s))
        for name, covariate, b, s in zip(design.names, design.covariates, top.beta / spread, se / spread, strict=True)
    ]
    return terms, FittedCox(likelihood, top.beta, design.covariates), ""


def _firth(design: Design, data: SurvivalTimes) -> tuple[list[Term], FittedCox | None, str]:
    fit = firth_cox(design.matrix, data.time, data.event)
    if not fit.converged:
        reason = "Firth's fit did not converge"
        return [Term(name, covariate=c, note=reason) for name, c in zip(design.names, design.covariates, strict=True)], None, reason
    terms = [
        profile_term(name, covariate, *(float(x) for x in values))
        for name, covariate, *values in zip(design.names, design.covariates, fit.coef, fit.se, fit.lo, fit.hi, fit.p, strict=True)
    ]
    return terms, None, ""
