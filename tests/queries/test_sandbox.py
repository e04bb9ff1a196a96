"""User SQL reads the store and nothing else: every way out that we know of is tried, and every byte of the store stays as it was."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from her2ladder.errors import SandboxError
from her2ladder.queries import formats
from her2ladder.queries.sandbox.ask import ask
from her2ladder.queries.sandbox.child import DOORS
from her2ladder.schema.duck import BY_RELATION
from her2ladder.schema.store import Store


def bytes_of(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(root.rglob("*")) if path.is_file()
    }


def answer(root: Path, sql: str, seconds: float = 20.0) -> list[dict[str, object]]:
    with ask(Store(root), sql, timeout_seconds=seconds) as reader:
        return list(formats.rows(reader))


@pytest.fixture(scope="module")
def filled(command, tmp_path_factory) -> Path:
    """A small store; the tests that write to it say so, all others prove that they did not."""
    root = tmp_path_factory.mktemp("sandbox") / "store"
    points = root.parent / "S1.csv"
    points.write_text("cell_id,cell_class,x_um,y_um\n1,Tumor,0,0\n2,Lymph,3,4\n")
    for words in (["init"], ["ingest", "cells", points, "--stain", "HE"], ["features", "--workers", 1]):
        assert command("--store", root, *words).code == 0
    return root


ESCAPES = {
    "COPY TO": "COPY (SELECT 1) TO '{root}/out.csv'",
    "COPY onto the catalog": "COPY (SELECT 1) TO '{root}/catalog.duckdb' (FORMAT csv, USE_TMP_FILE false)",
    "COPY inside WITH": "WITH x AS (COPY (SELECT 1) TO '{root}/out.csv') SELECT 1",
    "ATTACH": "ATTACH '{root}/catalog.duckdb' AS again",
    "ATTACH a new file": "ATTACH '{root}/new.duckdb' AS fresh",
    "INSTALL": "INSTALL httpfs",
    "LOAD": "LOAD httpfs",
    "read_csv": "SELECT * FROM read_csv('/etc/passwd')",
    "read_text": "SELECT * FROM read_text('/etc/passwd')",
    "read_blob": "SELECT * FROM read_blob('/etc/passwd')",
    "read_parquet": "SELECT * FROM read_parquet('{root}/cells/**/*.parquet')",
    "glob": "SELECT * FROM glob('/etc/*')",
    "a file as a table": "SELECT * FROM '/etc/passwd'",
    "query() around a file": "FROM query('FROM read_text(''/etc/passwd'')')",
    "SET": "SET threads = 1",
    "SET a door open": "SET enable_external_access = true",
    "RESET": "RESET disabled_filesystems",
    "PRAGMA": "PRAGMA enable_profiling",
    "CALL": "CALL pragma_version()",
    "INSERT": "INSERT INTO ladder.base.run SELECT * FROM ladder.base.run",
    "DELETE": "DELETE FROM ladder.base.run",
    "UPDATE": "UPDATE ladder.base.run SET stage = 'x'",
    "CREATE": "CREATE TABLE t AS SELECT 1",
    "CREATE, then SELECT": "CREATE TEMP TABLE t AS SELECT 1; SELECT * FROM t",
    "DROP": "DROP VIEW cell",
    "EXPORT": "EXPORT DATABASE '{root}/out'",
    "CHECKPOINT": "CHECKPOINT ladder",
    "two statements": "SELECT 1; SELECT 2",
    "nothing": "   ",
    "a Python variable of ours": "SELECT * FROM fragments",
    "a Python variable of the caller": "SELECT * FROM order",
    "profiling to a file": "FROM enable_profiling(save_location = '{root}/profile.json')",
    "logging to a file": "FROM enable_logging('QueryLog', storage = 'file', storage_config = {{'path': '{root}/log'}})",
    "the environment": "SELECT getenv('HOME')",
    "the extensions' folder": "FROM duckdb_extensions()",
    "COPY of a PIVOT": "COPY (PIVOT cell ON cell_class USING count(*)) TO '{root}/out.csv'",
    "COPY of a PIVOT onto the catalog": "COPY (PIVOT cell ON cell_class USING count(*)) TO '{root}/catalog.duckdb' (FORMAT csv, USE_TMP_FILE false)",
    "CREATE of a PIVOT": "CREATE TABLE t AS PIVOT cell ON cell_class USING count(*)",
    "DELETE beside a PIVOT": "WITH x AS (PIVOT cell ON cell_class USING count(*)) DELETE FROM ladder.base.run",
    "a PIVOT, then DROP": "PIVOT cell ON cell_class USING count(*); DROP VIEW cell",
    "ST_Read": "FROM ST_Read('/etc/passwd')",
    "ST_Read of a virtual file": "FROM ST_Read('/vsigzip//etc/passwd')",
    "ST_Read of an inline source": "FROM ST_Read('<OGRVRTDataSource><OGRVRTLayer name=\"x\"><SrcDataSource>/etc/passwd</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>')",
    "ST_Read inside query()": "FROM query('FROM ST_' || 'Read(''/etc/passwd'')')",
    "ST_Read by its catalog": "FROM system.main.st_read('/etc/passwd')",
    "ST_Read_Meta": "FROM ST_Read_Meta('/etc/passwd')",
    "ST_ReadSHP": "FROM ST_ReadSHP('/etc/passwd')",
    "ST_ReadOSM": "FROM ST_ReadOSM('/etc/passwd')",
    "a shapefile as a table": "SELECT ST_Point(0, 0) FROM '/etc/passwd.shp'",
    "COPY by GDAL": "COPY (SELECT ST_Point(0, 0) AS g) TO '{root}/out.geojson' (FORMAT gdal, DRIVER 'GeoJSON')",
    "a bracket closed early": "PIVOT cell ON cell_class USING count(*)) TO '{root}/out.csv' --",
}


@pytest.mark.parametrize("what", ESCAPES)
def test_no_statement_leaves_the_sandbox(filled, what):
    before = bytes_of(filled)
    with pytest.raises(SandboxError) as refused:
        answer(filled, ESCAPES[what].format(root=filled))
    assert "\n" not in str(refused.value)
    assert "root:" not in str(refused.value), "a line of the machine's files"
    assert bytes_of(filled) == before


FORKED = """
import json, os, sys, time
os.environ.update(OPENBLAS_NUM_THREADS="1", JE_ARROW_MALLOC_CONF="background_thread:false")
from her2ladder.errors import SandboxError
from her2ladder.queries.sandbox import process
from her2ladder.queries.sandbox.ask import ask
from her2ladder.cli.context import Address
from pathlib import Path

