"""AnnData (.h5ad) for scanpy and squidpy, and SpatialData (.zarr): extra [scverse].

obs is the table of cells, obsm["spatial"] their places in micrometres; X is empty (cells x 0), since the store has no expression here.
In SpatialData the outlines are the shapes `cells`, in micrometres, and the table annotates them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from her2ladder.analytics.export.rows import OUTLINE_COLUMNS, TABLE_COLUMNS, SlideFile, rings_of
from her2ladder.analytics.export.tables import rows_of
from her2ladder.errors import InputError
from her2ladder.schema.outlines import polygons

_WORDS = ("slide_id", "patient_id", "stain", "cell_class", "source_label")


def h5ad(slides: Sequence[SlideFile], path: Path) -> int:
    """Write the cells of slides; return how many.

    raises   InputError where anndata is not installed
    """
    data = _anndata(slides)
    data.write_h5ad(path, compression="gzip")
    return int(data.n_obs)


def spatialdata(slide: SlideFile, path: Path) -> int:
    """Write one slide as a SpatialData store; return how many cells.

    raises   InputError where spatialdata is not installed
    """
    try:
        import geopandas
        from spatialdata import SpatialData
        from spatialdata.models import ShapesModel, TableModel
    except ImportError as error:
        raise InputError(f"--format spatialdata needs the extra [scverse]: pip install 'her2ladder[scverse]' ({error})") from error
    data = _anndata([slide])
    shapes = np.concatenate([polygons(rings_of(rows, slide, "um")) for rows in slide.batches(OUTLINE_COLUMNS)])
    if any(shape is None for shape in shapes):
        raise InputError(f"slide {slide.slide_id}: has cells without an outline; --format h5ad has their places")
    data.obs["region"] = "cells"
    data.obs["region"] = data.obs["region"].astype("category")
    data.obs["instance_id"] = np.arange(data.n_obs)
    table = TableModel.parse(data, region="cells", region_key="region", instance_key="instance_id")
    frame = geopandas.GeoDataFrame({"cell_class": data.obs["cell_class"].to_numpy()}, geometry=shapes, index=np.arange(data.n_obs))
    SpatialData(shapes={"cells": ShapesModel.parse(frame)}, tables={"table": table}).write(path)
    return int(data.n_obs)


def _anndata(slides: Sequence[SlideFile]) -> Any:
    try:
        import anndata
        from scipy.sparse import csr_matrix
    except ImportError as error:
        raise InputError(f"--format h5ad needs the extra [scverse]: pip install 'her2ladder[scverse]' ({error})") from error
    rows = rows_of(slides)
    obs = rows.select(list(TABLE_COLUMNS)).to_pandas()
    for name in _WORDS:
        obs[name] = obs[name].astype("category")
    obs["source_id"] = obs["source_id"].fillna("").astype(str)
    obs.index = obs["slide_id"].astype(str) + ":" + obs["stain"].astype(str) + ":" + obs["cell_id"].astype(str)
    data = anndata.AnnData(X=csr_matrix((len(obs), 0), dtype=np.float32), obs=obs)
    data.obsm["spatial"] = obs[["x_um", "y_um"]].to_numpy()
    data.uns["spatial_unit"] = "micrometre"
    return data
