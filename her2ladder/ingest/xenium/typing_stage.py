"""The stage behind `ladder type`: each cell of an in-situ section gets its type, and the type becomes its class in the store.

So maps, SQL geometry and sc-MTOP speak of types without knowing of genes. The cells file is written again with the classes; counts keep
their files, what was computed from other classes (sc-MTOP) is stale. Types that a section brings anew are added at the end of the vocabulary.
source   xenium.md, Cell typing (chosen: score at least 0.5 and 0.1 above the next; quality control 20 counts, 5 genes, 5 % controls)
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from her2ladder.errors import InputError, MissingError, StageError
from her2ladder.ingest.cellparquet import cells_writer
from her2ladder.ingest.readers.xenium_bundle import id_texts
from her2ladder.ingest.xenium.markers import LOW_QUALITY, MAX_TYPES, UNASSIGNED, Floats, Markers, best, check_type_name, offered, scores
from her2ladder.queries.init import dictionary_rows, vocabulary_rows
from her2ladder.queries.run import Run, run, to_json
from her2ladder.schema import lake
from her2ladder.schema.class_counts import class_counts
from her2ladder.schema.duck import arrow_table
from her2ladder.schema.store import Store
from her2ladder.schema.tables import CELL_TYPE, FEATURE_DICTIONARY, MANIFEST, SCHEMA_VERSION, VOCABULARY
from her2ladder.schema.vocabulary import OTHER, XENIUM

COUNTS = ("expression", "genes", "cell_counts")


@dataclass(frozen=True)
class Quality:
    """What a cell must have to be typed (chosen)."""

    min_counts: int = 20
    min_genes: int = 5
    max_control_share: float = 0.05
    min_area_um2: float = 0.0


@dataclass(frozen=True)
class How:
    """By what cells are typed: markers, or labels made elsewhere (id in the source -> type)."""

    quality: Quality
    markers: Markers | None = None
    labels: pl.DataFrame | None = None
    labels_sha256: str = ""
    min_score: float = 0.5
    min_margin: float = 0.1

    @property
    def told(self) -> dict[str, Any]:
        by = (
            {"labels_sha256": self.labels_sha256} if self.markers is None else {"markers": self.markers.name, "sha256": self.markers.sha256}
        )
        limits = {} if self.markers is None else {"min_score": self.min_score, "min_margin": self.min_margin}
        return {**by, **limits, **self.quality.__dict__}


@dataclass(frozen=True)
class Typed:
    """What became of one slide."""

    slide_id: str
    n_cells: int
    n_typed: int
    n_unassigned: int
    n_low_quality: int
    n_unmatched: int
    notes: tuple[str, ...]
    counts: dict[str, int]


def read_labels(path: Path) -> tuple[pl.DataFrame, str]:
    """Return labels made elsewhere (cell_id, label, optional slide_id), and the file's sha256.

    raises   InputError: not such a table, or a cell with two labels
    """
    if not path.is_file():
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
    twice = frame.filter(frame.select(key).is_duplicated())
    if len(twice):
        raise InputError(
            f"{path}: wanted one label a cell, found cell {twice['cell_id'][0]!r} {int((frame['cell_id'] == twice['cell_id'][0]).sum())} times"
        )
    for name in frame["label"].drop_nulls().unique().sort().to_list():
        if name not in (UNASSIGNED, LOW_QUALITY, OTHER):
            check_type_name(name, str(path))
    return frame, lake.sha256_of(path)


def type_cells(store: Store, slides: Sequence[str], how: How) -> list[Typed]:
    """Type the cells of these in-situ sections (of all where none is named), each published whole.

    raises   InputError where a slide has no counts, or its panel lacks the markers; MissingError for a slide that is not there
    """
    with store.reading() as con:
        held = [s for (s,) in con.execute("SELECT slide_id FROM slide WHERE stain = ? ORDER BY slide_id", [XENIUM]).fetchall()]
    if not held:
        raise MissingError("no in-situ section in the store: bring one by `ladder ingest xenium`")
    unknown = sorted(set(slides) - set(held))
    if unknown:
        raise MissingError(f"--slide: no in-situ section called {unknown[0]!r}; there is {', '.join(held[:10])}")
    return [_one(store, slide_id, how) for slide_id in held if not slides or slide_id in slides]


def _one(store: Store, slide_id: str, how: How) -> Typed:
    with store.working(), run(store, "type", {"slide": slide_id, **how.told}) as this:
        files = {
            row["kind"]: row
            for row in arrow_table(
                this.con, "SELECT * FROM manifest_current WHERE slide_id = ? AND stain = ?", [slide_id, XENIUM]
            ).to_pylist()
        }
        this.inputs[slide_id] = files["cells"]["sha256"]
        cells = _read_cells(store, files["cells"])
        names, number, score, margin, notes, n_unmatched = _types(this, slide_id, cells, how, files)
        vocabulary = _grown(this, names)
        words = [*names, UNASSIGNED, LOW_QUALITY]
        draft = _draft(store, "cell_types", slide_id, "cell_type")
        rows = _type_rows(slide_id, cells, words, number, score, margin)
        pq.write_table(rows, draft, row_group_size=131_072, compression="zstd", version="2.6")
        again = _draft(store, "cells", slide_id, "cells")
        _reclassed(store, files["cells"], again, names, number, vocabulary)
        new = _published(store, "cells", slide_id, again, files["cells"]["n_rows"])
        this.append(
            MANIFEST, [{**files["cells"], **new, "cells_sha256": new["sha256"], "class_counts": class_counts(store.root / new["path"])}]
        )
        kept = {"cells_sha256": new["sha256"]}
        this.append(MANIFEST, [{**files[kind], **kept} for kind in COUNTS if kind in files])
        typed = _published(store, "cell_types", slide_id, draft, rows.num_rows)
        this.append(MANIFEST, [{**typed, **kept, "slide_id": slide_id, "stain": XENIUM, "parameters": to_json(how.told)}])
        this.n_lake_rows += rows.num_rows + files["cells"]["n_rows"]
    counts = np.bincount(number, minlength=len(words))
    return Typed(
        slide_id, len(number), int(counts[: len(names)].sum()), int(counts[-2]), int(counts[-1]), n_unmatched, tuple(notes),
        {name: int(n) for name, n in zip(names, counts, strict=False)},
    )  # fmt: skip


def _types(
    this: Run, slide_id: str, cells: pa.Table, how: How, files: dict[str, Any]
) -> tuple[list[str], NDArray[np.int64], Floats, Floats, list[str], int]:
    """Return the names of the types, and for each cell its number (then Unassigned, LowQuality), score and margin."""
    ids = cells.column("cell_id").to_numpy()
    if how.markers is None:
        return _labelled(slide_id, cells, how)
    if "expression" not in files:
        raise InputError(f"slide {slide_id}: wanted counts to type its cells by markers, found none; bring labels by --labels FILE.csv")
    panel = set(this.fetch("expression/panel", slide_id=slide_id).column("gene").to_pylist())
    types, absent, lacking = offered(how.markers, panel)
    notes = (
        [
            f"not offered, because the panel has fewer than two of their markers, or only markers that another type has too: {', '.join(absent)}"
        ]
        if absent
        else []
    )
    notes += (
        [f"{len(lacking)} marker genes are not on the panel: {', '.join(lacking[:10])}{' …' if len(lacking) > 10 else ''}"]
        if lacking
        else []
    )
    quality = this.fetch("expression/cell_quality", slide_id=slide_id)
    good, total = _good(quality, how.quality), quality.column("n_counts").fill_null(0).to_numpy().astype(np.float64)
    size = int(ids.max()) + 1
    passes, totals = np.zeros(size, bool), np.zeros(size)
    passes[quality.column("cell_id").to_numpy()], totals[quality.column("cell_id").to_numpy()] = good, total
    wanted = sorted({gene for one in types for gene in (*one.positive, *one.negative)} & panel)
    counts = this.fetch("expression/of_genes", slide_id=slide_id, genes=wanted)
    z = _z_scores(counts, wanted, passes, totals)
    chosen, score, margin = best(scores(types, z, size), how.min_score, how.min_margin)
    number = np.where(passes, np.where(chosen >= 0, chosen, len(types)), len(types) + 1)
    nothing = np.where(passes, 0.0, np.nan)
    return [one.name for one in types], number[ids], (score + nothing)[ids], (margin + nothing)[ids], notes, 0


def _good(quality: pa.Table, limits: Quality) -> NDArray[np.bool_]:
    """Return which cells pass; what a source does not tell is not held against a cell."""
    counts, genes, control, area = (
        quality.column(name).to_pandas().to_numpy(dtype=np.float64) for name in ("n_counts", "n_genes", "n_control", "cell_area_um2")
    )
    control = np.nan_to_num(control)
    share = control / np.maximum(np.nan_to_num(counts) + control, 1)
    enough = (np.nan_to_num(counts) >= limits.min_counts) & (np.isnan(genes) | (genes >= limits.min_genes))
    return np.asarray(enough & (share <= limits.max_control_share) & (np.isnan(area) | (area >= limits.min_area_um2)))


def _z_scores(counts: pa.Table, genes: list[str], passes: NDArray[np.bool_], totals: Floats) -> dict[str, Floats]:
    """Return gene -> (cells,) z of log1p(count / total x median total) over the cells that pass; a gene that does not vary is left out."""
    middle = float(np.median(totals[passes])) if passes.any() else 1.0
    scale = middle / np.maximum(totals, 1.0)
    column = counts.column("gene").combine_chunks()
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    code = encoded.indices.to_numpy(zero_copy_only=False)
    words = encoded.dictionary.to_pylist()
    cell, count = counts.column("cell_id").to_numpy(), counts.column("count").to_numpy()
    found: dict[str, Floats] = {}
    for at, gene in enumerate(words):
        mine = code == at
        value = np.zeros(len(totals))
        value[cell[mine]] = np.log1p(count[mine] * scale[cell[mine]])
        mean, sd = (float(f(value[passes])) for f in (np.mean, np.std)) if passes.any() else (0.0, 0.0)
        if sd > 0:
            found[gene] = (value - mean) / sd
    return found


def _labelled(slide_id: str, cells: pa.Table, how: How) -> tuple[list[str], NDArray[np.int64], Floats, Floats, list[str], int]:
    """Types as a table made elsewhere gives them: quality was controlled there."""
    assert how.labels is not None
    labels = how.labels.filter(pl.col("slide_id") == slide_id) if "slide_id" in how.labels.columns else how.labels
    mine = pl.DataFrame({"cell_id": pl.Series(pl.from_arrow(cells.column("source_id")), dtype=pl.String)})
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
    nothing = np.full(n, np.nan)
    return names, number, nothing, nothing, notes, n - n_matched


def _grown(this: Run, names: list[str]) -> list[str]:
    """Return the stain's classes, new types at their end, and add these and their features to the store.

    raises   InputError where there are more than MAX_TYPES
    """
    sql = "SELECT cell_class FROM vocabulary WHERE stain = ? ORDER BY position"
    held = [word for (word,) in this.con.execute(sql, [XENIUM]).fetchall()]
    words = held + [name for name in names if name not in held]
    if len(words) > MAX_TYPES:
        raise InputError(
            f"wanted at most {MAX_TYPES} cell types in a store, found {len(words)}: {', '.join(words[:5])} …; map labels together"
        )
    this.insert_new(VOCABULARY, [row for row in vocabulary_rows(XENIUM, tuple(words)) if row["cell_class"] not in held])
    before = {row["feature"] for row in dictionary_rows(XENIUM, tuple(held))}
    fresh = [row for row in dictionary_rows(XENIUM, tuple(words)) if row["feature"] not in before]
    this.insert_new(FEATURE_DICTIONARY, [{**row, "position": len(before) + at} for at, row in enumerate(fresh)])
    return words


def _read_cells(store: Store, row: dict[str, Any]) -> pa.Table:
    """raises   StageError where the cells file is damaged"""
    try:
        return pq.read_table(store.root / row["path"], columns=["cell_id", "source_id"], partitioning=None)
    except (pa.ArrowException, OSError) as error:
        raise StageError(f"{row['path']}: the cells cannot be read: {str(error).splitlines()[0][:200]}; `ladder check --mend`") from error


def _type_rows(slide_id: str, cells: pa.Table, words: list[str], number: NDArray[np.int64], score: Floats, margin: Floats) -> pa.Table:
    n = len(number)
    columns = {
        "slide_id": pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int16)), pa.array([slide_id])),
        "cell_id": cells.column("cell_id"),
        "type": pa.DictionaryArray.from_arrays(pa.array(number.astype(np.int16)), pa.array(words, pa.string())),
        "score": pa.array(score, from_pandas=True),
        "margin": pa.array(margin, from_pandas=True),
    }
    table: pa.Table = CELL_TYPE.cast(pa.table(columns).sort_by("cell_id"))
    return table.replace_schema_metadata({"contract": CELL_TYPE.name, "schema_version": str(SCHEMA_VERSION)})


def _draft(store: Store, kind: str, slide_id: str, name: str) -> Path:
    folder = lake.folder(store.root, kind, slide_id, XENIUM)
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f".{name}-{uuid.uuid4().hex}.draft"


def _reclassed(store: Store, row: dict[str, Any], draft: Path, names: list[str], number: NDArray[np.int64], vocabulary: list[str]) -> None:
    """Write the cells file again with the types as classes, a row group at a time; nothing else in it changes."""
    words = pa.array([*vocabulary, OTHER], pa.string())
    place = np.array([vocabulary.index(name) for name in names] + [len(vocabulary)] * 2, dtype=np.int16)[number]
    source = pq.ParquetFile(store.root / row["path"])
    at = source.schema_arrow.get_field_index("cell_class")
    with draft.open("xb") as sink:
        with cells_writer(sink, source.schema_arrow) as writer:
            done = 0
            for group in range(source.num_row_groups):
                table = source.read_row_group(group)
                own = pa.DictionaryArray.from_arrays(pa.array(place[done : done + len(table)]), words)
                writer.write_table(table.set_column(at, source.schema_arrow.field(at), own), row_group_size=len(table))
                done += len(table)
        sink.flush()
        os.fsync(sink.fileno())


def _published(store: Store, kind: str, slide_id: str, draft: Path, n_rows: int) -> dict[str, Any]:
    n_bytes = draft.stat().st_size
    path, sha256 = lake.publish_file(store.root, draft, kind, slide_id, XENIUM)
    return {
        "kind": kind,
        "state": "current",
        "path": path,
        "sha256": sha256,
        "n_rows": n_rows,
        "n_bytes": n_bytes,
        "schema_version": SCHEMA_VERSION,
    }
