"""The cell map as one HTML page, or as fragments of a report: no library, no network, every text from outside escaped.

A page holds the cells as gzipped bytes (`points.py`), a small script that unpacks and draws them, and a policy that lets nothing else run
or load: scripts and styles pass by their SHA-256 alone, so a page that embeds fragments needs no more than `script_source()` and
`style_source()` in its own policy.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Sequence
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from her2ladder.analytics.cellmap.cells import MapCells, dot_um, map_cells
from her2ladder.analytics.cellmap.files import whole_file
from her2ladder.analytics.cellmap.labels import NO_VALUE_COLOUR, plain_text, ramp_colours, summary, value_range
from her2ladder.analytics.cellmap.over import DOT_SHARE, Over, as_data_url
from her2ladder.analytics.cellmap.points import PackedPoints, pack_points
from her2ladder.analytics.figures.palette import class_colours
from her2ladder.errors import InputError

_PAGE_STYLE = "body { margin: 0; }\n@page { margin: 1.2cm; }\n"
_ICONS = {"in": "M12 5v14M5 12h14", "out": "M5 12h14", "reset": "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5"}


def write_html(
    path: str | os.PathLike[str],
    x_um: ArrayLike,
    y_um: ArrayLike,
    cls: Any,
    classes: Sequence[str],
    title: str,
    *,
    stain: str = "",
    provenance: str = "",
    is_synthetic: bool = False,
    value: ArrayLike | None = None,
    value_name: str = "",
    extent_um: tuple[float, float, float, float] | None = None,
    max_points: int | None = None,
    seed: int = 0,
    over: Over | None = None,
) -> None:
    """Write a slide's map as one self-contained page, whole or not at all; see `cells.map_cells` for the arrays.

    title         slide id, any text
    is_synthetic  puts a SYNTHETIC badge beside the title
    value         a number a cell, which the reader may colour by
    max_points    None: every cell. Else a seeded sample, and the page says so; counts stay the slide's
    over          the slide's image, to be drawn beneath the cells
    raises        InputError for bad arrays
    """
    cells = map_cells(x_um, y_um, cls, classes, value=value, value_name=value_name, extent_um=extent_um).sample(max_points, seed)
    style, script = _PAGE_STYLE + map_style(), map_script()
    figure = _figure("map", cells, title, stain, provenance, is_synthetic, seed, heading=1, look="is-page", over=over)
    parts = {
        "script_hash": _source(script),
        "style_hash": _source(style),
        "images": "img-src data:; " if over else "",
        "title": escape(f"{plain_text(title)}: cell map"),
        "style": style,
        "map": figure,
        "script": script,
    }
    page = re.sub(r"\{(\w+)\}", lambda found: parts[found[1]], _asset("template.html"))
    with whole_file(Path(path)) as place:
        place.write_text(page, encoding="utf-8", newline="\n")


def map_fragment(
    map_id: str,
    x_um: ArrayLike,
    y_um: ArrayLike,
    cls: Any,
    classes: Sequence[str],
    title: str,
    *,
    stain: str = "",
    provenance: str = "",
    is_synthetic: bool = False,
    value: ArrayLike | None = None,
    value_name: str = "",
    extent_um: tuple[float, float, float, float] | None = None,
    max_points: int | None = 100_000,
    seed: int = 0,
    heading: int = 3,
) -> str:
    """Return a `<figure>` for a page that holds `map_style()` once and `map_script()` once, after its last map.

    map_id      unique in the page, a letter and then letters, digits, `-` or `_`
    max_points  at most so many cells are drawn, a seeded sample without replacement, and the figure says `n of N shown`
    heading     level of the title's heading, 1..6
    raises      InputError for bad arrays or a bad id
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", map_id):
        raise InputError(f"cell map: map_id must be a letter, then letters, digits, - or _, got {map_id!r}")
    cells = map_cells(x_um, y_um, cls, classes, value=value, value_name=value_name, extent_um=extent_um).sample(max_points, seed)
    return _figure(map_id, cells, title, stain, provenance, is_synthetic, seed, heading=heading, look="is-embedded")


