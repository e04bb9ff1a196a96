"""The store stays whole: whatever kills a writer, fills the disk or comes between two writers, a reader sees the old state or the new."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import duckdb
import pytest

from her2ladder.errors import InputError, StageError
from her2ladder.queries.check import check
from her2ladder.queries.run import run
from her2ladder.schema import geometry, migrations, store
from her2ladder.schema.contract import rows_of
from her2ladder.schema.migrations import migrate
from her2ladder.schema.store import Store
from her2ladder.schema.tables import PATIENT, SCHEMA_VERSION

SOAK = Path(__file__).parents[2] / "benchmarks" / "robustness" / "soak.py"


@pytest.fixture(scope="module")
def soak() -> Any:
    """The benchmark that does the same at length."""
    spec = importlib.util.spec_from_file_location("soak", SOAK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def stages(soak: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """For `ingest cells` and `features`: the store before, the words, the hash of the facts after, and the seconds it takes."""
    work = tmp_path_factory.mktemp("soak")
    return soak.undisturbed(work, soak.slides(work / "slides", 18, 60, seed=3), 1)


@pytest.fixture
def with_features(stages: Any, tmp_path: Path) -> Path:
    """A store of eighteen slides with their features, to do with as one likes."""
    before = stages["features"][0]
    shutil.copytree(before.parent / "done", tmp_path / "whole")
    return tmp_path / "whole"


@pytest.mark.parametrize(("name", "share"), [("ingest cells", 0.9), ("features", 0.7)])
def test_a_killed_command_leaves_a_store_that_opens_mends_and_goes_on(
    soak: Any, stages: Any, tmp_path: Path, name: str, share: float
) -> None:
    """SIGKILL to the whole process group; benchmarks/robustness does twenty each, drawn at random."""
    before, words, whole, seconds = stages[name]
    shutil.copytree(before, tmp_path / "store")
    soak.kill_after(tmp_path / "store", words, share * seconds)
    assert soak.recovered(tmp_path / "store", words, whole) in ("clean", "mended")


# Where a writer can die: the moments between which the store's files change.
MOMENTS = {
    "catalog copied": ("shutil", "copyfile", True),
    "draft synced": ("store", "sync", True),
    "about to publish": ("os", "replace", False),
    "just published": ("os", "replace", True),
}
DIE = """
import os, shutil, signal, sys
from pathlib import Path
from her2ladder.queries.run import run
from her2ladder.schema import store
from her2ladder.schema.tables import PATIENT
where, name, after = {moment!r}
module = dict(os=os, shutil=shutil, store=store)[where]
real = getattr(module, name)
def dying(*words, **more):
    if after:
        real(*words, **more)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(module, name, dying)
with run(store.Store(Path(sys.argv[1])), "test", {{}}) as this:
    this.insert_new(PATIENT, [{{"patient_id": "P1"}}])
