"""Odds ratios of an outcome (residual disease): logistic regression with Wald intervals, Firth's fit where the outcome is separated.

The first question of every fit is whether maximum likelihood exists (`separation`); the answer decides the method, and is printed.
Few events: the rarer outcome is counted per parameter, the intercept aside (*chosen*, the usual reading of "events per variable");
below 10 the fit is flagged, below 5 a fit with several covariates is not given.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import statsmodels.api as sm
from numpy.typing import NDArray
from scipy.stats import chi2
from statsmodels.tools.sm_exceptions import ModelWarning

from her2ladder.analytics.statistics.climb import climb
from her2ladder.analytics.statistics.covariates import Covariate, FloatArray, as_numbers
from her2ladder.analytics.statistics.design import Design, Term, design_of, independent, join_notes, profile_term, standardised, wald_term
from her2ladder.analytics.statistics.estimate import Estimate
from her2ladder.analytics.statistics.firth import firth_logistic, logistic_model, restricted_p
from her2ladder.analytics.statistics.inputs import checked_outcome
from her2ladder.analytics.statistics.separation import separation

WALD = "logistic regression, Wald"
FIRTH = "logistic regression, Firth's penalised likelihood (profile interval, likelihood-ratio P)"
FLAG_BELOW, NULL_BELOW = 10.0, 5.0


@dataclass(frozen=True, slots=True)
class LogisticFit:
    """A fitted logistic model.

    terms                 one a parameter, in the order of the covariates (ratio: odds ratio)
    intercept             its ratio is the odds where every covariate is 0 or at its reference
    n, events             complete patients; of these, how many with outcome 1
    n_missing             patients left out because a value is missing
    events_per_parameter  the rarer outcome over the parameters without the intercept; None without parameters
    method                WALD or FIRTH; empty where nothing could be fitted
    separation            none, quasi-complete or complete
    note                  reasons and warnings, one line
    """

    terms: tuple[Term, ...]
    intercept: Term
    n: int
    events: int
    n_missing: int
    events_per_parameter: float | None
    method: str
    separation: str
    note: str

    def estimates(self) -> dict[str, Estimate]:
        """Return each term as a row's estimate, by name."""
        return {term.name: term.estimate(self.n, self.events, self.method, self.note) for term in self.terms}


def logistic(outcome: object, covariates: Sequence[Covariate]) -> LogisticFit:
    """Return odds ratios of outcome 1 with 95 % intervals and P values.

    outcome     (n,), 1 = residual disease, 0 = pCR, missing allowed
    covariates  one (univariable) or several (multivariable)
    raises      InputError where the outcome is not 0/1, lengths differ, or a column is fixed by those before it (named)
    source      R glm(binomial) and confint.default; logistf where separated
    """
    y, design = _complete(outcome, covariates)
    n, events = design.n, int(y.sum())
    size = len(design.names)
    per_parameter = min(events, n - events) / size if size else None
    reason = _cannot(n, events, size, per_parameter, len(covariates), {why for _, why in design.left_out.values()})
    if reason:
        note = join_notes(reason, _missing_note(design))
        return LogisticFit(
            design.unfitted(reason), Term("intercept", note=reason), n, events, design.n_missing, per_parameter, "", "none", note
        )
    apart = separation(design.matrix, y)
    method = FIRTH if apart else WALD
    intercept, fitted, trouble = _firth(design, y) if apart else _wald(design, y)
    note = join_notes(
        trouble, _separation_note(apart.kind, [design.names[at] for at in apart.infinite]), _few(per_parameter), _missing_note(design)
    )
    return LogisticFit(design.terms(fitted), intercept, n, events, design.n_missing, per_parameter, method, apart.kind, note)


def interaction(outcome: object, score: Covariate, group: Covariate) -> Estimate:
    """Return the likelihood-ratio test of score x group: whether the odds ratio of the score differs between the groups.

    score    a number; group a factor
    returns  value: the chi-square statistic; test names its degrees of freedom. Where the model is separated, Firth's penalised ratio
             (restricted fit with the whole design's penalty, as logistf's logistftest), said in the note
    raises   InputError as `logistic`
    """
    y, design = _complete(outcome, [score, group])
    n, events = design.n, int(y.sum())
    name = f"likelihood ratio, {score.name} x {group.name}"

    def none(reason: str) -> Estimate:
        return Estimate(None, None, None, None, n, events, name, join_notes(reason, _missing_note(design)))

    if design.left_out or not n:
        return none(next((f"{column}: {why}" for column, (_, why) in design.left_out.items()), "no patient with complete values"))
    main = standardised(design.matrix)[0]
    products = main[:, :1] * design.matrix[:, 1:]
    found = independent(np.column_stack([np.ones(n), main, products]))[1 + main.shape[1] :]
    reason = _cannot(n, events, main.shape[1] + int(found.sum()), None, 2, set())
    if reason or not found.any():
        return none(reason or "no group but the reference has patients with different scores")
    full = np.column_stack([main, standardised(products[:, found])[0]])
    extra = np.arange(full.shape[1] + 1) > main.shape[1]
    apart = separation(full, y)
    statistic, p, trouble = _penalised_ratio(full, y, extra) if apart else _ratio(full, main, y)
    lost = "" if found.all() else f"{int((~found).sum())} group(s) without patients of different scores give no slope of their own"
    few = _few(min(events, n - events) / full.shape[1])
    note = join_notes(trouble, _separation_note(apart.kind, []), lost, few, "exploratory", _missing_note(design))
    return Estimate(statistic, None, None, p, n, events, f"{name}, df {int(found.sum())}", note)


