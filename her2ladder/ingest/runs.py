"""Cells of one slide in tile order, with memory that does not grow with the slide.

Batches are gathered up to a limit, sorted by tile, and, where that is not all, put aside in a file without a name (gone with the
process, however it ends). Blocks of one tile are then merged over the runs: records of an earlier run come earlier in the source, so no
row is compared.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from her2ladder.ingest.outline_kernel import gather_ragged
from her2ladder.ingest.readers.base import Ints

TILE_PX = 1024
RUN_BYTES = 32_000_000
_TILES_A_ROW = 1 << 24

# What a cell is until it is written; n_quanta 0 = no outline, n_id -1 = no name in the source, NaN = NULL.
FIXED = np.dtype(
    [
        ("x_um", "f8"),
        ("y_um", "f8"),
        ("area_um2", "f8"),
        ("cell_id", "i4"),
        ("class_prob", "f4"),
        ("membrane_completeness", "f4"),
        ("membrane_od", "f4"),
        ("cytoplasm_od", "f4"),
        ("membrane_mean_od", "f4"),
        ("membrane_gap_um", "f4"),
        ("box", "i4", (4,)),
        ("n_quanta", "i4"),
        ("n_id", "i4"),
        ("label", "i2"),
    ]
)


@dataclass(frozen=True)
class Block:
    """Cells in a row: their fixed part, and quanta and ids one after the other."""

    fixed: NDArray[Any]
    quanta: NDArray[np.int16]
    ids: NDArray[np.uint8]

    @property
    def n_bytes(self) -> int:
        return int(self.fixed.nbytes + self.quanta.nbytes + self.ids.nbytes)


def tiles_of(x_px: NDArray[np.float64], y_px: NDArray[np.float64]) -> Ints:
    """Return (n,) the tile of each cell as a number that grows along the rows of tiles."""
    row, column = (np.floor(v / TILE_PX).astype(np.int64) for v in (y_px, x_px))
    return np.asarray(row * _TILES_A_ROW + column)


class TileSorter:
    """Takes batches in file order; gives them back in tile order, cells of a tile in file order."""

    def __init__(self, folder: Path, run_bytes: int = RUN_BYTES) -> None:
        self._folder, self._limit = folder, run_bytes
        self._open: list[tuple[Block, Ints]] = []
        self._held = 0
        self._whole: Block | None = None
        self._file: IO[bytes] | None = None
        self._at = 0
        # One row a block put aside: tile, run, place in the file, cells, quanta, id bytes.
        self._aside: list[Ints] = []

    def add(self, block: Block, tiles: Ints) -> None:
        """Take a batch of cells and the tile of each."""
        if not len(tiles):
            return
        self._open.append((block, tiles))
        self._held += block.n_bytes
        if self._held >= self._limit:
            self._put_aside()

    def blocks(self) -> Iterator[Block]:
        """Yield all cells in tile order; may be asked for again."""
        if self._file is None:
            if self._open:
                self._whole = self._sorted()[0]
            if self._whole is not None:
                yield self._whole
            return
        if self._open:
            self._put_aside()
        self._file.flush()
        aside = np.concatenate(self._aside)
        for _, _, at, *lengths in aside[np.lexsort((aside[:, 1], aside[:, 0]))].tolist():
            yield self._back(at, lengths)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _sorted(self) -> tuple[Block, Ints]:
        """Return what is held in tile order, and forget it."""
        held, self._open, self._held = self._open, [], 0
        tiles = np.concatenate([part for _, part in held])
        fixed = np.concatenate([block.fixed for block, _ in held])
        quanta = np.concatenate([block.quanta for block, _ in held])
        ids = np.concatenate([block.ids for block, _ in held])
        held.clear()
        order = np.argsort(tiles, kind="stable")
        parts = []
        for values, lengths in ((quanta, fixed["n_quanta"].copy()), (ids, np.maximum(fixed["n_id"], 0))):
            out = np.empty_like(values)
            gather_ragged(values, np.cumsum(lengths, dtype=np.int64) - lengths, lengths, order, out)
            parts.append(out)
        return Block(fixed[order], parts[0], parts[1]), tiles[order]

    def _put_aside(self) -> None:
        block, tiles = self._sorted()
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._folder, prefix=".ingest-")  # noqa: SIM115  (closed by close)
        begins = np.flatnonzero(np.r_[True, tiles[1:] != tiles[:-1]])
        cuts = np.r_[begins, len(tiles)]
        quanta_cuts = np.r_[0, np.cumsum(block.fixed["n_quanta"], dtype=np.int64)][cuts]
        id_cuts = np.r_[0, np.cumsum(np.maximum(block.fixed["n_id"], 0), dtype=np.int64)][cuts]
        n_bytes = np.diff(cuts) * FIXED.itemsize + np.diff(quanta_cuts) * 2 + np.diff(id_cuts)
        places = self._at + np.cumsum(n_bytes) - n_bytes
        run = np.full(len(begins), len(self._aside))
        self._aside.append(np.column_stack([tiles[begins], run, places, np.diff(cuts), np.diff(quanta_cuts), np.diff(id_cuts)]))
        for i in range(len(begins)):
            self._file.write(block.fixed[cuts[i] : cuts[i + 1]].data)
            self._file.write(block.quanta[quanta_cuts[i] : quanta_cuts[i + 1]].data)
            self._file.write(block.ids[id_cuts[i] : id_cuts[i + 1]].data)
        self._at += int(n_bytes.sum())

    def _back(self, at: int, lengths: list[int]) -> Block:
        assert self._file is not None
        n_cells, n_quanta, n_ids = lengths
        first, second = n_cells * FIXED.itemsize, n_quanta * 2
        self._file.seek(at)
        raw = self._file.read(first + second + n_ids)
        return Block(
            np.frombuffer(raw, dtype=FIXED, count=n_cells),
            np.frombuffer(raw, dtype=np.int16, offset=first, count=n_quanta),
            np.frombuffer(raw, dtype=np.uint8, offset=first + second, count=n_ids),
        )


def in_groups_of(blocks: Iterator[Block], n: int) -> Iterator[Block]:
    """Yield the same cells in blocks of exactly n, the last one shorter."""
    held: list[Block] = []
    count = 0
    for block in blocks:
        held.append(block)
        count += len(block.fixed)
        if count < n:
            continue
        whole = joined(held)
        at = 0
        cuts = _cuts(whole)
        while count - at >= n:
            yield _part(whole, cuts, at, at + n)
            at += n
        held, count = ([_part(whole, cuts, at, count)] if count > at else []), count - at
    if count:
        yield joined(held)


def joined(blocks: list[Block]) -> Block:
    if len(blocks) == 1:
        return blocks[0]
    return Block(
        np.concatenate([block.fixed for block in blocks]),
        np.concatenate([block.quanta for block in blocks]),
        np.concatenate([block.ids for block in blocks]),
    )


def without(block: Block, dropped: Ints) -> Block:
    """Return the block without the cells whose cell_id is among the dropped."""
    gone = np.isin(block.fixed["cell_id"], dropped)
    if not gone.any():
        return block
    kept = ~gone
    return Block(
        block.fixed[kept],
        block.quanta[np.repeat(kept, block.fixed["n_quanta"])],
        block.ids[np.repeat(kept, np.maximum(block.fixed["n_id"], 0))],
    )


def _cuts(block: Block) -> tuple[Ints, Ints]:
    quanta = np.r_[0, np.cumsum(block.fixed["n_quanta"], dtype=np.int64)]
    return quanta, np.r_[0, np.cumsum(np.maximum(block.fixed["n_id"], 0), dtype=np.int64)]


def _part(block: Block, cuts: tuple[Ints, Ints], begin: int, end: int) -> Block:
    quanta, ids = cuts
    return Block(block.fixed[begin:end], block.quanta[quanta[begin] : quanta[end]], block.ids[ids[begin] : ids[end]])
