"""The stage behind `ladder expression de`: genes that differ between two groups within a cell type, by pseudobulk and PyDESeq2.

Counts are summed per patient and type (at least 20 cells, else the patient is left out and that is said), then design ~ group, Wald test,
Benjamini-Hochberg within the cell type without independent filtering (chosen: a panel has few genes, all chosen to be seen).
source   xenium.md, Rules; PyDESeq2
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import pandas as pd

from her2ladder.analytics.cohort.selection import Selection
from her2ladder.analytics.expression.design import Asked, Design, as_arguments, common_panel, design, prepare
from her2ladder.analytics.results.rows import result_row, with_run
from her2ladder.analytics.statistics.estimate import Estimate
from her2ladder.errors import InputError
from her2ladder.queries.run import Run, run
from her2ladder.schema.store import Store
from her2ladder.schema.tables import ANALYSIS_RESULT

NAME = "expression de"
LEAST_CELLS = 20
_Z95 = 1.959963984540054


@dataclass(frozen=True)
class Genes:
    """What differential expression found.

    table   type, gene, log2_fold_change, se, stat, p, p_adjusted, base_mean, n_a, n_b; positive = higher in the first group
    """

    run: str
    rows: list[dict[str, Any]]
    design: Design
    table: pd.DataFrame
    notes: tuple[str, ...]


def differential(store: Store, chosen: Selection, asked: Asked, *, types: tuple[str, ...] = (), min_cells: int = LEAST_CELLS) -> Genes:
    """Write log2 fold changes of every gene within each cell type (those named, else all).

    raises   InputError in one line: nobody to compare, no such type, no type with two patients in each group
    """
    asked = prepare(store, asked)
    with run(store, NAME, as_arguments(asked, chosen, types=list(types), min_cells=min_cells)) as this:
        who = design(this, chosen, asked, with_counts=True)
        table, notes = fold_changes(this, who, types, min_cells)
        rows = [_row(who, one) for one in table.to_dict("records")]
        this.append(ANALYSIS_RESULT, rows)
    return Genes(this.id, with_run(rows, this.id), who, table, (*who.notes, *notes))


def fold_changes(this: Run, who: Design, types: tuple[str, ...], min_cells: int) -> tuple[pd.DataFrame, list[str]]:
    """Return the table of `Genes`, and what was left out.

    raises   InputError: no such type, no type with two patients in each group
    """
    panel = common_panel(this, who)
    parts = [
        this.fetch("expression/pseudobulk", slide_id=slide_id).to_pandas().assign(patient_id=patient_id)
        for slide_id, patient_id in zip(who.slides["slide_id"], who.slides["patient_id"], strict=True)
    ]
    sums = pd.concat(parts, ignore_index=True)
    sums = sums[sums["gene"].isin(panel)].assign(type=lambda one: one["type"].astype(str))
    cells = this.fetch("expression/composition").to_pandas()
    known = sorted(set(sums["type"].astype(str)))
    unknown = sorted(set(types) - set(known))
    if unknown:
        raise InputError(f"--type: no cells of type {unknown[0]!r} with counts; there is {', '.join(known) or 'none'}")
    tested, notes = [], []
    for name in types or known:
        enough = set(cells.loc[(cells["type"] == name) & (cells["n_counted"] >= min_cells), "patient_id"])
        enough &= set(sums.loc[(sums["type"] == name) & (sums["count"] > 0), "patient_id"])
        people = who.people[who.people["patient_id"].isin(enough)]
        n_a, n_b = int((people["group"] == who.a).sum()), int((people["group"] == who.b).sum())
        few = len(who.people) - len(people)
        if few:
            notes.append(
                f"{name}: {few} of {len(who.people)} patients are left out because they have fewer than {min_cells} of its cells, or no counts in them"
            )
        if min(n_a, n_b) < 2:
            notes.append(f"{name}: not tested, because {n_a} patients of {who.a} and {n_b} of {who.b} have enough of its cells")
            continue
        counts = _wide(sums[sums["type"] == name], list(people["patient_id"]))
        found = deseq(counts, list(people["group"]), who.a, who.b)
        tested.append(found.assign(type=name, n_a=n_a, n_b=n_b))
    if not tested:
        raise InputError("no cell type has two patients in each group with enough cells: " + "; ".join(notes[:3]))
    return pd.concat(tested, ignore_index=True), notes


def deseq(counts: pd.DataFrame, groups: list[str], a: str, b: str) -> pd.DataFrame:
    """Return gene, log2_fold_change (a over b), se, stat, p, p_adjusted, base_mean by PyDESeq2; genes never seen are left out.

    counts   (patients x genes) whole numbers
    """
    from pydeseq2.dds import DeseqDataSet
    from pydeseq2.ds import DeseqStats

    seen = counts.loc[:, counts.sum() > 0]
    metadata = pd.DataFrame({"group": ["a" if group == a else "b" for group in groups]}, index=seen.index)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # trends that fall back to the mean, and other packages' deprecations
        dds = DeseqDataSet(counts=seen, metadata=metadata, design="~group", quiet=True, n_cpus=1)
        dds.deseq2()
        stats = DeseqStats(dds, contrast=["group", "a", "b"], independent_filter=False, quiet=True, n_cpus=1)
        stats.summary()
    found = stats.results_df
    return pd.DataFrame(
        {
            "gene": list(found.index),
            "log2_fold_change": found["log2FoldChange"].to_numpy(float),
            "se": found["lfcSE"].to_numpy(float),
            "stat": found["stat"].to_numpy(float),
            "p": found["pvalue"].to_numpy(float),
            "p_adjusted": found["padj"].to_numpy(float),
            "base_mean": found["baseMean"].to_numpy(float),
        }
    )


def _wide(sums: pd.DataFrame, people: list[str]) -> pd.DataFrame:
    wide = sums.assign(gene=sums["gene"].astype(str)).pivot_table(
        index="patient_id", columns="gene", values="count", fill_value=0, aggfunc="sum"
    )
    return wide.reindex(people, fill_value=0).astype(int)


def _row(who: Design, one: dict[str, Any]) -> dict[str, Any]:
    value, se = one["log2_fold_change"], one["se"]
    note = "" if one["p"] == one["p"] else "PyDESeq2 gives no P: an outlier by Cook's distance"
    estimate = Estimate(
        value, value - _Z95 * se, value + _Z95 * se, one["p"], one["n_a"] + one["n_b"], None, "PyDESeq2, Wald",
        "; ".join(part for part in (f"log2 fold change, {who.a} over {who.b}", f"n {one['n_a']} vs {one['n_b']}", note) if part),
    )  # fmt: skip
    return result_row(
        NAME, who.chosen, f"log2_fold_change {one['type']}", estimate, subgroup=who.subgroup, term=one["gene"],
        p_adjusted=one["p_adjusted"], family=f"Benjamini-Hochberg within {one['type']}", score_name=who.score_name,
    )  # fmt: skip
