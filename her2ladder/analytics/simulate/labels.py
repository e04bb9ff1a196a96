"""The numbers that the synthetic segmenters give their classes, and the label maps that say so."""

from __future__ import annotations

from pathlib import Path

# Not 0..4 in canonical order, on purpose: a reader that guesses from the number fails.
TYPE_IDS: dict[str, dict[str, int]] = {
    "HE": {"Tumor": 1, "Lymph": 2, "Stroma": 3, "Macro": 4, "Neutro": 5},
    "HER2": {
        "HER2null": 1,
        "HER2weak_incomplete": 2,
        "HER2weak_complete": 3,
        "HER2strong_incomplete": 4,
        "HER2strong_complete": 5,
    },
}


def write_label_map(folder: Path, stain: str) -> str:
    """Write the label map of a stain into the folder and return its file name: one map for JSON (numbers) and points (names)."""
    ids = TYPE_IDS[stain]
    lines = [f'name = "synthetic-{stain.lower()}"', f'stain = "{stain}"', "", "[labels]"]
    lines += [f'"{number}" = "{name}"' for name, number in ids.items()] + [f'"{name}" = "{name}"' for name in ids]
    path = folder / f"label_map_{stain.lower()}.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path.name