@cache
def map_style() -> str:
    """Return the style sheet of all maps of a page."""
    return _asset("map.css")


@cache
def map_script() -> str:
    """Return the script that starts every map of the page it ends; strict, and in a scope of its own."""
    body = "\n".join(_asset(name) for name in ("points.js", "draw.js", "view.js"))
    return f'(() => {{\n"use strict";\n{body}}})();\n'


def script_source() -> str:
    """Return `'sha256-…'` of `map_script()`, for the script-src of a page that embeds fragments."""
    return _source(map_script())


def style_source() -> str:
    """Return `'sha256-…'` of `map_style()`, for the style-src of a page that embeds fragments."""
    return _source(map_style())


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _asset(name: str) -> str:
    return (files("her2ladder.analytics.cellmap") / name).read_text(encoding="utf-8")


def _figure(
    map_id: str,
    cells: MapCells,
    title: str,
    stain: str,
    provenance: str,
    is_synthetic: bool,
    seed: int,
    *,
    heading: int,
    look: str,
    over: Over | None = None,
) -> str:
    """Return the map's markup with its data; without script it still says what it shows and how many cells of each class."""
    packed = pack_points(cells)
    name, facts = escape(plain_text(title)), escape(plain_text(summary(cells, stain)))
    badge = '<span class="cmap-badge">SYNTHETIC</span>' if is_synthetic else ""
    sample = ""
    if packed.n < cells.n_total:
        shown = f"{packed.n:,} of {cells.n_total:,} cells shown, drawn at random (seed {seed}); the counts are of all cells."
        sample = f'<p class="cmap-sample">{shown}</p>'
    return f"""<figure class="cmap {look}" id="{map_id}" aria-labelledby="{map_id}-title">
<header class="cmap-head"><h{heading} class="cmap-title" id="{map_id}-title">{name}</h{heading}>{badge}
<p class="cmap-facts">{facts}</p></header>
<div class="cmap-stage">
{_image(over)}<canvas class="cmap-canvas" tabindex="0" role="application" aria-roledescription="cell map" \
aria-label="Map of the cells of slide {name}" aria-describedby="{map_id}-help">The counts of each class stand beside the map.</canvas>
<p class="cmap-note">Unpacking {packed.n:,} cells … (this needs JavaScript)</p>
<div class="cmap-ring" hidden></div>
<div class="cmap-tools">{_button("in", "Zoom in")}{_button("out", "Zoom out")}{_button("reset", "Show the whole slide")}</div>
<div class="cmap-bar" aria-hidden="true"><span class="cmap-bar-text"></span><span class="cmap-bar-line"></span></div>
<div class="cmap-readout"></div>
</div>
<div class="cmap-side">{_colour_choice(map_id, cells)}{_image_choice(over)}{_legend(map_id, cells, heading)}{sample}{_help(map_id, packed)}</div>
<figcaption class="cmap-foot">{escape(plain_text(provenance))}</figcaption>
<p class="cmap-live cmap-hidden" role="status"></p>
<script class="cmap-head-data" type="application/json">{_head(cells, packed, over)}</script>
<script class="cmap-points" type="text/plain">{base64.b64encode(packed.gz).decode()}</script>
</figure>"""


def _button(part: str, label: str) -> str:
    icon = f'<svg viewBox="0 0 24 24" aria-hidden="true"><path d="{_ICONS[part]}"/></svg>'
    return f'<button type="button" class="cmap-{part}" aria-label="{label}" title="{label}">{icon}</button>'


