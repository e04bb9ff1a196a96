"""What an ingest of cells is asked to read: sources from the command line and from manifests, checked before a byte is read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from glob import glob
from pathlib import Path

from her2ladder.errors import InputError, shell_word
from her2ladder.ingest.readers.hovernext import TABLES
from her2ladder.ingest.readers.registry import reader_for
from her2ladder.ingest.source import Defaults, Source, mpp_of, parse_columns
from her2ladder.ingest.source_files import sha256_of_source
from her2ladder.ingest.tables import check_id, read_table
from her2ladder.schema.labels import preset_names

MANIFEST_COLUMNS = (
    "path",
    "slide_id",
    "patient_id",
    "stain",
    "mpp",
    "label_map",
    "format",
    "slide_mpp",
    "width_px",
    "height_px",
    "columns",
)
_ENDINGS = (".json", ".geojson", ".csv", ".tsv", ".txt", ".parquet")
_TCGA = re.compile(r"^(TCGA-[A-Z0-9]{2}-[A-Z0-9]{4})(-|$)")
_STAIN = re.compile(r"^[A-Za-z][A-Za-z0-9_+-]{0,31}$")
_MEANT = {"HE": ("he", "hande", "hue", "haematoxylineosin", "hematoxylineosin"), "HER2": ("her2", "her2neu", "cerbb2", "erbb2", "her2ihc")}


def plan_sources(paths: Sequence[Path], defaults: Defaults) -> list[Source]:
    """Return the sources that the paths name, one a slide and stain.

    A table of text (.csv, .tsv, .txt; commas, semicolons or tabs between) with a column `path` is a manifest.
    raises   InputError: no such file, no stain, mpp missing or implausible on the command line, two files for one slide and stain
    """
    sources: list[Source] = []
    for path in _gathered(paths):
        if not path.is_file():
            _check_folder(path)
        if _is_manifest(path):
            sources += _from_manifest(path, defaults)
        else:
            sources.append(_from_path(path, defaults))
    if defaults.slide_id is not None and len(sources) > 1:
        raise InputError(f"--slide-id names one slide, found {len(sources)} files: use a manifest (path, slide_id, patient_id, stain, mpp)")
    return _one_each(sources)


def _gathered(paths: Sequence[Path]) -> list[Path]:
    """HoVer-NeXt's tables, one a class, are one slide: all those of a folder stand for the folder."""
    tables = [path for path in paths if path.is_file() and path.match(TABLES)]
    folders = {path.parent for path in tables}
    whole = [folder for folder in folders if len(tables) > 1 and set(folder.glob(TABLES)) <= set(tables)]
    rest = [path for path in paths if path not in tables or path.parent not in whole]
    return [*rest, *sorted(whole)]


def _check_folder(path: Path) -> None:
    """A folder that a reader takes is one slide.

    raises   InputError for any other, and where there is nothing
    """
    if not path.is_dir():
        n = len(glob(str(path)))
        pattern = f": a pattern that names {n:,} files, which the shell did not write out: leave its quotes away" if n else ""
        raise InputError(f"{path}: wanted a file of cells or a manifest, found {f'no such file{pattern}' if pattern else 'nothing'}")
    try:
        reader_for(path)
    except InputError:
        raise InputError(
            f"{path}: wanted a file of cells or a manifest, found a folder: name its files ({_files_in(path)}), or write a manifest"
        ) from None


def _files_in(folder: Path) -> str:
    """The files of a folder as one would name them: by the ending that most of them have."""
    endings = Counter("".join(one.suffixes[-2:]) if one.suffix == ".gz" else one.suffix for one in folder.iterdir() if one.is_file())
    ending = next((ending for ending, _ in endings.most_common() if ending), ".json")
    return f"{shell_word(folder)}/*{ending}"


def _is_manifest(path: Path) -> bool:
    if path.suffix.lower() not in (".csv", ".tsv", ".txt"):
        return False
    with path.open("rb") as handle:
        first = handle.readline(65536).decode("utf-8-sig", "replace")
    return "path" in [name.strip().strip('"') for name in re.split("[,;\t]", first.strip())]


def _from_path(path: Path, told: Defaults) -> Source:
    stem = _stem(path)
    slide_id = told.slide_id or stem
    mpp_x, mpp_y = (None, None) if told.mpp is None and _says_mpp(path, told.format) else mpp_of(told.mpp, str(path))
    return _checked(path, slide_id, told.patient_id, told.stain, mpp_x, mpp_y, told.slide_mpp, told, str(path))


def _says_mpp(path: Path, format_: str) -> bool:
    """Tell whether a file may say its micrometres per pixel, or be in micrometres: its reader says if it is not."""
    try:
        return reader_for(path, format_).reader.SAYS_MPP
    except InputError:
        return False


def _from_manifest(manifest: Path, told: Defaults) -> list[Source]:
    frame = read_table(manifest)
    unknown = [name for name in frame.columns if name not in MANIFEST_COLUMNS]
    if unknown:
        raise InputError(f"{manifest}: a manifest has the columns {', '.join(MANIFEST_COLUMNS)}; found also {', '.join(unknown[:10])}")
    if frame.is_empty():
        raise InputError(f"{manifest}: wanted one line a slide, found none")
    return [_from_row(manifest, number + 2, row, told) for number, row in enumerate(frame.iter_rows(named=True))]


