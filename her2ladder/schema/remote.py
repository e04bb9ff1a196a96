"""A store in an S3 bucket: its files are brought here as they are asked for, and a publish is one conditional put of the catalog.

The bucket holds what a store's folder holds. Lake files are immutable and named by their content, so a copy here never grows old. The catalog
is fetched when the store is opened; a publish uploads the new files first and then puts the changed catalog, if the bucket still has the one
that the change was made on (If-Match). A kill, a refusal or a full bucket before that leaves the store as it was (decision 0050).
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from her2ladder.errors import InputError, LostRaceError, MissingError, StageError
from her2ladder.schema.bucket import Bucket, Object
from her2ladder.schema.contract import literal
from her2ladder.schema.lake import sha256_of, write_whole
from her2ladder.schema.place import CATALOG_FILE, is_remote, url_of
from her2ladder.schema.store import MODELS, Store, create, drafting, locked

KEEP_SECONDS = 24 * 3600  # an older catalog may still be open in another process
TRANSFERS = 8


def store_at(place: str | Path, as_of: str | None = None) -> Store:
    """Open the store in a folder, or at s3://BUCKET/PREFIX."""
    return RemoteStore(str(place), as_of) if is_remote(place) else Store(Path(place), as_of)


def create_remote(place: str | Path, seed: Callable[[duckdb.DuckDBPyConnection], None]) -> RemoteStore:
    """Make an empty store in a bucket and return it.

    raises   InputError where there is one
    """
    url = url_of(place)
    with tempfile.TemporaryDirectory() as scratch:
        made = create(Path(scratch) / "store", seed)
        if Bucket.of(url).put_if(CATALOG_FILE, made.catalog.read_bytes(), tag=None) is None:
            raise InputError(f"{url}: wanted a new or empty place for the store, found a store")
    return RemoteStore(url)


