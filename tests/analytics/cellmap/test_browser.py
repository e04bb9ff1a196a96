"""A browser draws the page, on a graphics card and without one, answers mouse and keys, and never runs a slide's name."""

from __future__ import annotations

import numpy as np
import pytest
from cellmap_browser import NO_WEBGL, WEBGL, chromium, open_browser

from her2ladder.analytics.cellmap.page import map_fragment, map_script, map_style, script_source, style_source, write_html

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine; the page's bytes are tested without one"),
]

CLASSES = ("Tumor", "Stroma", "Neutro", "Lymph", "Macro", "Other")
HOSTILE = "</script><img src=x onerror=alert(1)>"
# Reads one pixel of the map, given in CSS pixels of its canvas, whichever way it was drawn.
PIXEL = """(() => {{ const c = document.querySelector('.cmap-canvas'), d = document.createElement('canvas');
d.width = c.width; d.height = c.height; const g = d.getContext('2d'); g.drawImage(c, 0, 0);
return [...g.getImageData({x} * c.width / c.clientWidth, {y} * c.height / c.clientHeight, 1, 1).data]; }})()"""


@pytest.fixture(scope="module", params=[(WEBGL, "WebGL"), (NO_WEBGL, "canvas")], ids=["webgl", "no webgl"])
def browser(request, tmp_path_factory):
    with open_browser(tmp_path_factory.mktemp("profile"), request.param[0]) as page:
        page.way = request.param[1]
        yield page
        assert page.problems == []


def cross(path, **words) -> None:
    """Five cells as a cross of 400 x 400 micrometres; the middle one is Macro at (200, 200)."""
    x, y = [0, 400, 200, 0, 400], [0, 0, 200, 400, 400]
    write_html(path, x, y, ["Tumor", "Stroma", "Macro", "Lymph", "Neutro"], CLASSES, words.pop("title", "S1"), **words)


def test_cells_stand_where_they_lie_in_their_colours(browser, tmp_path) -> None:
    cross(tmp_path / "a.html")
    browser.open(tmp_path / "a.html")
    assert browser.run("document.querySelector('.cmap').dataset.drawnBy") == browser.way
    width, height = browser.run("(() => { const c = document.querySelector('.cmap-canvas'); return [c.clientWidth, c.clientHeight]; })()")
    scale = 0.96 * min(width, height) / 400
    for x, y, colour in ((0, 0, "#C4161C"), (400, 0, "#4CBDB5"), (200, 200, "#D0A21C"), (0, 400, "#2446F0"), (400, 400, "#A311AA")):
        got = browser.run(PIXEL.format(x=width / 2 + (x - 200) * scale, y=height / 2 + (y - 200) * scale))
        assert np.abs(np.array(got[:3]) - [int(colour[i : i + 2], 16) for i in (1, 3, 5)]).max() <= 2, (colour, got)


def test_a_click_reads_the_nearest_cell_and_a_hidden_class_is_not_found(browser, tmp_path) -> None:
    cross(tmp_path / "a.html", value=[1.0, 2.0, 7.25, np.nan, 9.0], value_name="min_edge_um")
    browser.open(tmp_path / "a.html")
    left, top, width, height = browser.run(
        "(() => { const b = document.querySelector('.cmap-canvas').getBoundingClientRect(); return [b.left, b.top, b.width, b.height]; })()"
    )
    readout = "document.querySelector('.cmap-readout').textContent"
    browser.click(left + width / 2 + 3, top + height / 2 - 2)
    assert browser.run(readout) == "Macro · x 200.0 µm, y 200.0 µm · min_edge_um 7.25"
    browser.run("document.querySelectorAll('.cmap-legend input')[4].click()")
    assert browser.run(readout) == ""
    browser.frame()
    assert browser.run(PIXEL.format(x=width / 2, y=height / 2))[3] == 0
    browser.click(left + width / 2, top + height / 2)
    assert browser.run(readout) == ""


