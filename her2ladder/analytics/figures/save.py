"""A figure on the disk: PNG, SVG, PDF on request, and the numbers behind it as CSV; the same bytes each time, whole or not at all."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from her2ladder.analytics.figures.style import journal_style
from her2ladder.errors import InputError
from her2ladder.schema.lake import write_whole

# Dates and versions would make two runs of one analysis differ.
_METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "ModDate": None, "Creator": None, "Producer": None},
}

_HELD: ContextVar[dict[str, Figure] | None] = ContextVar("held_figures", default=None)
_PNG_ONLY: ContextVar[bool] = ContextVar("png_only", default=False)


@contextmanager
def png_only() -> Iterator[None]:
    """Within, `save_figure` writes the PNG alone: the report embeds no more, and vector files cost as much again."""
    token = _PNG_ONLY.set(True)
    try:
        yield
    finally:
        _PNG_ONLY.reset(token)


@contextmanager
def held_figures() -> Iterator[dict[str, Figure]]:
    """Within, `save_figure` writes nothing: the figures are kept in the mapping that this yields, by the name of their file."""
    held: dict[str, Figure] = {}
    token = _HELD.set(held)
    try:
        yield held
    finally:
        _HELD.reset(token)


def save_figure(fig: Figure, stem: Path, data: Mapping[str, pd.DataFrame], *, pdf: bool = False, dpi: int = 300) -> list[Path]:
    """Write `stem`.png, .svg, with `pdf` .pdf, and the CSV behind it; return the paths in that order.

    data     frames by name: one goes to `stem`.csv, several to `stem`_NAME.csv; floats in full, NULL as an empty field
    raises   InputError for a name that is no part of a file name
    """
    for name in data:
        if not name or Path(name).name != name:
            raise InputError(f"{stem.name}: a table behind a figure needs a plain name, got {name!r}")
    held = _HELD.get()
    if held is not None:
        fig.__dict__["_repr_png_"] = partial(figure_bytes, fig, "png", dpi=150)  # a notebook shows it without pyplot
        held[stem.name] = fig
        return []
    stem.parent.mkdir(parents=True, exist_ok=True)
    kinds = ("png",) if _PNG_ONLY.get() else ("png", "svg", "pdf") if pdf else ("png", "svg")
    written = [write_whole(_beside(stem, kind), figure_bytes(fig, kind, dpi=dpi)) for kind in kinds]
    for name, frame in data.items():
        path = _beside(stem if len(data) == 1 else stem.with_name(f"{stem.name}_{name}"), "csv")
        written.append(write_whole(path, frame.to_csv(index=False, lineterminator="\n").encode()))
    return written


def figure_bytes(fig: Figure, kind: str, *, dpi: int = 300) -> bytes:
    """Return a figure as 'png', 'svg' or 'pdf'; equal figures give equal bytes."""
    if kind not in _METADATA:
        raise InputError(f"figure: format must be one of {', '.join(_METADATA)}, got {kind!r}")
    held = io.BytesIO()
    with journal_style():
        fig.savefig(held, format=kind, dpi=dpi, metadata=_METADATA[kind])
    return held.getvalue()


def _beside(stem: Path, kind: str) -> Path:
    return stem.with_name(f"{stem.name}.{kind}")  # not with_suffix: a stem may hold a dot
