"""Label maps: how a segmenter's own labels reach the store's cell classes. Data (TOML), versioned by content, checked on reading.

A map has `name`, optionally `stain`, optionally `[vocabulary] classes = [...]` (a stain's own classes in canonical order), and `[labels]`
source label = class, where `Other` (stored, in no pair) and `drop` (not stored) are allowed. `identity = true` adds every class as a label.
A label is text; a whole number stands as its digits. `unavailable = [...]` names classes that the segmenter cannot tell: what speaks of them is
NULL for its slides, not 0. `""` (or `null`) is the label of a cell that has none, as in `"" = "Other"`; without such a line it is a bad cell.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from her2ladder.errors import InputError
from her2ladder.schema.vocabulary import CLASSES, DROP, OTHER, XENIUM

KEYS = ("name", "stain", "identity", "vocabulary", "labels", "unavailable")
MAX_LABELS = 10_000  # the store numbers the labels of a file with 16 bits
NO_LABEL = "null"


@dataclass(frozen=True)
class LabelMap:
    """One version of a label map, for one stain.

    classes   the stain's vocabulary in canonical order, without Other
    labels    source label -> class, Other or drop
    unavailable   classes that the segmenter cannot tell
    sha256    of what the map says (name, stain, classes, labels), not of how its file is laid out
    """

    name: str
    sha256: str
    stain: str
    classes: tuple[str, ...]
    labels: dict[str, str]
    unavailable: tuple[str, ...] = ()


def preset_names() -> list[str]:
    """Return the names of the maps that come with the package."""
    return sorted(entry.name.removesuffix(".toml") for entry in _folder().iterdir() if entry.name.endswith(".toml"))


def load_label_map(name_or_path: str | Path, stain: str, vocabulary: Sequence[str] | None = None) -> LabelMap:
    """Return a preset by name, or the map in a TOML file, for a stain.

    vocabulary   classes that the store already has for the stain, where the map brings none
    raises       InputError: no such map, another stain, a class that the stain does not have, or not a label map
    """
    text = str(name_or_path)
    if text in preset_names():
        where, content = f"label map {text}", (_folder() / f"{text}.toml").read_bytes()
    else:
        where, content = text, _read(Path(text))
    try:
        told = tomllib.loads(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"{where}: wanted a label map in TOML, found: {str(error).splitlines()[0][:200]}") from error
    return label_map_of(told, where, stain, vocabulary)


def presets() -> list[LabelMap]:
    """Return every map that comes with the package and has labels of its own, each for its stain (H&E where it names none)."""
    made = []
    for name in preset_names():
        told = tomllib.loads((_folder() / f"{name}.toml").read_text(encoding="utf-8"))
        made.append(label_map_of(told, f"label map {name}", told.get("stain", "HE")))
    return made


def presets_with(labels: Collection[str], stain: str) -> list[str]:
    """Return the presets for a stain that know every one of these labels."""
    return [one.name for one in presets() if one.stain == stain and set(labels) <= set(one.labels)]


def _folder() -> Any:
    return files("her2ladder.schema").joinpath("label_maps")


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise InputError(f"no label map {str(path)!r}: wanted one of {', '.join(preset_names())}, or a TOML file")
    if path.stat().st_size > 10_000_000:
        raise InputError(f"{path}: wanted a label map in TOML, found {path.stat().st_size:,} bytes")
    return path.read_bytes()


def label_map_of(told: Mapping[str, Any], where: str, stain: str, vocabulary: Sequence[str] | None = None) -> LabelMap:
    """Return the map that a TOML file's content is; `where` stands before the error's line.

    raises   InputError
    """
    unknown = [key for key in told if key not in KEYS]
    if unknown:
        raise InputError(f"{where}: a label map has the keys {', '.join(KEYS)}; found also {', '.join(unknown[:5])}")
    name = told.get("name")
    if not isinstance(name, str) or not name.strip():
        raise InputError(f'{where}: wanted name = "...", found {name!r}')
    own = told.get("stain")
    if own is not None and own != stain:
        raise InputError(f"{where}: is for stain {own}, asked for {stain}")
    classes = _classes(told, where, stain, vocabulary)
    labels = _labels(told, where, stain, classes)
    # An in-situ section's classes come later and may grow: they are no part of how its cells were read.
    told_classes = () if stain == XENIUM and "vocabulary" not in told else classes
    unavailable = _unavailable(told, where, classes, labels)
    content: dict[str, object] = {"name": name, "stain": stain, "classes": told_classes, "labels": labels}
    if unavailable:
        content["unavailable"] = unavailable
    said = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return LabelMap(name, hashlib.sha256(said.encode()).hexdigest(), stain, classes, labels, unavailable)


def _unavailable(told: Mapping[str, Any], where: str, classes: tuple[str, ...], labels: Mapping[str, str]) -> tuple[str, ...]:
    given = told.get("unavailable", [])
    if not isinstance(given, list) or not all(word in classes for word in given):
        raise InputError(f"{where}: unavailable: wanted a list of {', '.join(classes)}, found {given!r}"[:500])
    for word in given:
        if word in labels.values():
            raise InputError(f"{where}: unavailable: {word}: a label stands for it, so that it is not unavailable")
    return tuple(given)


def _classes(told: Mapping[str, Any], where: str, stain: str, vocabulary: Sequence[str] | None) -> tuple[str, ...]:
    """The map's own vocabulary, else the stain's: a stain that the store knows keeps its classes."""
    known = CLASSES.get(stain, tuple(vocabulary) if vocabulary else None)
    if "vocabulary" not in told:
        if known is None and stain == XENIUM:
            return ()
        if known is None:
            raise InputError(f"{where}: stain {stain} is none of {', '.join(CLASSES)}: its map needs [vocabulary] classes = [...]")
        return known
    table = told["vocabulary"]
    given = table.get("classes") if isinstance(table, dict) else None
    if not isinstance(given, list) or not given or not all(isinstance(word, str) for word in given):
        raise InputError(f'{where}: [vocabulary]: wanted classes = ["...", ...], found {given!r}'[:500])
    for word in given:
        if not word or word != word.strip() or not word.isprintable() or len(word) > 80 or "," in word or word in (OTHER, DROP):
            raise InputError(
                f"{where}: [vocabulary]: a class is 1 to 80 printable characters, no comma, not Other or drop; found {word[:80]!r}"
            )
    if len(set(given)) != len(given):
        raise InputError(f"{where}: [vocabulary]: class {next(w for w in given if given.count(w) > 1)!r} stands twice")
    if known is not None and tuple(given) != known:
        raise InputError(
            f"{where}: stain {stain} has the classes {', '.join(known)}, found {', '.join(given)}: give your stain a name of its own"
        )
    return tuple(given)


def _labels(told: Mapping[str, Any], where: str, stain: str, classes: tuple[str, ...]) -> dict[str, str]:
    table = told.get("labels", {})
    if not isinstance(table, dict):
        raise InputError(f"{where}: [labels]: wanted label = class lines, found {table!r}"[:500])
    identity = told.get("identity", False)
    if not isinstance(identity, bool):
        raise InputError(f"{where}: identity: wanted true or false, found {identity!r}")
    labels: dict[str, str] = {word: word for word in (*classes, OTHER)} if identity else {}
    for label, word in table.items():
        if not isinstance(word, str):
            raise InputError(f"{where}: label {label!r}: wanted a class in quotes, found {word!r}"[:500])
        if word not in classes and word not in (OTHER, DROP):
            raise InputError(f"{where}: label {label!r}: no class {word!r} in stain {stain}: wanted {', '.join(classes)}, Other or drop")
        label = label or NO_LABEL
        if label == NO_LABEL and labels.get(label, word) != word:
            raise InputError(
                f'{where}: cells without a label: wanted one class, found {labels[label]} and {word} ("" and null are the same)'
            )
        labels[label] = word
    if not labels or len(labels) > MAX_LABELS:
        raise InputError(f"{where}: [labels]: wanted 1 to {MAX_LABELS:,} labels, found {len(labels):,}")
    return labels