def _complete(outcome: object, covariates: Sequence[Covariate]) -> tuple[NDArray[np.int64], Design]:
    column = as_numbers("outcome", outcome)
    checked_outcome(column[~np.isnan(column)])
    design = design_of(covariates, column)
    return column[design.kept].astype(np.int64), design


def _cannot(n: int, events: int, size: int, per_parameter: float | None, covariates: int, left_out: set[str]) -> str:
    """Return why there is no fit, or ''."""
    if not n:
        return "no patient with complete values"
    if events in (0, n):
        return f"{'every' if events else 'no'} patient has the outcome (n = {n})"
    if not size:
        return "; ".join(sorted(left_out))
    if n <= size + 1:
        return f"too few patients (n = {n}) for {size + 1} parameters"
    if covariates > 1 and per_parameter is not None and per_parameter < NULL_BELOW:
        return f"{per_parameter:.1f} events per parameter ({min(events, n - events)} over {size}): below {NULL_BELOW:g}, not fitted"
    return ""


def _wald(design: Design, y: NDArray[np.int64]) -> tuple[Term, list[Term], str]:
    """Return intercept and terms of the maximum-likelihood fit."""
    columns, mean, spread = standardised(design.matrix)
    found = _maximum(np.column_stack([np.ones(design.n), columns]), y)
    if isinstance(found, str):
        return Term("intercept", note=found), [Term(name, covariate=c, note=found) for name, c in _named(design)], found
    back = np.zeros((len(mean) + 1, len(mean) + 1))
    back[0, 0] = 1.0
    back[0, 1:], back[1:, 1:] = -mean / spread, np.diag(1 / spread)
    gamma, covariance, _ = found
    coef, se = back @ gamma, np.sqrt(np.diag(back @ covariance @ back.T))
    terms = [
        wald_term(name, covariate, float(b), float(s))
        for (name, covariate), b, s in zip([("intercept", ""), *_named(design)], coef, se, strict=True)
    ]
    return terms[0], terms[1:], ""


def _maximum(columns: FloatArray, y: NDArray[np.int64]) -> tuple[FloatArray, FloatArray, float] | str:
    """Return estimates, covariance and log likelihood, or why statsmodels gave none."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", ModelWarning)
        warnings.simplefilter("error", RuntimeWarning)
        try:
            fit = sm.Logit(y, columns).fit(method="newton", maxiter=200, tol=1e-12, disp=False)
        except (ModelWarning, RuntimeWarning, np.linalg.LinAlgError) as trouble:
            return f"the fit did not converge ({str(trouble).splitlines()[0]})"
    return np.asarray(fit.params), np.asarray(fit.cov_params()), float(fit.llf)


def _firth(design: Design, y: NDArray[np.int64]) -> tuple[Term, list[Term], str]:
    """Return intercept and terms of Firth's fit."""
    fit = firth_logistic(design.matrix, y)
    if not fit.converged:
        reason = "Firth's fit did not converge"
        return Term("intercept", note=reason), [Term(name, covariate=c, note=reason) for name, c in _named(design)], reason
    terms = [
        profile_term(name, covariate, *(float(x) for x in values))
        for (name, covariate), *values in zip([("intercept", ""), *_named(design)], fit.coef, fit.se, fit.lo, fit.hi, fit.p, strict=True)
    ]
    return terms[0], terms[1:], ""


def _ratio(full: FloatArray, main: FloatArray, y: NDArray[np.int64]) -> tuple[float | None, float | None, str]:
    ones = np.ones(len(y))
    upper, lower = _maximum(np.column_stack([ones, full]), y), _maximum(np.column_stack([ones, main]), y)
    for found in (upper, lower):
        if isinstance(found, str):
            return None, None, found
    statistic = max(0.0, 2 * (upper[2] - lower[2]))  # type: ignore[operator]
    return statistic, float(chi2.sf(statistic, full.shape[1] - main.shape[1])), ""


def _penalised_ratio(full: FloatArray, y: NDArray[np.int64], extra: NDArray[np.bool_]) -> tuple[float | None, float | None, str]:
    model = logistic_model(np.column_stack([np.ones(len(y)), full]), y)
    top = climb(model, np.zeros(full.shape[1] + 1), np.ones(full.shape[1] + 1, dtype=bool))
    p = restricted_p(model, top, extra) if top.converged else float("nan")
    if not np.isfinite(p):
        return None, None, "Firth's fit did not converge"
    return float(chi2.isf(p, int(extra.sum()))), p, ""


def _named(design: Design) -> list[tuple[str, str]]:
    return list(zip(design.names, design.covariates, strict=True))


def _missing_note(design: Design) -> str:
    return f"{design.n_missing} of {len(design.kept)} patients left out: a value is missing" if design.n_missing else ""


def _few(per_parameter: float | None) -> str:
    return (
        f"{per_parameter:.1f} events per parameter, below {FLAG_BELOW:g}"
        if per_parameter is not None and per_parameter < FLAG_BELOW
        else ""
    )


def _separation_note(kind: str, infinite: Sequence[str]) -> str:
    where = f" ({', '.join(infinite)})" if infinite else ""
    return f"{kind} separation{where}: Firth's penalised likelihood" if kind != "none" else ""
