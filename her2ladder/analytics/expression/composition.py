"""The stage behind `ladder expression composition`: which share each cell type has, in whole sections or near cells of a type.

The patient is the unit: sections of one patient are counted together. Denominator: all cells that pass quality control, `Unassigned` among them.
Near a type: closer than the radius to a cell of it, the cells of that type itself left out (chosen).
source   paper, Fig. 7f; xenium.md
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from her2ladder.analytics.cohort.selection import Selection
from her2ladder.analytics.expression.design import Asked, Compared, Design, as_arguments, compare, design, prepare
from her2ladder.analytics.results.rows import with_run
from her2ladder.errors import InputError
from her2ladder.queries.run import Run, run
from her2ladder.schema.store import Store
from her2ladder.schema.tables import ANALYSIS_RESULT

NAME = "expression composition"


def composition(store: Store, chosen: Selection, asked: Asked, *, near: str | None = None, radius_um: float = 30.0) -> Compared:
    """Write the shares of cell types by group: medians and Wilcoxon's rank-sum.

    near     only cells closer than radius_um to a cell of this type
    raises   InputError in one line: nobody to compare, no such type, a radius that cannot be
    """
    if not 0 < radius_um <= 1000:
        raise InputError(f"--within: wanted more than 0 and at most 1000 micrometres, found {radius_um:g}")
    asked = prepare(store, asked)
    place = {"near": near, "radius_um": radius_um} if near else {}
    with run(store, NAME, as_arguments(asked, chosen, **place)) as this:
        who = design(this, chosen, asked)
        counts = this.fetch("expression/composition").to_pandas() if near is None else _near(this, who, near, radius_um)
        what = "share of all typed cells" if near is None else f"share of the cells within {radius_um:g} um of {near}"
        wide = shares(counts)
        rows, values, tests = compare(NAME, who, wide, what)
        this.append(ANALYSIS_RESULT, rows)
    return Compared(this.id, with_run(rows, this.id), who, values, tests, (what,))


def shares(counts: pd.DataFrame) -> pd.DataFrame:
    """Return (patients x types) shares; a type that a patient lacks has the share 0.

    counts   patient_id, type, n
    """
    wide = counts.pivot_table(index="patient_id", columns="type", values="n", aggfunc="sum", fill_value=0).astype(float)
    return wide.div(wide.sum(axis=1), axis=0)


def near_cells(x: np.ndarray, y: np.ndarray, is_near_type: np.ndarray, radius_um: float) -> np.ndarray:  # type: ignore[type-arg]
    """Return (n,) which cells lie closer than the radius to a cell of the type, cells of the type itself left out."""
    from scipy.spatial import cKDTree

    found = np.zeros(len(x), dtype=bool)
    if not is_near_type.any() or is_near_type.all():
        return found
    places = np.column_stack([x, y])
    others = np.flatnonzero(~is_near_type)
    distance, _ = cKDTree(places[is_near_type]).query(places[others], distance_upper_bound=radius_um)
    found[others] = distance < radius_um
    return found


def _near(this: Run, who: Design, near: str, radius_um: float) -> pd.DataFrame:
    parts, known = [], set()
    for slide_id, patient_id in zip(who.slides["slide_id"], who.slides["patient_id"], strict=True):
        cells: pa.Table = this.fetch("expression/placed", slide_id=slide_id)
        types = np.array(cells.column("type").to_pylist(), dtype=object)
        known |= set(types)
        is_near = near_cells(cells.column("x_um").to_numpy(), cells.column("y_um").to_numpy(), types == near, radius_um)
        names, counts = np.unique(types[is_near].astype(str), return_counts=True)
        parts.append(pd.DataFrame({"patient_id": patient_id, "type": names, "n": counts}))
    if near not in known:
        raise InputError(f"--of: no cell of type {near!r} in these sections; there is {', '.join(sorted(map(str, known)))}")
    found = pd.concat(parts, ignore_index=True)
    if found.empty:
        raise InputError(f"no cell lies within {radius_um:g} um of a cell of type {near}")
    return found
