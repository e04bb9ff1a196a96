"""The stage behind `ladder expression pathways`: pathways of the genes that differ, against the panel as background.

A panel of a few hundred genes is chosen by design: against the genome everything immune would be enriched. Two ways: gene set enrichment of all genes ranked by
their Wald statistic (gseapy, seeded), and over-representation among the genes that differ (P adjusted < .05, up and down apart; hypergeometric).
source   paper, Fig. 6g, 7g; xenium.md; Reactome of October 2021 (CC0) where no other sets are given
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from her2ladder.analytics.cohort.selection import Selection
from her2ladder.analytics.expression.de import LEAST_CELLS, fold_changes
from her2ladder.analytics.expression.design import Asked, Design, as_arguments, design, prepare
from her2ladder.analytics.results.rows import result_row, with_run
from her2ladder.analytics.statistics.adjust import adjust
from her2ladder.analytics.statistics.estimate import Estimate
from her2ladder.errors import InputError
from her2ladder.queries.run import run
from her2ladder.schema.store import Store
from her2ladder.schema.tables import ANALYSIS_RESULT

NAME = "expression pathways"
LEAST_GENES, MOST_GENES = 5, 500  # of a set that are on the panel (chosen)
MAX_GMT_BYTES = 100_000_000


@dataclass(frozen=True)
class Pathways:
    """What was enriched.

    table   type, pathway, method, value, p, p_adjusted, n_panel, n_hits
    """

    run: str
    rows: list[dict[str, Any]]
    design: Design
    table: pd.DataFrame
    notes: tuple[str, ...]


def pathways(
    store: Store,
    chosen: Selection,
    asked: Asked,
    *,
    types: tuple[str, ...] = (),
    gene_sets: Path | None = None,
    seed: int = 1,
    permutations: int = 1000,
) -> Pathways:
    """Write the enrichment of pathways within each cell type (those named, else all).

    raises   InputError in one line: nobody to compare, no gene set with five genes on the panel
    """
    sets, sha256 = load_gmt(gene_sets)
    asked = prepare(store, asked)
    told = as_arguments(asked, chosen, types=list(types), gene_sets=sha256, permutations=permutations)
    with run(store, NAME, told, seed=seed) as this:
        who = design(this, chosen, asked, with_counts=True)
        found, notes = fold_changes(this, who, types, LEAST_CELLS)
        parts = []
        for name, genes in found.groupby("type", sort=False):
            inside = on_panel(sets, set(genes["gene"]))
            if not inside:
                raise InputError(f"pathways: no gene set has {LEAST_GENES} to {MOST_GENES} genes among the {len(genes)} of the panel")
            both = prerank(genes, inside, seed, permutations), over_represented(genes, inside)
            parts += [one.assign(type=name, n_background=len(genes)) for one in both]
        table = pd.concat(parts, ignore_index=True)
        rows = [_row(who, one) for one in table.to_dict("records")]
        this.append(ANALYSIS_RESULT, rows)
    return Pathways(this.id, with_run(rows, this.id), who, table, (*who.notes, *notes))


def load_gmt(path: Path | None) -> tuple[dict[str, list[str]], str]:
    """Return gene sets by name, and the hash of the file (.gmt or .gmt.gz); Reactome where no file is given.

    raises   InputError where it is no such file
    """
    if path is None:
        content = files("her2ladder.analytics.expression").joinpath("reactome.gmt.gz").read_bytes()
    elif path.is_file() and path.stat().st_size <= MAX_GMT_BYTES:
        content = path.read_bytes()
    else:
        raise InputError(f"--gene-sets: {path}: wanted a GMT file (name, note, genes; tabs), found none")
    try:
        text = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
        lines = [line.split("\t") for line in text.decode().splitlines() if line.strip()]
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InputError(f"--gene-sets: {path}: wanted a GMT file, found: {error}") from error
    if not lines or any(len(line) < 3 for line in lines):
        raise InputError(f"--gene-sets: {path}: wanted a name, a note and genes in each line, separated by tabs")
    return {line[0]: sorted({gene for gene in line[2:] if gene}) for line in lines}, hashlib.sha256(content).hexdigest()


def on_panel(sets: dict[str, list[str]], panel: set[str]) -> dict[str, list[str]]:
    """Return the sets with their genes that are on the panel, where those are enough and not too many."""
    inside = {name: [gene for gene in genes if gene in panel] for name, genes in sets.items()}
    return {name: genes for name, genes in inside.items() if LEAST_GENES <= len(genes) <= min(MOST_GENES, len(panel) - 1)}


def prerank(genes: pd.DataFrame, sets: dict[str, list[str]], seed: int, permutations: int) -> pd.DataFrame:
    """Return pathway, value (normalised enrichment score), p, p_adjusted (FDR) by gseapy, genes ranked by their Wald statistic."""
    import gseapy

    ranked = (
        genes.dropna(subset=["stat"]).sort_values(["stat", "gene"], ascending=[False, True])[["gene", "stat"]].set_index("gene")["stat"]
    )
    result = gseapy.prerank(
        rnk=ranked, gene_sets=sets, min_size=LEAST_GENES, max_size=MOST_GENES, permutation_num=permutations, seed=seed, threads=1, outdir=None, no_plot=True,
    ).res2d  # fmt: skip
    return pd.DataFrame(
        {
            "pathway": result["Term"].astype(str),
            "method": "gsea",
            "value": result["NES"].astype(float),
            "p": result["NOM p-val"].astype(float),
            "p_adjusted": result["FDR q-val"].astype(float),
            "n_panel": [len(sets[str(name)]) for name in result["Term"]],
            "n_hits": [len(str(lead).split(";")) for lead in result["Lead_genes"]],
        }
    )


def over_represented(genes: pd.DataFrame, sets: dict[str, list[str]], cut: float = 0.05) -> pd.DataFrame:
    """Return pathway, value (log2 odds of observed over expected), p, p_adjusted among genes up and down, hypergeometric on the panel."""
    from scipy.stats import hypergeom

    n = len(genes)
    parts = []
    for method, hits in (
        ("over_represented_up", set(genes.loc[(genes["p_adjusted"] < cut) & (genes["log2_fold_change"] > 0), "gene"])),
        ("over_represented_down", set(genes.loc[(genes["p_adjusted"] < cut) & (genes["log2_fold_change"] < 0), "gene"])),
    ):
        if not hits:
            continue
        k = np.array([len(hits & set(inside)) for inside in sets.values()])
        size = np.array([len(inside) for inside in sets.values()])
        p = hypergeom.sf(k - 1, n, size, len(hits))
        value = np.full(len(k), np.nan)
        value[k > 0] = np.log2(k[k > 0] * n / (size[k > 0] * len(hits)))
        parts.append(
            pd.DataFrame(
                {
                    "pathway": list(sets),
                    "method": method,
                    "value": value,
                    "p": p,
                    "p_adjusted": adjust(list(p), "fdr"),
                    "n_panel": size,
                    "n_hits": k,
                }
            )
        )
    return (
        pd.concat(parts, ignore_index=True)
        if parts
        else pd.DataFrame(columns=["pathway", "method", "value", "p", "p_adjusted", "n_panel", "n_hits"])
    )


def _row(who: Design, one: dict[str, Any]) -> dict[str, Any]:
    is_gsea = one["method"] == "gsea"
    test = "gseapy prerank, permutation of genes" if is_gsea else "hypergeometric"
    value = "normalised enrichment score" if is_gsea else "log2 of observed over expected"
    note = f"value: {value}, {who.a} over {who.b}; {one['n_panel']} genes of the set on the panel, {one['n_hits']} of them hits"
    return result_row(
        NAME, who.chosen, f"{one['method']} {one['type']}", Estimate(one["value"], None, None, one["p"], len(who.people), None, test, note),
        subgroup=who.subgroup, term=one["pathway"], p_adjusted=one["p_adjusted"],
        family=f"{'FDR of gseapy' if is_gsea else 'Benjamini-Hochberg'} within {one['type']}; background: {one['n_background']} genes of the panel",
        score_name=who.score_name,
    )  # fmt: skip
