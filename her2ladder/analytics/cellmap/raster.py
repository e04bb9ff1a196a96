"""Cells into pixels without matplotlib's markers: a million cells in a second or two, and no colour that is not a cell's own.

Colours are never mixed: the mean of a red and a blue cell would be the purple of a third class. A pixel takes the colour of one cell that
covers it, the last in a seeded random order, so that no class lies on top of another by its place in a list; only the rim of a disc fades
into the ground.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_PHASES = 4  # a centre is placed to a quarter of a pixel
_CHUNK_STAMPS = 400_000  # stamped pixels at a time: bounds memory


def paint(
    x_px: NDArray[np.float64],
    y_px: NDArray[np.float64],
    colour: NDArray[np.uint8],
    width: int,
    height: int,
    diameter_px: float,
    seed: int,
) -> NDArray[np.uint8]:
    """Return the picture (height, width, 4) RGBA of discs over clear ground.

    x_px, y_px   (n,) centres from the left upper corner, inside the picture or on its border
    colour       (n, 3) RGB of each disc
    diameter_px  of every disc, > 0
    """
    margin = int(np.ceil(diameter_px / 2)) + 2
    wide, high = width + 2 * margin, height + 2 * margin
    rgb = np.zeros((high * wide, 3), dtype=np.uint8)
    alpha = np.zeros(high * wide, dtype=np.uint8)
    offsets, stamps = _stamps(diameter_px, wide)
    order = np.random.default_rng(seed).permutation(len(x_px))
    chunk = max(1, _CHUNK_STAMPS // len(offsets))
    for start in range(0, len(order), chunk):
        some = order[start : start + chunk]
        corner, phase = _place(x_px[some] + margin, y_px[some] + margin, wide)
        pixel = corner[:, None] + offsets[None, :]
        cover = stamps[phase]
        _paint_chunk(rgb, alpha, pixel, cover, colour[some])
    picture = np.concatenate([rgb, alpha[:, None]], axis=1).reshape(high, wide, 4)
    return np.ascontiguousarray(picture[margin:-margin, margin:-margin])


def _place(column: NDArray[np.float64], row: NDArray[np.float64], wide: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pixel that holds each centre and the number of its sub-pixel phase."""
    sub_x, sub_y = (np.floor(v * _PHASES).astype(np.int64) for v in (column, row))
    return (sub_y // _PHASES) * wide + sub_x // _PHASES, (sub_y % _PHASES) * _PHASES + sub_x % _PHASES


def _stamps(diameter_px: float, wide: int) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Return pixel offsets of a disc's square and (phases, offsets) its cover 0..255, by 8 x 8 samples a pixel."""
    reach = int(np.ceil(diameter_px / 2 + 0.5))
    steps = np.arange(-reach, reach + 1)
    sample = (np.arange(8) + 0.5) / 8
    stamps = []
    for phase in range(_PHASES * _PHASES):
        centre_y, centre_x = ((k + 0.5) / _PHASES for k in divmod(phase, _PHASES))
        dy = (steps[:, None] + sample[None, :]).ravel() - centre_y
        dx = (steps[:, None] + sample[None, :]).ravel() - centre_x
        inside = dy[:, None] ** 2 + dx[None, :] ** 2 <= (diameter_px / 2) ** 2
        stamps.append(inside.reshape(len(steps), 8, len(steps), 8).mean(axis=(1, 3)).ravel())
    cover = np.rint(255 * np.array(stamps)).astype(np.uint8)
    used = cover.any(axis=0)
    return (steps[:, None] * wide + steps[None, :]).ravel()[used], np.ascontiguousarray(cover[:, used])


def _paint_chunk(
    rgb: NDArray[np.uint8], alpha: NDArray[np.uint8], pixel: NDArray[np.int64], cover: NDArray[np.uint8], colour: NDArray[np.uint8]
) -> None:
    """Paint one chunk over what is there: rims only on clear ground, then bodies, the later disc over the earlier one."""
    rim = (cover > 0) & (cover < 128)
    rim &= alpha[pixel] < 128
    body = cover >= 128
    for part in (rim, body):
        cell, _ = np.nonzero(part)
        rgb[pixel[part]] = colour[cell]  # numpy assigns in order, so the last disc stays
    touched = rim | body
    np.maximum.at(alpha, pixel[touched], cover[touched])
