"""The demo's small true chain: two SYNTHETIC slides drawn with known cells, segmented, and compared with what was drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from her2ladder.cli.output import say

MPP = 0.25
SIDE_PX = 800
PATIENT = "SYN-DRAWN"
NEAR_UM = 3.0  # chosen: half of a small nucleus's width
Ladder = Callable[[list[str]], None]


def can_segment() -> bool:
    """Tell whether the extra [segment] is installed."""
    from importlib.util import find_spec

    return all(find_spec(name) for name in ("torch", "openslide", "cv2", "skimage", "tifffile", "safetensors"))


def run_slides(call: Ladder, folder: Path, seed: int) -> None:
    """Draw an H&E and a HER2 slide, segment both into a store of their own, and say how many of the drawn cells were found.

    call     runs one command, given as its words
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {"HE": _draw_he(folder / "drawn-HE.svs", seed), "HER2": _draw_her2(folder / "drawn-HER2.svs", seed)}
    store = folder / "store"
    call(["init", str(store)])
    for stain, places in drawn.items():
        slide = folder / f"drawn-{stain}.svs"
        call(["--store", str(store), "segment", str(slide), "--stain", stain, "--patient", PATIENT, "--workers", "1"])
        call(["--store", str(store), "map", slide.stem, "-o", str(folder / f"map-{stain}.html"), "--over", str(slide)])
        found = _found(store, slide.stem)
        hit, right = _near(places, found), _near(found, places)
        say(f"  {stain}: {hit:,} of {len(places):,} drawn cells found; {len(found) - right:,} of {len(found):,} found cells were not drawn")


def _draw_he(path: Path, seed: int) -> NDArray[np.float64]:
    """Write a drawn H&E slide; return (n, 2) where its nuclei are, micrometres."""
    from scipy import ndimage

    from her2ladder.analytics.simulate.he_picture import draw_he
    from her2ladder.analytics.simulate.slide_file import write_slide

    picture = draw_he(SIDE_PX, 320, seed, MPP)
    write_slide(path, picture.rgb, MPP)
    centres = ndimage.center_of_mass(picture.instances > 0, picture.instances, range(1, len(picture.kinds) + 1))
    return np.array(centres)[:, ::-1] * MPP


def _draw_her2(path: Path, seed: int) -> NDArray[np.float64]:
    from her2ladder.analytics.simulate.slide_file import write_slide
    from her2ladder.ingest.segmentation.membranes.drawn import any_look, draw_tile

    random = np.random.default_rng(seed)
    rgb, cells = draw_tile(random, any_look(random, "isolated", MPP), SIDE_PX)
    write_slide(path, rgb, MPP)
    return np.array([[cell.x_px, cell.y_px] for cell in cells]) * MPP


def _found(store: Path, slide_id: str) -> NDArray[np.float64]:
    from her2ladder.schema.store import Store

    with Store(store).reading() as con:
        rows: Any = con.execute("SELECT x_um, y_um FROM cell WHERE slide_id = ? ORDER BY cell_id", [slide_id]).fetchall()
    return np.array(rows, dtype=np.float64).reshape(-1, 2)


def _near(places: NDArray[np.float64], others: NDArray[np.float64]) -> int:
    """Return how many places have one of the others near them."""
    from scipy.spatial import cKDTree

    if not len(others) or not len(places):
        return 0
    far, _ = cKDTree(others).query(places)
    return int((far <= NEAR_UM).sum())
