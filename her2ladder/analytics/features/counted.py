"""Which cells count for a slide: those within regions where asked, not those of flagged tiles, and no class that the segmenter could not tell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from her2ladder.analytics.features.settings import Regions
from her2ladder.analytics.spatial.aggregate import SlideValue
from her2ladder.errors import StageError
from her2ladder.schema.dictionary import speaks_of


def without_tiles(cells: pa.Table, tiles: Sequence[tuple[float, float, float, float]]) -> pa.Table:
    """Return the cells whose centroid lies in none of the tiles; a tile's left and upper edge belong to it."""
    if not tiles:
        return cells
    x, y = (cells.column(name).to_numpy() for name in ("x_um", "y_um"))
    keep = np.ones(len(x), dtype=np.bool_)
    for x0, y0, x1, y1 in tiles:
        keep &= ~((x >= x0) & (x < x1) & (y >= y0) & (y < y1))
    return cells.filter(pa.array(keep))


def within_regions(cells: pa.Table, root: Path, regions: Regions | None) -> pa.Table:
    """Return the cells in regions of the classes asked for and in no region that is to be left out; all where there are no regions.

    raises   StageError where the file that says so is damaged
    """
    if regions is None:
        return cells
    try:
        told = pq.read_table(root / regions.path, columns=["cell_id", "region_class"], partitioning=None)
    except (pa.ArrowException, OSError) as error:
        raise StageError(f"{regions.path}: cannot be read: {str(error).splitlines()[0][:200]}; `ladder check --mend`") from error
    words = pc.cast(told.column("region_class"), pa.string())
    inside, outside = (
        pc.unique(told.column("cell_id").filter(pc.is_in(words, pa.array(names, pa.string()))))
        for names in (regions.classes, regions.excluded)
    )
    ids = cells.column("cell_id")
    return cells.filter(pc.and_(pc.is_in(ids, inside), pc.invert(pc.is_in(ids, outside))))


def class_numbers(words: pa.ChunkedArray, classes: Sequence[str]) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Return (n,) the place of each cell's class in the vocabulary; -1 for Other."""
    known = {word: place for place, word in enumerate(classes)}
    parts = []
    for chunk in words.chunks:
        encoded = chunk if pa.types.is_dictionary(chunk.type) else chunk.dictionary_encode()
        table = np.array([known.get(word, -1) for word in encoded.dictionary.to_pylist()] or [-1], dtype=np.int32)
        parts.append(table[encoded.indices.to_numpy(zero_copy_only=False)])
    return np.concatenate(parts) if parts else np.zeros(0, np.int32)


def without_unavailable(values: Sequence[SlideValue], stain: str, classes: Sequence[str], unavailable: Sequence[str]) -> list[SlideValue]:
    """Return the values, NULL for those that speak of a class that the slide's segmenter cannot tell: none found is not none there."""
    if not unavailable:
        return list(values)
    unknown = {name for name, words in speaks_of(stain, classes).items() if words & set(unavailable)}
    return [value._replace(value=None) if value.feature in unknown else value for value in values]
