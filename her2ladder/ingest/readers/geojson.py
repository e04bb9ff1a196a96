"""GeoJSON features as cells: what QuPath, InstanSeg, HoVer-NeXt, TIAToolbox, CellViT and `ladder export cells` write.

A FeatureCollection or a bare list, streamed. A feature is one cell: a Polygon, a MultiPolygon (its largest part), a closed LineString
(HoVer-NeXt) or a Point; QuPath's nucleusGeometry comes before the cell's own outline. A MultiPoint is a cell a point. Where
`explodes`, a MultiPolygon is a cell a polygon (CellViT: one feature a class, of any size).
source   QuPath QuPathTypeAdapters.java; CellViT cell_detection.py convert_geojson; HoVer-NeXt viz_utils.py create_geojson
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from her2ladder.errors import InputError
from her2ladder.ingest.readers import geojson_giant as giant
from her2ladder.ingest.readers.base import MEASURES, BadRecord, CellBatch, Ints, ReadOptions
from her2ladder.ingest.readers.geojson_shapes import CellShapes, cells_of
from her2ladder.ingest.readers.geojson_types import NO_CELLS, Feature, has_cells
from her2ladder.ingest.readers.json_records import Records, no_gc
from her2ladder.ingest.readers.members import ItemStream
from her2ladder.ingest.readers.packed import unpacked

GIANT_BYTES = 16_000_000  # a feature longer than this is not decoded as a whole
_FEATURES = Records(Feature)


def read(path: Path, options: ReadOptions, *, explodes: bool = False) -> Iterator[CellBatch]:
    """Yield the cells of a file, a chunk of its features at a time.

    explodes   a MultiPolygon is a cell a polygon
    raises     InputError: not GeoJSON, or truncated
    """
    with unpacked(path, options) as source:
        features = ItemStream(path, source, options.chunk_bytes, ("features",), max(GIANT_BYTES, options.chunk_bytes))
        reader = _Reader(path, options, explodes)
        for buf, items in features:
            if len(items):
                yield reader.batch(buf, items)
            else:
                yield from giant.cells(reader, features.stream)


class _Reader:
    """What is known of a file while it is read."""

    def __init__(self, path: Path, options: ReadOptions, explodes: bool) -> None:
        self.path, self.options, self.explodes = path, options, explodes
        self.n_features = self.n_records = 0
        self._annotations_are_cells: bool | None = None
        unknown = [ours for ours in options.columns if ours not in MEASURES]
        if unknown:
            raise InputError(f"{path}: --columns takes measurements of GeoJSON as {', '.join(MEASURES)}, found {unknown[0]!r}")

    def batch(self, buf: bytes, items: Ints) -> CellBatch:
        """Return a chunk of features as cells."""
        bad: list[BadRecord] = []
        with no_gc():
            features, kept = _FEATURES.decode(self.path, buf, items, lambda at: f"feature {self.n_features + at + 1}", "feature", bad)
            notes: Counter[str] = Counter()
            is_cell = [self.is_cell(feature, notes) for feature in features]
            if not all(is_cell):
                features = [feature for feature, good in zip(features, is_cell, strict=True) if good]
                kept = kept[np.array(is_cell, dtype=np.bool_)]
            geometries = [feature.outline(self.options.outline) for feature in features]
            shapes = cells_of(geometries, self.explodes, notes)
            self.n_features += len(items)
            return self.as_batch(features, kept, shapes, bad, notes)

    def as_batch(self, features: list[Feature], places: Ints, shapes: CellShapes, bad: list[BadRecord], notes: Counter[str]) -> CellBatch:
        """Return the cells of features, numbered in the file's order: a feature that is no cell has a number too, as a bad record.

        places   (n,) of each feature among the chunk's
        bad      records whose number is still the place of the feature among the chunk's
        """
        of = shapes.feature  # (cells,) which feature each cell is of
        wrong = [(int(places[i]), features[i].name(), why) for i, why in shapes.wrong]
        wrong += [(one.record, one.name, one.reason) for one in bad]
        at = np.concatenate([places[of], np.array([place for place, _, _ in wrong], dtype=np.int64)])
        record = np.empty(len(at), dtype=np.int64)
        record[np.argsort(at, kind="stable")] = self.n_records + np.arange(len(at))
        numbered = [
            BadRecord(int(record[len(of) + k]), name or f"record {int(record[len(of) + k]) + 1}", why)
            for k, (_, name, why) in enumerate(wrong)
        ]
        self.n_records += len(at)
        labels = [feature.label() for feature in features]
        names = list(dict.fromkeys(labels))
        number = {name: i if name is not None else -1 for i, name in enumerate(names)}
        label = np.array([number[name] for name in labels], dtype=np.int32)
        prob = np.array([feature.prob() for feature in features], dtype=np.float32)
        ids = pa.array([feature.source_id() for feature in features], pa.string())
        if shapes.exploded.any():  # the feature's name is its class's, not the cell's
            ids = pa.array([None if many else told for many, told in zip(shapes.exploded, ids.to_pylist(), strict=True)], pa.string())
        return CellBatch(
            n_records=len(at),
            record=record[: len(of)],
            source_id=ids.take(pa.array(of)),
            label=label[of],
            label_names=tuple(str(name) for name in names),
            unit="px",
            x=shapes.x,
            y=shapes.y,
            class_prob=prob[of],
            points=shapes.points,
            n_points=shapes.n_points,
            has_outlines=False,
            measures=self._measures(features, of),
            bad=tuple(sorted(numbered)),
            notes=notes,
        )

    def is_cell(self, feature: Feature, notes: Counter[str]) -> bool:
        """Tell a cell from a region or a tile. Annotations are cells only in a file that has no detections (CellViT, InstanSeg, Cellpose).

        raises   InputError: QuPath's cells in a file that is read as CellViT's
        """
        kind = feature.object_type()
        if kind not in NO_CELLS:
            if self.explodes and kind:
                raise InputError(f"{self.path}: a feature is a QuPath {kind}, not a class of CellViT's cells: say --format qupath")
            return True
        if kind == "annotation":
            if self._annotations_are_cells is None:
                self._annotations_are_cells = self.explodes or not has_cells(self.path, self.options)
            if self._annotations_are_cells:
                return True
        notes[f"{kind} left out, because it is not a cell"] += 1
        return False

    def _measures(self, features: list[Feature], of: Ints) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]:
        """Return what --columns asks for out of QuPath's measurements: contract column -> values."""
        asked = self.options.columns
        if not asked:
            return {}
        told = [feature.measurements() for feature in features]
        return {ours: np.array([one.get(theirs, np.nan) for one in told], dtype=np.float64)[of] for ours, theirs in asked.items()}
