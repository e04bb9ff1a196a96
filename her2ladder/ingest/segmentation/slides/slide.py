"""A slide file, whatever it is: OpenSlide's formats, or one plain image (TIFF, PNG, JPEG).

Places are pixels of level 0 as OpenSlide counts them (MRXS: not from the corner of the scanned part). RGBA is laid on white. Label and
macro images, which show names, are never opened.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from her2ladder.errors import InputError
from her2ladder.ingest.segmentation.extra import needs_extra
from her2ladder.schema.vocabulary import MPP_PLAUSIBLE_UM

Pixels = NDArray[np.uint8]
MAX_PLAIN_PX = 200_000_000  # a plain image is held whole: 600 MB
MAX_READ_PX = 64_000_000  # at most this much of a level is decoded together
PLAIN = "plain image"


@dataclass(frozen=True)
class Level:
    """One level of the pyramid: its size, and level-0 pixels per pixel (no whole number in general), x and y."""

    width_px: int
    height_px: int
    downsample_x: float
    downsample_y: float


@dataclass(frozen=True)
class SlideInfo:
    """What a file says of itself.

    vendor                OpenSlide's word for the format, or "plain image"
    x_px, y_px, width_px, height_px   the scanned part, in pixels of level 0
    mpp_x, mpp_y          micrometres per pixel of level 0, None where it says none that can be right
    said_mpp              what it says, right or not
    objective             magnification it says, 0 = none
    """

    path: Path
    vendor: str
    x_px: int
    y_px: int
    width_px: int
    height_px: int
    levels: tuple[Level, ...]
    mpp_x: float | None
    mpp_y: float | None
    said_mpp: tuple[float, float] | None
    objective: float = 0.0

    @property
    def is_plain(self) -> bool:
        return self.vendor == PLAIN


class _Source(Protocol):
    def read(self, level: int, x0: float, y0: float, width: int, height: int) -> Pixels: ...

    def close(self) -> None: ...


class Slide:
    """An open slide. Not to be shared between processes: each opens its own."""

    def __init__(self, info: SlideInfo, source: _Source) -> None:
        self.info, self._source = info, source

    def __enter__(self) -> Slide:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._source.close()

    def read(self, x_px: float, y_px: float, width: int, height: int, scale: tuple[float, float] = (1.0, 1.0)) -> Pixels:
        """Return (height, width, 3) RGB from level-0 place x_px, y_px; a pixel of it is scale level-0 pixels wide and high.

        What lies outside the slide is white.
        raises   InputError where the file is damaged there
        """
        level = self._level(scale)
        told = self.info.levels[level]
        step = (scale[0] / told.downsample_x, scale[1] / told.downsample_y)
        if all(abs(one - 1) < 0.005 for one in step):
            return self._source.read(level, x_px, y_px, width, height)
        return self._resized(level, x_px, y_px, width, height, scale, step)

    def _level(self, scale: tuple[float, float]) -> int:
        """The coarsest level that is no coarser than asked for."""
        fitting = [i for i, level in enumerate(self.info.levels) if level.downsample_x <= scale[0] * 1.005]
        return max(fitting, default=0)

    def _resized(
        self, level: int, x_px: float, y_px: float, width: int, height: int, scale: tuple[float, float], step: tuple[float, float]
    ) -> Pixels:
        """Read a level's pixels and scale them, a strip at a time where they are many."""
        cv2 = needs_extra("cv2")
        rows = max(min(height, int(MAX_READ_PX / max(width * step[0] * step[1], 1))), 1)
        how = cv2.INTER_AREA if step[0] >= 1 else cv2.INTER_LINEAR
        out = np.empty((height, width, 3), dtype=np.uint8)
        for top in range(0, height, rows):
            n = min(rows, height - top)
            wide, high = max(round(width * step[0]), 1), max(round(n * step[1]), 1)
            part = self._source.read(level, x_px, y_px + top * scale[1], wide, high)
            out[top : top + n] = cv2.resize(part, (width, n), interpolation=how)
        return out


