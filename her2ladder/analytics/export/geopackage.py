"""GeoPackage for QGIS and GDAL's other readers, by geopandas: outlines (a point where the source has none) in micrometres, no place on Earth."""

from __future__ import annotations

import warnings
from pathlib import Path

from her2ladder.analytics.export.rows import OUTLINE_COLUMNS, TABLE_COLUMNS, SlideFile, rings_of
from her2ladder.schema.outlines import to_wkb


def write(slide: SlideFile, path: Path) -> int:
    """Write one slide as the layer `cells`, some thousand cells at a time; return how many.

    The y axis points down, as on the slide.
    """
    import geopandas as gpd
    import shapely

    n = 0
    for rows in slide.batches(OUTLINE_COLUMNS):
        shapes = shapely.from_wkb(to_wkb(rings_of(rows, slide, "um")).to_numpy(zero_copy_only=False))
        places = shapely.points(rows["x_um"].to_numpy(), rows["y_um"].to_numpy())
        shapes[shapely.is_missing(shapes)] = places[shapely.is_missing(shapes)]
        frame = gpd.GeoDataFrame(rows.select(list(TABLE_COLUMNS)).to_pandas(), geometry=shapes, crs=None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that there is no place on Earth is meant
            frame.to_file(path, layer="cells", driver="GPKG", engine="pyogrio", mode="a" if n else "w", geometry_type="Unknown")
        n += len(frame)
    return n
