"""Who is compared with whom: patients with typed in-situ sections, in two groups; and one value a patient, tested between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from her2ladder.analytics.cohort.bands import freeze_bands
from her2ladder.analytics.cohort.groups import labels_of, levels_of
from her2ladder.analytics.cohort.selection import Selection, patients
from her2ladder.analytics.results.rows import result_row
from her2ladder.analytics.statistics.contrast import contrast_table
from her2ladder.analytics.statistics.estimate import Estimate
from her2ladder.errors import InputError
from her2ladder.queries.run import Run
from her2ladder.schema.store import Store

UNTYPED = "no in-situ section with typed cells: bring one by `ladder ingest xenium`, then run `ladder type`"


@dataclass(frozen=True)
class Asked:
    """The question: which column makes the groups, which two of them, of which score the bands are."""

    between: str = "band"
    pair: str | None = None
    score_name: str | None = None


@dataclass(frozen=True)
class Design:
    """Patients in two groups, sorted by patient_id; `a` is compared with `b`.

    people   patients, with a column `group`
    slides   slide_id, patient_id of their sections
    """

    a: str
    b: str
    people: pd.DataFrame
    slides: pd.DataFrame
    chosen: Selection
    score_name: str | None
    n_left_out: int
    notes: tuple[str, ...] = ()

    @property
    def subgroup(self) -> str:
        return f"{self.a} vs {self.b}"

    def of(self, group: str) -> list[str]:
        return list(self.people.loc[self.people["group"] == group, "patient_id"])


@dataclass(frozen=True)
class Compared:
    """What a comparison found.

    values   patient_id, feature, group, value
    tests    feature, a, b, p, p_adjusted, effect
    """

    run: str
    rows: list[dict[str, Any]]
    design: Design
    values: pd.DataFrame
    tests: pd.DataFrame
    notes: tuple[str, ...] = ()


def prepare(store: Store, asked: Asked) -> Asked:
    """Return the question with the score named whose bands are meant, and its bands frozen.

    raises   InputError where no score, or several, could be meant
    """
    if asked.between != "band":
        return Asked(asked.between, asked.pair, None)
    name = asked.score_name
    if name is None:
        with store.reading() as con:
            held = [s for (s,) in con.sql("SELECT DISTINCT score_name FROM score_current ORDER BY 1").fetchall()]
        names = [one for one in held if not one.endswith("-clinical")]
        if len(names) != 1:
            raise InputError(f"--between band: wanted --score NAME (there is {', '.join(names) or 'none'}), or --between COVARIATE")
        name = names[0]
    freeze_bands(store, name)
    return Asked("band", asked.pair, name)


def design(this: Run, chosen: Selection, asked: Asked, *, with_counts: bool = False) -> Design:
    """Return the patients that are compared.

    with_counts  only by their sections that have counts of genes: a section without is no section where all counts are 0
    raises       InputError: no typed section, no clinical table for its patients, or a group with fewer than two patients
    """
    slides = this.fetch("expression/sections").to_pandas()
    if slides.empty:
        raise InputError(UNTYPED)
    notes = []
    if with_counts:
        bare = list(slides.loc[~slides["has_counts"], "slide_id"])
        slides = slides[slides["has_counts"]]
        if bare:
            notes.append(f"{len(bare)} typed sections are left out because they have no counts of genes: {', '.join(bare[:5])}")
        if slides.empty:
            raise InputError("no typed section has counts of genes: ingest the bundles with their cell_feature_matrix")
    people = patients(this, chosen, asked.score_name)
    people = people[people["patient_id"].isin(slides["patient_id"])].sort_values("patient_id").reset_index(drop=True)
    if people.empty:
        raise InputError("no patient with an in-situ section is in a clinical table (ladder ingest clinical) of the cohorts asked for")
    labels = labels_of(people, asked.between, "--between")
    a, b = _pair(labels, asked)
    people = people.assign(group=labels)
    inside = people[people["group"].isin([a, b])].reset_index(drop=True)
    for group in (a, b):
        n = int((inside["group"] == group).sum())
        if n < 2:
            raise InputError(f"--between {asked.between}: wanted at least two patients with sections in each group, found {n} in {group}")
    kept = slides[slides["patient_id"].isin(inside["patient_id"])].reset_index(drop=True)
    return Design(a, b, inside, kept, chosen, asked.score_name, len(people) - len(inside), tuple(notes))


def common_panel(this: Run, who: Design) -> list[str]:
    """Return the genes that are on the panel of every section that is compared, in order.

    raises   InputError where there is none
    """
    genes: list[str] = this.fetch("expression/panels", slides=list(who.slides["slide_id"])).column("gene").to_pylist()
    if not genes:
        raise InputError(f"the panels of the {len(who.slides)} sections have no gene in common")
    return genes


def _pair(labels: Sequence[str | None], asked: Asked) -> tuple[str, str]:
    levels = levels_of(labels, asked.between, "--between")
    present = [level for level in levels if level in labels]
    if asked.pair is not None:
        named = tuple(part.strip() for part in asked.pair.split(","))
        if len(named) != 2 or named[0] == named[1] or not set(named) <= set(levels):
            raise InputError(f"--pair: wanted two of {', '.join(levels)} as A,B, found {asked.pair!r}")
        return named[0], named[1]
    if asked.between == "band":
        return "High", "Low"
    if len(present) != 2:
        raise InputError(f"--between {asked.between}: wanted two groups, found {', '.join(present) or 'none'}; name two by --pair A,B")
    return present[0], present[1]


def compare(analysis: str, who: Design, wide: pd.DataFrame, what: str) -> tuple[list[dict[str, Any]], pd.DataFrame, pd.DataFrame]:
    """Return rows, values and tests of one value a patient: Wilcoxon's rank-sum, BH over the features of the table.

    wide   one row a patient (index patient_id), one column a feature; NaN = the patient has no value
    what   what a value is, for the rows
    """
    wide = wide.reindex(who.people["patient_id"])
    group = who.people["group"].to_numpy()
    found = contrast_table(wide.to_numpy(float), group == who.a, group == who.b, list(wide.columns))
    rows, tests = [], []
    family = f"Benjamini-Hochberg, {len(found)} features"
    for one in found:
        note = "; ".join(part for part in (f"n {one.n_a} vs {one.n_b}", what, one.note) if part)
        estimate = Estimate(one.rank_biserial, None, None, one.p, one.n_a + one.n_b, None, f"{one.test}; value: rank-biserial", note)
        rows.append(
            result_row(
                analysis, who.chosen, "rank_sum", estimate, subgroup=who.subgroup, term=one.feature,
                p_adjusted=one.p_fdr, family=family, score_name=who.score_name,
            )
        )  # fmt: skip
        for name, median, n in ((who.a, one.median_a, one.n_a), (who.b, one.median_b, one.n_b)):
            middle = Estimate(median, None, None, n=n, test=what)
            rows.append(result_row(analysis, who.chosen, "median", middle, subgroup=name, term=one.feature, score_name=who.score_name))
        tests.append((one.feature, who.a, who.b, one.p, one.p_fdr, one.rank_biserial))
    values = wide.rename_axis("patient_id").reset_index().melt("patient_id", var_name="feature", value_name="value")
    values = values.merge(who.people[["patient_id", "group"]], on="patient_id")
    return rows, values, pd.DataFrame(tests, columns=["feature", "a", "b", "p", "p_adjusted", "effect"])


def as_arguments(asked: Asked, chosen: Selection, **more: object) -> dict[str, object]:
    """Return the arguments of a run: of equal ones the newest holds."""
    pair = {"pair": asked.pair} if asked.pair else {}
    return {"between": asked.between, "score_name": asked.score_name, "cohort": chosen.label, "setting": chosen.setting, **pair, **more}


def dense(gene: Any, cell: Any, count: Any, genes: Sequence[str], cells: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return (cells, genes) counts from rows; `cells` ascending."""
    out = np.zeros((len(cells), len(genes)))
    place = {name: at for at, name in enumerate(genes)}
    columns = np.array([place[name] for name in gene], dtype=np.int64)
    out[np.searchsorted(cells, cell), columns] = count
    return out
