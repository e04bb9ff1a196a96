"""The dictionary of slide-level features: 69 on H&E, 70 on HER2, and the pairs of any user's vocabulary.

source   features.md; the paper counts 69 + 70 and names eleven of them
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from her2ladder.schema.vocabulary import CLASSES

FAMILIES = {
    "Nsubgraph": ("cells in the connected component", "cells"),
    "minEdgeLength": ("shortest edge of the cell's own list; an empty list counts as the radius", "um"),
    "meanEdgeLength": ("mean edge of the cell's own list; an empty list counts as the radius", "um"),
    "Degrees": ("distinct neighbours in the graph of the pair", "cells"),
}
DEFAULT_PAIR_RULE = "first_mean_radius"
RATIO_RULE = "ratio"
ALL_CELLS = "all_cells"  # every cell of the slide, Other included

IMMUNE = ("Neutro", "Lymph", "Macro")
STRONG, WEAK = CLASSES["HER2"][0:2], CLASSES["HER2"][2:4]
_IN_PAPER = {
    "Pi_Lymph_in_all_cells",
    "Pi_HER2strong_complete_in_HER2strong",
    "Pi_HER2strong_incomplete_in_tumor_cells",
    "Pi_HER2weak_complete_in_tumor_cells",
}


@dataclass(frozen=True)
class Proportion:
    """One proportion: cells of `numerator` over cells of `denominator`; an empty denominator means all cells."""

    name: str
    numerator: tuple[str, ...]
    denominator: tuple[str, ...]


@dataclass(frozen=True)
class Feature:
    """One row of the dictionary."""

    feature: str
    stain: str
    family: str
    classes: str
    definition: str
    unit: str
    source: str
    position: int


def proportions(stain: str, classes: Sequence[str]) -> list[Proportion]:
    """Return the proportions of a stain: 9 for HE, 10 for HER2, one a class for any other vocabulary."""
    everything = [Proportion(f"Pi_{c}_in_all_cells", (c,), ()) for c in classes]
    if stain == "HE":
        immune = [Proportion(f"Pi_{c}_in_immune_cells", (c,), IMMUNE) for c in IMMUNE]
        return [*everything, *immune, Proportion("Pi_Immune_in_all_cells", IMMUNE, ())]
    if stain == "HER2":
        tumor = tuple(classes)
        return [
            *(Proportion(f"Pi_{c}_in_tumor_cells", (c,), tumor) for c in classes),
            *(Proportion(f"Pi_{c}_in_HER2strong", (c,), STRONG) for c in STRONG),
            *(Proportion(f"Pi_{c}_in_HER2weak", (c,), WEAK) for c in WEAK),
            Proportion("Pi_HER2strong_in_tumor_cells", STRONG, tumor),
        ]
    return everything


def speaks_of(stain: str, classes: Sequence[str]) -> dict[str, set[str]]:
    """Return feature -> the classes whose cells it counts or measures."""
    told = {p.name: {*p.numerator, *p.denominator} for p in proportions(stain, classes)}
    pairs = ((a, b) for i, a in enumerate(classes) for b in classes[i:])
    return told | {f"{a}_{b}_{family}": {a, b} for a, b in pairs for family in FAMILIES}


def features(stain: str, classes: Sequence[str]) -> list[Feature]:
    """Return the dictionary of a stain in order: proportions, then pairs x families in canonical order."""
    rows: list[Feature] = []

    def add(feature: str, family: str, speaks_of: str, definition: str, unit: str, source: str) -> None:
        rows.append(Feature(feature, stain, family, speaks_of, definition, unit, source, len(rows)))

    for p in proportions(stain, classes):
        below = ", ".join(p.denominator) if p.denominator else "all cells, Other included"
        definition = f"cells of {', '.join(p.numerator)} / cells of {below}; NULL where there are none"
        add(
            p.name,
            "proportion",
            f"{','.join(p.numerator)} / {','.join(p.denominator) or ALL_CELLS}",
            definition,
            "1",
            _source(stain, p.name),
        )
    for i, a in enumerate(classes):
        for b in classes[i:]:
            for family, (what, unit) in FAMILIES.items():
                definition = f"mean over the {a} cells of: {what}, in the graph of {a} and {b}"
                add(f"{a}_{b}_{family}", family, f"{a},{b}", definition, unit, _source(stain, ""))
    return rows


def _source(stain: str, proportion: str) -> str:
    """A pair's families are the paper's; most proportions are chosen, and so is every vocabulary but the paper's two."""
    if stain not in CLASSES:
        return "chosen"
    return "paper" if not proportion or proportion in _IN_PAPER else "chosen"
