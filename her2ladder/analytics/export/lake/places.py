"""Where an export goes: a folder, or a prefix of an S3 bucket; whole files only, and `create` for a file that must not be there yet."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from her2ladder.errors import InputError, StageError
from her2ladder.schema.lake import sync, write_whole


class Place(Protocol):
    """A folder of an export, here or in a bucket. Names are relative, with / between."""

    @property
    def name(self) -> str:
        """The last part of the folder's path."""

    def within(self, name: str) -> Place:
        """Return a folder of this one."""

    def uri(self, name: str = "") -> str:
        """Return how another program names the folder, or a file of it."""

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes; None where there is none."""

    def has(self, name: str) -> bool:
        """Return whether a file is there."""

    def create(self, name: str, content: bytes) -> bool:
        """Write a file whole, unless it is there already; return whether it was written."""

    def replace(self, name: str, content: bytes) -> None:
        """Write a file whole, over an older one."""

    def put(self, name: str, source: Path) -> None:
        """Copy a file there, whole or not at all."""

    def remove(self, name: str) -> None:
        """Take a file away, where it is."""

    def names(self, folder: str) -> list[str]:
        """Return the names of the files of a folder, without the folder's."""

    def io_properties(self) -> dict[str, str]:
        """Return what pyiceberg must know to read and write there."""


def place_of(to: str) -> Place:
    """Return the place that `--to` names.

    raises   InputError where it is neither a folder nor s3://BUCKET/PREFIX
    """
    if to.startswith("s3://"):
        from her2ladder.analytics.export.lake.bucket import BucketPlace
        from her2ladder.schema.bucket import Bucket

        return BucketPlace(Bucket.of(to), urlsplit(to).path.strip("/").rpartition("/")[2] or urlsplit(to).netloc)
    if "://" in to:
        raise InputError(f"--to {to}: wanted a folder or s3://BUCKET/PREFIX")
    folder = Path(to).absolute()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--to {to}: wanted a folder, found a file")
    return FolderPlace(folder)


class FolderPlace:
    """A folder on this machine."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def name(self) -> str:
        return self.root.name

    def within(self, name: str) -> FolderPlace:
        return FolderPlace(self.root / name)

    def uri(self, name: str = "") -> str:
        return f"file://{(self.root / name if name else self.root).as_posix()}"

    def read(self, name: str) -> bytes | None:
        with _told(self.root / name):
            try:
                return (self.root / name).read_bytes()
            except FileNotFoundError:
                return None

    def has(self, name: str) -> bool:
        return (self.root / name).is_file()

    def create(self, name: str, content: bytes) -> bool:
        with self.draft(name) as draft:
            draft.write_bytes(content)
            sync(draft)
            try:
                os.link(draft, self.root / name)  # unlike a rename, it fails where the name is taken
            except FileExistsError:
                return False
            sync((self.root / name).parent)
            return True

    def replace(self, name: str, content: bytes) -> None:
        with _told(self.root / name):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            write_whole(self.root / name, content)

    def put(self, name: str, source: Path) -> None:
        with self.draft(name) as draft:
            shutil.copyfile(source, draft)
            sync(draft)
            os.replace(draft, self.root / name)

    def remove(self, name: str) -> None:
        with _told(self.root / name):
            (self.root / name).unlink(missing_ok=True)

    def names(self, folder: str) -> list[str]:
        place = self.root / folder
        return sorted(path.name for path in place.iterdir() if path.is_file()) if place.is_dir() else []

    def io_properties(self) -> dict[str, str]:
        return {}

    @contextmanager
    def draft(self, name: str) -> Iterator[Path]:
        """Yield the path of a file to write; it is removed where it was not renamed."""
        target = self.root / name
        draft = target.with_name(f".{target.name}-{uuid.uuid4().hex}.draft")
        with _told(target):
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                yield draft
            finally:
                with suppress(OSError):
                    draft.unlink(missing_ok=True)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StageError(f"{path}: the export could not be written: {error.strerror or error}; run it again to finish it") from error
