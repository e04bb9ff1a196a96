"""Which cells count for a slide: not those of flagged tiles, and no class that the segmenter could not tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from her2ladder.analytics.spatial.aggregate import SlideValue
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
