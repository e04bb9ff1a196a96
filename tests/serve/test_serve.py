"""The server: what it answers is what the commands answer; attacks through HTTP reach nothing; a bad question harms no other."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("starlette", reason="the extra [serve] is not installed")
import importlib.util

import httpx2 as httpx
from starlette.testclient import TestClient

from her2ladder.errors import InputError
from her2ladder.serve.app import create_app
from her2ladder.serve.settings import Settings, read_tokens

_spec = importlib.util.spec_from_file_location("test_sandbox", Path(__file__).parents[1] / "queries/test_sandbox.py")
assert _spec
assert _spec.loader
SANDBOX: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(SANDBOX)
ESCAPES, bytes_of = SANDBOX.ESCAPES, SANDBOX.bytes_of

TOKEN = "a-token-of-24-characters"


@pytest.fixture(scope="module")
def filled(command: Any, tmp_path_factory: Any) -> Path:
    """A small store with hostile names in it."""
    root = tmp_path_factory.mktemp("serve") / "store"
    points = root.parent / "S1.csv"
    points.write_text("cell_id,cell_class,x_um,y_um\n1,Tumor,0,0\n2,Lymph,3,4\n3,Lymph,40,40\n")
    table = root.parent / "clinical.csv"
    table.write_text("patient_id,cohort,cohort_role,age_years,is_pcr\nP1,A,construction,50,1\n<script>x</script>,A,construction,60,0\n")
    for words in (
        ["init"],
        ["ingest", "cells", points, "--stain", "HE", "--slide-id", "S1", "--patient", "P1", "--mpp", 0.5, "--label-map", "store"],
        ["features", "--workers", 1],
        ["ingest", "clinical", table],
    ):
        assert command("--store", root, *words).code == 0
    return root


@pytest.fixture(scope="module")
def client(filled: Path) -> Any:
    settings = Settings(filled, hosts=("testserver",), most_rows=1000, timeout_seconds=20)
    with TestClient(create_app(settings), raise_server_exceptions=False) as made:
        yield made


def asked(client: Any, sql: str, **told: Any) -> Any:
    return client.post("/api/v1/sql", json={"sql": sql, **told})


def test_the_server_lives_and_says_what_it_answers(client: Any) -> None:
    assert client.get("/api/v1/health").json()["status"] == "ok"
    told = client.get("/openapi.json").json()
    assert told["openapi"].startswith("3.1")
    assert set(told["paths"]) >= {"/api/v1/sql", "/api/v1/queries/{name}", "/api/v1/patients/{patient_id}", "/api/v1/slides/{slide_id}/cells"}


def test_every_format_holds_the_same_rows(client: Any) -> None:
    sql = "SELECT cell_class, count(*) AS n FROM cell GROUP BY ALL ORDER BY 1"
    rows = [{"cell_class": "Lymph", "n": 2}, {"cell_class": "Tumor", "n": 1}]
    assert asked(client, sql).json() == rows
    assert pl.read_csv(asked(client, sql, format="csv").content).to_dicts() == rows
    assert pa.ipc.open_stream(asked(client, sql, format="arrow").content).read_all().to_pylist() == rows
    assert pq.read_table(io.BytesIO(asked(client, sql, format="parquet").content)).to_pylist() == rows
    accepted = client.post("/api/v1/sql", json={"sql": sql}, headers={"accept": "text/csv"})
    assert accepted.headers["content-type"].startswith("text/csv")
    assert client.post("/api/v1/sql", json={"sql": sql}, headers={"accept": "image/png"}).status_code == 406
    assert asked(client, "SELECT $a + 1 AS n", parameters={"a": 2}).json() == [{"n": 3}]


def test_named_queries_answer_as_the_command_does(client: Any, filled: Path, command: Any) -> None:
    assert any(one["name"] == "cells/counts" for one in client.get("/api/v1/queries").json())
    given = {"stain": "HE", "of_class": "Lymph", "near_class": "Tumor", "radius_um": "25"}
    words = [word for name, value in given.items() for word in ("-p", f"{name}={value}")]
    assert client.get("/api/v1/queries/cells/near", params=given).json() == command("--store", filled, "--json", "query", "run", "cells/near", *words).rows
    assert client.get("/api/v1/queries/cells/counts").json() == command("--store", filled, "--json", "query", "run", "cells/counts").rows
    assert client.get("/api/v1/queries/cells/near").status_code == 400
    assert client.get("/api/v1/queries/no/such").status_code == 404


def test_patients_slides_and_windows(client: Any) -> None:
    assert {row["patient_id"] for row in client.get("/api/v1/patients").json()} == {"P1", "<script>x</script>"}
    one = client.get("/api/v1/patients/P1").json()
    assert one["patient"]["age_years"] == 50
    assert [slide["slide_id"] for slide in one["slides"]] == ["S1"]
    assert len(one["features"]) == 69
    assert client.get("/api/v1/patients/nobody").status_code == 404
    assert client.get("/api/v1/slides").json()[0]["n_cells"] == 3
    window = {"x_um": 0, "y_um": 0, "w_um": 10, "h_um": 4}
    assert [row["source_id"] for row in client.get("/api/v1/slides/S1/cells", params=window).json()] == ["1"], "the lower edge is not of the window"
    arrow = client.get("/api/v1/slides/S1/cells", params={**window, "h_um": 100, "w_um": 100}, headers={"accept": "application/vnd.apache.arrow.stream"})
    assert pa.ipc.open_stream(arrow.content).read_all().num_rows == 3
    assert client.get("/api/v1/slides/S9/cells", params=window).status_code == 404
    assert client.get("/api/v1/slides/S1/cells", params={**window, "x_um": "nan"}).status_code == 400
    assert client.get("/api/v1/slides/S1/cells", params={**window, "w_um": -1}).status_code == 400


def test_faults_are_one_line_and_the_status_that_is_promised(client: Any) -> None:
    for sql, status in (("SELEC 1", 400), ("SELECT * FROM nowhere", 400), ("SELECT 1; SELECT 2", 400), ("SELECT unnest(range(2000))", 413)):
        answer = asked(client, sql)
        assert (answer.status_code, list(answer.json())) == (status, ["error"]), sql
        assert "\n" not in answer.json()["error"]
    slow = asked(client, "SELECT count(*) FROM range(1000000) a, range(1000000) b", timeout_seconds=0.5)
    assert slow.status_code == 408
    for body in (b"", b"[]", b"{", b'{"sql": 1}', b'{"sql": "SELECT 1", "store": "/etc"}', b"\xff\xfe", b"[" * 5000):
        answer = client.post("/api/v1/sql", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 400, body[:30]
    assert client.post("/api/v1/sql", content=b'{"sql": "SELECT 1"}', headers={"content-type": "text/plain"}).status_code == 415
    assert client.get("/api/v1/sql").status_code == 405
    assert client.get("/nowhere").status_code == 404


@pytest.mark.parametrize("sql", ESCAPES.values(), ids=ESCAPES.keys())
def test_no_way_out_of_the_sandbox_through_http(client: Any, filled: Path, sql: str) -> None:
    before = bytes_of(filled)
    answer = asked(client, sql.replace("{root}", str(filled)))
    assert answer.status_code in (400, 408, 500), answer.text[:200]
    assert "root:" not in answer.text
    assert bytes_of(filled) == before


def test_no_path_of_a_request_reaches_a_file(client: Any) -> None:
    for path in ("/../../etc/passwd", "/api/v1/patients/..%2f..%2fetc%2fpasswd", "/api/v1/slides/..%2f../cells?x_um=0&y_um=0&w_um=1&h_um=1",
                 "/api/v1/queries/../../../etc/passwd", "/api/v1/queries/%2e%2e/secret", "/%00", "/static/../app.py"):  # fmt: skip
        answer = client.get(path)
        assert answer.status_code in (400, 404), path
        assert "root:" not in answer.text


def test_strangers_names_and_other_sites_are_refused_and_bodies_bounded(client: Any) -> None:
    assert client.get("/api/v1/patients", headers={"host": "evil.example"}).status_code == 421
    assert client.post("/api/v1/sql", json={"sql": "SELECT 1"}, headers={"origin": "http://evil.example"}).status_code == 403
    assert client.post("/api/v1/sql", json={"sql": "SELECT 1"}, headers={"origin": "http://testserver"}).status_code == 200
    assert asked(client, "SELECT '" + "x" * (2 << 20) + "'").status_code == 413
    answer = client.get("/api/v1/patients")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"] == "application/json"


def test_a_body_without_a_length_is_bounded_and_a_slow_one_is_given_up(filled: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("her2ladder.serve.guard.BODY_SECONDS", 0.3)
    app = create_app(Settings(filled, hosts=("testserver",)))

    def ask(receive: Any) -> int:
        said: list[Any] = []

        async def send(message: Any) -> None:
            said.append(message)

        headers = [(b"host", b"testserver"), (b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": "/api/v1/sql", "raw_path": b"/api/v1/sql", "query_string": b"", "headers": headers,
                 "http_version": "1.1", "scheme": "http", "server": ("testserver", 80), "client": ("127.0.0.1", 1), "root_path": ""}  # fmt: skip
        asyncio.run(asyncio.wait_for(app(scope, receive, send), 20))
        return int(said[0]["status"])

    async def endless() -> Any:
        return {"type": "http.request", "body": b"x" * 65_536, "more_body": True}

    async def slow() -> Any:
        await asyncio.sleep(30)

    assert ask(endless) == 413
    assert ask(slow) == 408


def test_a_state_is_named_and_another_publish_is_another_state(filled: Path, command: Any, tmp_path: Path) -> None:
    with TestClient(create_app(Settings(filled, hosts=("testserver",)))) as client:
        first = client.get("/api/v1/patients")
        assert client.get("/api/v1/patients", headers={"if-none-match": first.headers["etag"]}).status_code == 304
        (tmp_path / "s.csv").write_text("patient_id,score\nP1,0.5\n")
        assert command("--store", filled, "ingest", "scores", tmp_path / "s.csv", "--name", "other").code == 0
        again = client.get("/api/v1/patients/P1", headers={"if-none-match": first.headers["etag"]})
        assert again.status_code == 200
        assert again.json()["scores"][0]["score_name"] == "other"


def test_tokens_are_wanted_and_the_audit_says_who_asked_what_without_them(filled: Path, tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    settings = Settings(filled, {"anna": TOKEN, "ben": TOKEN[::-1]}, hosts=(), audit=log)
    with TestClient(create_app(settings)) as client:
        assert client.get("/api/v1/health").status_code == 200
        for shown in ("", "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN, "Bearer \xe9"):
            answer = client.get("/api/v1/patients", headers={"authorization": shown.encode("latin-1")})
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), shown
        assert client.get("/openapi.json").status_code == 401
        good = {"authorization": f"Bearer {TOKEN}"}
        assert client.post("/api/v1/sql", json={"sql": "SELECT 42 AS n"}, headers=good).json() == [{"n": 42}]
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["who"] for line in lines][-1] == "anna"
    assert lines[-1]["asked"] == "SELECT 42 AS n"
    assert TOKEN not in log.read_text()


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "found none"), ("anna short", "at least 16 characters"), (f"a {TOKEN} b", "found 3 words"), (f"a {TOKEN}\nb {TOKEN}", "once")],
)
def test_a_bad_file_of_tokens_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "t").write_text(text)
    with pytest.raises(InputError, match=words):
        read_tokens(tmp_path / "t")


def test_an_address_that_others_reach_needs_tokens_and_the_log_stays_out_of_the_store(run_ladder: Any, store_dir: Path, tmp_path: Path) -> None:
    assert "others could read the store: give --token-file" in run_ladder("serve", "--host", "0.0.0.0").err
    assert "outside of the store" in run_ladder("serve", "--audit", store_dir / "audit.log").err


@pytest.fixture
def server(filled: Path) -> Any:
    """The command itself, in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-c", "from her2ladder.cli.main import main; main()", "--store", str(filled), "serve", "--port", str(port)]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    for _ in range(200):
        try:
            if httpx.get(f"{url}/api/v1/health").status_code == 200:
                break
        except httpx.TransportError:
            time.sleep(0.1)
    yield url, process
    process.kill()
    process.wait()
    process.stderr.close()


