"""The store: a directory with a small DuckDB catalog, immutable Parquet files beside it, and one way to read and to write each.

Reading never blocks and never sees half a write: the catalog is published whole (copy, one transaction, `os.replace`) under a lock
file, and an open reader keeps the state it opened. Lake files are named by their content and only ever appear by rename.
Only this module opens DuckDB on the catalog.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import duckdb

from her2ladder.errors import InputError, MissingError, StageError, StoreBusyError
from her2ladder.schema import geometry, views
from her2ladder.schema.contract import literal
from her2ladder.schema.lake import sync, write_whole
from her2ladder.schema.lazy import LazyConnection, ViewMaker
from her2ladder.schema.place import CATALOG_FILE
from her2ladder.schema.tables import CATALOG, SCHEMA_VERSION
from her2ladder.schema.view_state import ViewState

OPEN_FILE = "open.sql"
MODELS = "models"
LOCK_WAIT_SECONDS = 120.0
FIRST_RUN = "r000000"
_PARQUET = re.compile(r"parquet|magic bytes|zstd", re.IGNORECASE)

LakeReader = Callable[["Store", str, list[str]], Mapping[str, Any]]


def no_lake(store: Store, kind: str, paths: list[str]) -> Mapping[str, Any]:
    """Leave the lake's views typed and empty: for those who look at the catalog of a store whose files may be damaged."""
    return {}


