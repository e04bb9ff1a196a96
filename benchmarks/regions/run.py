"""Cells in regions: a million cells and 200 drawn regions that overlap, beside shapely's STRtree and geopandas' spatial join, in one run."""

from __future__ import annotations

import time

import geopandas
import numpy as np
import shapely

from her2ladder.ingest.regions.members import members

RNG = np.random.default_rng(1)


def blob(x: float, y: float, radius: float, corners: int = 500) -> shapely.Geometry:
    """A wavy outline, as a hand draws it."""
    turn = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    reach = radius * (1 + 0.2 * np.sin(5 * turn) + 0.05 * RNG.normal(size=corners))
    return shapely.make_valid(shapely.Polygon(np.c_[x + reach * np.cos(turn), y + reach * np.sin(turn)]))


def main() -> None:
    """Print CPU seconds at three sizes, and of the others at the largest."""
    n = 1_000_000
    x, y = RNG.uniform(0, 20_000, n), RNG.uniform(0, 20_000, n)
    shapes = [blob(*RNG.uniform(1000, 19_000, 2), RNG.uniform(200, 3000)) for _ in range(200)]
    members(x[:10], y[:10], shapes[:1])  # compiles
    for size in (n // 4, n // 2, n):
        since = time.process_time()
        cells, _ = members(x[:size], y[:size], shapes)
        print(f"ours      {size:9,} cells {len(cells):9,} memberships {time.process_time() - since:6.2f} CPU s")
    since = time.process_time()
    found = shapely.STRtree(shapely.points(x, y)).query(shapes, predicate="intersects")
    print(f"shapely   {n:9,} cells {found.shape[1]:9,} memberships {time.process_time() - since:6.2f} CPU s")
    since = time.process_time()
    joined = geopandas.sjoin(geopandas.GeoDataFrame(geometry=geopandas.points_from_xy(x, y)), geopandas.GeoDataFrame(geometry=shapes))
    print(f"geopandas {n:9,} cells {len(joined):9,} memberships {time.process_time() - since:6.2f} CPU s")


if __name__ == "__main__":
    main()