class RemoteStore(Store):
    """A store in a bucket, as `Store`.

    raises   MissingError where there is no store; StageError where the bucket cannot be read
    """

    def __init__(self, place: str | Path, as_of: str | None = None) -> None:
        self.url = url_of(place)
        self._bucket = Bucket.of(self.url)
        root = _cache(self._bucket)
        super().__init__(root, as_of, self._pulled(root).name)
        self._fetch_models()

    # ---- reading -----------------------------------------------------------------------------------------------------

    def uri(self, path: str) -> str:
        """Return how another program names a file of the lake: where it lies in the bucket."""
        return self._bucket.uri(path)

    def fetch(self, paths: Iterable[str]) -> None:
        """Bring files of the lake here, those that are not here yet; what arrives is held against its name."""
        missing = [path for path in dict.fromkeys(paths) if not (self.root / path).is_file()]
        with ThreadPoolExecutor(TRANSFERS) as pool:
            list(pool.map(self._fetch, missing))

    def _fetch(self, path: str) -> None:
        target = self._inside(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}-{uuid.uuid4().hex}.draft")
        try:
            self._bucket.download(path, draft)
            if not sha256_of(draft).startswith(target.stem) and not path.startswith(f"{MODELS}/"):
                raise StageError(f"{self._bucket.uri(path)}: damaged: its bytes are not those that its name says")
            os.replace(draft, target)
        finally:
            draft.unlink(missing_ok=True)

    def _fetch_models(self) -> None:
        names = [f"{MODELS}/{name}" for name in self._bucket.names(MODELS)]
        self.fetch(names)

    def _inside(self, path: str) -> Path:
        target = (self.root / path).absolute()
        if not target.resolve().is_relative_to(self.root.resolve()):
            raise StageError(f"{self._bucket.uri(path)}: leaves the store: refused")
        return target

    def _pulled(self, root: Path) -> Path:
        """The newest catalog, under a name of its own: another process may pull another at the same time."""
        tag = self._bucket.tag(CATALOG_FILE)
        if tag is None:
            raise MissingError(f"{self.url}: no store here (no {CATALOG_FILE}); make one with `ladder init {self.url}`")
        here = root / _named(tag)
        if not here.is_file():
            found = self._newest()
            here = write_whole(root / _named(found.tag), found.content)
        os.utime(here)
        for old in root.glob("catalog-*.duckdb"):
            with suppress(OSError):
                if old.stat().st_mtime < time.time() - KEEP_SECONDS:
                    old.unlink()
        return here

    def _newest(self) -> Object:
        found = self._bucket.get(CATALOG_FILE)
        if found is None:
            raise MissingError(f"{self.url}: the store's {CATALOG_FILE} is gone")
        return found

    # ---- writing -----------------------------------------------------------------------------------------------------

    @contextmanager
    def publishing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a connection inside one transaction on a copy of the newest catalog; leaving it publishes the copy whole.

        raises   LostRaceError where another machine published meanwhile; StageError where the bucket refuses; either leaves the store as it was
        """
        if self.as_of is not None:
            raise StageError(f"the store is open as of {self.as_of}: the past cannot be written; leave --as-of out")
        with locked(self.root):
            base = self._newest()

            def begin(_: Path, draft: Path) -> None:
                draft.write_bytes(base.content)

            def publish(_: Path, draft: Path) -> None:
                self._publish(draft, base)

            with drafting(self.root, begin, publish) as con:
                before = _files(con, "base")
                yield con
                self._upload(_files(con, "base") - before)

    def _upload(self, names: set[str]) -> None:
        """Upload what the catalog is about to name: files of the lake, folders of models."""
        files = [path for name in sorted(names) for path in _below(self.root / name)]
        there = {path for path in (file.relative_to(self.root).as_posix() for file in files) if self._bucket.has(path)}
        left = [file for file in files if file.relative_to(self.root).as_posix() not in there]
        with ThreadPoolExecutor(TRANSFERS) as pool:
            list(pool.map(lambda file: self._bucket.upload(file.relative_to(self.root).as_posix(), file), left))

    def _publish(self, draft: Path, base: Object) -> None:
        content = draft.read_bytes()
        tag = self._bucket.put_if(CATALOG_FILE, content, tag=base.tag)
        if tag is None:
            now = self._newest()
            if now.content != content:  # else it was ours: the answer to a first try was lost on the way
                raise LostRaceError(f"{self.url}: other machines keep publishing to this store; nothing was lost: run the command again")
            tag = now.tag
        self.catalog_file = write_whole(self.root / _named(tag), content).name

    def write_open_sql(self) -> None:
        """A store in a bucket has no open.sql: plain DuckDB reads an export of the lake."""

    @contextmanager
    def sweeping(self) -> Iterator[bool]:
        """Refuse: another machine may be uploading what no catalog names yet."""
        raise StageError(
            f"{self.url}: a store in a bucket cannot be swept or mended from here: copy it to a disk, mend it, and copy it back"
        )
        yield False

    @contextmanager
    def looking(self) -> Iterator[bool]:
        """Yield that others may be writing: orphans are not looked for."""
        yield False


def _files(con: duckdb.DuckDBPyConnection, schema: str) -> set[str]:
    asked = f"SELECT path FROM {schema}.manifest UNION SELECT concat({literal(MODELS + '/')}, model_id) FROM {schema}.model"
    return {path for (path,) in con.execute(asked).fetchall()}


def _below(path: Path) -> list[Path]:
    return sorted(found for found in path.rglob("*") if found.is_file()) if path.is_dir() else [path]


def _named(tag: str) -> str:
    return f"catalog-{hashlib.sha256(tag.encode()).hexdigest()[:24]}.duckdb"


def _cache(bucket: Bucket) -> Path:
    """The folder of this machine for one store: LADDER_CACHE, else the user's cache."""
    base = os.environ.get("LADDER_CACHE") or os.path.join(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "her2ladder")
    which = hashlib.sha256(f"{bucket.endpoint} {bucket.uri()}".encode()).hexdigest()[:24]
    root = Path(base).absolute() / which
    try:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StageError(
            f"{root}: no folder for copies of {bucket.uri()}: {error.strerror}; set LADDER_CACHE to one that can be written"
        ) from error
    return root
