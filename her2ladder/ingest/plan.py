"""What an ingest of cells is asked to read: sources from the command line and from manifests, checked before a byte is read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from her2ladder.errors import InputError
from her2ladder.ingest.tables import check_id, read_table
from her2ladder.schema.lake import sha256_of
from her2ladder.schema.vocabulary import MPP_PLAUSIBLE_UM

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
_TABLE_ENDINGS = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz", ".parquet")  # may be in micrometres, and then need no mpp
_ENDINGS = (".json.gz", ".geojson.gz", ".json", ".geojson", *_TABLE_ENDINGS, ".gz")
_TCGA = re.compile(r"^(TCGA-[A-Z0-9]{2}-[A-Z0-9]{4})(-|$)")
_STAIN = re.compile(r"^[A-Za-z][A-Za-z0-9_+-]{0,31}$")


@dataclass(frozen=True)
class Defaults:
    """What the command line says for every source; a manifest's own cells come first."""

    slide_id: str | None = None
    patient_id: str | None = None
    stain: str | None = None
    mpp: str | None = None
    slide_mpp: float | None = None
    label_map: str | None = None
    format: str = "auto"
    columns: Mapping[str, str] | None = None
    width_px: int | None = None
    height_px: int | None = None


@dataclass(frozen=True)
class Source:
    """One file of cells: what slide it is, and how to read it."""

    path: Path
    slide_id: str
    patient_id: str
    stain: str
    mpp_x: float | None
    mpp_y: float | None
    slide_mpp: float | None
    label_map: str
    format: str
    columns: tuple[tuple[str, str], ...] = ()
    width_px: int | None = None
    height_px: int | None = None
    sha256: str = ""
    fault: str = ""  # why this one cannot be read; it is quarantined and the others go on


def plan_sources(paths: Sequence[Path], defaults: Defaults) -> list[Source]:
    """Return the sources that the paths name, one a slide and stain.

    A table of text (.csv, .tsv, .txt; commas, semicolons or tabs between) with a column `path` is a manifest.
    raises   InputError: no such file, no stain, mpp missing or implausible on the command line, two files for one slide and stain
    """
    sources: list[Source] = []
    for path in paths:
        if not path.is_file():
            raise InputError(f"{path}: wanted a file of cells or a manifest, found {'a folder' if path.is_dir() else 'nothing'}")
        if _is_manifest(path):
            sources += _from_manifest(path, defaults)
        else:
            sources.append(_from_path(path, defaults))
    if defaults.slide_id is not None and len(sources) > 1:
        raise InputError(f"--slide-id names one slide, found {len(sources)} files: use a manifest (path, slide_id, patient_id, stain, mpp)")
    return _one_each(sources)


def mpp_of(text: str | None, where: str) -> tuple[float, float]:
    """Return micrometres per pixel, x and y, from `0.25` or `0.25,0.26`.

    raises   InputError
    """
    low, high = MPP_PLAUSIBLE_UM
    if text is None or not str(text).strip():
        raise InputError(
            f"{where}: no mpp: give micrometres per pixel of the file's own coordinates (--mpp 0.25, or a manifest column mpp)"
        )
    try:
        parts = [float(part) for part in re.split(r"[,;x]", str(text))]
    except ValueError:
        parts = []
    if len(parts) not in (1, 2) or not all(low <= part <= high for part in parts):
        raise InputError(f"{where}: mpp must be {low} to {high} micrometres per pixel (x, or x,y), found {str(text)[:60]}")
    return parts[0], parts[-1]


def _is_manifest(path: Path) -> bool:
    if path.suffix.lower() not in (".csv", ".tsv", ".txt"):
        return False
    with path.open("rb") as handle:
        first = handle.readline(65536).decode("utf-8-sig", "replace")
    return "path" in [name.strip().strip('"') for name in re.split("[,;\t]", first.strip())]


def _from_path(path: Path, told: Defaults) -> Source:
    stem = _stem(path)
    slide_id = told.slide_id or stem
    needs_mpp = told.format != "points" or told.mpp is not None
    mpp_x, mpp_y = mpp_of(told.mpp, str(path)) if told.mpp is not None else (None, None)
    if told.mpp is None and needs_mpp and not path.name.lower().endswith(_TABLE_ENDINGS):
        mpp_of(None, str(path))
    return _checked(path, slide_id, told.patient_id, told.stain, mpp_x, mpp_y, told.slide_mpp, told, str(path))


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
    own = Defaults(
        stain=row.get("stain") or told.stain,
        label_map=row.get("label_map") or told.label_map,
        format=row.get("format") or told.format,
        columns=parse_columns((row["columns"] or "").replace(";", ",")) if row.get("columns") else told.columns,
        width_px=_whole(row.get("width_px"), where, "width_px") or told.width_px,
        height_px=_whole(row.get("height_px"), where, "height_px") or told.height_px,
    )
    fault, mpp_x, mpp_y = "", None, None
    mpp = row.get("mpp") or told.mpp
    if mpp is not None or not path.name.lower().endswith(_TABLE_ENDINGS):  # a table in micrometres needs none: its reader says if it does
        try:
            mpp_x, mpp_y = mpp_of(mpp, where)
        except InputError as error:
            fault = str(error)
    if not path.is_file():
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
    if not _STAIN.match(stain):
        raise InputError(f"{where}: a stain is a word of letters and digits, found {stain[:40]!r}")
    tcga = _TCGA.match(slide_id)
    patient = patient_id or (tcga.group(1) if tcga else slide_id)
    for what, value in (("slide_id", slide_id), ("patient_id", patient)):
        check_id(value, what, where)
        if "/" in value or "\\" in value:
            raise InputError(f"{where}: {what} must not contain a path separator, found {value[:60]!r}")
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
    )


def _one_each(sources: list[Source]) -> list[Source]:
    """Two different files for one slide and stain are refused; the same file named twice is one."""
    first: dict[tuple[str, str], Source] = {}
    for source in sources:
        key = (source.slide_id, source.stain)
        other = first.setdefault(key, source)
        if other is source or other.path.resolve() == source.path.resolve():
            continue
        if not (source.path.is_file() and other.path.is_file() and sha256_of(source.path) == sha256_of(other.path)):
            raise InputError(
                f"slide {key[0]}, stain {key[1]}: two different files, {other.path} and {source.path}: name one; nothing was written"
            )
    slides = {(s.slide_id, s.stain): s.patient_id for s in first.values()}
    for source in sources:
        other_patient = slides[(source.slide_id, source.stain)]
        if other_patient != source.patient_id:
            raise InputError(f"slide {source.slide_id}, stain {source.stain}: two patients, {other_patient} and {source.patient_id}")
    return list(first.values())


def parse_columns(text: str) -> dict[str, str]:
    """Return {ours: theirs} from `x_px=X,y_px=Y,cell_class=type`.

    raises   InputError
    """
    pairs = [part.split("=", 1) for part in text.split(",") if part.strip()]
    if any(len(pair) != 2 or not pair[0].strip() or not pair[1].strip() for pair in pairs):
        raise InputError(f"--columns: wanted ours=theirs,ours=theirs (x_px=X,y_px=Y,cell_class=type), found {text!r}")
    return {ours.strip(): theirs.strip() for ours, theirs in pairs}


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
    name = path.name
    for ending in _ENDINGS:
        if name.lower().endswith(ending):
            return name[: -len(ending)]
    return path.stem