def _from_row(manifest: Path, line: int, row: Mapping[str, str | None], told: Defaults) -> Source:
    where = f"{manifest}: line {line}"
    if not row["path"]:
        raise InputError(f"{where}: wanted a path, found none")
    path = _locate(manifest, row["path"], where)
    label_map = row.get("label_map")
    if label_map and label_map not in preset_names() and (label_map.endswith(".toml") or "/" in label_map):
        label_map = str(_locate(manifest, label_map, where))
    own = Defaults(
        stain=row.get("stain") or told.stain,
        label_map=label_map or told.label_map,
        format=row.get("format") or told.format,
        columns=parse_columns((row["columns"] or "").replace(";", ",")) if row.get("columns") else told.columns,
        width_px=_whole(row.get("width_px"), where, "width_px") or told.width_px,
        height_px=_whole(row.get("height_px"), where, "height_px") or told.height_px,
        how=told.how,
    )
    fault, mpp_x, mpp_y = "", None, None
    mpp = row.get("mpp") or told.mpp
    if mpp is not None or not (path.exists() and _says_mpp(path, own.format)):
        try:
            mpp_x, mpp_y = mpp_of(mpp, where)
        except InputError as error:
            fault = str(error)
    if not path.exists():
        fault = f"{where}: {path}: no such file"
    slide_mpp = mpp_of(row["slide_mpp"], where)[0] if row.get("slide_mpp") else told.slide_mpp
    slide_id, patient_id = row.get("slide_id") or told.slide_id or _stem(path), row.get("patient_id") or told.patient_id
    source = _checked(path, slide_id, patient_id, own.stain, mpp_x, mpp_y, slide_mpp, own, where)
    return Source(**{**source.__dict__, "fault": fault})


def _locate(manifest: Path, text: str, where: str) -> Path:
    """A relative path is looked for beside the manifest, then here; none may climb out with `..`."""
    if ".." in Path(text).parts or "\0" in text:
        raise InputError(f"{where}: a path must not contain '..', found {text!r}")
    beside = manifest.parent / text
    return beside if beside.exists() or not Path(text).exists() else Path(text)


def _checked(
    path: Path,
    slide_id: str,
    patient_id: str | None,
    stain: str | None,
    mpp_x: float | None,
    mpp_y: float | None,
    slide_mpp: float | None,
    told: Defaults,
    where: str,
) -> Source:
    if not stain:
        raise InputError(f"{where}: no stain: say --stain HE, --stain HER2, or a name of your vocabulary (manifest column stain)")
    meant = _stain_meant(stain)
    if meant not in (None, stain):
        raise InputError(f"{where}: stain {stain[:40]}: say --stain {meant} (manifest column stain)")
    if not _STAIN.match(stain):
        raise InputError(f"{where}: a stain is a word of letters and digits, found {stain[:40]!r}")
    patient = patient_of(slide_id, patient_id, where)
    if slide_mpp is not None:
        mpp_of(str(slide_mpp), where)
    return Source(
        path=path,
        slide_id=slide_id,
        patient_id=patient,
        stain=stain,
        mpp_x=mpp_x,
        mpp_y=mpp_y,
        slide_mpp=slide_mpp,
        label_map=told.label_map or "store",
        format=told.format,
        columns=tuple((told.columns or {}).items()),
        width_px=told.width_px,
        height_px=told.height_px,
        how=told.how,
    )


def _stain_meant(text: str) -> str | None:
    """Return the stain of the paper that a word stands for: `H&E`, `H and E` and `he` are HE; None where it stands for none."""
    plain = re.sub(r"[^a-z0-9]", "", text.lower())
    return next((stain for stain, words in _MEANT.items() if plain in words), None)


def patient_of(slide_id: str, patient_id: str | None, where: str) -> str:
    """Return the slide's patient: the one told, the TCGA patient in the slide's name, or one of the slide's own name.

    raises   InputError where one of the two cannot be an id
    """
    tcga = _TCGA.match(slide_id)
    patient = patient_id or (tcga.group(1) if tcga else slide_id)
    for what, value in (("slide_id", slide_id), ("patient_id", patient)):
        check_id(value, what, where)
        if "/" in value or "\\" in value:
            raise InputError(f"{where}: {what} must not contain a path separator, found {value[:60]!r}")
    return patient


def _one_each(sources: list[Source]) -> list[Source]:
    """Two different files for one slide and stain are refused; the same file named twice is one."""
    first: dict[tuple[str, str], Source] = {}
    for source in sources:
        key = (source.slide_id, source.stain)
        other = first.setdefault(key, source)
        if other is source or other.path.resolve() == source.path.resolve():
            continue
        if not (source.path.exists() and other.path.exists() and sha256_of_source(source.path) == sha256_of_source(other.path)):
            raise InputError(
                f"slide {key[0]}, stain {key[1]}: two different files, {other.path} and {source.path}: name one; nothing was written"
            )
    slides = {(s.slide_id, s.stain): s.patient_id for s in first.values()}
    for source in sources:
        other_patient = slides[(source.slide_id, source.stain)]
        if other_patient != source.patient_id:
            raise InputError(f"slide {source.slide_id}, stain {source.stain}: two patients, {other_patient} and {source.patient_id}")
    return list(first.values())


def _whole(text: str | None, where: str, what: str) -> int | None:
    if not text:
        return None
    try:
        size = int(float(text))
    except (ValueError, OverflowError):  # no number; infinite
        size = 0
    if size < 1:
        raise InputError(f"{where}: {what}: wanted whole pixels, found {text[:40]!r}")
    return size


def _stem(path: Path) -> str:
    if path.is_dir():
        return path.name.removesuffix(".zarr")
    name = path.name
    for packed in (".gz", ".snappy"):
        name = name[: -len(packed)] if name.lower().endswith(packed) else name
    for ending in _ENDINGS:
        if name.lower().endswith(ending):
            return name[: -len(ending)]
    return Path(name).stem if name == path.name else name
