"""The stage that segments slides: tiles in several processes, kept as they are done; a slide is published whole, through the lake's own door.

Cells go the way of every other source: judged, sorted by tile, written, named in the manifest. The manifest's parameters say which network
made them.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from her2ladder.errors import InputError, LadderError
from her2ladder.ingest import cells as ingest
from her2ladder.ingest.cellfile import CellSource, write_cells
from her2ladder.ingest.segmentation import tiles
from her2ladder.ingest.segmentation.fusion import fused_map
from her2ladder.ingest.segmentation.hovernet.post_process import PRESETS
from her2ladder.ingest.segmentation.networks import Model, device_of, model_of
from her2ladder.ingest.segmentation.quality import stain_doubt
from her2ladder.ingest.segmentation.slides.grid import Grid, Roi, Tile, lay_tiles, scale_for
from her2ladder.ingest.segmentation.slides.slide import Pixels, SlideInfo, mpp_needed, open_slide
from her2ladder.ingest.segmentation.slides.tissue import find_tissue
from her2ladder.ingest.source import Source
from her2ladder.queries.fan_out import fan_out
from her2ladder.queries.run import run
from her2ladder.schema import lake
from her2ladder.schema.labels import LabelMap, load_label_map
from her2ladder.schema.store import Store
from her2ladder.schema.tables import TILE_QUALITY

VERSION = 1  # of what this code finds: another number segments again
NETWORK_MPP = 0.25  # HoVer-Net's released checkpoints, and the default
WORK = "segmenting"  # folder of the store for slides that are not whole yet
DEFAULT_MAP, STORE_MAP = "ladder-default", "store"
MEMBRANES = "membranes"
STAINS = ("HE", "HER2")
Report = Callable[[int, int, int], None]


@dataclass(frozen=True)
class Options:
    """How to segment.

    checkpoint, label_map             HoVer-Net's file and what its types are; None = the default network
    fuse, fuse_label_map              a second checkpoint, whose immune cells displace the first's
    preset                            of the post-processing
    roi                               only cells with their centroid in it
    mpp, mpp_as_given                 of level 0, where the slide says none or a wrong one
    device                            auto, cpu or cuda
    """

    stain: str
    checkpoint: Path | None = None
    label_map: str | None = None
    fuse: Path | None = None
    fuse_label_map: str | None = None
    preset: str = "hovernet"
    calibration: str | None = None
    roi: Roi | None = None
    mpp: tuple[float, float] | None = None
    mpp_as_given: bool = False
    device: str = "auto"


@dataclass(frozen=True)
class Asked:
    """One slide to segment."""

    path: Path
    slide_id: str
    patient_id: str


@dataclass
class Segmented:
    """What became of one slide."""

    outcome: ingest.Ingested
    n_tiles: int = 0
    seconds: float = 0.0
    flags: dict[str, int] = field(default_factory=dict)

    def row(self) -> dict[str, Any]:
        return {**self.outcome.row(), "n_tiles": self.n_tiles, "seconds": round(self.seconds, 1), "flagged_tiles": self.flags}


@dataclass(frozen=True)
class _Networks:
    """The models of a call, and what their labels stand for."""

    model: Model | None  # None = HER2 membranes
    other: Model | None
    label_map: LabelMap
    prefixes: tuple[str, str] = ("", "")
    wins: frozenset[str] = frozenset()
    calibration: str | None = None
    factor: float = 1.0

    def told(self) -> dict[str, object]:
        """What decides the cells, for the manifest."""
        if self.model is None:
            return {"network": MEMBRANES, "calibration": self.calibration, "calibration_factor": self.factor}
        said: dict[str, object] = {"network": self.model.name, "weights_sha256": self.model.sha256}
        if self.other is not None:
            said |= {"fused_with": self.other.name, "fused_weights_sha256": self.other.sha256}
        return said


@dataclass(frozen=True)
class _Plan:
    """A slide as it will be worked on."""

    source: Source
    info: SlideInfo
    grid: Grid
    tiles: list[Tile]
    white: NDArray[np.float64]
    mpp: tuple[float, float]
    notes: tuple[str, ...]


def segment_slides(
    store: Store, slides: Sequence[Asked], options: Options, *, workers: int = 1, progress: Report = lambda done, total, units: None
) -> list[Segmented]:
    """Segment slides into the store; one that fails is quarantined with its reason and does not stop the others.

    raises   InputError where the call itself is wrong: no such checkpoint, preset, GPU; a slide that belongs to another patient
    """
    networks = _networks(store, options)
    words = ingest.vocabularies(store)
    sources = [_source(one, options, networks) for one in slides]
    maps = {(networks.label_map.name, options.stain): networks.label_map}
    ingest.check_known(store, sources, maps, words)
    known = ingest.known_cells(store)
    done = []
    with store.working():
        for source in sources:
            done.append(_segment(store, source, options, networks, known.get((source.slide_id, source.stain)), workers, progress))
    return done


def _networks(store: Store, options: Options) -> _Networks:
    """raises   InputError: a label map without a checkpoint or the reverse, no such preset, no GPU, a file that is no checkpoint"""
    if options.preset not in PRESETS:
        raise InputError(f"--preset: wanted one of {', '.join(PRESETS)}, found {options.preset!r}")
    if options.stain not in STAINS:
        raise InputError(f"--stain: wanted HE or HER2, found {options.stain!r}")
    if options.stain == "HER2":
        if options.checkpoint or options.fuse or options.label_map or options.fuse_label_map:
            raise InputError("--checkpoint, --fuse and --label-map are for H&E: HER2 membranes are measured without a network")
        from her2ladder.ingest.segmentation.membranes.calibration import factor_of

        factor = factor_of(store, options.calibration) if options.calibration else 1.0
        return _Networks(None, None, load_label_map(STORE_MAP, options.stain), calibration=options.calibration, factor=factor)
    if options.calibration is not None:
        raise InputError("--calibration is for HER2: H&E has none")
    device = device_of(options.device)
    model = model_of(options.checkpoint, device)
    if options.checkpoint is None:
        if options.label_map is not None or options.fuse is not None:
            raise InputError("--label-map and --fuse go with --checkpoint: the default network has its own labels")
        return _Networks(model, None, load_label_map(DEFAULT_MAP, options.stain))
    if options.label_map is None:
        raise InputError("--checkpoint needs --label-map: what its types are (pannuke, monusac, consep, untyped, or a TOML file)")
    label_map = load_label_map(options.label_map, options.stain)
    if options.fuse is None:
        return _Networks(model, None, label_map)
    if options.fuse_label_map is None:
        raise InputError("--fuse needs --fuse-label-map: what the types of the second checkpoint are (monusac)")
    both = fused_map(label_map, load_label_map(options.fuse_label_map, options.stain))
    return _Networks(model, model_of(options.fuse, device), both.label_map, both.prefixes, both.wins)


def _source(one: Asked, options: Options, networks: _Networks) -> Source:
    told: dict[str, object] = {**networks.told(), "preset": options.preset, "version": VERSION}
    if options.roi is not None:
        told["roi"] = list(options.roi)
    return Source(
        path=one.path,
        slide_id=one.slide_id,
        patient_id=one.patient_id,
        stain=options.stain,
        mpp_x=None,
        mpp_y=None,
        slide_mpp=None,
        label_map=networks.label_map.name,
        format=tiles.NAME,
        made_with=tuple(told.items()),
    )


def _segment(
    store: Store, source: Source, options: Options, networks: _Networks, known: str | None, workers: int, progress: Report
) -> Segmented:
    since = time.monotonic()
    outcome: ingest.Done | LadderError
    did: list[tiles.Did] = []
    notes: tuple[str, ...] = ()
    folder = None
    try:
        plan = _plan(source, options)
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


def _plan(source: Source, options: Options) -> _Plan:
    """Open the slide and lay its tiles.

    raises   InputError: not a slide, no mpp, no tissue, a roi beside it
    """
    with open_slide(source.path, options.mpp, mpp_as_given=options.mpp_as_given) as slide:
        info, mpp = slide.info, mpp_needed(slide.info)
        tissue = find_tissue(slide, mpp)
        if not tissue.n_px:
            raise InputError(
                f"{source.path}: wanted tissue, found none (no place denser than {tissue.threshold:.2f}): no cells were written"
            )
        scale = scale_for(mpp, NETWORK_MPP)
        grid, boxes = lay_tiles(info, tissue, scale, options.roi, options.stain)
        if not boxes:
            raise InputError(f"{source.path}: wanted tissue in the region asked for, found none: no cells were written")
        coarse = slide.read(info.x_px, info.y_px, *_coarse_size(info, mpp))
        white = tissue.white if options.stain == "HE" else _white_of_glass(coarse)
        notes = [_doubt(options.stain)] if stain_doubt(coarse, tissue.white, options.stain) else []
    if scale != (1.0, 1.0):
        notes.append(f"read at {NETWORK_MPP} um/px, which the network wants; the slide is at {mpp[0]:g}")
    told = replace(
        source, mpp_x=mpp[0], mpp_y=mpp[1], slide_mpp=mpp[0], width_px=info.x_px + info.width_px, height_px=info.y_px + info.height_px
    )
    return _Plan(replace(told, sha256=_sha256_of_slide(source.path)), info, grid, boxes, white, mpp, tuple(notes))


def _white_of_glass(coarse: Pixels) -> NDArray[np.float64]:
    from her2ladder.ingest.segmentation.membranes import white_of

    return white_of(coarse)


def _coarse_size(info: SlideInfo, mpp: tuple[float, float]) -> tuple[int, int, tuple[float, float]]:
    """Return width, height and scale of an image of the slide at about 2 um/px, of at most 2000 px a side."""
    step = max(2.0 / mpp[0], info.width_px / 2000, info.height_px / 2000, 1.0)
    return max(int(info.width_px / step), 1), max(int(info.height_px / step), 1), (step, step)


def _doubt(stain: str) -> str:
    seen, other = ("brown", "HER2") if stain == "HE" else ("pink", "HE")
    return f"warning: much of the tissue is {seen}: is this really a slide of stain {stain}, or should it be --stain {other}?"


def _sha256_of_slide(path: Path) -> str:
    """Return the sha256 of a slide's file; of one with a folder of its name beside it (MRXS), of all its files."""
    beside = path.with_suffix("")
    if path.suffix.lower() != ".mrxs" or not beside.is_dir():
        return lake.sha256_of(path)
    told = [f"{file.name} {lake.sha256_of(file)}\n" for file in [path, *sorted(beside.iterdir())] if file.is_file()]
    return hashlib.sha256("".join(told).encode()).hexdigest()


def _key(source: Source, plan: _Plan) -> str:
    """A name for the work on this slide with these settings: a killed run finds its tiles by it."""
    said = repr((source.sha256, source.stain, source.made_with, source.label_map, plan.mpp, plan.grid, len(plan.tiles)))
    return hashlib.sha256(said.encode()).hexdigest()[:24]


def _work(plan: _Plan, options: Options, networks: _Networks, folder: Path) -> tiles.Work:
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


def _do_tiles(plan: _Plan, work: tiles.Work, workers: int, progress: Report) -> list[tiles.Did]:
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


def _written(store: Store, plan: _Plan, networks: _Networks, folder: Path, n_cells: int) -> ingest.Done:
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
    return ingest.Done(written, path, sha256)


def _named(source: Source) -> str:
    """What made the cells, for whoever reads a page: the view slide shows it as source_format."""
    told = dict(source.made_with)
    return f"{told['network']} + {told['fused_with']}" if "fused_with" in told else str(told["network"])


def _quality_rows(plan: _Plan, did: Sequence[tiles.Did]) -> list[dict[str, Any]]:
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
