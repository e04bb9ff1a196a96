"""A slide as it will be worked on: the networks, its tissue, its tiles."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from her2ladder.errors import InputError
from her2ladder.ingest.segmentation import tiles
from her2ladder.ingest.segmentation.asked import STAINS, Asked, Options
from her2ladder.ingest.segmentation.fusion import fused_map
from her2ladder.ingest.segmentation.hovernet.post_process import PRESETS
from her2ladder.ingest.segmentation.networks import Model, device_of, model_of
from her2ladder.ingest.segmentation.quality import stain_doubt
from her2ladder.ingest.segmentation.slides.grid import Grid, Tile, lay_tiles, scale_for
from her2ladder.ingest.segmentation.slides.info import Pixels, SlideInfo
from her2ladder.ingest.segmentation.slides.slide import mpp_needed, open_slide
from her2ladder.ingest.segmentation.slides.tissue import find_tissue
from her2ladder.ingest.source import Source
from her2ladder.schema import lake
from her2ladder.schema.labels import LabelMap, load_label_map
from her2ladder.schema.store import Store

VERSION = 1  # of what this code finds: another number segments again
DEFAULT_MAP, STORE_MAP = "ladder-default", "store"
NETWORK_MPP = 0.25  # HoVer-Net's released checkpoints, and the default
MEMBRANES = "membranes"


@dataclass(frozen=True)
class Networks:
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
class Plan:
    """A slide as it will be worked on."""

    source: Source
    info: SlideInfo
    grid: Grid
    tiles: list[Tile]
    white: NDArray[np.float64]
    mpp: tuple[float, float]
    notes: tuple[str, ...]


def networks_of(store: Store, options: Options) -> Networks:
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
        return Networks(None, None, load_label_map(STORE_MAP, options.stain), calibration=options.calibration, factor=factor)
    if options.calibration is not None:
        raise InputError("--calibration is for HER2: H&E has none")
    device = device_of(options.device)
    model = model_of(options.checkpoint, device)
    if options.checkpoint is None:
        if options.label_map is not None or options.fuse is not None:
            raise InputError("--label-map and --fuse go with --checkpoint: the default network has its own labels")
        return Networks(model, None, load_label_map(DEFAULT_MAP, options.stain))
    if options.label_map is None:
        raise InputError("--checkpoint needs --label-map: what its types are (pannuke, monusac, consep, untyped, or a TOML file)")
    label_map = load_label_map(options.label_map, options.stain)
    if options.fuse is None:
        return Networks(model, None, label_map)
    if options.fuse_label_map is None:
        raise InputError("--fuse needs --fuse-label-map: what the types of the second checkpoint are (monusac)")
    both = fused_map(label_map, load_label_map(options.fuse_label_map, options.stain))
    return Networks(model, model_of(options.fuse, device), both.label_map, both.prefixes, both.wins)


def source_of(one: Asked, options: Options, networks: Networks) -> Source:
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


def plan_of(source: Source, options: Options) -> Plan:
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
    return Plan(replace(told, sha256=_sha256_of_slide(source.path)), info, grid, boxes, white, mpp, tuple(notes))


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
