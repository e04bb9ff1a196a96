"""From covariates to a design: complete cases only, one column a parameter, and a reason for each column that cannot be fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from her2ladder.analytics.statistics.covariates import Covariate, FloatArray
from her2ladder.analytics.statistics.estimate import Estimate
from her2ladder.analytics.statistics.inputs import Z95
from her2ladder.errors import InputError

DEPENDENT = 1e-9  # what is left of a unit column beside the columns before it, below which it counts as their combination


@dataclass(frozen=True, slots=True)
class Term:
    """One parameter of a fitted model.

    name       as printed: `score (per 0.1)`, `stage III vs II`
    ratio      odds ratio (logistic) or hazard ratio (Cox); None where it cannot be estimated (`note` says why)
    lo, hi     95 % interval of the ratio
    p          P value of ratio = 1
    coef, se   natural logarithm of the ratio and its standard error
    covariate  the covariate that the parameter belongs to
    note       a reason or a warning
    """

    name: str
    ratio: float | None = None
    lo: float | None = None
    hi: float | None = None
    p: float | None = None
    coef: float | None = None
    se: float | None = None
    covariate: str = ""
    note: str = ""

    def estimate(self, n: int, events: int, test: str, note: str = "") -> Estimate:
        """Return the term as a row's estimate; `note` of the model is joined to the term's own."""
        return Estimate(self.ratio, self.lo, self.hi, self.p, n, events, test, join_notes(self.note, note))


def wald_term(name: str, covariate: str, coef: float, se: float) -> Term:
    """Return a term with its Wald interval and P value."""
    with np.errstate(over="ignore"):
        ratio, lo, hi = (float(np.exp(coef + side * Z95 * se)) for side in (0.0, -1.0, 1.0))
    note = "" if np.isfinite(hi) else "upper limit beyond any number"
    return Term(name, ratio, lo, hi if np.isfinite(hi) else None, float(2 * norm.sf(abs(coef / se))), coef, se, covariate, note)


def profile_term(name: str, covariate: str, coef: float, se: float, lo: float, hi: float, p: float) -> Term:
    """Return a term with its profile interval; an end or a P value that could not be found is None, with the reason."""
    with np.errstate(over="ignore"):
        ratio, low, high = (float(np.exp(value)) for value in (coef, lo, hi))
    open_ended = [side for side, value in (("lower", low), ("upper", high)) if not np.isfinite(value)]
    note = join_notes(*(f"{side} limit not found" for side in open_ended), "" if np.isfinite(p) else "P value not found")
    ends = [value if np.isfinite(value) else None for value in (low, high)]
    return Term(name, ratio, ends[0], ends[1], p if np.isfinite(p) else None, coef, se, covariate, note)


@dataclass(frozen=True, eq=False, slots=True)
class Design:
    """Complete cases of some covariates.

    matrix     (m, p), a column a parameter, without an intercept; columns that cannot be fitted are not in it
    names      (p,) of the columns; covariates (p,) they belong to
    kept       (n,), which patients are complete
    left_out   {column: (covariate, reason)} of the columns that every patient shares
    order      all columns, fitted or not, as they are to be printed
    """

    matrix: FloatArray
    names: tuple[str, ...]
    covariates: tuple[str, ...]
    kept: NDArray[np.bool_]
    left_out: dict[str, tuple[str, str]] = field(default_factory=dict)
    order: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """Complete patients."""
        return len(self.matrix)

    @property
    def n_missing(self) -> int:
        """Patients left out because a value is missing."""
        return int((~self.kept).sum())

    def without(self, reasons: dict[int, str]) -> Design:
        """Return the design less the columns at these places, with the reason for each."""
        gone = {self.names[at]: (self.covariates[at], why) for at, why in reasons.items()}
        keep = [at for at in range(len(self.names)) if at not in reasons]
        return Design(
            self.matrix[:, keep],
            tuple(self.names[at] for at in keep),
            tuple(self.covariates[at] for at in keep),
            self.kept,
            self.left_out | gone,
            self.order,
        )

    def terms(self, fitted: Sequence[Term]) -> tuple[Term, ...]:
        """Return fitted terms and those left out, in the order of the covariates."""
        by_name = {term.name: term for term in fitted}
        by_name |= {name: Term(name, covariate=covariate, note=why) for name, (covariate, why) in self.left_out.items()}
        return tuple(by_name[name] for name in self.order)

    def unfitted(self, reason: str) -> tuple[Term, ...]:
        """Return every term without a value, for one reason."""
        return self.terms(
            [Term(name, covariate=covariate, note=reason) for name, covariate in zip(self.names, self.covariates, strict=True)]
        )


def design_of(covariates: Sequence[Covariate], *also_complete: FloatArray) -> Design:
    """Return the design of the patients in whom nothing is missing.

    covariates      at least one, each over the same n patients
    also_complete   (n,) outcome or time columns that must be there too
    raises          InputError where lengths differ, a name stands twice, or a column is a combination of those before it (named)
    """
    if not covariates:
        raise InputError("design: wanted at least one covariate, found none")
    n = len(covariates[0])
    for name, length in [(c.name, len(c)) for c in covariates] + [("outcome", len(column)) for column in also_complete]:
        if length != n:
            raise InputError(f"{name}: wanted one entry a patient ({n}, as {covariates[0].name}), found {length}")
    kept = np.ones(n, dtype=bool)
    for column in [c.values for c in covariates] + list(also_complete):
        kept &= ~np.isnan(column)
    columns = [column for covariate in covariates for column in _columns(covariate, kept)]
    names = tuple(name for name, _, _ in columns)
    if len(set(names)) < len(names):
        raise InputError(f"design: {next(name for name in names if names.count(name) > 1)} stands twice; name each covariate once")
    matrix = np.column_stack([values for _, _, values in columns]) if columns else np.empty((int(kept.sum()), 0))
    design = Design(matrix, names, tuple(covariate for _, covariate, _ in columns), kept, {}, names)
    return _fittable(design)


def standardised(matrix: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the columns centred and scaled to unit spread, their means and their spreads (all columns vary)."""
    mean, spread = matrix.mean(axis=0), matrix.std(axis=0)
    return np.ascontiguousarray((matrix - mean) / spread), mean, spread