@pytest.mark.slow
def test_a_killed_question_is_one_500_and_the_server_goes_on_and_ends_cleanly(server: Any) -> None:
    url, process = server
    found: list[Any] = []
    long = "SELECT count(*) FROM range(10000000) a, range(10000000) b"
    thread = threading.Thread(target=lambda: found.append(httpx.post(f"{url}/api/v1/sql", json={"sql": long}, timeout=60)))
    thread.start()
    child = _asking(process.pid)
    os.kill(child, signal.SIGKILL)
    thread.join()
    assert found[0].status_code == 500
    assert httpx.post(f"{url}/api/v1/sql", json={"sql": "SELECT 1 AS n"}, timeout=60).json() == [{"n": 1}]
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) in (0, -signal.SIGTERM)
    assert b"Traceback" not in process.stderr.read()


@pytest.mark.slow
def test_ctrl_c_ends_the_server_without_a_fault(server: Any) -> None:
    _, process = server
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert process.stderr.read().decode().splitlines()[1:] == ["ended"]


def _asking(server: int) -> int:
    """The process at the end of server -> warm parent -> keeper -> child, once it computes."""
    for _ in range(300):
        line = [server]
        while len(line) < 4:
            below = [int(p) for p in Path(f"/proc/{line[-1]}/task/{line[-1]}/children").read_text().split()] if Path(f"/proc/{line[-1]}").exists() else []
            if line[-1] == server:
                below = [p for t in Path(f"/proc/{server}/task").iterdir() for p in map(int, (t / "children").read_text().split())]
            if not below:
                break
            line.append(below[0])
        if len(line) == 4 and int(Path(f"/proc/{line[-1]}/stat").read_text().rsplit(")", 1)[1].split()[11]) > 50:
            return line[-1]
        time.sleep(0.1)
    raise AssertionError("no child was seen")
