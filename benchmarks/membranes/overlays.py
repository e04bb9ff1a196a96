"""Draw the pictures of docs/membranes.md: cells found on drawn tiles and on scikit-image's immunohistochemistry().

    python benchmarks/membranes/overlays.py docs/images
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from her2ladder.ingest.segmentation.membranes import drawn, segment_tile, white_of

COLOURS = {
    "HER2strong_complete": (214, 0, 60),
    "HER2strong_incomplete": (255, 140, 0),
    "HER2weak_complete": (0, 60, 220),
    "HER2weak_incomplete": (0, 170, 230),
    "HER2null": (0, 130, 60),
}
ZOOM = 3


def overlay(rgb: np.ndarray, mpp: float, white: np.ndarray, zoom: int = ZOOM) -> Image.Image:
    cells = segment_tile(rgb, mpp, white)
    picture = Image.fromarray(rgb).resize((rgb.shape[1] * zoom, rgb.shape[0] * zoom), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(picture)
    for ring, nucleus, word in zip(cells.contours, cells.nuclei, cells.classes(1.0), strict=True):
        for line, colour, width in ((ring, COLOURS[word], 2), (nucleus, (250, 230, 60), 1)):
            draw.line([tuple((p + 0.5) * zoom) for p in [*line, line[0]]], fill=colour, width=width)
    return picture


def main(folder: Path) -> None:
    import skimage.data

    folder.mkdir(parents=True, exist_ok=True)
    parts = []
    for number, layout in enumerate(drawn.LAYOUTS):
        rng = np.random.default_rng([2000, number])
        look = drawn.any_look(rng, layout, 0.25)
        rgb, _ = drawn.draw_tile(rng, look, 200)
        parts.append(overlay(rgb, 0.25, np.array(look.white), 2))
    row = Image.new("RGB", (sum(p.width for p in parts) + 16, parts[0].height), "white")
    for number, part in enumerate(parts):
        row.paste(part, (number * (part.width + 8), 0))
    row.quantize(128).save(folder / "membranes_drawn.png", optimize=True)
    real = skimage.data.immunohistochemistry()[..., :3]
    overlay(real, 0.5, white_of(real), 2).crop((0, 200, 800, 900)).quantize(128).save(folder / "membranes_immunohistochemistry.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
