"""Cell types told elsewhere (Seurat, scanpy, CellTypist): a CSV of labels, joined to the cells of a section by id."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from her2ladder.errors import InputError
from her2ladder.ingest.readers.xenium_bundle import id_texts
from her2ladder.ingest.xenium.markers import LOW_QUALITY, UNASSIGNED, check_type_name
from her2ladder.schema import lake
from her2ladder.schema.vocabulary import OTHER

MAX_BYTES = 10_000_000_000


@dataclass(frozen=True)
class Labels:
    """Labels of cells: slide_id (or none of them), cell_id as the source writes it, label."""

    path: Path
    sha256: str
    rows: pl.DataFrame

    @property
    def slides(self) -> set[str] | None:
        """The sections that the file names; None where it names none."""
        return set(self.rows["slide_id"].drop_nulls().to_list()) if "slide_id" in self.rows.columns else None


def read_labels(path: Path) -> Labels:
    """Return labels made elsewhere: a CSV cell_id, label, and slide_id where they are of several sections.

    raises   InputError: not such a table, or a cell with two labels
    """
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path}: wanted a CSV with cell_id, label, found nothing")
    try:
        frame = pl.read_csv(path, infer_schema=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(f"{path}: wanted a CSV with cell_id, label, found: {str(error).splitlines()[0][:200]}") from error
    missing = [name for name in ("cell_id", "label") if name not in frame.columns]
    if missing:
        raise InputError(f"{path}: wanted the columns cell_id, label (and slide_id for several slides), found {', '.join(frame.columns)}")
    key = [name for name in ("slide_id", "cell_id") if name in frame.columns]
    frame = frame.select([*key, "label"]).with_columns(id_texts(frame["cell_id"]).alias("cell_id"))
    blank = [name for name in key if frame[name].null_count()]
    if blank:
        raise InputError(f"{path}: wanted {blank[0]} in every line, found {frame[blank[0]].null_count():,} lines without")
    twice = frame.filter(frame.select(key).is_duplicated())
    if len(twice):
        raise InputError(
            f"{path}: wanted one label a cell, found cell {twice['cell_id'][0]!r} {int((frame['cell_id'] == twice['cell_id'][0]).sum())} times"
        )
    for name in frame["label"].drop_nulls().unique().sort().to_list():
        if name not in (UNASSIGNED, LOW_QUALITY, OTHER):
            check_type_name(name, str(path))
    return Labels(path, lake.sha256_of(path), frame)


def sections_of(told: Labels, sections: Mapping[str, pl.Series], asked: Collection[str]) -> list[str]:
    """Return the sections that the labels are of, in the order of `sections`.

    sections   slide_id -> ids of its cells in the source
    asked      sections that the user named: they stay in, so that one without a label is refused with its numbers
    raises     InputError: no slide_id, and ids that are cells of several sections (ids of whole numbers are the same in each)
    """
    if told.slides is not None:
        found = [one for one in sections if one in told.slides or one in asked]
        if not found:
            raise InputError(
                f"{told.path}: wanted labels of {', '.join(list(sections)[:5])}, found those of {', '.join(sorted(told.slides)[:5])}"
            )
        return found
    of = {one: ids.filter(ids.is_in(told.rows["cell_id"].implode())) for one, ids in sections.items()}
    found = [one for one, ids in of.items() if len(ids)]
    every = pl.concat([of[one].unique() for one in found]) if found else pl.Series("id", [], dtype=pl.String)
    if every.is_duplicated().any():
        first = every.filter(every.is_duplicated()).sort()[0]
        several = [one for one in found if (of[one] == first).any()]
        raise InputError(
            f"{told.path}: cell {first!r} is a cell of the sections {' and '.join(several[:3])}: add a column slide_id, or name one section by --slide"
        )
    if not found and len(sections) > 1:
        raise InputError(f"{told.path}: 0 of {len(told.rows):,} labels are of the cells of the {len(sections)} sections")
    return [one for one in sections if one in found or one in asked or len(sections) == 1]


def labelled(slide_id: str, ids: pl.Series, told: Labels) -> tuple[list[str], NDArray[np.int64], list[str], int]:
    """Return the names of the types, for each cell its number (then Unassigned, LowQuality), notes, and how many cells have no label.

    Quality was controlled where the labels were made.
    raises   InputError with the numbers where no label is of the section
    """
    labels = told.rows.filter(pl.col("slide_id") == slide_id) if "slide_id" in told.rows.columns else told.rows
    mine = pl.DataFrame({"cell_id": ids})
    joined = mine.join(labels.select("cell_id", "label"), on="cell_id", how="left", maintain_order="left")["label"]
    n_matched, n = int(joined.is_not_null().sum()), len(mine)
    if not n_matched:
        few = ", ".join(map(repr, labels["cell_id"].head(2))), ", ".join(map(repr, mine["cell_id"].head(2)))
        raise InputError(f"slide {slide_id}: 0 of {len(labels):,} labels are of its {n:,} cells (labels {few[0]}; cells {few[1]})")
    names = sorted(set(joined.drop_nulls().to_list()) - {UNASSIGNED, LOW_QUALITY, OTHER})
    place = {name: at for at, name in enumerate(names)} | {LOW_QUALITY: len(names) + 1}
    number = np.array([place.get(label, len(names)) for label in joined.to_list()], dtype=np.int64)
    strangers = len(labels) - n_matched
    notes = [f"{n - n_matched:,} of {n:,} cells have no label: {UNASSIGNED}"] if n_matched < n else []
    notes += [f"{strangers:,} of {len(labels):,} labels are of no cell of the slide"] if strangers else []
    return names, number, notes, n - n_matched
