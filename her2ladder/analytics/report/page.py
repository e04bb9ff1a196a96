"""The page as HTML: contents, sections, folds with SQL, provenance. Every text is escaped; no script but the cell map's, no address."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path

from PIL import Image

from her2ladder.analytics.cellmap.page import map_script, map_style, script_source
from her2ladder.analytics.report.parts import Picture, Section, Table
from her2ladder.queries.catalog import catalogue

MANY_COLUMNS = 10  # more than these are set smaller, on paper above all
WIDEST_PX = 1500  # at the page's width this is two pixels a point; the full figures come from each command's -o


@dataclass(frozen=True)
class Facts:
    """What stands at the head and the foot of the page."""

    title: str
    is_synthetic: bool
    made: str
    snapshot: str
    numbers: Sequence[tuple[str, str]]
    queries: Mapping[str, Mapping[str, str]]  # run -> {query: sha256}


def render(facts: Facts, sections: Sequence[Section]) -> str:
    """Return the whole page."""
    style = (files("her2ladder.analytics.report") / "report.css").read_text(encoding="utf-8")
    has_maps = any(section.fragments for section in sections)
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {script_source() if has_maps else chr(39) + 'none' + chr(39)}"
    body = [_head(facts), _glance(sections), _contents(sections), *(_section(section, facts) for section in sections)]
    script = f"<script>{map_script()}</script>" if has_maps else ""
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">\n<title>{escape(facts.title)}</title>\n'
        f"<style>{style}\n{map_style() if has_maps else ''}</style></head>\n<body>{''.join(body)}{script}</body></html>\n"
    )


def _head(facts: Facts) -> str:
    badge = '<p class="badge">SYNTHETIC DATA: simulated patients, nothing here is evidence about people</p>' if facts.is_synthetic else ""
    numbers = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts.numbers)
    return (
        f'<header class="top"><h1>{escape(facts.title)}</h1>{badge}'
        f'<p class="lead">HER2-LADDER report, {escape(facts.made)}. Store state {escape(facts.snapshot)}. '
        f'For research; not for clinical use.</p><dl class="numbers">{numbers}</dl></header>'
    )


def _glance(sections: Sequence[Section]) -> str:
    """The few numbers that a reader came for, each with a link to where it stands."""
    lines = "".join(
        f'<tr><td><a href="#{section.anchor}">{escape(what)}</a></td><td>{escape(found)}</td></tr>'
        for section in sections
        for what, found in section.key
    )
    return f'<div class="glance"><h2>At a glance</h2><table><tbody>{lines}</tbody></table></div>' if lines else ""


def _contents(sections: Sequence[Section]) -> str:
    items = "".join(f'<li><a href="#{section.anchor}">{escape(section.title)}</a>{_absent(section)}</li>' for section in sections)
    return f'<nav aria-label="Contents"><h2>Contents</h2><ol>{items}</ol></nav>'


def _absent(section: Section) -> str:
    has_content = section.pictures or section.fragments or any(table.rows for table in section.tables) or section.notes
    return "" if has_content else ' <span class="absent">(nothing to show)</span>'


def _section(section: Section, facts: Facts) -> str:
    parts = [f'<section id="{section.anchor}"><h2>{escape(section.title)}</h2>']
    parts += [f"<p>{escape(section.intro)}</p>"] if section.intro else []
    parts += [f'<p class="missing">Not shown: {escape(reason)}</p>' for reason in section.missing]
    if section.pictures:
        parts.append(f'<div class="pictures">{"".join(_picture(one) for one in section.pictures)}</div>')
    if section.fragments:
        parts.append(f'<div class="maps">{"".join(section.fragments)}</div>')
    parts += [_table(one) for one in section.tables]
    parts += [f'<p class="note">{escape(note)}</p>' for note in section.notes]
    parts.append(_source(section, facts))
    return "".join(parts) + "</section>"


def _picture(picture: Picture) -> str:
    data = base64.b64encode(_light(picture.path)).decode()
    wide = ' class="wide"' if picture.is_wide else ""
    caption = escape(picture.caption)
    return f'<figure{wide}><img alt="{caption}" src="data:image/png;base64,{data}"><figcaption>{caption}</figcaption></figure>'


def _light(path: Path) -> bytes:
    """Return a PNG at the page's size in 256 colours: a fifth of the bytes, and no difference that a reader can see."""
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    if image.width > WIDEST_PX:
        image = image.resize((WIDEST_PX, round(image.height * WIDEST_PX / image.width)), Image.Resampling.LANCZOS)
    held = io.BytesIO()
    image.quantize(256, dither=Image.Dither.NONE).save(held, "png", optimize=True)
    return held.getvalue()


def _table(table: Table) -> str:
    if not table.rows:
        return ""
    names = list(table.columns or table.rows[0].keys())
    numeric = [all(_is_number(row.get(name)) for row in table.rows) for name in names]
    head = "".join(f'<th scope="col"{_align(right)}>{escape(str(name))}</th>' for name, right in zip(names, numeric, strict=True))
    lines = "".join(
        "<tr>"
        + "".join(f"<td{_align(right)}>{escape(shown(row.get(name)))}</td>" for name, right in zip(names, numeric, strict=True))
        + "</tr>"
        for row in table.rows
    )
    below = "".join(f"<li>{escape(text)}</li>" for text in table.footnotes)
    below = f'<ol class="footnotes">{below}</ol>' if below else ""
    below += "".join(f'<p class="note">{escape(text)}</p>' for text in table.remarks)
    size = ' class="many"' if len(names) > MANY_COLUMNS else ""
    drawn = (
        f'<div{size}><div class="scroll" tabindex="0"><table><caption>{escape(table.title)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>{below}</div>"
    )
    return f"<details><summary>{escape(table.title)} ({len(table.rows)} rows)</summary>{drawn}</details>" if table.is_folded else drawn


def _source(section: Section, facts: Facts) -> str:
    """Where the section's numbers come from: command, runs, and the SQL behind a fold."""
    if not section.runs and not section.command and not section.queries:
        return ""
    names = sorted({*section.queries, *(name for run in section.runs for name in facts.queries.get(run, {}))})
    folds = "".join(
        f"<details><summary>SQL: {escape(name)}</summary><pre>{escape(catalogue()[name].sql)}</pre></details>"
        for name in names
        if name in catalogue()
    )
    told = f"<code>{escape(section.command)}</code>" if section.command else ""
    runs = f"run {escape(', '.join(section.runs))}" if section.runs else ""
    return f'<footer class="source">{" · ".join(part for part in (told, runs) if part)}{folds}</footer>'


def shown(value: object) -> str:
    """Return a value as a reader wants it: four digits, small P values in powers, thousands apart, nothing for NULL."""
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, float):
        if not math.isfinite(value):
            return ""
        return f"{value:.1e}" if value != 0 and abs(value) < 0.001 else f"{value:.4g}"
    return str(value)


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _align(right: bool) -> str:
    return ' class="n"' if right else ""