def spawned(order):
    raise AssertionError("not forked: " + str(os.listdir("/proc/self/task")))

def alone():
    until = time.monotonic() + 10  # the threads of the question before are about to end
    while not process._has_one_thread() and time.monotonic() < until:
        time.sleep(0.001)

process._spawned = spawned
through = []
for what, sql in json.load(sys.stdin).items():
    alone()
    try:
        with ask(Address(Path(sys.argv[1]), None), sql, timeout_seconds=20) as reader:
            through.append([what, str(reader.read_all().to_pylist())[:200]])
    except SandboxError as refused:
        assert "root:" not in str(refused), str(refused)
alone()
with ask(Address(Path(sys.argv[1]), None), "SELECT count(*) AS n FROM cell") as reader:
    print(json.dumps({"through": through, "n": reader.read_all().to_pylist()[0]["n"]}))
"""


def test_no_statement_leaves_the_fork_that_the_command_line_asks_through(filled):
    """Tests have threads, so the others of this file ask a new interpreter; the command line forks."""
    before = bytes_of(filled)
    asked = json.dumps({what: sql.format(root=filled) for what, sql in ESCAPES.items()})
    done = subprocess.run([sys.executable, "-c", FORKED, str(filled)], input=asked, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout) == {"through": [], "n": 2}
    assert bytes_of(filled) == before


def test_the_command_line_has_one_thread_when_it_asks(filled):
    """Else it would start a second interpreter, and pay for every import twice."""
    told = (
        "from her2ladder.queries.sandbox import process\n"
        "def spawned(order): raise AssertionError('not forked')\n"
        "process._spawned = spawned\n"
        "from her2ladder.cli.main import main\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", told, "--store", str(filled), "sql", "SELECT 7"], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()[-1]) == (0, "7"), done.stderr[-2000:]


def test_there_are_no_secrets_to_be_had(filled):
    asked = "FROM which_secret('s3://x', 's3')"
    if BY_RELATION:
        assert answer(filled, asked) == []
    else:  # DuckDB 1.5 looks for an extension's file even to say so
        with pytest.raises(SandboxError, match=r"LocalFileSystem|extension"):
            answer(filled, asked)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT cell_class, count(*) FROM cell GROUP BY ALL",
        "WITH t AS (SELECT * FROM cell) SELECT count(*) FROM t",
        "FROM cell SELECT cell_id",
        "DESCRIBE cell",
        "SHOW TABLES",
        "SUMMARIZE cell_pair",
        "PIVOT cell ON cell_class USING count(*) GROUP BY slide_id",
        "PIVOT cell ON cell_class USING count(*) GROUP BY slide_id ORDER BY slide_id || 'é;'; -- é; a comment",
        "WITH t AS (PIVOT cell ON cell_class USING count(*) GROUP BY slide_id) SELECT * FROM t",
        "SELECT * FROM patient_feature",
        "VALUES (1)",
        "TABLE slide",
        "-- a comment\nSELECT 1; ",
    ],
)
def test_every_way_to_ask_is_answered_and_changes_no_byte(filled, sql):
    before = bytes_of(filled)
    assert answer(filled, sql)
    assert bytes_of(filled) == before


def test_a_query_without_end_is_stopped(filled):
    with pytest.raises(SandboxError, match=r"longer than 1.5 s"):
        answer(filled, "SELECT sum(hash(a.range)) FROM range(1000000000) a, range(1000000000) b", seconds=1.5)


@pytest.mark.parametrize(
    "bomb",
    [
        "SELECT list(range) FROM range(4000000000)",
        "SELECT repeat('x', 2000000000) || repeat('y', 2000000000)",
        "WITH RECURSIVE t AS (SELECT 1 AS n, repeat('x', 1000000) AS w UNION ALL SELECT n + 1, w || w FROM t) SELECT max(n) FROM t",
    ],
)
def test_a_memory_bomb_is_one_line_and_not_our_end(filled, bomb):
    with pytest.raises(SandboxError):
        answer(filled, bomb, seconds=8.0)
    assert answer(filled, "SELECT 1 AS n") == [{"n": 1}]


def test_the_doors_are_shut_in_the_order_that_shuts_them(filled):
    """enable_external_access must come before disabled_filesystems, and the lock last: the other way round one stays open."""
    assert [door.split()[1] for door in DOORS][-3:] == ["enable_external_access", "disabled_filesystems", "lock_configuration"]


def test_values_reach_every_format(filled, tmp_path):
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    sql = (
        "SELECT 1::HUGEINT AS wide, 0.1::DOUBLE AS d, 'a,\"b' AS s, [1, 2] AS l, NULL::INTEGER AS missing, sum(cell_id) AS total FROM cell"
    )
    got = {}
    for format_ in ("csv", "json", "parquet", "arrow"):
        held = io.BytesIO()
        with ask(Store(filled), sql) as reader:
            assert formats.write(reader, format_, held) == 1
        got[format_] = held.getvalue()
    assert got["csv"].decode().splitlines() == ["wide,d,s,l,missing,total", '1,0.1,"a,""b","[1, 2]",,1']
    assert json.loads(got["json"]) == [{"wide": 1, "d": 0.1, "s": 'a,"b', "l": [1, 2], "missing": None, "total": 1}]
    assert pq.read_table(pa.BufferReader(got["parquet"])).num_rows == 1
    assert pa.ipc.open_stream(got["arrow"]).read_all().num_rows == 1


def test_a_reader_keeps_its_state_while_another_publishes(put, store_dir):
    with Store(store_dir).reading() as con:
        before = con.sql("SELECT count(*) FROM run").fetchall()
        put("S2", ("Tumor", 0, 0))
        assert con.sql("SELECT count(*) FROM run").fetchall() == before
    with Store(store_dir).reading() as con:
        assert con.sql("SELECT count(*) FROM run").fetchall() != before


def test_every_door_is_shut_where_the_query_runs(filled):
    """Each by itself: what one leaves open the others may hide. Of disabled_filesystems DuckDB does not say what it is."""
    rows = answer(filled, "SELECT name, value FROM duckdb_settings()")
    found = {row["name"]: row["value"] for row in rows}
    names = [door.split()[1] for door in DOORS if "disabled_filesystems" not in door]
    wanted = {**dict.fromkeys(names, "false"), "temp_directory": "", "lock_configuration": "true"}
    assert {name: found[name] for name in names} == wanted
    assert len(names) == 6


LIMITED = """
import json, resource, sys
from pathlib import Path
from her2ladder.queries.sandbox import child
held = []
child.restrict_to_reading = lambda folders, real=child.restrict_to_reading: held.append(real(folders))
store, outside = Path(sys.argv[1]), Path(sys.argv[2])
child._limit({"store": str(store), "memory_bytes": 1 << 30, "cpu_seconds": 7})
said = {name: resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))[1] for name in ("AS", "CPU", "FSIZE", "CORE")}
def refused(act):
    try:
        act()
    except PermissionError:
        return True
    return False
