"""The sandboxed process: opens the store read-only, shuts every door, runs one SELECT, streams Arrow to the parent.

Started as `python -m her2ladder.queries.sandbox.child FD`; reads its order as JSON from stdin, writes an Arrow IPC stream to FD.
Standard output is not used: DuckDB functions can print there.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import resource
import sys
import sysconfig
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from her2ladder.errors import LadderError
from her2ladder.queries.sandbox.landlock import restrict_to_reading
from her2ladder.queries.sandbox.slides_asked import slides_asked
from her2ladder.queries.sandbox.spatial import spatial_for, without_spatial
from her2ladder.schema.duck import arrow_reader
from her2ladder.schema.store import Store
from her2ladder.schema.tables import LAKE
from her2ladder.schema.views import NAMES

GIB = 1 << 30
DOORS = (
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET python_enable_replacements = false",
    "SET temp_directory = ''",
    "SET enable_external_access = false",  # must come before disabled_filesystems, which would refuse it
    "SET disabled_filesystems = 'LocalFileSystem'",
    "SET lock_configuration = true",
)


def main() -> None:
    """Carry out the order on stdin."""
    carry_out(json.load(sys.stdin), int(sys.argv[1]))


def carry_out(order: dict[str, Any], write_end: int) -> None:
    """Carry out one order; a refusal goes to stderr as one line and exit code 3."""
    out = os.fdopen(write_end, "wb")
    try:
        _limit(order)
        _answer(order, out)
    except (LadderError, duckdb.Error, pa.ArrowException, MemoryError) as error:
        sys.stderr.write((without_spatial(error) or _with_hint(error) or "out of memory").strip() + "\n")
        sys.stderr.flush()
        os._exit(3)
    out.close()


def _with_hint(error: BaseException) -> str:
    """An error's text; of a table that is not there, with the views whose names come near: DuckDB knows only those that were made."""
    text = str(error)
    missing = re.search(r"Table with name (\w+) does not exist", text)
    if not missing:
        return text
    near = difflib.get_close_matches(missing[1].lower(), NAMES, n=3)
    return f"{text.splitlines()[0]} {f'Did you mean {chr(44).join(near)}?' if near else 'DESCRIBE lists the views.'}".replace(",", ", ")


def _limit(order: dict[str, Any]) -> None:
    """Bound memory and CPU, write nothing to any file, and let the kernel hold us to it."""
    resource.setrlimit(
        resource.RLIMIT_AS, (order["memory_bytes"] + 6 * GIB,) * 2
    )  # address space: libraries and thread stacks reserve more than they use
    resource.setrlimit(resource.RLIMIT_CPU, (order["cpu_seconds"],) * 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libraries = {sys.prefix, sys.base_prefix, *sysconfig.get_paths().values(), str(Path(__file__).parents[3])}
    system = ("/usr/lib", "/lib", "/lib64", "/usr/share/zoneinfo", "/proc", "/sys/fs/cgroup", "/dev/null", "/dev/urandom")
    restrict_to_reading([Path(order["store"]), *map(Path, libraries), *map(Path, system)])


def _answer(order: dict[str, Any], out: Any) -> None:
    store = Store(Path(order["store"]), as_of=order["as_of"], catalog_file=order["catalog_file"])
    slides = slides_asked(order["sql"], order["parameters"])
    with store.reading(lake=arrow_lake, spatial=spatial_for(order["sql"]), slides=slides) as con:
        con.maker.need(order["sql"])  # type: ignore[attr-defined]  # before the doors are shut
        con.execute(f"SET memory_limit = '{order['memory_bytes']}B'")
        for door in DOORS:
            con.execute(door)
        *helpers, asked = _one_select(con, order["sql"])
        for helper in helpers:
            con.execute(helper)
        reader = arrow_reader(con, asked, order["parameters"], 100_000)
        with pa.ipc.new_stream(out, reader.schema) as stream:
            for batch in reader:
                stream.write_batch(batch)


def _one_select(con: duckdb.DuckDBPyConnection, sql: str) -> list[Any]:
    """Return the statements to run: one SELECT, or a PIVOT: one MULTI in 2.0, in 1.5 a SELECT after temporary enums of DuckDB's own making.

    raises   LadderError for anything else
    """
    statements = con.extract_statements(sql)
    helpers, last = statements[:-1], statements[-1:]
    made_for_pivot = all(s.type == duckdb.StatementType.CREATE and s.query == "" for s in helpers)  # a user's own has a text
    if not last or not made_for_pivot or not _reads(con, last[0]):
        kinds = ", ".join(str(s.type).removeprefix("StatementType.") for s in statements) or "nothing"
        raise LadderError(f"wanted one SELECT (or WITH, FROM, DESCRIBE, SHOW, SUMMARIZE, PIVOT), found {kinds}")
    return list(statements)


def _reads(con: duckdb.DuckDBPyConnection, statement: Any) -> bool:
    """Tell whether a statement only reads: a SELECT, or a MULTI (whatever holds a PIVOT, also COPY and CREATE) that is a query by itself."""
    if statement.type != duckdb.StatementType.MULTI:
        return bool(statement.type == duckdb.StatementType.SELECT)
    text = statement.query.encode()  # tokenize counts bytes
    ends = [at for at, kind in duckdb.tokenize(statement.query) if kind == duckdb.token_type.operator and text[at : at + 1] == b";"]
    try:
        alone = con.extract_statements(f"FROM (\n{text[: min(ends, default=len(text))].decode()}\n)")
    except duckdb.ParserException:
        return False
    return [s.type for s in alone] == [duckdb.StatementType.MULTI]


def arrow_lake(store: Store, kind: str, paths: list[str]) -> dict[str, Any]:
    """Return the lake files of one kind as an Arrow dataset that knows each file's slide and stain, so that others are skipped."""
    import pyarrow.dataset as ds
    from pyarrow.fs import LocalFileSystem

    # The contract, not a file of it: a damaged file spoils the queries that read it, and no others.
    plain = pa.schema([pa.field(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type) for f in LAKE[kind].arrow])
    format_ = ds.ParquetFileFormat()
    fragments, disk = [], LocalFileSystem()
    for path in paths:
        stain, slide_id = _from_folders(path)
        known = (ds.field("stain") == stain) & (ds.field("slide_id") == slide_id)
        fragments.append(format_.make_fragment(str(store.root / path), disk, known))
    return {f"lake_{LAKE[kind].name}": ds.FileSystemDataset(fragments, plain, format_)}


def _from_folders(path: str) -> tuple[str, str]:
    from urllib.parse import unquote

    stain, slide = path.split("/")[1:3]
    return unquote(stain.removeprefix("stain=")), unquote(slide.removeprefix("slide_id="))


if __name__ == "__main__":
    main()