"""


@pytest.mark.parametrize("moment", list(MOMENTS), ids=lambda name: name.replace(" ", "-"))
def test_a_writer_killed_at_the_worst_moment_leaves_the_old_state_or_the_new(store_dir: Path, moment: str) -> None:
    done = subprocess.run([sys.executable, "-c", DIE.format(moment=MOMENTS[moment]), str(store_dir)], check=False)
    assert done.returncode == -signal.SIGKILL
    with Store(store_dir).reading() as con:
        found = con.sql("SELECT count(*) FROM ladder.base.patient").fetchall()[0][0]
    assert found == (moment == "just published")
    check(Store(store_dir), mend=True)
    assert check(Store(store_dir)) == []
    assert [path.name for path in store_dir.iterdir() if "draft" in path.name] == []
    with run(Store(store_dir), "test", {}) as this:
        this.insert_new(PATIENT, [{"patient_id": "P1"}])
    assert this.id == ("r000002" if found else "r000001")


def test_what_gets_its_name_is_on_the_disk_before_and_cells_before_the_catalog_that_names_them(
    put: Any, store_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill does not show it, but a power cut would: a name may reach the disk before the bytes."""
    seen: list[tuple[str, int, Path]] = []
    real_sync, real_replace = os.fsync, os.replace

    def sync(handle: int) -> None:
        seen.append(("sync", os.fstat(handle).st_ino, Path()))
        real_sync(handle)

    def replace(draft: Path, target: Path) -> None:
        seen.append(("rename", os.stat(draft).st_ino, Path(target)))
        real_replace(draft, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", replace)
    assert put("S1", ("Tumor", 0, 0)).code == 0
    renames = [(at, inode, target) for at, (what, inode, target) in enumerate(seen) if what == "rename"]
    assert [target.name for _, _, target in renames if target.suffix != ".parquet"] == ["catalog.duckdb", "open.sql"]
    assert [target.suffix for _, _, target in renames] == [".parquet", ".duckdb", ".sql"]
    for at, inode, target in renames:
        assert ("sync", inode, Path()) in seen[:at], f"{target.name}: its bytes"
        if target.suffix != ".sql":  # open.sql can be made again
            assert seen[at + 1] == ("sync", target.parent.stat().st_ino, Path()), f"{target.name}: its folder"


@pytest.mark.parametrize("size", [0, 2_500_000])
def test_a_full_disk_is_one_line_and_loses_nothing(soak: Any, stages: Any, tmp_path: Path, size: int) -> None:
    """No file of the process may grow beyond a size: the lake file, the catalog's copy or its new rows fail to be written."""
    before, words, whole, _ = stages["ingest cells"]
    root = tmp_path / "store"
    shutil.copytree(before, root)
    code, err = soak.finish(root, *words, file_bytes=size)
    assert code == 1
    assert err.count("\n") == 1, err
    assert "Traceback" not in err
    assert str(root) in err
    assert soak.recovered(root, words, whole) in ("clean", "mended")


def test_a_second_writer_waits_for_the_first(store_dir: Path) -> None:
    order: list[str] = []
    held = threading.Event()

    def second() -> None:
        held.wait()
        with run(Store(store_dir), "second", {}) as this:
            this.insert_new(PATIENT, [{"patient_id": "P2"}])
        order.append("second")

    other = threading.Thread(target=second)
    other.start()
    with Store(store_dir).publishing() as con:
        held.set()
        other.join(timeout=0.5)
        assert other.is_alive(), "it waits"
        con.execute("INSERT INTO base.patient VALUES ('P1', 'r000000')")
        order.append("first")
    other.join()
    assert order == ["first", "second"]
    with Store(store_dir).reading() as con:
        assert con.sql("SELECT patient_id FROM ladder.base.patient ORDER BY 1").fetchall() == [("P1",), ("P2",)]


def test_a_writer_that_waits_too_long_gets_one_line(store_dir: Path, command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "LOCK_WAIT_SECONDS", 0.05)
    (tmp_path / "c.csv").write_text("patient_id,cohort\nP1,A\n")
    with (store_dir / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        answer = command("--store", store_dir, "ingest", "clinical", tmp_path / "c.csv")
    assert answer.code == 1
    assert answer.err == f"ladder: {store_dir}: another process has been writing for two minutes; try again\n"


def test_two_commands_at_once_both_write_and_readers_see_whole_states(soak: Any, stages: Any, tmp_path: Path) -> None:
    root = tmp_path / "store"
    shutil.copytree(stages["ingest cells"][0], root)
    (tmp_path / "c.csv").write_text("patient_id,cohort\n" + "".join(f"Q{i},A\n" for i in range(500)))
    (tmp_path / "s.csv").write_text("patient_id,score\n" + "".join(f"Q{i},0.{i:03d}\n" for i in range(500)))
    writers = [
        soak.start(root, "ingest", "clinical", tmp_path / "c.csv"),
        soak.start(root, "ingest", "scores", tmp_path / "s.csv", "--name", "rival"),
    ]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        with Store(root).reading() as con:
            seen.add(con.sql("SELECT (SELECT count(*) FROM ladder.base.patient_clinical), (SELECT count(*) FROM score)").fetchall()[0])
    for writer in writers:
        _, err = writer.communicate()
        assert writer.returncode == 0, err
    assert seen <= {(0, 0), (500, 0), (0, 500), (500, 500)}
    with Store(root).reading() as con:
        assert con.sql("SELECT count(*), count(DISTINCT run) FROM run").fetchall() == [(3, 3)]
    assert check(Store(root)) == []


def test_a_reader_keeps_the_state_it_opened_while_another_publishes(store_dir: Path) -> None:
    ask = "SELECT count(*) FROM ladder.base.patient"
    with Store(store_dir).reading() as con:
        assert con.sql(ask).fetchall() == [(0,)]
        with run(Store(store_dir), "test", {}) as this:
            this.insert_new(PATIENT, [{"patient_id": "P1"}])
        assert con.sql(ask).fetchall() == [(0,)]
    with Store(store_dir).reading() as con:
        assert con.sql(ask).fetchall() == [(1,)]


def test_a_run_that_fails_leaves_no_row_and_no_run(store_dir: Path) -> None:
    before = (store_dir / "catalog.duckdb").read_bytes()

    def fails_in_python() -> None:
        with run(Store(store_dir), "test", {}) as this:
            this.insert_new(PATIENT, [{"patient_id": "P1"}])
            raise ZeroDivisionError

    def breaks_a_key() -> None:
        with Store(store_dir).publishing() as con:
            for _ in range(2):
                con.execute("INSERT INTO base.patient VALUES ('P1', 'r000000')")

    with pytest.raises(ZeroDivisionError):
        fails_in_python()
    with pytest.raises(StageError, match="nothing was published"):
        breaks_a_key()
    assert (store_dir / "catalog.duckdb").read_bytes() == before
    assert check(Store(store_dir)) == []


def test_a_moved_store_answers_as_before(with_features: Path, soak: Any, command: Any, tmp_path: Path) -> None:
    before = soak.facts(with_features)
    moved = tmp_path / "it's another place"
    with_features.rename(moved)
    assert soak.facts(moved) == before
    assert check(Store(moved)) == []
    answer = command("--store", moved, "--json", "sql", "SELECT count(*) AS n FROM cell")
    assert answer.rows == [{"n": 18 * 60}]


def test_the_store_is_reached_by_a_relative_path_and_a_link(with_features: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(with_features)
    monkeypatch.chdir(tmp_path)
    for root in (Path("whole"), Path("link"), Path("./whole/../whole")):
        with Store(root).reading() as con:
            assert con.sql("SELECT count(*) FROM cell").fetchall() == [(18 * 60,)]


def test_open_sql_gives_the_same_views_to_plain_duckdb_from_any_folder(with_features: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = tmp_path / "it's, another; place"
    with_features.rename(moved)
    with_features = moved
    check(Store(moved), mend=True)
    monkeypatch.chdir("/")
    con = duckdb.connect()
    con.execute((moved / "open.sql").read_text())
    with Store(with_features).reading() as ours:
        views = [name for (name,) in ours.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY 1").fetchall()]
        assert len(views) > 20
        for name in set(views) - set(geometry.NEEDS_OUR_FUNCTIONS):
            ask = f"SELECT count(*) FROM {name}"
            assert con.sql(ask).fetchall() == ours.sql(ask).fetchall(), name
    with pytest.raises(duckdb.Error, match="read-only"):
        con.execute("DELETE FROM ladder.base.run")
    con.close()


def test_as_of_shows_the_older_state_and_writes_nothing(with_features: Path, command: Any) -> None:
    before = {path: path.read_bytes() for path in with_features.rglob("*") if path.is_file()}
    with Store(with_features, as_of="r000001").reading() as con:
        assert con.sql("SELECT count(*) FROM slide").fetchall() == [(16,)], "sixteen slides are published at a time"
        assert con.sql("SELECT count(*) FROM slide_feature").fetchall() == [(0,)]
        assert con.sql("SELECT max(run) FROM run").fetchall() == [("r000001",)]
    with Store(with_features).reading() as con:
        assert con.sql("SELECT count(*) FROM slide").fetchall() == [(18,)]
    refused = command("--store", with_features, "--as-of", "r000001", "features", "--force", "--workers", 1)
    assert (refused.code, refused.err.count("\n")) == (1, 1)
    unknown = command("--store", with_features, "--as-of", "r999999", "runs")
    assert unknown.err == "ladder: no run called 'r999999'; `ladder runs` lists them\n"
    after = {path: path.read_bytes() for path in with_features.rglob("*") if path.is_file()}
    assert {path: data for path, data in after.items() if path in before} == before


STEP = {SCHEMA_VERSION: ["ALTER TABLE base.cohort ADD COLUMN country VARCHAR", "UPDATE base.cohort SET country = 'unknown'"]}


def test_a_store_of_an_older_schema_is_brought_up_to_date_whole_and_its_catalog_is_kept(
    store_dir: Path, command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "c.csv").write_text("patient_id,cohort\nP1,A\n")
    assert command("--store", store_dir, "ingest", "clinical", tmp_path / "c.csv").code == 0
    old, newer = (store_dir / "catalog.duckdb").read_bytes(), SCHEMA_VERSION + 1
    assert "nothing to do" in command("--store", store_dir, "migrate").err
    assert (store_dir / "catalog.duckdb").read_bytes() == old
    for module in (store, migrations):
        monkeypatch.setattr(module, "SCHEMA_VERSION", newer)
    with pytest.raises(InputError, match=rf"has schema version {SCHEMA_VERSION}, wanted {newer}: run `ladder migrate`"):
        Store(store_dir)
    with pytest.raises(InputError, match=f"no way from schema version {SCHEMA_VERSION} to {newer}"):
        migrate(store_dir, {}, newer)
    broken = {SCHEMA_VERSION: [*STEP[SCHEMA_VERSION], "ALTER TABLE base.nowhere ADD COLUMN x INTEGER"]}
    with pytest.raises(StageError, match=r"nothing was published: .*nowhere"):
        migrate(store_dir, broken, newer)
    assert (store_dir / "catalog.duckdb").read_bytes() == old
    said = migrate(store_dir, STEP, newer)
    assert f"schema version {SCHEMA_VERSION} -> {newer}; the old catalog is kept as catalog-version-{SCHEMA_VERSION}.duckdb" in said
    assert (store_dir / f"catalog-version-{SCHEMA_VERSION}.duckdb").read_bytes() == old
    with Store(store_dir).reading() as con:
        assert con.sql("SELECT cohort, country FROM ladder.base.cohort").fetchall() == [("A", "unknown")]
        assert con.sql("SELECT patient_id FROM patient").fetchall() == [("P1",)]
    monkeypatch.setattr(store, "SCHEMA_VERSION", SCHEMA_VERSION)
    with pytest.raises(InputError, match=f"has schema version {newer}, this her2ladder knows {SCHEMA_VERSION}: install a newer"):
        Store(store_dir)


def test_init_never_takes_a_folder_that_holds_something(command: Any, store_dir: Path, tmp_path: Path) -> None:
    before = (store_dir / "catalog.duckdb").read_bytes()
    answer = command("init", store_dir)
    assert (answer.code, answer.err.count("\n")) == (1, 1)
    assert "wanted a new or empty folder for the store, found a store" in answer.err
    assert (store_dir / "catalog.duckdb").read_bytes() == before
    (tmp_path / "file").write_text("x")
    assert "found other files" in command("init", tmp_path / "file").err


def test_slide_ids_of_any_letters_stay_inside_the_store(command: Any, store_dir: Path, tmp_path: Path) -> None:
    names = ["a b", "ä", "100%", "x=y", "it's", "..hidden", "a*b?[c]"]
    for name in names:
        (tmp_path / "c.csv").write_text("cell_id,cell_class,x_um,y_um\n1,Tumor,1,0\n2,Lymph,3,4\n")
        words = ["ingest", "cells", tmp_path / "c.csv", "--stain", "HE", "--slide-id", name, "--workers", 1]
        answer = command("--store", store_dir, *words)
        assert answer.code == 0, answer
    assert command("--store", store_dir, "features", "--workers", 1).code == 0
    with Store(store_dir).reading() as con:
        for view in ("cell", "cell_pair"):
            assert con.sql(f"SELECT DISTINCT slide_id FROM {view} ORDER BY 1").fetchall() == [(name,) for name in sorted(names)]
    assert check(Store(store_dir)) == []
    assert {path.name for path in tmp_path.iterdir()} == {"store", "c.csv"}


def test_a_random_order_of_the_same_slides_gives_the_same_facts(soak: Any, stages: Any, tmp_path: Path) -> None:
    before, words, whole, _ = stages["ingest cells"]
    manifest = Path(words[2])
    head, *lines = manifest.read_text().splitlines()
    random.Random(5).shuffle(lines)
    shuffled = manifest.with_name("shuffled.csv")
    shuffled.write_text("\n".join([head, *lines]) + "\n")
    root = tmp_path / "store"
    shutil.copytree(before, root)
    assert soak.finish(root, "ingest", "cells", shuffled, "--workers", 1)[0] == 0
    assert soak.facts(root) == whole


def test_a_contract_refuses_what_does_not_fit() -> None:
    with pytest.raises(InputError, match="table patient: column patient_id must not be NULL, found 1 NULLs"):
        rows_of(PATIENT, [{"patient_id": None, "run": "r000000"}])


def test_a_temporary_name_of_another_process_is_never_taken(store_dir: Path) -> None:
    """A draft that a process of the same number left is overwritten, not read."""
    (store_dir / f".catalog-{os.getpid()}.draft").write_bytes(b"left by another")
    with run(Store(store_dir), "test", {}) as this:
        this.insert_new(PATIENT, [{"patient_id": "P1"}])
    assert check(Store(store_dir)) == []
