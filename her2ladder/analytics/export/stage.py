"""Cells out of the store with their outlines: one call for every format, a file that appears whole or not at all."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from her2ladder.analytics.export.rows import SlideFile
from her2ladder.errors import InputError, MissingError, StageError
from her2ladder.schema.store import Store

FORMATS = ("geojson", "hovernet", "geoparquet", "gpkg", "tiatoolbox", "h5ad", "spatialdata", "csv", "parquet")
TEXT = ("geojson", "hovernet", "csv")
MANY = ("csv", "parquet", "h5ad")


def export_cells(store: Store, slide_id: str | None, stain: str | None, format_: str, output: Path | None) -> int:
    """Write cells to a file, or to stdout (geojson, hovernet and csv); return how many.

    slide_id   one slide; None = all, for csv, parquet and h5ad
    geojson, hovernet, tiatoolbox   pixels of the source
    geoparquet, gpkg, spatialdata, tables   micrometres
    raises     MissingError where there is no such slide; InputError for what does not go together, or an extra that is not installed
    """
    if format_ not in FORMATS:
        raise InputError(f"--format: wanted one of {', '.join(FORMATS)}, found {format_!r}")
    if output is None and format_ not in TEXT:
        raise InputError(f"--format {format_} is not text: name a file with -o")
    slides = _slides(store, slide_id, stain)
    if format_ not in MANY and len(slides) != 1:
        raise InputError(f"--format {format_}: wanted one slide and stain, found {len(slides)}: name them with --slide-id and --stain")
    if format_ in ("gpkg", "tiatoolbox", "h5ad", "spatialdata"):
        assert output is not None
        return _to_path(_path_writer(format_, slides), output)
    write = _stream_writer(format_, slides)
    with _sink(output) as out:
        return write(out)


def _stream_writer(format_: str, slides: list[SlideFile]) -> Callable[[IO[bytes]], int]:
    from her2ladder.analytics.export import hovernet, qupath, tables

    one = {"geojson": qupath.write, "hovernet": hovernet.write, "geoparquet": tables.geoparquet}
    if format_ in one:
        return lambda out: one[format_](slides[0], out)
    many = {"csv": tables.csv, "parquet": tables.parquet}[format_]
    return lambda out: many(slides, out)


def _path_writer(format_: str, slides: list[SlideFile]) -> Callable[[Path], int]:
    from her2ladder.analytics.export import geopackage, scverse, tiatoolbox

    if format_ == "h5ad":
        return lambda path: scverse.h5ad(slides, path)
    one: dict[str, Any] = {"gpkg": geopackage.write, "tiatoolbox": tiatoolbox.write, "spatialdata": scverse.spatialdata}
    return lambda path: int(one[format_](slides[0], path))


def _slides(store: Store, slide_id: str | None, stain: str | None) -> list[SlideFile]:
    with store.reading() as con:
        rows = con.execute(
            "SELECT slide_id, stain, path FROM slide WHERE slide_id = coalesce(?, slide_id) AND stain = coalesce(?, stain) "
            "ORDER BY slide_id, stain",
            [slide_id, stain],
        ).fetchall()
    if not rows:
        asked = ("" if slide_id is None else f" {slide_id!r}") + ("" if stain is None else f" of stain {stain!r}")
        raise MissingError(f'no slide{asked} in the store; `ladder sql "SELECT slide_id, stain FROM slide"` lists them')
    return [SlideFile(store, slide, stain_, store.file(path)) for slide, stain_, path in rows]


def _to_path(write: Callable[[Path], int], output: Path) -> int:
    """Write a file or folder that its library makes by name; it appears whole or not at all."""
    draft = output.with_name(f".{output.stem}.draft{output.suffix}")
    _remove(draft)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        n = write(draft)
        if output.is_dir():
            shutil.rmtree(output)
        os.replace(draft, output)
    except OSError as error:
        _remove(draft)
        raise StageError(f"{output}: could not be written: {error.strerror or error}") from error
    except BaseException:
        _remove(draft)
        raise
    return n


def _remove(draft: Path) -> None:
    if draft.is_dir():
        shutil.rmtree(draft)
    else:
        draft.unlink(missing_ok=True)


@contextmanager
def _sink(output: Path | None) -> Iterator[IO[bytes]]:
    """A file that appears whole or not at all, or stdout."""
    if output is None:
        yield sys.stdout.buffer
        return
    draft = output.with_name(f".{output.name}.draft")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as out:
            yield out
        os.replace(draft, output)
    except OSError as error:
        raise InputError(f"{output}: cannot be written: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)
