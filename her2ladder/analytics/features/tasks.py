"""Which slides are to be profiled: those whose values do not hold any more, with what is known of each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from her2ladder.analytics.features.settings import Regions, Settings, SlideTask
from her2ladder.errors import InputError
from her2ladder.queries.fan_out import Part
from her2ladder.schema.store import Store
from her2ladder.schema.vocabulary import OTHER, XENIUM

_UNTYPED = "SELECT slide_id FROM class_count WHERE stain = ? GROUP BY slide_id HAVING bool_and(cell_class = ?)"


def find_tasks(
    store: Store, settings: Settings, slides: Sequence[str], only: str | None, force: bool, part: Part | None = None
) -> tuple[list[SlideTask], list[SlideTask], list[SlideTask], list[SlideTask]]:
    """Return the slides to profile, those whose values hold already, in-situ sections whose cells have no type yet, and those without a region
    of the classes asked for.

    raises   InputError: no such slide or stain, or no slide has such a region
    """
    kinds = ["cell_pairs"] + ["cell_centralities"] * settings.centralities + ["cell_morphologies"] * settings.morphology
    with store.reading() as con:
        rows = con.sql("SELECT slide_id, stain, path, sha256, n_cells FROM slide ORDER BY slide_id, stain").fetchall()
        words: dict[str, list[str]] = {}
        for stain, word in con.sql("SELECT stain, cell_class FROM vocabulary ORDER BY stain, position").fetchall():
            words.setdefault(stain, []).append(word)
        held = con.sql("SELECT slide_id, stain, kind, cells_sha256, parameters FROM manifest_current").fetchall()
        tiles = _flagged(con, settings.leave_out)
        without_type = {(slide, XENIUM) for (slide,) in con.execute(_UNTYPED, [XENIUM, OTHER]).fetchall()}
        regions = _regions(con, settings.within)
        valued = _valued(con, settings)
    unavailable = {
        (slide, stain): tuple(json.loads(told).get("unavailable", ())) for slide, stain, kind, _, told in held if kind == "cells"
    }
    done = {(slide, stain, kind, sha) for slide, stain, kind, sha, told in held if json.loads(told) == json.loads(settings.parameters)}
    unknown = sorted(set(slides) - {row[0] for row in rows})
    if unknown:
        raise InputError(f"--slide-id: no slide called {unknown[0]!r} in the store")
    stains = sorted({row[1] for row in rows})
    if only is not None and only not in stains:
        raise InputError(f"--stain: no slide of stain {only!r} in the store; there is {', '.join(stains) or 'none'}")
    tasks: list[SlideTask] = []
    unchanged: list[SlideTask] = []
    untyped: list[SlideTask] = []
    without: list[SlideTask] = []
    for place, (slide_id, stain, path, sha256, n_cells) in enumerate(rows):  # of all slides: what is done already moves no slide
        if part is not None and not part.has(place):
            continue
        if (slides and slide_id not in slides) or (only is not None and stain != only):
            continue
        of = (slide_id, stain)
        task = SlideTask(
            slide_id, stain, path, sha256, n_cells, tuple(words.get(stain, ())), unavailable.get(of, ()), tuple(tiles.get(of, ())),
            regions.get(of),
        )  # fmt: skip
        if settings.within and of not in regions:
            without.append(task)
            continue
        is_done = of in valued if settings.within else all((slide_id, stain, kind, sha256) in done for kind in kinds)
        (untyped if of in without_type else unchanged if is_done and not force else tasks).append(task)
    if settings.within and not tasks and not unchanged and part is None:
        raise InputError(f"--within: {_no_region(store, settings.within)}")
    return tasks, unchanged, untyped, without


def _regions(con: Any, within: Sequence[str]) -> dict[tuple[str, str], Regions]:
    """Return slide and stain -> whose cells count, of slides that have a region of one of the classes."""
    if not within:
        return {}
    classes: dict[tuple[str, str], dict[str, list[str]]] = {}
    for slide, stain, name, role in con.sql("SELECT DISTINCT slide_id, stain, region_class, role FROM region ORDER BY ALL").fetchall():
        classes.setdefault((slide, stain), {"include": [], "exclude": []})[role].append(name)
    files = {(slide, stain, kind): (path, sha256) for slide, stain, kind, path, sha256 in con.sql(
        "SELECT slide_id, stain, kind, path, sha256 FROM manifest_current WHERE kind IN ('regions', 'cell_regions')"
    ).fetchall()}  # fmt: skip
    found = {}
    for (slide, stain), told in classes.items():
        held = files.get((slide, stain, "cell_regions"))
        if held is not None and set(within) & {*told["include"], *told["exclude"]}:
            left_out = tuple(name for name in told["exclude"] if name not in within)
            found[slide, stain] = Regions(held[0], files[slide, stain, "regions"][1], tuple(within), left_out)
    return found


def _valued(con: Any, settings: Settings) -> set[tuple[str, str]]:
    """Return slide and stain of those whose values of this set, by these settings, hold."""
    sql = "SELECT DISTINCT slide_id, stain FROM slide_feature WHERE feature_set = $set AND parameters = $told"
    given = {"set": settings.feature_set, "told": settings.parameters}
    return set(con.execute(sql, given).fetchall()) if settings.within else set()


def _no_region(store: Store, within: Sequence[str]) -> str:
    with store.reading() as con:
        there = [word for (word,) in con.sql("SELECT DISTINCT region_class FROM region ORDER BY 1").fetchall()]
    return f"no slide has a region of class {' or '.join(within)}; there is {', '.join(there[:20]) or 'none: ladder ingest regions'}"


def _flagged(con: Any, flags: Sequence[str]) -> dict[tuple[str, str], list[tuple[float, float, float, float]]]:
    """Return slide and stain -> the tiles that have one of the flags, in order."""
    found: dict[tuple[str, str], list[tuple[float, float, float, float]]] = {}
    asked = "SELECT slide_id, stain, flags, x0_um, y0_um, x1_um, y1_um FROM tile_quality ORDER BY ALL"
    for slide, stain, told, *box in con.sql(asked).fetchall() if flags else ():
        if set(told.split(",")) & set(flags):
            found.setdefault((slide, stain), []).append((box[0], box[1], box[2], box[3]))
    return found