def independent(matrix: FloatArray) -> NDArray[np.bool_]:
    """Return for each column whether it is no combination of the columns before it (modified Gram-Schmidt, twice).

    matrix   (n, p), any scale
    returns  (p,)
    """
    basis: list[FloatArray] = []
    answer = np.zeros(matrix.shape[1], dtype=bool)
    for at, column in enumerate(matrix.T):
        size = float(np.linalg.norm(column))
        if size == 0.0:
            continue
        rest = column / size
        for _ in range(2):
            for vector in basis:
                rest = rest - vector * float(vector @ rest)
        left = float(np.linalg.norm(rest))
        if left > DEPENDENT:
            answer[at] = True
            basis.append(rest / left)
    return answer


def join_notes(*notes: str) -> str:
    """Return the notes that say something, each once, in one line."""
    return "; ".join(dict.fromkeys(note for note in notes if note))


def _columns(covariate: Covariate, kept: NDArray[np.bool_]) -> list[tuple[str, str, FloatArray]]:
    """Return (column name, covariate, values) of the complete cases; a factor's reference is the first level that occurs among them."""
    values = covariate.values[kept]
    if not covariate.levels:
        return [(covariate.name, covariate.name, values)]
    present = [at for at in range(len(covariate.levels)) if bool((values == at).any())]
    if len(present) < 2:  # one level or none: a constant column stands for the factor, so that the reason is printed
        return [(covariate.name, covariate.name, np.zeros(len(values)))]
    reference = covariate.levels[present[0]]
    return [
        (f"{covariate.name} {covariate.levels[at]} vs {reference}", covariate.name, np.asarray(values == at, dtype=np.float64))
        for at in present[1:]
    ]


def _fittable(design: Design) -> Design:
    """Leave out the columns that all patients share; refuse those that others already determine."""
    if not design.n:
        return design
    low, high = design.matrix.min(axis=0), design.matrix.max(axis=0)
    constant = np.flatnonzero(high - low <= 1e-12 * np.maximum(1e-300, np.maximum(abs(low), abs(high))))
    design = design.without({int(at): f"every patient has the same value (n = {design.n})" for at in constant})
    if design.n <= len(design.names):
        return design  # too few patients for so many parameters: the model says so
    found = independent(np.column_stack([np.ones(design.n), standardised(design.matrix)[0]])) if design.names else np.ones(1, dtype=bool)
    if not found.all():
        name = design.names[int(np.flatnonzero(~found)[0]) - 1]
        raise InputError(f"design: {name} is fixed by the covariates before it ({design.n} patients); leave one of them out")
    return design