def _legend(map_id: str, cells: MapCells, heading: int) -> str:
    """Return the list of classes with swatch, count and share; the boxes wake up with the script."""
    rows, total = [], max(cells.n_total, 1)
    for (name, colour), count in zip(class_colours(cells.classes).items(), cells.counts, strict=True):
        text = escape(plain_text(name))
        swatch = f'<svg class="cmap-swatch" viewBox="0 0 1 1" aria-hidden="true"><rect width="1" height="1" fill="{colour}"/></svg>'
        absent = "" if count else ' class="is-absent"'
        breakable = text.replace("_", "_<wbr>")
        rows.append(
            f'<li{absent}><label><input type="checkbox" checked disabled>{swatch}<span class="cmap-name">{breakable}</span>'
            f'<span class="cmap-count">{count:,}</span><span class="cmap-share">{100 * count / total:.1f} %</span></label>'
            f'<button type="button" class="cmap-link cmap-only" aria-label="Show only {text}">only</button></li>'
        )
    level = min(heading + 1, 6)
    return (
        f'<div class="cmap-legend-head"><h{level} class="cmap-label" id="{map_id}-classes">Cell classes</h{level}>'
        f'<button type="button" class="cmap-link cmap-all">all / none</button></div>'
        f'<ul class="cmap-legend" aria-labelledby="{map_id}-classes">{"".join(rows)}</ul>'
    )


def _colour_choice(map_id: str, cells: MapCells) -> str:
    """Return the choice between class and value with the ramp of the value; nothing where there is none."""
    if cells.value is None:
        return ""
    low, high = value_range(cells.value)
    name = escape(plain_text(cells.value_name or "value"))
    missing = int((~np.isfinite(cells.value)).sum())
    stripes = "".join(f'<rect x="{k}" width="2" height="1" fill="{c}"/>' for k, c in enumerate(ramp_colours()[::4]))
    none = f' <svg class="cmap-swatch" viewBox="0 0 1 1" aria-hidden="true"><rect width="1" height="1" fill="{NO_VALUE_COLOUR}"/></svg>'
    return (
        f'<div class="cmap-colour"><label class="cmap-label" for="{map_id}-colour">Colour by</label><select id="{map_id}-colour">'
        f'<option value="class" selected>cell class</option><option value="value">{name}</option></select>'
        f'<div class="cmap-ramp"><svg viewBox="0 0 64 1" preserveAspectRatio="none" aria-hidden="true">{stripes}</svg>'
        f"<div><span>≤ {low:.4g}</span><span>≥ {high:.4g}</span></div>"
        f'<div class="cmap-none"><span>none: {missing:,}</span>{none}</div></div></div>'
    )


def _image(over: Over | None) -> str:
    return f'<img class="cmap-over" alt="" src="{as_data_url(over)}">' if over else ""


def _image_choice(over: Over | None) -> str:
    return '<label class="cmap-image"><input type="checkbox" checked> slide image</label>' if over else ""


def _help(map_id: str, packed: PackedPoints) -> str:
    step = max(packed.step_x_um, packed.step_y_um) / 2
    return (
        f'<details class="cmap-help"><summary>How to look around</summary><ul id="{map_id}-help">'
        "<li>Drag to move; wheel, pinch or double-click to zoom (in a report, click the map first).</li>"
        "<li>Arrow keys move, + and - zoom, 0 shows the whole slide.</li>"
        "<li>Click a cell, or press Enter for the one nearest to the middle, to keep its reading; Esc lets go.</li>"
        f"<li>Places are kept to within {step:.2g} µm.</li></ul></details>"
    )


def _head(cells: MapCells, packed: PackedPoints, over: Over | None = None) -> str:
    """Return what the script must know of the map as JSON that cannot end its own script element."""
    colours = class_colours(cells.classes)
    head: dict[str, Any] = {
        "n": packed.n,
        "bands": packed.bands,
        "x0": packed.x0_um,
        "y0": packed.y0_um,
        "stepX": packed.step_x_um,
        "stepY": packed.step_y_um,
        "extent": cells.extent_um,
        "dot": dot_um(cells) * (DOT_SHARE if over else 1),
        "over": over.extent_um if over else None,
        "classes": [{"name": plain_text(name), "colour": colours[name]} for name in cells.classes],
        "value": None,
    }
    if cells.value is not None:
        low, high = value_range(cells.value)
        name = plain_text(cells.value_name or "value")
        head["value"] = {"name": name, "lowest": packed.value0, "step": packed.step_value, "low": low, "high": high}
        head["value"] |= {"ramp": ramp_colours(), "none": NO_VALUE_COLOUR}
    text = json.dumps(head, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