def open_slide(path: str | Path, mpp: tuple[float, float] | None = None, *, mpp_as_given: bool = False) -> Slide:
    """Open a slide or a plain image.

    mpp            micrometres per pixel of level 0, where the file says none or a wrong one
    mpp_as_given   mpp holds even where the file says another that could be right
    raises         InputError: no slide, damaged, or an mpp that contradicts the file's
    """
    openslide = needs_extra("openslide")
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: wanted a slide, found no file")
    try:
        vendor = openslide.OpenSlide.detect_format(str(path))
    except openslide.OpenSlideError as error:
        raise InputError(f"{path}: {_plainly(error)}") from None
    source, info = _opened(path, openslide) if vendor else _plain(path)
    return Slide(_with_mpp(info, mpp, mpp_as_given), source)


def mpp_needed(info: SlideInfo) -> tuple[float, float]:
    """Return micrometres per pixel of level 0.

    raises   InputError where the slide says none, or one that no scanner has
    """
    if info.mpp_x is not None and info.mpp_y is not None:
        return info.mpp_x, info.mpp_y
    low, high = MPP_PLAUSIBLE_UM
    told = f"says {info.said_mpp[0]:g}, which no scanner has ({low} to {high})" if info.said_mpp else "says none"
    raise InputError(
        f"{info.path}: wanted micrometres per pixel, but the file {told}: give those of level 0 by --mpp 0.25"
        + (f" (its objective of {info.objective:g}x is no measure)" if info.objective else "")
    )


def _with_mpp(info: SlideInfo, mpp: tuple[float, float] | None, as_given: bool) -> SlideInfo:
    if mpp is None:
        return info
    own = info.mpp_x
    if own is not None and not as_given and not 1 / 1.1 <= mpp[0] / own <= 1.1:
        raise InputError(
            f"{info.path}: the slide says {own:g} um/px, --mpp says {mpp[0]:g}: leave --mpp out to take the slide's, or say --mpp-as-given"
        )
    return SlideInfo(**{**info.__dict__, "mpp_x": mpp[0], "mpp_y": mpp[1]})


def plausible(said: tuple[float, float] | None) -> tuple[float | None, float | None]:
    """Return what a file says where it can be right, else None: 352.8 is a screen's dots per inch, not a scanner."""
    low, high = MPP_PLAUSIBLE_UM
    if said is None or not all(math.isfinite(one) and low <= one <= high for one in said):
        return None, None
    return said


# ------------------------------------------------------------------------------------------------ OpenSlide
class _OpenSlide:
    def __init__(self, path: Path, handle: Any, levels: tuple[Level, ...]) -> None:
        self._path, self._handle, self._levels = path, handle, levels

    def read(self, level: int, x0: float, y0: float, width: int, height: int) -> Pixels:
        """OpenSlide takes the place in level-0 pixels and the size in the level's."""
        openslide = needs_extra("openslide")
        try:
            rgba = np.asarray(self._handle.read_region((round(x0), round(y0)), level, (width, height)))
        except openslide.OpenSlideError as error:
            raise InputError(f"{self._path}: damaged at x {x0:.0f}, y {y0:.0f}: {_plainly(error)}") from None
        return on_white(rgba)

    def close(self) -> None:
        self._handle.close()


