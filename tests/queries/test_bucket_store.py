"""A store in a bucket: the same answers as in a folder, whole after every fault, and one line for each.

The bucket is moto's server, a process of its own on this machine.
"""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from her2ladder.errors import StageError
from her2ladder.schema.bucket import Bucket
from her2ladder.schema.remote import RemoteStore, store_at

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """An S3 server's URL."""
    made = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    made.start()
    host, port = made.get_host_and_port()
    yield f"http://{host}:{port}"
    made.stop()


@pytest.fixture
def url(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """A place in an empty bucket, and credentials for it."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": server,
        "AWS_EC2_METADATA_DISABLED": "true",
        "LADDER_CACHE": str(tmp_path / "cache"),
    }.items():
        monkeypatch.setenv(name, value)
    bucket = f"b-{hashlib.sha256(request.node.name.encode()).hexdigest()[:24]}"
    boto3.client("s3").create_bucket(Bucket=bucket)
    return f"s3://{bucket}/studies/one"


@pytest.fixture(scope="module")
def blank(command: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The catalog of an empty store."""
    store = tmp_path_factory.mktemp("blank") / "store"
    assert command("init", store).code == 0
    return (store / "catalog.duckdb").read_bytes()


@pytest.fixture
def ask(command: Callable[..., Any], url: str, blank: bytes) -> Callable[..., Any]:
    """The command on an empty store in the bucket."""
    Bucket.of(url).put("catalog.duckdb", blank)
    return lambda *words: command("--store", url, *words)


@pytest.fixture
def put_in(ask: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    def place(slide_id: str, *cells: tuple[str, float, float]) -> Any:
        path = tmp_path / f"{slide_id}-HE.csv"
        path.write_text("cell_id,cell_class,x_um,y_um\n" + "".join(f"c{i},{name},{x},{y}\n" for i, (name, x, y) in enumerate(cells)))
        return ask("ingest", "cells", path, "--stain", "HE", "--slide-id", slide_id, "--patient", slide_id, "--workers", 1)

    return place


def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What follows runs on another machine: nothing of the store is there."""
    monkeypatch.setenv("LADDER_CACHE", str(tmp_path / "other-cache"))


CELLS = [("Tumor", 1, 2), ("Lymph", 4, 6), ("Stroma", 40, 60)]
SLIDES = "SELECT DISTINCT slide_id FROM cell ORDER BY 1"


def rows(place: str | Path, asked: str) -> list[tuple[Any, ...]]:
    """What a store answers, in this process."""
    with store_at(place).reading() as con:
        return list(con.sql(asked).fetchall())


def test_a_store_in_a_bucket_answers_as_one_in_a_folder(
    ask: Callable[..., Any], put_in: Callable[..., Any], put: Callable[..., Any], run_ladder: Callable[..., Any], url: str, store_dir: Path,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for slide_id in ("S 1", "007"):
        assert put_in(slide_id, *CELLS).code == 0
        assert put(slide_id, *CELLS).code == 0
    elsewhere(monkeypatch, tmp_path)
    for run in (ask, run_ladder):
        done = run("features", "--workers", 1)
        assert done.code == 0, done.err
    for asked in (
        "SELECT stage, fingerprint, n_rows FROM run ORDER BY run",
        "SELECT slide_id, stain, path, sha256, class_counts FROM manifest_current ORDER BY ALL",
        "FROM cell ORDER BY ALL",
        "FROM cell_pair ORDER BY ALL",
        "FROM patient_feature ORDER BY 1",
    ):
        assert rows(url, asked) == rows(store_dir, asked) != []
    assert ask("export", "cells", "--format", "csv", "-o", tmp_path / "cells.csv").code == 0


def test_a_question_about_one_slide_fetches_that_slide(
    ask: Callable[..., Any], put_in: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for slide_id in ("A", "B"):
        assert put_in(slide_id, *CELLS).code == 0
    elsewhere(monkeypatch, tmp_path)
    assert ask("--json", "sql", "SELECT count(*) AS n FROM patient").rows == [{"n": 2}]
    assert not list((tmp_path / "other-cache").rglob("*.parquet"))
    assert ask("--json", "sql", "SELECT count(*) AS n FROM cell WHERE slide_id = 'A'").rows == [{"n": 3}]
    assert [path.parent.name for path in (tmp_path / "other-cache").rglob("*.parquet")] == ["slide_id=A"]


def test_two_machines_publish_and_neither_loses_a_row(
    ask: Callable[..., Any], put_in: Callable[..., Any], url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert put_in("A", *CELLS).code == 0
    publish = RemoteStore._publish
    raced: list[str] = []

    def meanwhile(self: RemoteStore, draft: Path, base: Any) -> None:  # between the other's look and its put, a machine publishes
        if not raced:
            raced.append("once")
            here = tmp_path / "cache"
            elsewhere(monkeypatch, tmp_path)
            assert put_in("C", *CELLS).code == 0
            monkeypatch.setenv("LADDER_CACHE", str(here))
        publish(self, draft, base)

    monkeypatch.setattr(RemoteStore, "_publish", meanwhile)
    assert put_in("B", *CELLS).code == 0
    assert rows(url, SLIDES) == [("A",), ("B",), ("C",)]
    assert rows(url, "SELECT run FROM run ORDER BY 1") == [("r000000",), ("r000001",), ("r000002",), ("r000003",)]


def test_a_put_whose_answer_was_lost_is_not_done_twice(url: str, put_in: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    put_if = Bucket.put_if

    def unheard(
        self: Bucket, name: str, content: bytes, tag: str | None
    ) -> str | None:  # the server took it; the client's retry is refused
        assert put_if(self, name, content, tag) is not None
        return put_if(self, name, content, tag)

    monkeypatch.setattr(Bucket, "put_if", unheard)
    assert put_in("A", *CELLS).code == 0
    assert rows(url, "SELECT count(*) FROM run") == [(2,)]


def test_a_store_is_not_made_over_another_and_a_place_without_one_says_so(
    ask: Callable[..., Any], url: str, command: Callable[..., Any]
) -> None:
    assert command("init", url + "-new").code == 0
    again = command("init", url + "-new")
    assert (again.code, "wanted a new or empty place for the store, found a store" in again.err) == (1, True)
    nowhere = command("--store", url + "-else", "runs")
    assert (nowhere.code, f"{url}-else: no store here" in nowhere.err) == (1, True)


class Faulty(BaseHTTPRequestHandler):
    """A server in front of the server that breaks as `how` says: refuses, is full when the catalog comes, hangs up, or never answers."""

    how = ""
    target = ""

    def _any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        is_write = self.command in ("PUT", "POST")
        is_catalog = self.path.split("?")[0].endswith("catalog.duckdb")
        if self.how == "full" and is_write and is_catalog:
            return self._error(507, "InsufficientStorage")
        if self.how == "dies" and is_write and is_catalog:
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return None
        if self.how == "wrong":
            return self._error(403, "InvalidAccessKeyId")
        if self.how == "slow":
            threading.Event().wait(1.0)
        return self._passed_on(body)

    def _passed_on(self, body: bytes) -> None:
        import http.client
        from urllib.parse import urlsplit

        behind = http.client.HTTPConnection(urlsplit(self.target).netloc)
        told = {**dict(self.headers), "Host": urlsplit(self.target).netloc}  # moto sets up anew for a host that it does not know
        behind.request(self.command, self.path, body=body, headers=told)
        answer = behind.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "server", "date"):
                self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
        behind.close()

    def _error(self, status: int, code: str) -> None:
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(0 if self.command == "HEAD" else len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _any

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def faulty(server: str, url: str, ask: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Faulty]]:
    """The same bucket behind a server that can break, with little patience."""
    monkeypatch.setattr("her2ladder.schema.bucket.TRIES", 1)
    monkeypatch.setattr("her2ladder.schema.bucket.READ_SECONDS", 0.4)
    handler = type("OneFaulty", (Faulty,), {"target": server})
    front = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    front.handle_error = lambda *_: None  # a client that has lost patience hangs up
    thread = threading.Thread(target=front.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{front.server_address[1]}")
    yield handler
    front.shutdown()
    front.server_close()


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("full", "the bucket is full"),
        ("dies", "catalog.duckdb: "),
        ("wrong", "the credentials are wrong, or may not do that"),
        ("slow", "Read timeout on endpoint URL"),
    ],
)
def test_a_fault_of_the_server_is_one_line_and_loses_nothing(
    put_in: Callable[..., Any], url: str, faulty: type[Faulty], how: str, said: str
) -> None:
    before = rows(url, "FROM run")
    faulty.how = how
    done = put_in("B", *CELLS)
    assert (done.code, len(done.err.splitlines())) == (1, 1), done.err
    assert said in done.err
    faulty.how = ""
    assert rows(url, "FROM run") == before
    assert put_in("B", *CELLS).code == 0
    assert rows(url, SLIDES) == [("B",)]


def test_a_damaged_object_is_refused(
    ask: Callable[..., Any], put_in: Callable[..., Any], url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert put_in("A", *CELLS).code == 0
    bucket = Bucket.of(url)
    name = next(name for name in bucket.names() if name.startswith("cells/"))
    bucket.put(name, b"other bytes")
    elsewhere(monkeypatch, tmp_path)
    done = ask("sql", SLIDES)
    assert (done.code, "damaged: its bytes are not those that its name says" in done.err) == (1, True)


def test_a_catalog_cannot_name_a_file_outside_of_the_store(ask: Callable[..., Any], url: str) -> None:
    store = store_at(url)
    assert isinstance(store, RemoteStore)
    with pytest.raises(StageError, match="leaves the store: refused"):
        store.fetch(["../../outside.parquet"])


def test_what_a_bucket_cannot_do_says_so(ask: Callable[..., Any], tmp_path: Path) -> None:
    for words, said in {
        ("migrate",): "cannot be migrated there: copy it to a disk",
        ("check", "--mend"): "cannot be swept or mended from here",
        ("export", "lake", "--to", tmp_path / "x"): "export to s3://, or copies with --format parquet",
    }.items():
        done = ask(*words)
        assert (done.code, len(done.err.splitlines()), said in done.err) == (1, 1, True), done.err


def test_a_lake_in_a_bucket_is_exported_where_it_lies(ask: Callable[..., Any], put_in: Callable[..., Any], url: str) -> None:
    table = pytest.importorskip("pyiceberg.table")
    assert put_in("A", *CELLS).code == 0
    bucket = url.removesuffix("/studies/one")
    done = ask("--json", "export", "lake", "--to", f"{bucket}/lake")
    assert done.code == 0, done.err
    listed = json.loads(Bucket.of(f"{bucket}/lake").get("manifest.json").content)["tables"]["cell"]["files"]  # type: ignore[union-attr]
    assert listed[0]["path"].startswith(f"{url}/cells/")
    made = table.StaticTable.from_metadata(f"{bucket}/lake/ladder/cell", Bucket.of(bucket + "/x").io_properties())
    assert made.scan().to_arrow().num_rows == 3


def test_a_local_store_is_exported_to_a_bucket_each_file_once(
    put: Callable[..., Any], run_ladder: Callable[..., Any], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = pytest.importorskip("pyiceberg.table")
    assert put("A", *CELLS).code == 0
    assert run_ladder("export", "lake", "--to", f"{url}/lake").code == 0
    uploaded: list[str] = []
    upload = Bucket.upload
    monkeypatch.setattr(Bucket, "upload", lambda self, name, source: (uploaded.append(name), upload(self, name, source)))
    assert put("B", *CELLS).code == 0
    assert run_ladder("export", "lake", "--to", f"{url}/lake").code == 0
    assert len(uploaded) == 1
    made = table.StaticTable.from_metadata(f"{url}/lake/ladder/cell", Bucket.of(url).io_properties())
    assert sorted(made.scan().to_arrow()["slide_id"].to_pylist()) == ["A"] * 3 + ["B"] * 3


def test_without_the_extra_it_says_what_to_install(command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "boto3", None)
    done = command("--store", "s3://b/p", "runs")
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "pip install 'her2ladder[s3]'" in done.err
