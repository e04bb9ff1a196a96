"""A column of labels as numbers and the words that they stand for."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray


def labels(text: pl.Series) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    names = text.drop_nulls().unique(maintain_order=True).to_list()
    number = pl.DataFrame({"name": names, "number": range(len(names))}, schema={"name": pl.String, "number": pl.Int32})
    found = text.replace_strict(number["name"], number["number"], default=None, return_dtype=pl.Int32) if names else text.cast(pl.Int32)
    return found.fill_null(-1).to_numpy(allow_copy=True).astype(np.int32), tuple(names)
