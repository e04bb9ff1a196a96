"""The stage behind `ladder expression interactions`: ligands and receptors of neighbouring cells, against shuffled positions.

Of each section: the mean over neighbours (sender and receiver closer than 30 um) of sqrt(ligand x receptor), over its mean when positions are shuffled within the
section and the type. That mean is known without shuffling: the product of the two types' mean roots. A patient's value is
log2((observed + 1/n) / (expected + 1/n)), n neighbours, the sections of a patient pooled by n (1/n is chosen: one neighbour pair of one transcript each). Between groups: Wilcoxon.
The shuffled P of each patient (seeded) says whether the pair meets more often than by chance in her sections; it is no test between groups.
source   paper, Fig. 7h-k; xenium.md, Ligand-receptor (chosen)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from her2ladder.analytics.cohort.selection import Selection
from her2ladder.analytics.expression.design import Asked, Compared, Design, as_arguments, common_panel, compare, dense, design, prepare
from her2ladder.analytics.expression.pairs import load_pairs
from her2ladder.analytics.results.rows import result_row, with_run
from her2ladder.analytics.statistics.estimate import Estimate
from her2ladder.errors import InputError
from her2ladder.queries.run import Run, run
from her2ladder.schema.store import Store
from her2ladder.schema.tables import ANALYSIS_RESULT

NAME = "expression interactions"
LEAST_NEIGHBOURS = 10
Floats = np.ndarray[Any, np.dtype[np.float64]]


def interactions(
    store: Store, chosen: Selection, asked: Asked, *, pairs: str, senders: Sequence[str], receivers: Sequence[str],
    radius_um: float = 30.0, permutations: int = 1000, seed: int = 1,
) -> Compared:  # fmt: skip
    """Write log2 observed over expected of each pair, sender and receiver by group.

    pairs    immune, liana, or a CSV with ligand, receptor
    raises   InputError in one line: nobody to compare, no pair on the panel, no such type
    """
    if not 0 < radius_um <= 1000:
        raise InputError(f"--within: wanted more than 0 and at most 1000 micrometres, found {radius_um:g}")
    table, sha256 = load_pairs(pairs)
    asked = prepare(store, asked)
    told = as_arguments(
        asked, chosen, pairs=sha256, senders=list(senders), receivers=list(receivers), radius_um=radius_um, permutations=permutations
    )
    with run(store, NAME, told, seed=seed) as this:
        who = design(this, chosen, asked, with_counts=True)
        panel = set(common_panel(this, who))
        tested = [(ligand, receptor) for ligand, receptor in table if {ligand, receptor} <= panel]
        if not tested:
            raise InputError(f"interactions: none of the {len(table)} pairs has both genes on every panel")
        directions = [(one, other) for one in senders for other in receivers if one != other]
        measured = _measured(this, who, tested, directions, radius_um, permutations, seed)
        wide = measured.pivot_table(index="patient_id", columns="feature", values="value", dropna=False).dropna(axis=1, how="all")
        if wide.empty:
            raise InputError(
                f"interactions: no patient has {LEAST_NEIGHBOURS} neighbours of {', '.join(f'{a} and {b}' for a, b in directions)}"
            )
        what = f"log2 observed over expected within {radius_um:g} um; {len(tested)} of {len(table)} pairs are on the panel"
        rows, values, tests = compare(NAME, who, wide, what)
        for one in measured.dropna(subset=["value"]).to_dict("records"):
            own = Estimate(
                one["value"],
                None,
                None,
                one["p"],
                1,
                int(one["n"]),
                f"positions shuffled within the type, {permutations}",
                "events: neighbours",
            )
            rows.append(
                result_row(NAME, who.chosen, "patient", own, subgroup=one["patient_id"], term=one["feature"], score_name=who.score_name)
            )
        this.append(ANALYSIS_RESULT, rows)
    return Compared(this.id, with_run(rows, this.id), who, values, tests, (what, *who.notes))


def observed_expected(
    sender: Floats, receiver: Floats, i: np.ndarray[Any, Any], j: np.ndarray[Any, Any], permutations: int, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """Return (pairs,) the mean over neighbours, its mean under shuffling (exact), and how often shuffling gives as much or more.

    sender, receiver  (cells, pairs) roots of ligand and receptor counts;  i, j  neighbours as rows of the two
    """
    from scipy.sparse import csr_array

    n = len(i)
    rows, at_row = np.unique(i, return_inverse=True)  # only cells that have a neighbour: the others change no sum
    columns, at_column = np.unique(j, return_inverse=True)
    meets = csr_array((np.ones(n), (at_row, at_column)), shape=(len(rows), len(columns)))
    observed = np.einsum("cp,cp->p", sender[rows], meets @ receiver[columns]) / n
    expected = sender.mean(axis=0) * receiver.mean(axis=0)
    as_much = np.zeros(len(observed))
    for _ in range(permutations):
        s, r = rng.permutation(len(sender))[: len(rows)], rng.permutation(len(receiver))[: len(columns)]
        as_much += np.einsum("cp,cp->p", sender[s], meets @ receiver[r]) / n >= observed - 1e-12
    return observed, expected, as_much


def log_ratio(observed: Any, expected: Any, n: Any) -> Any:
    """Return log2 of observed over expected, one neighbour pair of one transcript each added to both (chosen), n neighbours."""
    return np.log2((observed + 1 / n) / (expected + 1 / n))


def _measured(
    this: Run, who: Design, pairs: list[tuple[str, str]], directions: list[tuple[str, str]], radius_um: float, permutations: int, seed: int
) -> pd.DataFrame:
    """Return patient_id, feature, value, p, n: sections of a patient pooled, each weighted by its neighbours."""
    from scipy.spatial import cKDTree

    genes = sorted({gene for pair in pairs for gene in pair})
    ligand, receptor = ([genes.index(pair[side]) for pair in pairs] for side in (0, 1))
    parts, known = [], set()
    for number, (slide_id, patient_id) in enumerate(zip(who.slides["slide_id"], who.slides["patient_id"], strict=True)):
        cells = this.fetch("expression/placed", slide_id=slide_id)
        types = np.array(cells.column("type").to_pylist(), dtype=object)
        known |= set(types)
        places = np.column_stack([cells.column("x_um").to_numpy(), cells.column("y_um").to_numpy()])
        roots = {}
        for name in sorted({name for pair in directions for name in pair} & set(types)):
            rows = this.fetch("expression/type_counts", slide_id=slide_id, cell_type=name, genes=genes)
            ids = cells.column("cell_id").to_numpy()[types == name]
            counts = dense(rows.column("gene").to_pylist(), rows.column("cell_id").to_numpy(), rows.column("count").to_numpy(), genes, ids)
            roots[name] = (np.sqrt(counts), places[types == name])
        for at, (one, other) in enumerate(directions):
            if one not in roots or other not in roots:
                continue
            (sender, here), (receiver, there) = roots[one], roots[other]
            near = cKDTree(here).sparse_distance_matrix(cKDTree(there), radius_um, output_type="coo_matrix")
            kept = near.data < radius_um
            if int(kept.sum()) < LEAST_NEIGHBOURS:
                continue
            rng = np.random.default_rng([seed, number, at])
            found = observed_expected(sender[:, ligand], receiver[:, receptor], near.row[kept], near.col[kept], permutations, rng)
            feature = [f"{one} to {other}: {a} - {b}" for a, b in pairs]
            frame = {
                "patient_id": patient_id,
                "feature": feature,
                "n": int(kept.sum()),
                "observed": found[0],
                "expected": found[1],
                "as_much": found[2],
            }
            parts.append(pd.DataFrame(frame))
    unknown = sorted({name for pair in directions for name in pair} - known)
    if unknown:
        raise InputError(f"no cell of type {unknown[0]!r} in these sections; there is {', '.join(sorted(map(str, known)))}")
    if not parts:
        return pd.DataFrame(columns=["patient_id", "feature", "n", "value", "p"])
    every = pd.concat(parts, ignore_index=True)
    for name in ("observed", "expected", "as_much"):
        every[name] *= every["n"]
    pooled = every.groupby(["patient_id", "feature"], sort=True, as_index=False)[["n", "observed", "expected", "as_much"]].sum()
    observed, expected, as_much = (pooled[name] / pooled["n"] for name in ("observed", "expected", "as_much"))
    value = log_ratio(observed, expected, pooled["n"]).where(expected > 0)
    several = every.groupby(["patient_id", "feature"], sort=True).size().to_numpy() > 1
    p = ((as_much + 1) / (permutations + 1)).where(~several)  # sections are shuffled apart: their counts make no common P
    return pooled[["patient_id", "feature", "n"]].assign(value=value, p=p)
