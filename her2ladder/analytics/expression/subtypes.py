"""The stage behind `ladder expression subtypes`: the intrinsic subtype of single tumour cells, and the share of each per patient.

Nearest centroid by Spearman over the genes at hand (at least ten), counts as log1p of the cell's share times 100, each gene centred on its median over all
tumour cells (`cohort`), over those of the slide, or not; below r = 0.1 a cell is Unassigned (all chosen: xenium.md).
For research: the clinical assay is another product, and a cohort of one subtype misleads the centring.
source   paper, Fig. 6h; Parker et al., J Clin Oncol 2009 (centroids.csv)
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from her2ladder.analytics.cohort.selection import Selection
from her2ladder.analytics.expression.design import Asked, Compared, Design, as_arguments, common_panel, compare, dense, design, prepare
from her2ladder.analytics.expression.stacked_figure import Placed
from her2ladder.analytics.results.rows import with_run
from her2ladder.errors import InputError
from her2ladder.queries.run import Run, run
from her2ladder.schema.store import Store
from her2ladder.schema.tables import ANALYSIS_RESULT

NAME = "expression subtypes"
LEAST_GENES = 10
LEAST_R = 0.1
UNASSIGNED = "Unassigned"
Numbers = dict[str, tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]
CENTRES = ("cohort", "slide", "none")


@dataclass(frozen=True)
class Subtyped(Compared):
    """Shares of subtypes, and sections to draw: of each group those nearest its median share of the subtype that differs most."""

    drawn: tuple[Placed, ...] = ()


def subtypes(
    store: Store, chosen: Selection, asked: Asked, *, cell_type: str = "Tumour", centroids: Path | None = None, centre: str = "cohort"
) -> Subtyped:
    """Write the shares of subtypes among the cells of a type, by group.

    raises   InputError in one line: nobody to compare, no such type, fewer than ten of the centroids' genes on the panel
    """
    if centre not in CENTRES:
        raise InputError(f"--centre: wanted {', '.join(CENTRES)}, found {centre!r}")
    table, sha256 = load_centroids(centroids)
    asked = prepare(store, asked)
    with run(store, NAME, as_arguments(asked, chosen, cell_type=cell_type, centre=centre, centroids=sha256)) as this:
        who = design(this, chosen, asked, with_counts=True)
        panel = set(common_panel(this, who))
        genes = [gene for gene in table.index if gene in panel]
        if len(genes) < LEAST_GENES:
            raise InputError(
                f"subtypes: wanted at least {LEAST_GENES} of the {len(table)} genes on every panel, found {len(genes)}: {', '.join(genes)}"
            )
        counts, numbers = _counts(this, who, cell_type, genes, table.loc[genes], centre)
        wide = counts.pivot_table(index="patient_id", columns="subtype", values="n", aggfunc="sum", fill_value=0)
        wide = wide.reindex(columns=[*table.columns, UNASSIGNED], fill_value=0).astype(float)
        wide = wide.div(wide.sum(axis=1), axis=0)
        what = f"share of {cell_type} cells; {len(genes)} of {len(table)} genes, centred by {centre}"
        rows, values, tests = compare(NAME, who, wide, what)
        this.append(ANALYSIS_RESULT, rows)
        drawn = _drawn(this, who, values, tests, numbers, (*table.columns, UNASSIGNED))
    return Subtyped(this.id, with_run(rows, this.id), who, values, tests, (what, *who.notes), drawn)


def load_centroids(path: Path | None) -> tuple[pd.DataFrame, str]:
    """Return (genes x subtypes), and the hash of the file.

    raises   InputError where it is no table gene, SUBTYPE, …
    """
    content = files("her2ladder.analytics.expression").joinpath("pam50.csv").read_bytes() if path is None else _bytes(path)
    import io

    try:
        table = pd.read_csv(io.BytesIO(content)).drop(columns="published_symbol", errors="ignore").set_index("gene").astype(float)
    except (ValueError, KeyError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: wanted a CSV gene,SUBTYPE,… with numbers, found: {str(error).splitlines()[0][:200]}") from error
    if table.index.duplicated().any() or table.shape[1] < 2 or table.isna().any(axis=None):
        raise InputError(f"{path}: wanted each gene once, and a number for each of two or more subtypes")
    return table, hashlib.sha256(content).hexdigest()


def _bytes(path: Path) -> bytes:
    if not path.is_file() or path.stat().st_size > 10_000_000:
        raise InputError(f"{path}: wanted a CSV of centroids, found none")
    return path.read_bytes()


def nearest(values: np.ndarray[Any, Any], centroids: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return (cells,) the centroid with the highest Spearman correlation, -1 below r 0.1 or where a cell's genes do not differ.

    values     (cells, genes);  centroids (genes, subtypes)
    """
    from scipy.stats import rankdata

    def scaled(ranks: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        centred = ranks - ranks.mean(axis=1, keepdims=True)
        norm = np.sqrt((centred**2).sum(axis=1, keepdims=True))
        return np.asarray(np.divide(centred, norm, out=np.zeros_like(centred), where=norm > 0))

    r = scaled(rankdata(values, axis=1)) @ scaled(rankdata(centroids.T, axis=1)).T
    best = r.argmax(axis=1)
    return np.where(r[np.arange(len(r)), best] >= LEAST_R, best, -1)


def _counts(this: Run, who: Design, cell_type: str, genes: list[str], table: pd.DataFrame, centre: str) -> tuple[pd.DataFrame, Numbers]:
    """Return patient_id, subtype, n; and by slide the cells of the type with the number of their subtype (the last is Unassigned)."""
    held: list[tuple[str, np.ndarray[Any, Any]]] = []
    cells_of: list[tuple[str, np.ndarray[Any, Any]]] = []
    for slide_id, patient_id in zip(who.slides["slide_id"], who.slides["patient_id"], strict=True):
        cells = this.fetch("expression/cells_of_type", slide_id=slide_id, cell_type=cell_type)
        rows = this.fetch("expression/type_counts", slide_id=slide_id, cell_type=cell_type, genes=genes)
        ids, total = cells.column("cell_id").to_numpy(), cells.column("n_counts").to_numpy()
        value = dense(rows.column("gene").to_pylist(), rows.column("cell_id").to_numpy(), rows.column("count").to_numpy(), genes, ids)
        value = np.log1p(100.0 * value / np.maximum(total, 1)[:, None]).astype(np.float32)
        cells_of.append((slide_id, ids))
        held.append((patient_id, value - np.median(value, axis=0) if centre == "slide" and len(value) else value))
    every = np.concatenate([value for _, value in held])
    if not len(every):
        raise InputError(f"--type: no cell of type {cell_type!r} in these sections")
    middle = np.median(every, axis=0) if centre == "cohort" else np.zeros(len(genes), np.float32)
    names = [*table.columns, UNASSIGNED]
    parts = []
    numbers: Numbers = {}
    for (patient_id, value), (slide_id, ids) in zip(held, cells_of, strict=True):
        number = nearest(value - middle, table.to_numpy(float))
        number = np.where(number < 0, len(names) - 1, number)
        numbers[slide_id] = ids, number.astype(np.int8)
        parts.append(
            pd.DataFrame(
                {
                    "patient_id": patient_id,
                    "subtype": names,
                    "n": np.bincount(number, minlength=len(names)),
                }
            )
        )
    return pd.concat(parts, ignore_index=True), numbers


def _drawn(
    this: Run, who: Design, values: pd.DataFrame, tests: pd.DataFrame, numbers: Numbers, names: tuple[str, ...]
) -> tuple[Placed, ...]:
    """Two sections a group: of the patients nearest the group's median share of the subtype with the smallest P."""
    told = tests.dropna(subset=["p"])
    if told.empty:
        return ()
    most = told.sort_values(["p", "feature"], kind="stable")["feature"].iloc[0]
    mine = values[values["feature"] == most].dropna(subset=["value"])
    found = []
    for group in (who.b, who.a):
        own = mine[mine["group"] == group]
        near = own.assign(far=(own["value"] - own["value"].median()).abs()).sort_values(["far", "patient_id"], kind="stable")
        for patient in list(near["patient_id"])[:2]:
            slide_id = who.slides.loc[who.slides["patient_id"] == patient, "slide_id"].iloc[0]
            cells = this.fetch("expression/placed", slide_id=slide_id)
            number = np.full(cells.num_rows, -1)
            ids, own_number = numbers[slide_id]
            number[np.searchsorted(cells.column("cell_id").to_numpy(), ids)] = own_number
            share = float(own.loc[own["patient_id"] == patient, "value"].iloc[0])
            x, y = (cells.column(name).to_numpy() for name in ("x_um", "y_um"))
            found.append(Placed(f"{group}: {slide_id}, {most} {share:.0%}", x, y, number, names))
    return tuple(found)