def test_keys_move_zoom_pick_and_reset(browser, tmp_path) -> None:
    cross(tmp_path / "a.html")
    browser.open(tmp_path / "a.html")
    browser.run("document.querySelector('.cmap-canvas').focus()")
    bar = "document.querySelector('.cmap-bar').textContent"
    before = browser.run(bar)
    for _ in range(9):
        browser.key("+", "+")
    browser.frame()
    assert browser.run(bar) != before
    browser.key("Enter", "\r")
    assert "Macro" in browser.run("document.querySelector('.cmap-live').textContent")
    browser.key("0", "0")
    browser.frame()
    assert browser.run(bar) == before


def test_a_drag_pans_and_a_wheel_zooms_on_the_spot(browser, tmp_path) -> None:
    cross(tmp_path / "a.html")
    browser.open(tmp_path / "a.html")
    left, top, width, height = browser.run(
        "(() => { const b = document.querySelector('.cmap-canvas').getBoundingClientRect(); return [b.left, b.top, b.width, b.height]; })()"
    )
    x, y = left + width / 2, top + height / 2
    browser.mouse("mousePressed", x, y, button="left", buttons=1, clickCount=1)
    browser.mouse("mouseMoved", x + 90, y + 40, button="left", buttons=1)
    browser.mouse("mouseReleased", x + 90, y + 40, button="left", clickCount=1)
    browser.frame()
    assert browser.run(PIXEL.format(x=width / 2 + 90, y=height / 2 + 40))[:3] == [208, 162, 28]
    browser.mouse("mouseWheel", x + 90, y + 40, deltaX=0, deltaY=-400)
    browser.frame()
    assert browser.run(PIXEL.format(x=width / 2 + 90, y=height / 2 + 40))[:3] == [208, 162, 28]


def test_a_hostile_slide_does_not_run_and_its_name_is_shown(browser, tmp_path) -> None:
    cross(tmp_path / "a.html", title=HOSTILE, provenance=HOSTILE, stain=HOSTILE)
    browser.open(tmp_path / "a.html")
    assert browser.run("document.querySelector('.cmap-title').textContent") == HOSTILE
    assert browser.run("document.images.length") == 0
    assert HOSTILE in browser.run("document.title")


def test_maps_of_a_report_start_side_by_side_under_its_policy(browser, tmp_path) -> None:
    rng = np.random.default_rng(1)
    maps = [
        map_fragment(f"m{k}", rng.uniform(0, 900, 300), rng.uniform(0, 600, 300), rng.integers(0, 6, 300), CLASSES, "S") for k in range(3)
    ]
    policy = f"default-src 'none'; script-src {script_source()}; style-src {style_source()}"
    page = f'<!DOCTYPE html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}"><title>r</title>'
    page += f"<style>{map_style()}</style>{''.join(maps)}<script>{map_script()}</script>"
    (tmp_path / "r.html").write_text(page, encoding="utf-8")
    browser.open(tmp_path / "r.html")
    assert browser.run("[...document.querySelectorAll('.cmap')].map((m) => m.dataset.state)") == ["ready"] * 3


def test_an_empty_slide_and_one_cell_open(browser, tmp_path) -> None:
    for n in (0, 1):
        write_html(tmp_path / "a.html", [5.0] * n, [6.0] * n, ["Tumor"] * n, CLASSES, "S1")
        browser.open(tmp_path / "a.html")
        assert browser.run("document.querySelector('.cmap').dataset.state") == "ready"
        assert browser.run("document.querySelector('.cmap-note').textContent") == ("" if n else "No cells on this slide.")


def test_a_phone_does_not_scroll_sideways(browser, tmp_path) -> None:
    cross(tmp_path / "a.html", title="TCGA-A2-A0YE-01Z-00-DX1.A-VERY-LONG-NAME-WITHOUT-A-SPACE-IN-IT")
    browser.open(tmp_path / "a.html", 360, 740)
    assert browser.run("document.documentElement.scrollWidth") <= 360
