"""Label maps: presets, a user's own, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from her2ladder.errors import InputError
from her2ladder.schema.labels import load_label_map, preset_names
from her2ladder.schema.vocabulary import CLASSES, OTHER


def test_the_presets_are_these() -> None:
    assert preset_names() == [
        *("cellvit-pannuke", "consep", "her2-membrane", "hovernet-pannuke+monusac", "hovernext-lizard", "instanseg"),
        *("ladder-default", "lizard", "monusac", "nucls", "pannuke", "store", "untyped", "xenium"),
    ]


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_loads_for_its_stain(name: str) -> None:
    stain = {"her2-membrane": "HER2", "xenium": "Xenium"}.get(name, "HE")
    label_map = load_label_map(name, stain)
    assert label_map.name == name
    assert label_map.classes == CLASSES.get(stain, ())
    assert set(label_map.labels.values()) <= {*label_map.classes, OTHER, "drop"}


@pytest.mark.parametrize(
    ("name", "label", "word"),
    [
        ("pannuke", "1", "Tumor"),
        ("pannuke", "3", "Stroma"),
        ("pannuke", "5", "Other"),
        ("monusac", "2", "Lymph"),
        ("monusac", "3", "Macro"),
        ("monusac", "4", "Neutro"),
        ("consep", "3", "Stroma"),
        ("nucls", "2", "Lymph"),
        ("nucls", "3", "Stroma"),
        ("nucls", "5", "Neutro"),
        ("nucls", "tumor", "Tumor"),
        ("hovernet-pannuke+monusac", "monusac:4", "Neutro"),
        ("hovernet-pannuke+monusac", "pannuke:2", "Other"),
    ],
)
def test_a_preset_says_what_its_checkpoint_means(name: str, label: str, word: str) -> None:
    """Numbers as in the released checkpoints (HoVer-Net type_info.json) and in NuCLS's SOURCE."""
    assert load_label_map(name, "HE").labels[label] == word


def test_the_store_map_takes_every_class_of_the_stain_for_itself() -> None:
    assert load_label_map("store", "HER2").labels == {word: word for word in (*CLASSES["HER2"], OTHER)}
    assert load_label_map("store", "IMC", vocabulary=["T", "B"]).labels == {"T": "T", "B": "B", OTHER: OTHER}


def test_a_stain_of_ones_own_brings_its_vocabulary(tmp_path: Path) -> None:
    path = tmp_path / "imc.toml"
    path.write_text('name = "imc"\nstain = "IMC"\n[vocabulary]\nclasses = ["T cell", "B cell"]\n[labels]\n"1" = "T cell"\nx = "drop"\n')
    label_map = load_label_map(path, "IMC")
    assert label_map.classes == ("T cell", "B cell")
    assert label_map.labels == {"1": "T cell", "x": "drop"}


def test_the_hash_is_of_what_the_map_says_and_not_of_its_layout(tmp_path: Path) -> None:
    one, two, three = (tmp_path / f"{n}.toml" for n in "abc")
    one.write_text('name = "m"\n[labels]\n1 = "Tumor"\n2 = "Lymph"\n')
    two.write_text('# a note\nname = "m"\n\n[labels]\n"2" = "Lymph"\n"1" = "Tumor"\n')
    three.write_text('name = "m"\n[labels]\n1 = "Tumor"\n2 = "Macro"\n')
    hashes = [load_label_map(path, "HE").sha256 for path in (one, two, three)]
    assert hashes[0] == hashes[1] != hashes[2]


def test_an_empty_label_is_the_label_of_a_cell_without_one(tmp_path: Path) -> None:
    empty, null = tmp_path / "empty.toml", tmp_path / "null.toml"
    empty.write_text('name = "m"\nidentity = true\n[labels]\n"" = "Other"\n')
    null.write_text('name = "m"\nidentity = true\n[labels]\nnull = "Other"\n')
    assert load_label_map(empty, "HE") == load_label_map(null, "HE")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name = ", "wanted a label map in TOML"),
        ("[labels]\n1 = 'Tumor'", "wanted name"),
        ("name = 'm'\n[labels]\n1 = 'Tumour'", "no class 'Tumour' in stain HE: wanted Tumor, Stroma, Neutro, Lymph, Macro, Other or drop"),
        ("name = 'm'\n[labels]\n1 = 5", "label '1': wanted a class in quotes, found 5"),
        ("name = 'm'\nstain = 'HER2'\n[labels]\n1 = 'Tumor'", "is for stain HER2, asked for HE"),
        ("name = 'm'\n[label]\n1 = 'Tumor'", "found also label"),
        ("name = 'm'\n[vocabulary]\nclasses = ['A']\n[labels]\n1 = 'A'", "give your stain a name of its own"),
        ("name = 'm'\n[labels]\n'' = 'Other'\nnull = 'drop'", "cells without a label: wanted one class, found Other and drop"),
        ("name = 'm'", "wanted 1 to 10,000 labels, found 0"),
    ],
)
def test_a_wrong_map_is_told_in_one_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "m.toml"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        load_label_map(path, "HE")
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_a_map_that_is_not_there_names_the_presets() -> None:
    with pytest.raises(InputError, match=r"no label map 'pannuk': wanted one of cellvit-pannuke, .*, pannuke"):
        load_label_map("pannuk", "HE")


def test_a_stain_without_a_vocabulary_asks_for_one() -> None:
    with pytest.raises(InputError, match=r"needs \[vocabulary\] classes"):
        load_label_map("store", "IMC")


def test_a_class_that_a_label_stands_for_is_not_unavailable(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text('name = "m"\nunavailable = ["Macro"]\n[labels]\n1 = "Macro"\n')
    with pytest.raises(InputError, match="unavailable: Macro: a label stands for it"):
        load_label_map(tmp_path / "m.toml", "HE")
    (tmp_path / "m.toml").write_text('name = "m"\nunavailable = ["Macro"]\n[labels]\n1 = "Tumor"\n')
    assert load_label_map(tmp_path / "m.toml", "HE").unavailable == ("Macro",)
