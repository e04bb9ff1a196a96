"""Run one way to the per-cell values on one slide in a process of its own; print CPU seconds, peak memory and a hash of the values as JSON.

python one_way.py WAY N MIX REPEATS. squidpy runs in an environment of its own, so this file imports a way only when it is asked for.
"""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from slides import CLASSES, slide

Columns = list[np.ndarray]


def kernel() -> Callable[..., Columns]:
    from her2ladder.analytics.spatial.pairs import pair_profiles

    def way(x: np.ndarray, y: np.ndarray, cls: np.ndarray) -> Columns:
        p = pair_profiles(x, y, cls, CLASSES)
        return [p.cell_id, p.n_subgraph, p.degrees, p.min_edge_um, p.mean_edge_um]

    return way


def kernel_and_values() -> Callable[..., Columns]:
    from her2ladder.analytics.spatial.aggregate import slide_values
    from her2ladder.analytics.spatial.pairs import pair_profiles

    def way(x: np.ndarray, y: np.ndarray, cls: np.ndarray) -> Columns:
        p = pair_profiles(x, y, cls, CLASSES)
        slide_values(p, cls, "ABCDE", [], 25.0)
        return [p.cell_id, p.n_subgraph, p.degrees, p.min_edge_um, p.mean_edge_um]

    return way


def sql() -> Callable[..., Columns]:
    import duckdb
    import pyarrow as pa

    from her2ladder.analytics.spatial.sql_engine import QUERIES, pair_profiles_sql
    from her2ladder.queries.catalog import query

    texts = {name: query(name).sql for name in QUERIES}

    def way(x: np.ndarray, y: np.ndarray, cls: np.ndarray) -> Columns:
        with duckdb.connect(config={"threads": 1}) as con:
            cells = pa.table({"cell_id": np.arange(len(x), dtype=np.int32), "cls": cls.astype(np.int16), "x_um": x, "y_um": y})
            p = pair_profiles_sql(con, cells, CLASSES, 25.0, 5, texts)
        return [p.cell_id, p.n_subgraph, p.degrees, p.min_edge_um, p.mean_edge_um]

    return way


def scipy() -> Callable[..., Columns]:
    from scipy_way import pair_profiles

    return lambda x, y, cls: pair_profiles(x, y, cls, CLASSES)


def squidpy() -> Callable[..., Columns]:
    """One graph of all cells within the radius: no class, no list of k, no component; what spatial_neighbors offers."""
    import warnings

    warnings.filterwarnings("ignore")
    import anndata
    import squidpy

    def way(x: np.ndarray, y: np.ndarray, cls: np.ndarray) -> Columns:
        cells = anndata.AnnData(shape=(len(x), 0), obsm={"spatial": np.column_stack([x, y])})
        squidpy.gr.spatial_neighbors(cells, coord_type="generic", radius=25.0)
        return [cells.obsp["spatial_connectivities"].indptr]

    return way


WAYS = {"kernel": kernel, "kernel + slide values": kernel_and_values, "sql": sql, "scipy": scipy, "squidpy": squidpy}


def main(name: str, n: int, mix: str, repeats: int) -> dict[str, Any]:
    way = WAYS[name]()
    way(*slide(200, mix))  # import, compile or read from the cache
    cells = slide(n, mix)
    before_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds = []
    for _ in range(repeats):
        since = time.process_time()
        columns = way(*cells)
        seconds.append(time.process_time() - since)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(c).tobytes() for c in columns)).hexdigest()
    return {"seconds": seconds, "before_mib": before_mib, "peak_mib": peak_mib, "sha256": digest, "versions": versions(name)}


def versions(name: str) -> str:
    from importlib.metadata import version

    packages = {"sql": ["duckdb", "scipy"], "scipy": ["scipy"], "squidpy": ["squidpy"]}.get(name, ["numba"])
    return ", ".join(f"{p} {version(p)}" for p in [*packages, "numpy"])


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))))
