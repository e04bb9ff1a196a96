"""The page says what it shows, holds everything it needs, and lets no text from outside become markup or script."""

from __future__ import annotations

import base64
import hashlib
import re

import numpy as np
import pytest
from cellmap_reader import cells_of, heads, parse

from her2ladder.analytics.cellmap.page import map_fragment, map_script, map_style, script_source, style_source, write_html
from her2ladder.analytics.figures.palette import CLASS_COLOURS
from her2ladder.errors import InputError

CLASSES = ("Tumor", "Stroma", "Neutro", "Lymph", "Macro", "Other")
HOSTILE = "</script><img src=x onerror=alert(1)>"
EVIL_CLASSES = (HOSTILE, "<!--<script>", "\u202e&amp;\u2028'\"", "]]><svg onload=alert(2)>")


def some_cells(n: int = 500, classes: int = 6, seed: int = 3):
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 2000, n), rng.uniform(0, 1500, n), rng.integers(0, classes, n)


@pytest.fixture
def page_of(tmp_path):
    def write(*args, **kwargs) -> str:
        write_html(tmp_path / "map.html", *args, **kwargs)
        assert [p.name for p in tmp_path.iterdir()] == ["map.html"]
        return (tmp_path / "map.html").read_text(encoding="utf-8")

    return write


def test_the_legend_counts_every_class_absent_ones_too(page_of) -> None:
    page = page_of([0, 1, 2, 3], [0, 1, 2, 3], ["Tumor", "Tumor", "Lymph", "Tumor"], CLASSES, "S1")
    rows = re.findall(r'cmap-name">([^<]+)</span><span class="cmap-count">([\d,]+)</span><span class="cmap-share">([^<]+)<', page)
    assert rows == [
        ("Tumor", "3", "75.0 %"),
        ("Stroma", "0", "0.0 %"),
        ("Neutro", "0", "0.0 %"),
        ("Lymph", "1", "25.0 %"),
        ("Macro", "0", "0.0 %"),
        ("Other", "0", "0.0 %"),
    ]
    assert [c["colour"] for c in heads(page)[0]["classes"]] == [CLASS_COLOURS[c] for c in CLASSES]


def test_the_page_says_slide_stain_number_size_run_and_that_it_is_synthetic(page_of) -> None:
    x, y, code = some_cells(1234)
    extent = (0.0, 0.0, 4000.0, 2500.0)
    page = page_of(x, y, code, CLASSES, "SLIDE-7", stain="HE", provenance="run 12", is_synthetic=True, extent_um=extent)
    text = parse(page).text
    for words in ("SLIDE-7", "H&E · 1,234 cells · 4 × 2.5 mm", "SYNTHETIC", "run 12"):
        assert words in text
    assert heads(page)[0]["extent"] == [0.0, 0.0, 4000.0, 2500.0]
    assert "SYNTHETIC" not in parse(page_of(x, y, code, CLASSES, "SLIDE-7")).text


@pytest.mark.parametrize("where", ["title", "stain", "provenance", "value_name", "classes"])
def test_hostile_text_stays_text(where: str, page_of) -> None:
    x, y, code = some_cells(40, 4)
    plain = {"title": "S1", "classes": CLASSES[:4], "stain": "HE", "provenance": "run 1", "value_name": "v"}
    hostile = {**plain, where: EVIL_CLASSES if where == "classes" else HOSTILE}
    tame, wild = (
        parse(page_of(x, y, code, words.pop("classes"), words.pop("title"), value=x, **words)) for words in (dict(plain), dict(hostile))
    )
    assert [tag for tag, _ in wild.tags] == [tag for tag, _ in tame.tags if tag != "wbr"] or where == "classes"
    assert not [tag for tag, _ in wild.tags if tag in ("img", "iframe", "object", "embed", "link", "a", "form")]
    assert not [name for _, attrs in wild.tags for name in attrs if name.startswith("on") or name in ("style", "src", "href")]
    assert len(wild.scripts) == len(tame.scripts) == 3
    assert HOSTILE in wild.text


def test_hostile_class_names_reach_the_script_unharmed_but_for_unprintable_characters(page_of) -> None:
    x, y, code = some_cells(40, 4)
    names = [c["name"] for c in heads(page_of(x, y, code, EVIL_CLASSES, "S1"))[0]["classes"]]
    assert names == [HOSTILE, "<!--<script>", "\ufffd&amp;\ufffd'\"", "]]><svg onload=alert(2)>"]


def test_nothing_on_the_page_points_out_of_it(page_of) -> None:
    page = page_of(*some_cells(), CLASSES, "S1", stain="HE", provenance="run 1", value=np.arange(500.0), value_name="v")
    assert not re.search(r"https?:|//[a-z]|\bsrc\s*=|\bhref\s*=|@import|url\(|\bimport\s*\(|fetch\(|XMLHttp|WebSocket|sendBeacon", page)