def on_white(rgba: Pixels) -> Pixels:
    """Return RGB of RGBA laid on white: where nothing was scanned, alpha is 0 and the colour is black."""
    alpha = rgba[..., 3]
    rgb = rgba[..., :3]
    if (alpha == 255).all():
        return np.ascontiguousarray(rgb)
    part = alpha[..., None].astype(np.uint16)
    return np.asarray((rgb * part + 255 * (255 - part) + 127) // 255, dtype=np.uint8)


def _opened(path: Path, openslide: Any) -> tuple[_OpenSlide, SlideInfo]:
    try:
        handle = openslide.OpenSlide(str(path))
    except openslide.OpenSlideError as error:
        raise InputError(f"{path}: a slide that OpenSlide knows, but cannot open: {_plainly(error)}") from None
    told = handle.properties
    width, height = handle.dimensions
    levels = tuple(Level(w, h, width / w, height / h) for w, h in handle.level_dimensions)
    said = _numbers(told.get("openslide.mpp-x"), told.get("openslide.mpp-y"))
    bounds = [told.get(f"openslide.bounds-{name}") for name in ("x", "y", "width", "height")]
    x, y, w, h = (int(one) for one in bounds) if all(bounds) else (0, 0, width, height)
    objective = _numbers(told.get("openslide.objective-power"), "0")
    info = SlideInfo(
        path=path,
        vendor=str(told.get("openslide.vendor", "unknown")),
        x_px=x,
        y_px=y,
        width_px=w,
        height_px=h,
        levels=levels,
        mpp_x=plausible(said)[0],
        mpp_y=plausible(said)[1],
        said_mpp=said,
        objective=objective[0] if objective else 0.0,
    )
    return _OpenSlide(path, handle, levels), info


def _numbers(first: str | None, second: str | None) -> tuple[float, float] | None:
    if first is None:
        return None
    try:
        return float(first), float(first if second is None else second)
    except ValueError:
        return None


def _plainly(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


# ------------------------------------------------------------------------------------------------ plain images
class _Plain:
    def __init__(self, pixels: Pixels) -> None:
        self._pixels = pixels

    def read(self, level: int, x0: float, y0: float, width: int, height: int) -> Pixels:
        out = np.full((height, width, 3), 255, dtype=np.uint8)
        x, y = round(x0), round(y0)
        part = self._pixels[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)]
        if part.size:
            top, left = max(-y, 0), max(-x, 0)
            out[top : top + part.shape[0], left : left + part.shape[1]] = part
        return out

    def close(self) -> None:
        pass


def _plain(path: Path) -> tuple[_Plain, SlideInfo]:
    """Open one image that is no slide of OpenSlide's.

    raises   InputError: not an image, damaged, or too large to be held whole
    """
    from PIL import Image

    if path.is_dir():
        raise InputError(f"{path}: wanted a slide, found a folder")
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None  # ours is told in one line
    try:
        with Image.open(path, formats=("PNG", "JPEG", "TIFF")) as image:
            width, height = image.size
            if width * height > MAX_PLAIN_PX:
                raise InputError(
                    f"{path}: an image of {width:,} x {height:,} px without a pyramid, of which at most {MAX_PLAIN_PX:,} px are read: "
                    "write it as a tiled pyramidal TIFF"
                )
            said = _resolution(image)
            pixels = _rgb(image)
    except InputError:
        raise
    except Exception as error:  # PIL raises many kinds on damaged files
        known = "a damaged image" if path.suffix.lower() in (".png", ".jpg", ".jpeg", ".tif", ".tiff") else "no file of these"
        raise InputError(
            f"{path}: wanted a slide that OpenSlide reads, or a TIFF, PNG or JPEG image; found {known} ({_plainly(error)})"
        ) from None
    finally:
        Image.MAX_IMAGE_PIXELS = limit
    mpp = plausible(said)
    level = Level(width, height, 1.0, 1.0)
    return _Plain(pixels), SlideInfo(path, PLAIN, 0, 0, width, height, (level,), mpp[0], mpp[1], said)


def _rgb(image: Any) -> Pixels:
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        raise ValueError(f"pixels of kind {image.mode}: wanted 8 bits a colour")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        return on_white(np.asarray(image.convert("RGBA")))
    return np.array(image.convert("RGB"))


def _resolution(image: Any) -> tuple[float, float] | None:
    """Return micrometres per pixel from a TIFF's own resolution tags; PNG and JPEG hold dots per inch of paper, which are not read."""
    tags = getattr(image, "tag_v2", None)
    unit = {2: 25_400.0, 3: 10_000.0}.get(int(tags.get(296, 2))) if tags is not None else None
    if not unit or tags is None or not tags.get(282) or not tags.get(283):
        return None
    return unit / float(tags[282]), unit / float(tags[283])
