"""The stage behind `ladder compare`: pCR rates by band and regimen (or any covariate), every pair compared as one family of tests.

`--as paper` is what the paper did: neoadjuvant, TCbHP/PCbHP of the three roles it pools, five regimens, Pearson's chi-square without
continuity correction, Bonferroni over 30. Done so, three of the paper's five numeric adjusted P values come out to all printed digits
(6.382e-7, 6.856e-5, 6.914e-3); two (0.143, 0.085) do not: the paper is inconsistent there.
source   statistics.md, Bands and regimens; paper, Fig. 3d
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import pandas as pd

from her2ladder.analytics.cohort.bands import freeze_bands
from her2ladder.analytics.cohort.groups import pairs_of
from her2ladder.analytics.cohort.selection import Selection, patients
from her2ladder.analytics.compare.context import adjusted_rows, baseline_rows, crossfitted_rows, suggestion_rows
from her2ladder.analytics.compare.strata import ALL, CONSTRUCTION, Strata, counts, strata_of
from her2ladder.analytics.results.rows import result_row, with_run
from her2ladder.analytics.statistics.adjust import Correction
from her2ladder.analytics.statistics.estimate import Estimate
from her2ladder.analytics.statistics.pairs import PairRow, Test, compare_pairs
from her2ladder.analytics.statistics.rates import clopper_pearson, wilson
from her2ladder.errors import InputError
from her2ladder.queries.run import run
from her2ladder.schema.store import Store
from her2ladder.schema.tables import ANALYSIS_RESULT

Interval = Literal["wilson", "clopper-pearson"]
INTERVALS = {"wilson": wilson, "clopper-pearson": clopper_pearson}


@dataclass(frozen=True)
class CompareOptions:
    """What a comparison was asked for.

    by           (subgroup column, compared column), or the compared column alone
    score_name   score whose bands are meant, where `band` is in `by`
    """

    by: tuple[str, ...] = ("band", "regimen")
    score_name: str | None = None
    as_paper: bool = False
    correction: Correction = "bonferroni"
    test: Test = "pearson"
    interval: Interval = "wilson"

    def check(self) -> None:
        """Raise InputError where options contradict each other, or one is unknown."""
        if self.interval not in INTERVALS:
            raise InputError(f"--interval: wanted one of {', '.join(INTERVALS)}, found {self.interval!r}")
        if "band" in self.by and self.score_name is None:
            raise InputError("--by band: bands are cut from a score: name it with --score NAME")
        paper = (self.by, self.correction, self.test) == (("band", "regimen"), "bonferroni", "pearson")
        if self.as_paper and not paper:
            raise InputError("--as paper: wanted --by band,regimen, Pearson and Bonferroni, as the paper did; leave other options out")


@dataclass(frozen=True)
class Compared:
    """What a comparison found: rows as they stand in the store, and the frames that its figures draw.

    cuts   frozen cuts of the bands, where they are compared
    """

    run: str
    rows: list[dict[str, Any]]
    rates: pd.DataFrame
    comparisons: pd.DataFrame
    patients: pd.DataFrame
    cohort: str
    left_out: dict[str, int] = field(default_factory=dict)
    cuts: tuple[float, float] | None = None


def compare(store: Store, chosen: Selection, options: CompareOptions) -> Compared:
    """Write pCR rates and every pair of groups within every subgroup; beside them, what a reader needs to judge them.

    raises   InputError in one line: no such score or column, no patient with an outcome, more levels than can be compared
    """
    options.check()
    score_name = options.score_name if "band" in options.by else None
    cuts = None
    if score_name is not None:
        frozen = freeze_bands(store, score_name)
        cuts = (float(frozen["low_max"]), float(frozen["medium_max"]))
    if options.as_paper:
        chosen = Selection(chosen.cohorts, "neoadjuvant")
    asked = {**vars(options), "by": ",".join(options.by), "cohort": chosen.label, "setting": chosen.setting}
    with run(store, "compare", asked) as this:
        everyone = patients(this, chosen, score_name)
        strata, left_out = strata_of(everyone, options.by, chosen, as_paper=options.as_paper)
        main, pairs = _table(strata, chosen, options)
        rows = [*main, *_left_out_rows(left_out, len(everyone), chosen, score_name)]
        if "band" in options.by:
            rows += _without_construction(strata, chosen, options)
            rows += crossfitted_rows(this, strata, chosen, str(score_name), INTERVALS[options.interval])
            rows += suggestion_rows(strata, chosen, score_name) if options.by == ("band", "regimen") else []
        rows += baseline_rows(strata, chosen, options.by, score_name)
        rows += adjusted_rows(strata, chosen, options.by, score_name)
        rows = [{**row, "cohort": _label(row["cohort"], chosen, options)} for row in rows]
        this.append(ANALYSIS_RESULT, rows)
    rates = _rates_frame(strata, options)
    label = _label(chosen.label, chosen, options)
    return Compared(this.id, with_run(rows, this.id), rates, _pairs_frame(pairs), strata.frame, label, left_out, cuts)


def _label(given: str, chosen: Selection, options: CompareOptions) -> str:
    """Name the paper's pooling in the cohort column: it is what was asked for."""
    if not options.as_paper:
        return given
    pooled = "as paper" if not chosen.cohorts else f"as paper: {chosen.label}"
    return pooled + given.removeprefix(chosen.label)


