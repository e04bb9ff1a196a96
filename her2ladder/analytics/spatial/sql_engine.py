"""sc-MTOP values by plain SQL: the readable definition, and the second answer that the kernel is held against.

The text of the queries comes from the caller (queries/features/*.sql by name), so that nothing here knows a store. SQL finds neighbours,
edges, degrees, lengths and slide values; connected components are scipy's. Values and layout are those of pairs.py and aggregate.py, to the
last bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from her2ladder.analytics.spatial.aggregate import FAMILIES, LENGTHS, ProportionSpec, SlideValue, length_bits, proportion_values
from her2ladder.analytics.spatial.pairs import PairProfiles, checked_cells, class_pairs, pair_numbers
from her2ladder.errors import InputError

QUERIES = (
    "features/nearest_cells",
    "features/pair_edges",
    "features/pair_profiles",
    "features/slide_values",
    "features/class_counts",
)


def pair_profiles_sql(
    con: duckdb.DuckDBPyConnection, cells: pa.Table, n_classes: int, radius_um: float, k: int, queries: Mapping[str, str]
) -> PairProfiles:
    """Return what pairs.pair_profiles returns, from the queries.

    con      any connection; for the time of the call it holds cells_in and components_in, and the temporary tables nearest_in and edges_in
    cells    cell_id, cls (number of the class, negative = Other), x_um, y_um, in any order
    queries  name -> SQL, of at least the first three of QUERIES
    raises   InputError as pair_profiles does
    """
    columns = {name: _column(cells, name) for name in ("x_um", "y_um", "cls", "cell_id")}
    x, y, cls, ident = checked_cells(columns["x_um"], columns["y_um"], columns["cls"], n_classes, radius_um, k, columns["cell_id"])
    checked = pa.table({"cell_id": ident, "cls": cls.astype(np.int16), "x_um": x, "y_um": y})
    nearest, edges, profiles = (queries[name] for name in QUERIES[:3])
    try:
        with _registered(con, cells_in=checked):
            con.execute(f"CREATE OR REPLACE TEMP TABLE nearest_in AS {nearest}", {"radius_um": float(radius_um), "k": int(k)})
            con.execute(f"CREATE OR REPLACE TEMP TABLE edges_in AS {edges}")
            components = _components(con.execute("FROM edges_in").fetchnumpy(), ident, n_classes)
            with _registered(con, components_in=components):
                rows = con.execute(profiles, {"n_classes": n_classes}).fetchnumpy()
    finally:
        con.execute("DROP TABLE IF EXISTS temp.nearest_in")
        con.execute("DROP TABLE IF EXISTS temp.edges_in")
    return _profiles(rows, n_classes)


def slide_values_sql(
    con: duckdb.DuckDBPyConnection,
    profiles: PairProfiles,
    cls: NDArray[np.integer[Any]],
    classes: Sequence[str],
    proportions: Sequence[ProportionSpec],
    radius_um: float,
    queries: Mapping[str, str],
) -> list[SlideValue]:
    """Return what aggregate.slide_values returns, from the queries features/slide_values and features/class_counts."""
    with _registered(con, cells_in=pa.table({"cls": np.asarray(cls, dtype=np.int32)})):
        counts = dict(con.execute(queries["features/class_counts"]).fetchall())
    n_of_class = np.array([counts.get(number, 0) for number in range(len(classes))])
    values = proportion_values(n_of_class, len(cls), classes, proportions)
    bits = length_bits(radius_um)
    with _registered(con, profiles_in=_profile_table(profiles)):
        found = con.execute(
            queries["features/slide_values"], {"radius_um": float(radius_um), "units_per_um": math.ldexp(1.0, bits)}
        ).fetchall()
    groups = {tuple(row[:5]): row[5:] for row in found}
    for first, second in class_pairs(len(classes)):
        for family in FAMILIES:
            unit, empties = (1 << bits, ("radius", "skip")) if family in LENGTHS else (1, ("radius",))
            for cells in ("first",) if first == second else ("first", "second", "both"):
                for empty_is in empties:
                    n, total, lower, upper = groups.get((first, second, family, cells, empty_is), (0, 0, 0.0, 0.0))
                    feature = f"{classes[first]}_{classes[second]}_{family}"
                    values.append(SlideValue(feature, f"{cells}_mean_{empty_is}", int(total) / (n * unit) if n else None, n))
                    values.append(SlideValue(feature, f"{cells}_median_{empty_is}", (lower + upper) / 2 if n else None, n))
    return values


def _components(edges: dict[str, NDArray[Any]], ident: NDArray[np.int32], n_classes: int) -> pa.Table:
    """Return the component size of each (cell, other class) that has an edge; vertices as in pairs_kernel.py."""
    first_cls, second_cls = (edges[name].astype(np.int64) for name in ("first_cls", "second_cls"))
    first, second = (np.searchsorted(ident, edges[name]).astype(np.int64) for name in ("first_id", "second_id"))
    ends = np.concatenate([first * n_classes + second_cls, second * n_classes + first_cls])
    vertices, place = np.unique(ends, return_inverse=True)
    a, b = place[: len(first)], place[len(first) :]
    graph = coo_array((np.ones(len(a), dtype=bool), (a, b)), shape=(len(vertices), len(vertices)))
    label = connected_components(graph, directed=False)[1] if len(vertices) else np.zeros(0, dtype=np.int64)
    sizes = np.bincount(label)[label] if len(vertices) else np.zeros(0, dtype=np.int64)
    return pa.table(
        {
            "cell_id": ident[vertices // n_classes],
            "other_cls": (vertices % n_classes).astype(np.int16),
            "n_subgraph": sizes.astype(np.int32),
        }
    )


def _profiles(rows: dict[str, NDArray[Any]], n_classes: int) -> PairProfiles:
    pair = pair_numbers(n_classes)[rows["first_cls"], rows["second_cls"]]
    offsets = np.concatenate([[0], np.cumsum(np.bincount(pair, minlength=len(class_pairs(n_classes))))]).astype(np.int64)
    whole = (np.asarray(rows[name]) for name in ("cell_id", "is_first", "n_subgraph", "degrees"))
    lengths = (np.ma.filled(rows[name], np.nan) for name in ("min_edge_um", "mean_edge_um"))  # a masked value is a NULL
    return PairProfiles(n_classes, offsets, *whole, *lengths)


def _profile_table(profiles: PairProfiles) -> pa.Table:
    ends = np.array(profiles.pairs, dtype=np.int16)[profiles.pair_of_row()]
    return pa.table(
        {
            "first_cls": ends[:, 0],
            "second_cls": ends[:, 1],
            "is_first": pa.array(profiles.is_first),
            "n_subgraph": profiles.n_subgraph,
            "degrees": profiles.degrees,
            "min_edge_um": pa.array(profiles.min_edge_um, from_pandas=True),  # NaN becomes NULL
            "mean_edge_um": pa.array(profiles.mean_edge_um, from_pandas=True),
        }
    )


def _column(table: pa.Table, name: str) -> NDArray[Any]:
    if name not in table.schema.names:
        raise InputError(f"cells: wanted a column {name}, got {', '.join(table.schema.names)}")
    return table[name].combine_chunks().to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]


@contextmanager
def _registered(con: duckdb.DuckDBPyConnection, **relations: pa.Table) -> Iterator[None]:
    for name, table in relations.items():
        con.register(name, table)
    try:
        yield
    finally:
        for name in relations:
            con.unregister(name)