class Store:
    """A store on disk, read as of one run or as of now.

    raises   MissingError where there is no store; InputError where it was made by another version of the contracts
    """

    def __init__(self, root: Path, as_of: str | None = None, catalog_file: str = CATALOG_FILE) -> None:
        self.root = root.absolute()
        self.as_of = as_of
        self.catalog_file = catalog_file
        if not self.catalog.is_file():
            raise MissingError(f"{root}: no store here (no {CATALOG_FILE}); make one with `ladder init {root}`")
        with self._attached() as con:
            found = con.sql("SELECT max(schema_version) FROM ladder.base.store_info").fetchall()[0][0]
            if found != SCHEMA_VERSION:
                raise InputError(_version_message(root, int(found)))
            if as_of is not None and not con.execute("SELECT 1 FROM ladder.base.run WHERE run = ?", [as_of]).fetchall():
                raise MissingError(f"no run called {as_of!r}; `ladder runs` lists them")

    @property
    def catalog(self) -> Path:
        return self.root / self.catalog_file

    def fetch(self, paths: Iterable[str]) -> None:
        """Bring files of the lake to this machine: a store in a folder has them."""

    def file(self, path: str) -> Path:
        """Return where a file of the lake lies on this machine."""
        self.fetch([path])
        return self.root / path

    def uri(self, path: str) -> str:
        """Return how another program names a file of the lake."""
        return f"file://{(self.root / path).as_posix()}"

    # ---- reading -----------------------------------------------------------------------------------------------------

    @contextmanager
    def reading(
        self, lake: LakeReader | None = None, spatial: str | None = None, slides: Collection[str] | None = None
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a connection on which every public view answers; it keeps this state until it is closed.

        lake     how to scan files: None = DuckDB's own reader; else called with (store, kind, paths), returns {relation: Arrow dataset}
        spatial  file of the extension spatial to load first: `cell_shape` is a GEOMETRY then
        slides   the lake's views show these slides alone: for a question that is known to ask for no other
        raises   StageError where the catalog or a file of the lake is missing or damaged
        """
        with self._attached() as con:
            if spatial is not None:
                con.execute(f"LOAD {literal(spatial)}")
            state = ViewState(self, con, lake, slides)

            def statement(name: str) -> str:
                if name in geometry.NEEDS_OUR_FUNCTIONS:
                    state.add_functions()
                return views.statement(name, state, as_of=self.as_of, spatial=spatial is not None)

            yield LazyConnection(con, ViewMaker(con, views.NAMES, statement))  # type: ignore[misc]

    @contextmanager
    def _attached(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """An in-memory database with the catalog attached: the one way that sees what another process has published."""
        con = duckdb.connect()
        try:
            try:
                con.execute(f"ATTACH {literal(str(self.catalog))} AS ladder (READ_ONLY)")
                con.execute("SET parquet_metadata_cache = true")  # lake files never change
                con.execute("SELECT max(schema_version) FROM ladder.base.store_info").fetchall()
            except duckdb.Error as error:  # a damaged file fails in many ways
                raise StageError(
                    f"{self.catalog}: wanted the catalog of a store, found a file that cannot be read as one ({_first_line(error)}): "
                    f"bring it back from a copy"
                ) from error
            yield con
        except duckdb.Error as error:
            if not isinstance(error, duckdb.IOException) and not _PARQUET.search(str(error)):
                raise
            raise StageError(f"{self.root}: cannot be read: {_first_line(error)}; `ladder check` tells more") from error
        finally:
            con.close()

    # ---- writing -----------------------------------------------------------------------------------------------------

    @contextmanager
    def publishing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a connection inside one transaction on a copy of the catalog; leaving it publishes the copy whole.

        raises   StoreBusyError after two minutes of waiting for another writer; StageError on a state of the past
        """
        if self.as_of is not None:
            raise StageError(f"the store is open as of {self.as_of}: the past cannot be written; leave --as-of out")
        with locked(self.root):
            with drafting(self.root) as con:
                yield con
            self.write_open_sql()

    @contextmanager
    def working(self) -> Iterator[None]:
        """Hold the store against sweeping while lake files are written that no manifest row names yet; many may hold it."""
        with _lock_file(self.root / ".work") as handle:
            fcntl.flock(handle, fcntl.LOCK_SH)
            yield

    @contextmanager
    def sweeping(self) -> Iterator[bool]:
        """Yield whether nothing is being written, and keep it so."""
        with _lock_file(self.root / ".work") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                with locked(self.root):
                    yield True

    @contextmanager
    def looking(self) -> Iterator[bool]:
        """Yield whether nothing is being written, and keep it so; the store may be on a disk that cannot be written."""
        with ExitStack() as held:
            for name in (".work", ".lock"):
                try:
                    handle = held.enter_context((self.root / name).open())
                except OSError:  # nobody has written yet, or this user may not
                    continue
                try:
                    fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB if name == ".lock" else fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    yield False
                    return
            yield True

    def write_open_sql(self) -> None:
        """Write `open.sql`: the same views for a plain `duckdb -init open.sql`, R or Python, started in any folder (decision 0028)."""
        try:
            write_whole(self.root / OPEN_FILE, self.open_sql_text().encode())
        except OSError as error:
            raise StageError(
                f"{self.root}: the rows are published, but {OPEN_FILE} could not be written ({error.strerror}): `ladder check --mend`"
            ) from error

    def open_sql_text(self) -> str:
        """Return what `open.sql` must say for the state that is published now."""
        now, root = self if self.as_of is None else Store(self.root), self.root.resolve()
        with now._attached() as con:
            state = ViewState(now, con, None, None, root=root)
            made = [views.statement(name, state, as_of=None) for name in views.NAMES if name not in geometry.NEEDS_OUR_FUNCTIONS]
        lines = [
            "-- Views of this store for plain DuckDB, from any folder: duckdb -init open.sql. Was the store moved? ladder check --mend",
            "-- cell_shape and nearest() need functions of her2ladder: ask for them through `ladder sql`",
            f"ATTACH {literal(str(root / CATALOG_FILE))} AS ladder (READ_ONLY)",
        ]
        return ";\n".join([*lines, *made]) + ";\n"


def _copied(root: Path, draft: Path) -> None:
    shutil.copyfile(root / CATALOG_FILE, draft)


def _put_in_place(root: Path, draft: Path) -> None:
    os.replace(draft, root / CATALOG_FILE)
    sync(root)


Step = Callable[[Path, Path], None]


@contextmanager
def drafting(root: Path, begin: Step = _copied, publish: Step = _put_in_place) -> Iterator[duckdb.DuckDBPyConnection]:
    """Copy the catalog, yield one transaction on the copy, and put the copy in the catalog's place.

    begin, publish   called with the store's folder and the copy: make it; give it to the world, whole or not at all
    """
    draft = root / f".catalog-{os.getpid()}.draft"
    try:
        begin(root, draft)
        con = duckdb.connect(str(draft))
        try:
            con.execute("BEGIN")
            yield con
            con.execute("COMMIT")
            con.execute("CHECKPOINT")
        finally:
            con.close()
        sync(draft)
        publish(root, draft)
    except OSError as error:
        raise StageError(f"{root}: nothing was published: {error.strerror or error}") from error
    except duckdb.Error as error:
        raise StageError(f"{root}: nothing was published: {_first_line(error)}") from error
    finally:
        draft.unlink(missing_ok=True)
        draft.with_name(draft.name + ".wal").unlink(missing_ok=True)


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold the store's write lock."""
    with _lock_file(root / ".lock") as handle:
        until = time.monotonic() + LOCK_WAIT_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise StoreBusyError(f"{root}: another process has been writing for two minutes; try again") from None
                time.sleep(0.02)
        yield


def _lock_file(path: Path) -> IO[str]:
    """Open a lock file, made where it is not there yet.

    raises   StageError where the store cannot be written
    """
    try:
        return path.open("w")
    except OSError as error:
        raise StageError(f"{path.parent}: the store cannot be written: {error.strerror}") from error


def without_place(text: str) -> str:
    """Return an open.sql without the folder that it names: what it says of the catalog alone."""
    place = re.search(rf"^ATTACH '(.*){re.escape(CATALOG_FILE)}' AS ladder", text, re.MULTILINE)
    return text.replace(place[1], "") if place and place[1] else text


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0][:300]