def test_the_policy_lets_nothing_run_but_the_one_script_and_the_one_style(page_of) -> None:
    page = page_of(*some_cells(), CLASSES, "S1")
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1]
    inline = [text for attrs, text in parse(page).scripts if "type" not in attrs]
    style = re.search(r"<style>(.*?)</style>", page, re.S)[1]
    assert len(inline) == 1
    hashes = ["'sha256-" + base64.b64encode(hashlib.sha256(t.encode()).digest()).decode() + "'" for t in (inline[0], style)]
    assert policy == f"default-src 'none'; script-src {hashes[0]}; style-src {hashes[1]}; base-uri 'none'; form-action 'none'"
    assert "innerHTML" not in map_script()


def test_the_policy_of_a_report_can_name_script_and_style() -> None:
    for text, source in ((map_script(), script_source()), (map_style(), style_source())):
        assert source == "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"
    assert "</" not in map_script().replace("</g", "")
    assert "<" not in map_style()


def test_maps_share_a_page_without_sharing_an_id() -> None:
    parts = [map_fragment(name, *some_cells(seed=k), CLASSES, f"S{k}", value=np.arange(500.0)) for k, name in enumerate(("low", "high"))]
    ids = [attrs["id"] for tag, attrs in parse("".join(parts)).tags if "id" in attrs]
    assert len(ids) == len(set(ids)) == 10
    named = {v for _, attrs in parse("".join(parts)).tags for k, v in attrs.items() if k in ("aria-labelledby", "aria-describedby", "for")}
    assert named <= set(ids)


@pytest.mark.parametrize("bad", ["", "1a", "a b", 'x"><b>', "é"])
def test_an_id_that_is_no_plain_word_is_refused(bad: str) -> None:
    with pytest.raises(InputError, match="map_id must be"):
        map_fragment(bad, [1.0], [1.0], [0], CLASSES, "S1")


def test_a_sample_says_so_keeps_the_counts_and_is_seeded() -> None:
    x, y, code = some_cells(5000)
    page, again = (map_fragment("m", x, y, code, CLASSES, "S1", max_points=700, seed=4) for _ in range(2))
    assert page == again != map_fragment("m", x, y, code, CLASSES, "S1", max_points=700, seed=5)
    assert "700 of 5,000 cells shown, drawn at random (seed 4)" in page
    assert f'cmap-count">{int((code == 0).sum()):,}<' in page
    assert f'cmap-share">{100 * int((code == 0).sum()) / 5000:.1f} %<' in page
    assert "5,000 cells" in parse(page).text
    assert "700 cells ·" not in parse(page).text
    got = cells_of(page)
    assert len(got["x_um"]) == 700
    places = {(round(a, 0), round(b, 0), c) for a, b, c in zip(x, y, code, strict=True)}
    assert sum((round(a, 0), round(b, 0), c) in places for a, b, c in zip(got["x_um"], got["y_um"], got["code"], strict=True)) > 650
    assert "cells shown" not in map_fragment("m", x, y, code, CLASSES, "S1", max_points=5000)


def test_an_empty_slide_has_a_page(page_of) -> None:
    page = page_of([], [], [], CLASSES, "EMPTY", stain="HER2", value=[], value_name="v")
    assert "HER2 · 0 cells" in parse(page).text
    assert len(cells_of(page)["x_um"]) == 0


def test_one_class_and_no_class_have_pages(page_of) -> None:
    assert cells_of(page_of([5.0], [6.0], ["CD8"], ["CD8"], "S1"))["code"].tolist() == [0]
    assert len(cells_of(page_of([], [], [], [], "S1"))["code"]) == 0


@pytest.mark.parametrize(
    ("x", "y", "cls", "message"),
    [
        ([1.0], [1.0, 2.0], [0], "one entry a cell"),
        ([1.0, np.nan], [1.0, 2.0], [0, 0], "cell 1: x_um and y_um must be finite, got nan"),
        ([1.0, 2.0], [1.0, np.inf], [0, 0], "cell 1: x_um and y_um must be finite"),
        ([1.0], [1.0], ["tumour"], "cell 0: class must be one of .* got 'tumour'"),
        ([1.0, 2.0], [1.0, 2.0], ["Tumor", None], "cell 1: class must be one of .* got None"),
        ([1.0], [1.0], [6], "cell 0: class number must be 0..5, got 6"),
        ([1.0], [1.0], [-1], "cell 0: class number must be 0..5, got -1"),
    ],
)
def test_a_bad_cell_is_named(x, y, cls, message: str, tmp_path) -> None:
    with pytest.raises(InputError, match=message):
        write_html(tmp_path / "map.html", x, y, cls, CLASSES, "S1")
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_named(tmp_path) -> None:
    with pytest.raises(InputError, match="the folder must exist"):
        write_html(tmp_path / "none" / "map.html", [1.0], [1.0], [0], CLASSES, "S1")


def test_values_that_are_missing_everywhere_or_equal_still_have_a_ramp(page_of) -> None:
    x, y, code = some_cells(30)
    for value in (np.full(30, np.nan), np.full(30, 7.0)):
        head = heads(page_of(x, y, code, CLASSES, "S1", value=value, value_name="v"))[0]["value"]
        assert head["high"] > head["low"]
