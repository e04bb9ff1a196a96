"""The stage behind `ladder type`: each cell of an in-situ section gets its type, and the type becomes its class in the store.

So maps, SQL geometry and sc-MTOP speak of types without knowing of genes. The cells file is written again with the classes; counts keep
their files, what was computed from other classes (sc-MTOP) is stale. Types that a section brings anew are added at the end of the vocabulary.
A section that cannot be typed is reported and does not stop the others.
source   xenium.md, Cell typing (chosen: score at least 0.5 and 0.1 above the next; quality control 20 counts, 5 genes, 5 % controls)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from her2ladder.errors import InputError, MissingError
from her2ladder.ingest.regions.stage import renew
from her2ladder.ingest.xenium.labels import Labels, labelled, sections_of
from her2ladder.ingest.xenium.markers import LOW_QUALITY, MAX_TYPES, UNASSIGNED, Floats, Markers, best, offered, scores
from her2ladder.ingest.xenium.scoring import Quality, good_cells, z_scores
from her2ladder.ingest.xenium.typed_files import draft, published, read_cells, reclassed, source_ids, type_rows
from her2ladder.queries.init import dictionary_rows, vocabulary_rows
from her2ladder.queries.run import Run, run, to_json
from her2ladder.schema.class_counts import class_counts
from her2ladder.schema.duck import arrow_table
from her2ladder.schema.store import Store
from her2ladder.schema.tables import FEATURE_DICTIONARY, MANIFEST, QUARANTINE, VOCABULARY
from her2ladder.schema.vocabulary import XENIUM

COUNTS = ("expression", "genes", "cell_counts")


@dataclass(frozen=True)
class How:
    """By what cells are typed: markers, or labels made elsewhere."""

    quality: Quality
    markers: Markers | None = None
    labels: Labels | None = None
    min_score: float = 0.5
    min_margin: float = 0.1

    @property
    def told(self) -> dict[str, Any]:
        if self.labels is not None:
            return {"labels_sha256": self.labels.sha256}
        assert self.markers is not None
        by = {"markers": self.markers.name, "sha256": self.markers.sha256, "min_score": self.min_score, "min_margin": self.min_margin}
        return {**by, **self.quality.__dict__}


@dataclass(frozen=True)
class Typed:
    """What became of one slide; `reason` says why it could not be typed."""

    slide_id: str
    n_cells: int = 0
    n_typed: int = 0
    n_unassigned: int = 0
    n_low_quality: int = 0
    n_unmatched: int = 0
    notes: tuple[str, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    reason: str = ""


def type_cells(store: Store, slides: Sequence[str], how: How) -> list[Typed]:
    """Type the cells of these in-situ sections (where none is named, of all that the labels are of, or of all), each published whole.

    A section without counts, or whose panel lacks the markers, is reported (and kept in quarantine) and does not stop the others.
    raises   InputError where the labels do not say of which section they are; MissingError for a slide that is not there
    """
    with store.reading() as con:
        held = dict(con.execute("SELECT slide_id, path FROM slide WHERE stain = ? ORDER BY slide_id", [XENIUM]).fetchall())
    if not held:
        raise MissingError("no in-situ section in the store: bring one by `ladder ingest xenium`")
    unknown = sorted(set(slides) - set(held))
    if unknown:
        raise MissingError(f"--slide: no in-situ section called {unknown[0]!r}; there is {', '.join(list(held)[:10])}")
    wanted = [one for one in held if not slides or one in slides]
    if how.labels is not None:
        wanted = sections_of(how.labels, {one: source_ids(read_cells(store, held[one])) for one in wanted}, slides)
    done = [_tried(store, slide_id, how) for slide_id in wanted]
    renew(store, [(one.slide_id, XENIUM) for one in done])
    return done


def _tried(store: Store, slide_id: str, how: How) -> Typed:
    try:
        return _one(store, slide_id, how)
    except InputError as error:
        with run(store, "type", {"slide": slide_id, **how.told}) as this:
            this.append(
                QUARANTINE, [{"source_name": slide_id, "slide_id": slide_id, "stain": XENIUM, "what": "types", "reason": str(error)[:2000]}]
            )
        return Typed(slide_id, reason=str(error))


def _one(store: Store, slide_id: str, how: How) -> Typed:
    with store.working(), run(store, "type", {"slide": slide_id, **how.told}) as this:
        files = {
            row["kind"]: row
            for row in arrow_table(
                this.con, "SELECT * FROM manifest_current WHERE slide_id = ? AND stain = ?", [slide_id, XENIUM]
            ).to_pylist()
        }
        this.inputs[slide_id] = files["cells"]["sha256"]
        cells = read_cells(store, files["cells"]["path"])
        names, number, score, margin, notes, n_unmatched = _types(this, slide_id, cells, how, files)
        vocabulary = _grown(this, names)
        words = [*names, UNASSIGNED, LOW_QUALITY]
        types = draft(store, "cell_types", slide_id, "cell_type")
        rows = type_rows(slide_id, cells, words, number, score, margin)
        pq.write_table(rows, types, row_group_size=131_072, compression="zstd", version="2.6")
        again = draft(store, "cells", slide_id, "cells")
        reclassed(store, files["cells"], again, names, number, vocabulary)
        new = published(store, "cells", slide_id, again, files["cells"]["n_rows"])
        this.append(
            MANIFEST, [{**files["cells"], **new, "cells_sha256": new["sha256"], "class_counts": class_counts(store.root / new["path"])}]
        )
        kept = {"cells_sha256": new["sha256"]}
        this.append(MANIFEST, [{**files[kind], **kept} for kind in COUNTS if kind in files])
        typed = published(store, "cell_types", slide_id, types, rows.num_rows)
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
        assert how.labels is not None
        names, by_label, told, n_unmatched = labelled(slide_id, source_ids(cells), how.labels)
        nothing = np.full(len(ids), np.nan)
        return names, by_label, nothing, nothing, told, n_unmatched
    if "expression" not in files:
        raise InputError(f"slide {slide_id}: wanted counts to type its cells by markers, found none; bring labels by --labels FILE.csv")
    panel = set(this.fetch("expression/panel", slide_id=slide_id).column("gene").to_pylist())
    types, absent, lacking = offered(how.markers, panel)
    notes = []
    if absent:
        why = "the panel has fewer than two of their markers, or only markers that another type has too"
        notes.append(f"not offered, because {why}: {', '.join(absent)}")
    if lacking:
        notes.append(f"{len(lacking)} marker genes are not on the panel: {', '.join(lacking[:10])}{' …' if len(lacking) > 10 else ''}")
    quality = this.fetch("expression/cell_quality", slide_id=slide_id)
    good, total = good_cells(quality, how.quality), quality.column("n_counts").fill_null(0).to_numpy().astype(np.float64)
    size = int(ids.max()) + 1
    passes, totals = np.zeros(size, bool), np.zeros(size)
    passes[quality.column("cell_id").to_numpy()], totals[quality.column("cell_id").to_numpy()] = good, total
    wanted = sorted({gene for one in types for gene in (*one.positive, *one.negative)} & panel)
    counts = this.fetch("expression/of_genes", slide_id=slide_id, genes=wanted)
    z = z_scores(counts, wanted, passes, totals)
    chosen, score, margin = best(scores(types, z, size), how.min_score, how.min_margin)
    number = np.where(passes, np.where(chosen >= 0, chosen, len(types)), len(types) + 1)
    nothing = np.where(passes, 0.0, np.nan)
    return [one.name for one in types], number[ids], (score + nothing)[ids], (margin + nothing)[ids], notes, 0


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