def _table(strata: Strata, chosen: Selection, options: CompareOptions, ending: str = "") -> tuple[list[dict[str, Any]], list[PairRow]]:
    """Return the rows of rates and comparisons, metric names ending in `ending`, and the comparisons."""
    k, n = counts(strata)
    score_name = options.score_name if "band" in options.by else None
    interval = INTERVALS[options.interval]
    told = {"chosen": chosen, "score_name": score_name}

    def rate(subgroup: str, group: str, estimate: Estimate, note: str) -> dict[str, Any]:
        return result_row(
            "compare", metric=f"pcr_rate{ending}", estimate=estimate, subgroup=subgroup, term=group, note=note, **told  # type: ignore[arg-type]
        )  # fmt: skip

    rows = [
        rate(subgroup, group, interval(int(k[i, j]), int(n[i, j])), _same_patients(strata, subgroup, group, options))
        for i, subgroup in enumerate(strata.subgroups)
        for j, group in enumerate(strata.groups)
    ]
    rows.append(rate(ALL, ALL, interval(int(k.sum()), int(n.sum())), "all groups together"))
    planned = len(pairs_of(strata.groups)) * len(strata.subgroups)
    pairs = compare_pairs(k, n, strata.subgroups, strata.groups, test=options.test, correction=options.correction, family=planned or None)
    return rows + [row for pair in pairs for row in _pair_rows(pair, strata, chosen, score_name, options, ending)], pairs


def _pair_rows(
    pair: PairRow, strata: Strata, chosen: Selection, score_name: str | None, options: CompareOptions, ending: str
) -> list[dict[str, Any]]:
    """Return a comparison and, where an expected count is below 5, Fisher's exact P in a row beside it."""
    n_pairs = len(pairs_of(strata.groups))
    over = f"{n_pairs} pairs x {len(strata.subgroups)} {options.by[0]}s" if len(options.by) == 2 else f"{n_pairs} pairs"
    difference = replace(pair.difference, p=pair.p, test=f"{pair.test}; Newcombe interval of the difference A - B", note="")
    common: dict[str, Any] = {"subgroup": pair.band, "term": pair.term, "score_name": score_name}
    rows = [
        result_row(
            "compare", chosen, f"pcr_comparison{ending}", difference, family=f"{pair.family} ({over})", p_adjusted=pair.p_adjusted,
            note=pair.note, **common,
        )
    ]  # fmt: skip
    if pair.small_expected and options.test == "pearson":
        exact = replace(difference, p=pair.fisher_p, test="Fisher's exact; Newcombe interval of the difference A - B")
        note = "an expected count is below 5; not adjusted"
        rows.append(result_row("compare", chosen, f"pcr_comparison_fisher{ending}", exact, family="not adjusted", note=note, **common))
    return rows


def _same_patients(strata: Strata, subgroup: str, group: str, options: CompareOptions) -> str:
    """Say where a band rate is judged on the patients that the bands were cut from."""
    if "band" not in options.by:
        return ""
    cell = strata.frame[(strata.frame["subgroup"] == subgroup) & (strata.frame["group"] == group)]
    own = int((cell["cohort_role"] == CONSTRUCTION).sum())
    return f"cut_on_same_patients: {own} of {len(cell)} set the cuts" if own else ""


def _without_construction(strata: Strata, chosen: Selection, options: CompareOptions) -> list[dict[str, Any]]:
    """Return the same table without construction patients, under names of its own."""
    ending = "_without_construction"
    others = strata.frame[strata.frame["cohort_role"] != CONSTRUCTION]
    n_lost = len(strata.frame) - len(others)
    if n_lost and len(others):
        rows, _ = _table(strata.of(others), chosen, options, ending)
    else:
        why = "no construction patient is among those compared: the table is without them" if len(others) else (
            "every patient compared is a construction patient"
        )  # fmt: skip
        none = Estimate(None, None, None, n=len(others), note=why)
        rows = [result_row("compare", chosen, f"pcr_rate{ending}", none, subgroup=ALL, term=ALL, score_name=options.score_name)]
    return [{**row, "cohort": f"{chosen.label} without construction"} for row in rows]


def _left_out_rows(left_out: dict[str, int], n: int, chosen: Selection, score_name: str | None) -> list[dict[str, Any]]:
    return [
        result_row("compare", chosen, "left_out", Estimate(float(lost), None, None, n=n), term=why, score_name=score_name)
        for why, lost in left_out.items()
    ]


def _rates_frame(strata: Strata, options: CompareOptions) -> pd.DataFrame:
    k, n = counts(strata)
    rows = []
    for i, subgroup in enumerate(strata.subgroups):
        for j, group in enumerate(strata.groups):
            found = INTERVALS[options.interval](int(k[i, j]), int(n[i, j]))
            told = {"k": int(k[i, j]), "n": int(n[i, j]), "value": found.value, "lo": found.lo, "hi": found.hi, "interval": found.test}
            rows.append({"band": subgroup, "regimen": group, **told})
    return pd.DataFrame(rows)


def _pairs_frame(pairs: Sequence[PairRow]) -> pd.DataFrame:
    names = ("band", "a", "b", "p", "p_adjusted", "fisher_p", "small_expected", "test", "family")
    return pd.DataFrame([{name: getattr(pair, name) for name in names} for pair in pairs], columns=list(names))
