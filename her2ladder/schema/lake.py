"""The lake: immutable Parquet files named by their content, one a kind, slide and stain. Workers write here and open no catalog."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from urllib.parse import quote


def folder(root: Path, kind: str, slide_id: str, stain: str) -> Path:
    """Return the folder of one slide and stain; ids are escaped, so that none can leave the store."""
    return root / kind / f"stain={quote(stain, safe='')}" / f"slide_id={quote(slide_id, safe='')}"


def publish_file(root: Path, draft: Path, kind: str, slide_id: str, stain: str) -> tuple[str, str]:
    """Move a finished Parquet file into the lake under its content's name; return (path in the store, sha256).

    It counts only when a manifest row names it: until then a kill leaves an orphan that `ladder check --mend` sweeps.
    """
    sha256 = sha256_of(draft)
    place = folder(root, kind, slide_id, stain)
    place.mkdir(parents=True, exist_ok=True)
    target = place / f"{sha256[:12]}.parquet"
    sync(draft)
    os.replace(draft, target)
    sync(place)
    return target.relative_to(root).as_posix(), sha256


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's bytes, hex."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Flush a file or a folder to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_whole(path: Path, content: bytes) -> Path:
    """Write a file so that a reader sees the old or the new one, never half; return its path."""
    draft = path.with_name(f".{path.name}-{os.getpid()}.draft")
    try:
        draft.write_bytes(content)
        sync(draft)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    return path
