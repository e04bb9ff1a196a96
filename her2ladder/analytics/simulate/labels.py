"""What the synthetic segmenters call their classes: labels of the store's own preset maps, so that a study needs no map of its own."""

from __future__ import annotations

from her2ladder.schema.labels import load_label_map
from her2ladder.schema.vocabulary import CLASSES

# H&E as two HoVer-Net runs fused, HER2 as the membrane classifier writes it.
PRESETS = {"HE": "hovernet-pannuke+monusac", "HER2": "her2-membrane"}
STORE_WORDS = "store"  # preset for point tables, which speak the store's words


def labels_of(preset: str, stain: str) -> dict[str, int | str]:
    """Return for each class of the stain the first label that the preset maps to it; a whole number as a number.

    raises   InputError where there is no such preset for the stain; KeyError where it never gives one of the classes
    """
    first: dict[str, int | str] = {}
    for label, word in load_label_map(preset, stain).labels.items():
        first.setdefault(word, int(label) if label.isdecimal() else label)
    return {word: first[word] for word in CLASSES[stain]}
