"""The networks that find nuclei on H&E, behind one face: RGB of a tile in, HoVer-Net's maps of it out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from her2ladder.errors import InputError
from her2ladder.ingest.segmentation.default import WEIGHTS, load_default
from her2ladder.ingest.segmentation.extra import needs_extra
from her2ladder.ingest.segmentation.hovernet import load_checkpoint
from her2ladder.schema.lake import sha256_of

Maps = NDArray[np.float32]
Read = Any  # (x0, y0, x1, y1) in network pixels -> RGB; white beyond the slide


class Network(Protocol):
    """n_types: types with the background, None = none; patch_px, step_px: None where any tile goes in at once."""

    n_types: int | None

    def maps(self, rgb: NDArray[np.uint8]) -> Maps:
        """Return (H, W, 4) of a tile (H, W, 3) whose sides are what `span` gave."""

    def span(self, low: int, high: int, is_plain: bool) -> tuple[int, int, int, int]:
        """Return along one axis: where the input begins and ends, and where the maps begin and end, for pixels low..high."""


@dataclass(frozen=True)
class Model:
    """Which network, as a run names it: enough for a worker to load it.

    name      default, or the checkpoint's file name
    path      the checkpoint; None = the default's weights
    sha256    of the weights' file
    """

    name: str
    path: str | None
    sha256: str
    device: str = "cpu"

    @property
    def is_default(self) -> bool:
        return self.path is None


def model_of(checkpoint: Path | None, device: str) -> Model:
    """Return the model of a checkpoint, or the default; the checkpoint is opened, so that a wrong one is refused before any work.

    raises   InputError
    """
    if checkpoint is None:
        return Model("default", None, sha256_of(WEIGHTS), device)
    model = Model(checkpoint.name, str(checkpoint), "", device)
    load_checkpoint(checkpoint)
    return Model(model.name, model.path, sha256_of(checkpoint), device)


def device_of(word: str) -> str:
    """Return cpu or cuda for auto, cpu, cuda.

    raises   InputError where a GPU is asked for and there is none
    """
    torch = needs_extra("torch")
    has_gpu = bool(torch.cuda.is_available())
    if word == "auto":
        return "cuda" if has_gpu else "cpu"
    if word not in ("cpu", "cuda"):
        raise InputError(f"--device: wanted auto, cpu or cuda, found {word!r}")
    if word == "cuda" and not has_gpu:
        raise InputError("--device cuda: torch sees no GPU here: leave --device out to work on the CPU")
    return word


@lru_cache(maxsize=2)
def network_of(model: Model) -> Network:
    """Return the network of a model, loaded once a process; one thread each, so that sums do not depend on the number of workers."""
    torch = needs_extra("torch")
    torch.set_num_threads(1)
    _keep_memory()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    if model.path is None:
        return _Default(load_default(model.device))
    return _HoverNet(load_checkpoint(model.path, model.device))


def _keep_memory() -> None:
    """Let glibc keep what a tile's buffers took: given back to the kernel after every layer, they cost as much time as the network does."""
    import ctypes

    mmap_max, trim_threshold = -4, -1
    try:
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(mmap_max, 0)
        libc.mallopt(trim_threshold, 2**31 - 1)
    except (OSError, AttributeError):  # another system's library: nothing is lost but time
        return


class _Default:
    """The U-Net takes a tile whole; its sides are filled up to whole strides by reflection."""

    def __init__(self, net: Any) -> None:
        from her2ladder.ingest.segmentation.default.net import TYPES

        self._net = net
        self.n_types: int | None = len(TYPES)

    def span(self, low: int, high: int, is_plain: bool) -> tuple[int, int, int, int]:
        return low, high, low, high

    def maps(self, rgb: NDArray[np.uint8]) -> Maps:
        from her2ladder.ingest.segmentation.default.net import infer

        return infer(self._net, rgb)


class _HoverNet:
    """HoVer-Net takes patches: they lie on one grid over the whole slide, as the original lays them, whatever tile asks."""

    def __init__(self, net: Any) -> None:
        self._net, self.n_types = net, net.n_types
        self.around = (net.input_px - net.output_px) // 2

    def span(self, low: int, high: int, is_plain: bool) -> tuple[int, int, int, int]:
        """The original's grid begins at the image's edge in tile mode (plain images), and one border further in on whole slides."""
        step, first = self._net.output_px, 0 if is_plain else self.around
        begin = first + (low - first) // step * step
        end = first + -((first - high) // step) * step
        return begin - self.around, end + self.around, begin, end

    def maps(self, rgb: NDArray[np.uint8]) -> Maps:
        """Cut patches, infer, lay their maps side by side."""
        net, step = self._net, self._net.output_px
        rows, columns = ((side - 2 * self.around) // step for side in rgb.shape[:2])
        places = [(row * step, column * step) for row in range(rows) for column in range(columns)]
        out = np.zeros((rows * step, columns * step, 4), dtype=np.float32)
        n_batch = 16
        for at in range(0, len(places), n_batch):
            some = places[at : at + n_batch]
            patches = np.stack([rgb[y : y + net.input_px, x : x + net.input_px] for y, x in some])
            for (y, x), maps in zip(some, net.infer(patches), strict=True):
                out[y : y + step, x : x + step] = maps
        return out
