"""What an export of the lake holds: each kind of lake file as a table, and the slides as one more. No clinical table goes along."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from her2ladder.schema.duck import arrow_table
from her2ladder.schema.store import FIRST_RUN, Store, no_lake
from her2ladder.schema.tables import LAKE

SLIDE = "slide"
_SLIDES = "SELECT * EXCLUDE (path) FROM slide ORDER BY slide_id, stain"
_FILES = """
SELECT kind, slide_id, stain, path, sha256, n_rows, n_bytes FROM manifest_current ORDER BY kind, slide_id, stain"""


@dataclass(frozen=True)
class OneFile:
    """One Parquet file of a table.

    path     file of the store, within it; None where `content` holds its bytes
    uri      how another program names the store's own file
    slide_id, stain   None for a table that is not one file a slide
    """

    sha256: str
    n_rows: int
    n_bytes: int
    path: str | None = None
    uri: str = ""
    content: bytes = b""
    slide_id: str | None = None
    stain: str | None = None

    @property
    def name(self) -> str:
        """File name in an export: by content, so that a file that is there already is never written again."""
        return f"{self.sha256[:24]}.parquet"


@dataclass(frozen=True)
class OneTable:
    """A table of the export: its columns as other engines know them, and the files that hold now."""

    name: str
    schema: pa.Schema
    files: tuple[OneFile, ...]


def content_of(store: Store) -> tuple[str, list[OneTable]]:
    """Return the store's last run and the tables of the lake as of it; a kind that the store has none of has no files."""
    with store.reading(no_lake) as con:
        run = store.as_of or str(con.execute("SELECT coalesce(max(run), ?) FROM run", [FIRST_RUN]).fetchall()[0][0])
        found: dict[str, list[OneFile]] = {}
        for kind, slide_id, stain, path, sha256, n_rows, n_bytes in con.execute(_FILES).fetchall():
            found.setdefault(kind, []).append(OneFile(sha256, n_rows, n_bytes, path, store.uri(path), slide_id=slide_id, stain=stain))
        slides = arrow_table(con, _SLIDES, {})
    tables = [OneTable(table.name, plain(table.arrow), tuple(found.get(kind, ()))) for kind, table in sorted(LAKE.items())]
    return run, [*tables, _as_file(SLIDE, slides)]


def _as_file(name: str, rows: pa.Table) -> OneTable:
    out = io.BytesIO()
    stored = rows.cast(plain(rows.schema))
    pq.write_table(stored, out, compression="zstd")
    content = out.getvalue()
    return OneTable(name, stored.schema, (OneFile(hashlib.sha256(content).hexdigest(), rows.num_rows, len(content), content=content),))


def plain(schema: pa.Schema) -> pa.Schema:
    """Return a schema in the types that every engine has: words as strings, small integers as 32 bits, everything nullable."""
    return pa.schema([pa.field(column.name, _plain(column.type), nullable=True) for column in schema])


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    if pa.types.is_list(kind):
        return pa.list_(_plain(kind.value_type))
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    return pa.int32() if pa.types.is_int8(kind) or pa.types.is_int16(kind) else kind
