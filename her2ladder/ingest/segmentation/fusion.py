"""Two networks as one: what the labels of both stand for, and which cells of the second displace cells of the first.

From the first come tumour and stroma, from the second the immune cells: the first's immune cells that nothing displaced are cells of no
class, the second's others are left out.
source   the FUSCC pipeline of 2026; label map hovernet-pannuke+monusac
"""

from __future__ import annotations

from typing import NamedTuple

from her2ladder.schema.labels import LabelMap, label_map_of
from her2ladder.schema.vocabulary import DROP, OTHER

IMMUNE = ("Lymph", "Macro", "Neutro")


class Fused(NamedTuple):
    """prefixes stand before the two networks' labels; wins are the labels, prefix and all, whose cells displace others."""

    label_map: LabelMap
    prefixes: tuple[str, str]
    wins: frozenset[str]


def fused_map(first: LabelMap, second: LabelMap) -> Fused:
    """Return the label map of two networks' cells, made from theirs; labels that are numbers, as networks write them."""
    one, two = f"{first.name}:", f"{second.name}:"
    if one == two:
        one, two = "1:", "2:"
    labels = {f"{one}{label}": OTHER if word in IMMUNE else word for label, word in first.labels.items() if label.isdigit()}
    wins = frozenset(f"{two}{label}" for label, word in second.labels.items() if label.isdigit() and word in IMMUNE)
    labels |= {f"{two}{label}": word if word in IMMUNE else DROP for label, word in second.labels.items() if label.isdigit()}
    name = f"hovernet-{first.name}+{second.name}"
    return Fused(label_map_of({"name": name, "stain": first.stain, "labels": labels}, name, first.stain), (one, two), wins)
