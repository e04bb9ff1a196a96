"""The cells of an in-situ section as AnnData holds them (.h5ad of scanpy, squidpy, spatialdata-io): ids, places, what `obs` tells of them.

Read by h5py alone: nothing in the file is run, and no matrix is loaded to know where the cells are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from her2ladder.errors import InputError
from her2ladder.ingest.readers.guarded import dataset, line_of, texts

# columns of obs that have the meaning of the instrument's own table
OWN = (
    "transcript_counts", "control_probe_counts", "genomic_control_counts", "control_codeword_counts", "cell_area", "nucleus_area", "nucleus_count",
)  # fmt: skip


def write_cells(path: Path, table: Path) -> None:
    """Write the cells of an AnnData file as a bundle's table of cells.

    raises   InputError: damaged, no `obsm/spatial` (n, 2) in micrometres
    """
    import h5py

    size = path.stat().st_size
    try:
        with h5py.File(path, "r") as file:
            ids = index_of(file, "obs", path.name, size)
            if "obsm" not in file or "spatial" not in file["obsm"]:
                raise InputError(f"{path.name}: wanted obsm['spatial'] with the places of the cells in micrometres, found none")
            places = np.asarray(dataset(file, "obsm/spatial", path.name, size)[:], dtype=np.float64)
            if places.ndim != 2 or places.shape[0] != len(ids) or places.shape[1] < 2:
                raise InputError(
                    f"{path.name}: wanted obsm['spatial'] with two numbers for each of {len(ids):,} cells, found {places.shape}"
                )
            told = {name: column_of(file, f"obs/{name}", path.name, size) for name in ("cell_id", *OWN) if name in file["obs"]}
    except (OSError, KeyError, ValueError, RuntimeError, TypeError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path.name}: wanted an AnnData file (.h5ad), found: {line_of(error)}") from error
    frame = pl.DataFrame({"cell_id": told.pop("cell_id", ids), "x_centroid": places[:, 0], "y_centroid": places[:, 1], **told})
    frame.with_columns(pl.col("cell_id").cast(pl.String)).write_parquet(table)


def index_of(file: Any, group: str, source: str, file_bytes: int) -> list[str]:
    """Return the names of the rows of `obs` or `var`."""
    name = file[group].attrs.get("_index", "_index")
    return texts(dataset(file, f"{group}/{name.decode() if isinstance(name, bytes) else name}", source, file_bytes)[:])


def column_of(file: Any, name: str, source: str, file_bytes: int) -> Any:
    """Return a column of `obs` or `var`: numbers, texts, or the words of a categorical."""
    import h5py

    if isinstance(file[name], h5py.Group):
        codes = np.asarray(dataset(file, f"{name}/codes", source, file_bytes)[:])
        words = [*texts(dataset(file, f"{name}/categories", source, file_bytes)[:]), ""]
        return [words[code if 0 <= code < len(words) - 1 else -1] for code in codes]
    values = dataset(file, name, source, file_bytes)[:]
    return values if values.dtype.kind in "iuf" else texts(values)
