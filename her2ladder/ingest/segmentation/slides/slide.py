"""A slide file, whatever it is: OpenSlide's formats, or one plain image (TIFF, PNG, JPEG).

Places are pixels of level 0 as OpenSlide counts them (MRXS: not from the corner of the scanned part). RGBA is laid on white. Label and
macro images, which show names, are never opened.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import numpy as np

from her2ladder.errors import InputError
from her2ladder.ingest.segmentation.extra import needs_extra, without_extra
from her2ladder.ingest.segmentation.slides.info import Level, Pixels, SlideInfo, on_white, plainly, plausible
from her2ladder.ingest.segmentation.slides.plain import open_plain
from her2ladder.schema.vocabulary import MPP_PLAUSIBLE_UM

MAX_READ_PX = 64_000_000  # at most this much of a level is decoded together


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
    try:
        import openslide
    except ImportError as error:
        raise without_extra(error) from error
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: wanted a slide, found no file")
    try:
        vendor = openslide.OpenSlide.detect_format(str(path))
    except openslide.OpenSlideError as error:
        raise InputError(f"{path}: {plainly(error)}") from None
    source, info = _opened(path, openslide) if vendor else open_plain(path)
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


# ------------------------------------------------------------------------------------------------ OpenSlide
class _OpenSlide:
    def __init__(self, path: Path, handle: Any, levels: tuple[Level, ...]) -> None:
        self._path, self._handle, self._levels = path, handle, levels

    def read(self, level: int, x0: float, y0: float, width: int, height: int) -> Pixels:
        """OpenSlide takes the place in level-0 pixels and the size in the level's."""
        import openslide  # there, since it opened the slide

        try:
            rgba = np.asarray(self._handle.read_region((round(x0), round(y0)), level, (width, height)))
        except openslide.OpenSlideError as error:
            raise InputError(f"{self._path}: damaged at x {x0:.0f}, y {y0:.0f}: {plainly(error)}") from None
        return on_white(rgba)

    def close(self) -> None:
        self._handle.close()


def _opened(path: Path, openslide: Any) -> tuple[_OpenSlide, SlideInfo]:
    try:
        handle = openslide.OpenSlide(str(path))
    except openslide.OpenSlideError as error:
        raise InputError(f"{path}: a slide that OpenSlide knows, but cannot open: {plainly(error)}") from None
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
