"""The stage that segments slides: tiles in several processes, kept as they are done; a slide is published whole, through the lake's own door.

Cells go the way of every other source: judged, sorted by tile, written, named in the manifest. The manifest's parameters say which network
made them.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from her2ladder.errors import InputError, LadderError
from her2ladder.ingest import cells as ingest
from her2ladder.ingest.cellfile import CellSource, write_cells
from her2ladder.ingest.regions.stage import renew
from her2ladder.ingest.segmentation import tiles
from her2ladder.ingest.segmentation.asked import Asked, Options, Report, Segmented
from her2ladder.ingest.segmentation.plan import Networks, Plan, networks_of, plan_of, source_of
from her2ladder.ingest.source import Source
from her2ladder.queries.fan_out import fan_out
from her2ladder.queries.run import run
from her2ladder.schema import lake
from her2ladder.schema.class_counts import class_counts
from her2ladder.schema.store import Store
from her2ladder.schema.tables import TILE_QUALITY

WORK = "segmenting"  # folder of the store for slides that are not whole yet


def segment_slides(
    store: Store, slides: Sequence[Asked], options: Options, *, workers: int = 1, progress: Report = lambda done, total, units: None
) -> list[Segmented]:
    """Segment slides into the store; one that fails is quarantined with its reason and does not stop the others.

    raises   InputError where the call itself is wrong: no such checkpoint, preset, GPU; a slide that belongs to another patient
    """
    networks = networks_of(store, options)
    words = ingest.vocabularies(store)
    sources = [source_of(one, options, networks) for one in slides]
    maps = {(networks.label_map.name, options.stain): networks.label_map}
    ingest.check_known(store, sources, maps, words)
    known = ingest.known_cells(store)
    done = []
    with store.working():
        for source in sources:
            done.append(_segment(store, source, options, networks, known.get((source.slide_id, source.stain)), workers, progress))
    renew(store, [(source.slide_id, source.stain) for source in sources])
    return done


def _segment(
    store: Store, source: Source, options: Options, networks: Networks, known: str | None, workers: int, progress: Report
) -> Segmented:
    since = time.monotonic()
    outcome: ingest.Done | LadderError
    did: list[tiles.Did] = []
    notes: tuple[str, ...] = ()
    folder = None
    try:
        plan = plan_of(source, options)
        source, notes = plan.source, plan.notes
        if ingest.how_read(source, networks.label_map) == known:
            return Segmented(ingest.Ingested(source, "unchanged"))
        folder = store.root / WORK / _key(source, plan)
        folder.mkdir(parents=True, exist_ok=True)
        did = _do_tiles(plan, _work(plan, options, networks, folder), workers, progress)
        outcome = _written(store, plan, networks, folder, sum(one.n_cells for one in did))
    except LadderError as error:
        outcome = error
    with run(store, "segment", _arguments(source), since=since) as this:
        ingest.note_slide(this, source, outcome, networks.label_map)
        if isinstance(outcome, ingest.Done):
            this.append(TILE_QUALITY, _quality_rows(plan, did))
    if folder is not None and isinstance(outcome, ingest.Done):
        shutil.rmtree(folder, ignore_errors=True)
    ingested = ingest.ingested(source, outcome)
    ingested.notes = (*notes, *ingested.notes)
    flags = Counter(flag for one in did for flag in one.quality.flags)
    return Segmented(ingested, len(did), time.monotonic() - since, dict(flags))


def _arguments(source: Source) -> dict[str, object]:
    return {"slide": f"{source.slide_id} {source.stain}", "label_map": source.label_map, **dict(source.made_with)}


def _key(source: Source, plan: Plan) -> str:
    """A name for the work on this slide with these settings: a killed run finds its tiles by it."""
    said = repr((source.sha256, source.stain, source.made_with, source.label_map, plan.mpp, plan.grid, len(plan.tiles)))
    return hashlib.sha256(said.encode()).hexdigest()[:24]


def _work(plan: Plan, options: Options, networks: Networks, folder: Path) -> tiles.Work:
    red, green, blue = plan.white.tolist()
    return tiles.Work(
        slide=str(plan.source.path),
        mpp=plan.mpp,
        stain=options.stain,
        grid=plan.grid,
        white=(red, green, blue),
        folder=str(folder),
        model=networks.model,
        other=networks.other,
        prefixes=networks.prefixes,
        wins=networks.wins,
        preset=options.preset,
        factor=networks.factor,
    )


def _do_tiles(plan: Plan, work: tiles.Work, workers: int, progress: Report) -> list[tiles.Did]:
    """raises   LadderError of the first tile that fails: a slide is published whole or not at all"""
    did: list[tiles.Did] = []
    n_cells = 0
    try:
        for _, result in fan_out([tiles.Task(work, tile) for tile in plan.tiles], tiles.do_tile, workers=workers):
            if isinstance(result, LadderError):
                raise result
            did.append(result)
            n_cells += result.n_cells
            progress(len(did), len(plan.tiles), n_cells)
    finally:
        tiles.let_go()
    return did


def _written(store: Store, plan: Plan, networks: Networks, folder: Path, n_cells: int) -> ingest.Done:
    """Turn the tiles' files into the slide's file in the lake.

    raises   InputError where there are no cells
    """
    source = plan.source
    if not n_cells:
        raise InputError(f"{source.path}: wanted nuclei, found none in {len(plan.tiles)} tiles: no cells were written")
    place = lake.folder(store.root, "cells", source.slide_id, source.stain)
    place.mkdir(parents=True, exist_ok=True)
    spec = CellSource(
        slide_id=source.slide_id,
        patient_id=source.patient_id,
        stain=source.stain,
        mpp_x=source.mpp_x,
        mpp_y=source.mpp_y,
        label_map=networks.label_map,
        format=tiles.NAME,
        width_px=source.width_px,
        height_px=source.height_px,
        slide_mpp=source.slide_mpp,
        duplicates="drop",  # a nucleus on a seam that both tiles think they own
        source_sha256=source.sha256,
        calibration=networks.calibration,
        calibration_factor=networks.factor if networks.model is None else None,
        reader=tiles,  # type: ignore[arg-type]  # a module is a reader, as those of the registry are
    )
    written = replace(write_cells(folder, place, spec), source_format=f"{tiles.NAME}: {_named(source)}")
    path, sha256 = lake.publish_file(store.root, written.path, "cells", source.slide_id, source.stain)
    return ingest.Done(written, path, sha256, class_counts(store.root / path))


def _named(source: Source) -> str:
    """What made the cells, for whoever reads a page: the view slide shows it as source_format."""
    told = dict(source.made_with)
    return f"{told['network']} + {told['fused_with']}" if "fused_with" in told else str(told["network"])


def _quality_rows(plan: Plan, did: Sequence[tiles.Did]) -> list[dict[str, Any]]:
    """One row a tile: where it lies, in micrometres, and what was measured."""
    grid, mpp, rows = plan.grid, plan.mpp, []
    for one in did:
        x0, y0, x1, y1 = ((grid.origin[axis % 2] + place * grid.scale[axis % 2]) * mpp[axis % 2] for axis, place in enumerate(one.tile[2:]))
        told = {name: None if value != value else value for name, value in one.quality._asdict().items()}
        rows.append(
            {"slide_id": plan.source.slide_id, "stain": plan.source.stain, "x0_um": x0, "y0_um": y0, "x1_um": x1, "y1_um": y1, **told}
            | {"flags": ",".join(one.quality.flags)}
        )
    return rows