def publish_catalog(root: Path, change: Callable[[duckdb.DuckDBPyConnection], None]) -> None:
    """Change the catalog of a store of any version, whole or not at all; for migrations only."""
    with locked(root), drafting(root) as con:
        change(con)


def create(root: Path, seed: Callable[[duckdb.DuckDBPyConnection], None]) -> Store:
    """Make an empty store at `root` and return it; `seed` writes the first rows inside the same transaction.

    raises   InputError where `root` is a file, or a folder with something in it
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise InputError(
            f"{root}: wanted a new or empty folder for the store, found {'a store' if (root / CATALOG_FILE).exists() else 'other files'}"
        )
    root.mkdir(parents=True, exist_ok=True)
    draft = root / ".catalog.draft"
    con = duckdb.connect()
    try:
        con.execute(f"ATTACH {literal(str(draft))} AS ladder (STORAGE_VERSION 'v1.2.0')")
        con.execute("USE ladder")
        con.execute("BEGIN")
        lay_out(con)
        seed(con)
        con.execute("COMMIT")
        con.execute("CHECKPOINT ladder")
    finally:
        con.close()
    sync(draft)
    os.replace(draft, root / CATALOG_FILE)
    store = Store(root)
    store.write_open_sql()
    return store


def lay_out(con: duckdb.DuckDBPyConnection) -> None:
    """Create schema `base` and every catalog table with keys, checks and comments."""
    con.execute("CREATE SCHEMA base")
    for table in CATALOG:
        for statement in table.ddl("base"):
            con.execute(statement)


def _version_message(root: Path, found: int) -> str:
    if found > SCHEMA_VERSION:
        return f"{root}: the store has schema version {found}, this her2ladder knows {SCHEMA_VERSION}: install a newer her2ladder"
    return f"{root}: the store has schema version {found}, wanted {SCHEMA_VERSION}: run `ladder migrate` (it keeps a copy)"
