"""The labels of a file of cells, counted, beside what each preset would make of them: which label map a segmenter's file needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from her2ladder.ingest.readers.base import ReadOptions
from her2ladder.ingest.readers.registry import reader_for
from her2ladder.schema.labels import NO_LABEL, LabelMap, presets


@dataclass(frozen=True)
class LabelCounts:
    """The labels of one file.

    format, why   the reader, and what spoke for it
    counts        label -> cells; NO_LABEL for cells that have none
    aliases       label -> another word of the file for it
    n_bad         records that cannot be read as cells
    """

    path: Path
    format: str
    why: str
    counts: Counter[str]
    aliases: dict[str, str]
    n_bad: int

    def as_class(self, label: str, preset: LabelMap) -> str | None:
        """Return what a preset makes of a label; None where it does not know it."""
        return preset.labels.get(label, preset.labels.get(self.aliases.get(label, label)))

    @property
    def presets(self) -> list[LabelMap]:
        """Presets that know a label of the file, those that know most cells first."""
        known = [(sum(n for label, n in self.counts.items() if self.as_class(label, one)), one) for one in presets()]
        return [one for n, one in sorted(known, key=lambda pair: (-pair[0], pair[1].name)) if n]

    @property
    def fitting(self) -> list[str]:
        """Presets that know every label of the file."""
        return [one.name for one in self.presets if all(self.as_class(label, one) for label in self.counts)]


def count_labels(path: Path, format_: str = "auto", columns: Mapping[str, str] | None = None, *, allow_pickle: bool = False) -> LabelCounts:
    """Return the labels of a file of cells; it is read whole, a piece at a time, and no mpp is needed.

    raises   InputError: no file of cells, or a damaged one
    """
    reader, why = reader_for(path, format_)
    counts: Counter[str] = Counter()
    aliases: dict[str, str] = {}
    n_bad = 0
    for batch in reader.read(path, ReadOptions(columns=columns or {}, allow_pickle=allow_pickle)):
        found = np.bincount(batch.label + 1, minlength=len(batch.label_names) + 1).tolist()
        counts.update({name: n for name, n in zip((NO_LABEL, *batch.label_names), found, strict=True) if n})
        aliases.update(batch.aliases)
        n_bad += len(batch.bad)
    return LabelCounts(path, reader.NAME, why, counts, aliases, n_bad)