said |= {"landlock": held[0], "reads the store": bool((store / "catalog.duckdb").read_bytes()), "reads outside": not refused(outside.read_bytes)}
said |= {"writes": not refused(lambda: (store / "new").touch()), "unlinks": not refused((store / ".lock").unlink)}
print(json.dumps(said))
"""


def test_the_process_is_limited_by_the_kernel_too(filled, tmp_path):
    (tmp_path / "outside").write_text("x")
    done = subprocess.run([sys.executable, "-c", LIMITED, filled, tmp_path / "outside"], capture_output=True, text=True, check=True)
    said = json.loads(done.stdout)
    assert {name: said[name] for name in ("AS", "CPU", "FSIZE", "CORE")} == {"AS": 7 << 30, "CPU": 7, "FSIZE": 0, "CORE": 0}
    assert said["reads the store"]
    if not said["landlock"]:
        pytest.skip("this kernel has no Landlock")
    assert [said[name] for name in ("reads outside", "writes", "unlinks")] == [False] * 3


def test_an_answer_that_breaks_off_is_an_error_and_not_a_shorter_answer(filled):
    sql = "SELECT CASE WHEN range = 900000 THEN error('the last row is bad') ELSE range END AS n FROM range(1000000)"
    with pytest.raises(SandboxError, match="the last row is bad"):
        answer(filled, sql)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_the_process_does_not_see_the_environment(filled, monkeypatch):
    monkeypatch.setenv("A_TOKEN", "secret")
    with ask(Store(filled), "SELECT range FROM range(10000000)", timeout_seconds=20.0) as reader:
        reader.read_next_batch()
        children = [one for task in Path("/proc/self/task").iterdir() for one in (task / "children").read_text().split()]
        seen = [Path(f"/proc/{one}/environ").read_bytes() for one in children if b"sandbox.child" in Path(f"/proc/{one}/cmdline").read_bytes()]
        assert len(seen) == 1
        assert b"PATH=" in seen[0]
        assert b"A_TOKEN" not in seen[0]
        reader.read_all()
