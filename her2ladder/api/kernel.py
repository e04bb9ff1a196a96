"""sc-MTOP of cells at hand, without a store."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike

from her2ladder.analytics.features.lake_files import pair_rows
from her2ladder.analytics.spatial.pairs import K_NEAREST, RADIUS_UM, pair_profiles
from her2ladder.errors import InputError


def sc_mtop(
    x_um: ArrayLike,
    y_um: ArrayLike,
    cell_class: ArrayLike,
    *,
    classes: Sequence[str] | None = None,
    radius_um: float = RADIUS_UM,
    k: int = K_NEAREST,
) -> pa.Table:
    """Return the four sc-MTOP values of every cell in every pair of classes.

    x_um, y_um  (n,) centroids in micrometres
    cell_class  (n,) the class of each cell, as words
    classes     which classes make pairs, in their order (a pair is named First_Second); cells of other classes are in none.
                Left out: all that occur, sorted
    radius_um   longest edge, exclusive
    k           nearest cells of one class that a cell lists
    returns     Arrow table, a row a cell and pair, by pair and then by cell: cell_id int32 (place in the arrays), cell_class, pair,
                n_subgraph int32 (cells in the component), degrees int32, min_edge_um and mean_edge_um float64 (NULL: no neighbour)
    raises      InputError where lengths differ, a coordinate is not finite, or a class is named twice
    source      features.md; sc-MTOP (Zhao et al. 2023), WSIGraph.py
    """
    words = np.asarray(cell_class, dtype=object)
    names = sorted({str(word) for word in words}) if classes is None else [str(name) for name in classes]
    if len(set(names)) < len(names):
        raise InputError(f"classes: wanted each class once, got {', '.join(names)}")
    if not names:
        raise InputError("classes: wanted at least one class, got none")
    number = {name: at for at, name in enumerate(names)}
    known, place = np.unique(words.astype(str), return_inverse=True)
    codes = np.array([number.get(str(name), -1) for name in known], dtype=np.int32)
    found = pair_profiles(x_um, y_um, codes[place] if len(words) else np.empty(0, np.int32), len(names), radius_um, k)
    rows = pair_rows(found, "", "", names).drop_columns(["slide_id", "stain"])
    of_cell = pa.DictionaryArray.from_arrays(pa.array(place.astype(np.int32)), pa.array(known.tolist(), pa.string()))
    return rows.add_column(1, "cell_class", of_cell.take(rows["cell_id"].combine_chunks()))
