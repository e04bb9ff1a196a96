"""`ladder check`: each kind of damage is found and named, what can be mended is, and looking alone writes nothing."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from her2ladder.analytics.features import stage as features
from her2ladder.ingest import cells
from her2ladder.queries.check import check
from her2ladder.queries.fan_out import fan_out
from her2ladder.queries.run import run
from her2ladder.schema.store import Store
from her2ladder.schema.tables import MODEL

SOME = [("Tumor" if i % 3 else "Lymph", 7.0 * (i % 6), 5.0 * (i // 6)) for i in range(30)]


def slide(folder: Path, slide_id: str) -> Path:
    path = folder / f"{slide_id}.csv"
    lines = [f"c{i},{name},{x},{y}" for i, (name, x, y) in enumerate(SOME)]
    path.write_text("cell_id,cell_class,x_um,y_um\n" + "\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def original(command: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("original")
    root = folder / "store"
    assert command("init", root).code == 0
    files = [slide(folder, "S1"), slide(folder, "S2")]
    assert command("--store", root, "ingest", "cells", *files, "--stain", "HE", "--workers", 1).code == 0
    assert command("--store", root, "features", "--workers", 1).code == 0
    return root


def ask(root: Path, sql: str) -> list[tuple[Any, ...]]:
    with Store(root).reading() as con:
        return con.sql(sql).fetchall()


def bytes_of(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def cells_file(root: Path, slide_id: str = "S1") -> Path:
    (path,) = (root / "cells" / "stain=HE" / f"slide_id={slide_id}").glob("*.parquet")
    return path


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def remove(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def nonsense(path: Path) -> None:
    path.write_bytes(b"x" * path.stat().st_size)


def test_a_whole_store_is_clean_and_looking_writes_nothing(whole: Path, run_ladder: Any) -> None:
    before = bytes_of(whole)
    for words in (["check"], ["check", "--fast"], ["--as-of", "r000001", "check"]):
        answer = run_ladder(*words)
        assert (answer.code, answer.err) == (0, "the store is whole\n"), words
    assert run_ladder("--json", "check").rows == []
    assert bytes_of(whole) == before


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (flip, "its bytes are not those that were written"),
        (cut, r"wanted [\d,]+ bytes, found [\d,]+"),
        (empty, r"wanted [\d,]+ bytes, found 0"),
        (remove, "the file is missing"),
        (nonsense, "its bytes are not those that were written"),
    ],
)
def test_a_damaged_file_of_cells_is_found_withdrawn_and_read_again(
    whole: Path, run_ladder: Any, tmp_path: Path, damage: Callable[[Path], None], says: str
) -> None:
    values = "SELECT slide_id, feature, rule, value FROM slide_feature ORDER BY ALL"
    before = ask(whole, values)
    place = cells_file(whole).relative_to(whole).as_posix()
    damage(whole / place)
    answer = run_ladder("--json", "check")
    assert answer.code == 1
    (problem,) = answer.rows
    assert (problem["rule"], problem["where"], problem["state"]) == ("file", place, "ladder check --mend")
    assert re.search(says, problem["found"])
    mended = run_ladder("check", "--mend")
    assert mended.code == 0, mended
    assert run_ladder("check").code == 0
    assert ask(whole, "SELECT slide_id FROM slide") == ask(whole, "SELECT DISTINCT slide_id FROM slide_feature") == [("S2",)]
    again = run_ladder("--json", "ingest", "cells", slide(tmp_path, "S1"), "--stain", "HE", "--workers", 1)
    assert [row["state"] for row in again.rows] == ["read"]
    assert run_ladder("features", "--workers", 1).code == 0
    assert ask(whole, values) == before
    assert run_ladder("check").code == 0


@pytest.mark.parametrize("damage", [flip, cut, remove, empty, nonsense])
def test_commands_over_a_damaged_file_end_in_one_line(whole: Path, run_ladder: Any, tmp_path: Path, damage: Callable[[Path], None]) -> None:
    path = cells_file(whole)
    damage(path)
    calls = [
        ["sql", "SELECT sum(x_um), max(source_label) FROM cell"],
        ["features", "--force", "--workers", 1],
        ["map", "S1", "-o", tmp_path / "m.png"],
        ["export", "cells", "--slide-id", "S1", "--format", "csv", "-o", tmp_path / "c.csv"],
    ]
    for words in calls:
        answer = run_ladder(*words)
        assert answer.code in ((0, 1) if damage is flip else (1,)), (words, answer)  # a bit in a value is seen by its hash alone
        if answer.code:
            assert answer.err.count("\n") == 1, (words, answer)
            assert "S1" in answer.err, (words, answer)
    assert run_ladder("--json", "sql", "SELECT count(*) AS n FROM slide").rows == [{"n": 2}]


def test_what_a_kill_left_behind_is_swept_and_nothing_else(whole: Path, run_ladder: Any) -> None:
    Store(whole).write_open_sql()  # a copy: it names the folder that it was copied from, and `--mend` brings it here (decision 0028)
    before = bytes_of(whole)
    folder = cells_file(whole).parent
    left = [
        folder / "0123456789ab.parquet",
        folder / ".cells-0123.parquet",
        whole / "cell_pairs" / ".cell_pair-17.draft",
        whole / ".catalog-17.draft",
        whole / ".catalog-17.draft.wal",
        whole / ".open.sql-17.draft",
    ]
    for path in left:
        path.write_bytes(b"left")
    answer = run_ladder("--json", "check")
    assert answer.code == 1
    assert {row["where"] for row in answer.rows} == {path.relative_to(whole).as_posix() for path in left}
    assert {row["rule"] for row in answer.rows} == {"orphan"}
    assert run_ladder("check", "--mend").code == 0
    assert bytes_of(whole) == before
    assert run_ladder("check").code == 0


def test_a_model_that_was_never_published_is_swept_and_one_that_was_stays(whole: Path, run_ladder: Any) -> None:
    with_model(whole)
    before = bytes_of(whole)
    for name in ("m-0123456789ab", ".m-17.draft"):
        (whole / "models" / name).mkdir()
        (whole / "models" / name / "model.skops").write_bytes(b"left")
    answer = run_ladder("--json", "check")
    assert [(row["rule"], row["where"]) for row in answer.rows] == [("orphan", "models/.m-17.draft"), ("orphan", "models/m-0123456789ab")]
    with Store(whole).working():  # a training that is about to publish
        assert run_ladder("check", "--mend").code == 0
        assert (whole / "models" / "m-0123456789ab").is_dir()
    assert run_ladder("check", "--mend").code == 0
    assert bytes_of(whole) == before
    assert not (whole / "models" / ".m-17.draft").exists()


@pytest.mark.parametrize("file", ["model.json", "model.skops"])
@pytest.mark.parametrize("spoil", ["flip", "remove"])
def test_a_damaged_model_is_found_and_says_to_train_again(whole: Path, run_ladder: Any, file: str, spoil: str) -> None:
    path = with_model(whole) / file
    assert run_ladder("check").code == 0
    flip(path) if spoil == "flip" else remove(path)
    answer = run_ladder("--json", "check")
    assert answer.code == 1
    assert [(row["rule"], row["where"], row["state"]) for row in answer.rows] == [("model", "models/m-1", "open")]
    assert file in answer.rows[0]["found"]
    assert "train it again" in answer.rows[0]["found"]


def with_model(root: Path) -> Path:
    """Put a model into a store as training does: files, then a row with the hash of model.json, which has that of model.skops."""
    folder = root / "models" / "m-1"
    folder.mkdir(parents=True)
    (folder / "model.skops").write_bytes(b"packed " * 20)
    card = json.dumps({"model_skops_sha256": hashlib.sha256(b"packed " * 20).hexdigest()})
    (folder / "model.json").write_text(card)
    told = {"model_id": "m-1", "name": "m", "kind": "ensemble", "feature_set": "sc-mtop", "cohort": "construction", "summary": "{}"}
    with run(Store(root), "train", {}) as this:
        this.insert_new(MODEL, [{**told, "sha256": hashlib.sha256(card.encode()).hexdigest()}])
    return folder


def test_an_open_sql_that_says_something_else_is_written_again(whole: Path, run_ladder: Any) -> None:
    run_ladder("check", "--mend")  # the store was copied here: open.sql names its folder
    before = (whole / "open.sql").read_bytes()
    for spoil in (lambda path: path.write_text("SELECT 1;"), remove, lambda path: path.write_bytes(b"\xff\xfe")):
        spoil(whole / "open.sql")
        assert [row["rule"] for row in run_ladder("--json", "check").rows] == ["open.sql"]
        assert run_ladder("check", "--mend").code == 0
        assert (whole / "open.sql").read_bytes() == before


@pytest.mark.parametrize("size", [0, 3, 5000])
def test_a_catalog_that_is_no_catalog_is_one_line_in_every_command(whole: Path, run_ladder: Any, size: int) -> None:
    (whole / "catalog.duckdb").write_bytes(b"x" * size)
    for words in (["check"], ["check", "--mend"], ["runs"], ["sql", "SELECT 1"], ["features"], ["migrate"]):
        answer = run_ladder(*words)
        assert answer.code == 1, words
        assert answer.err.count("\n") == 1, (words, answer.err)
        assert "catalog.duckdb" in answer.err


def test_nothing_is_swept_while_a_command_writes(whole: Path, run_ladder: Any) -> None:
    draft = cells_file(whole).with_name(".cells-0123.parquet")
    draft.write_bytes(b"being written")
    with (whole / ".work").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        assert run_ladder("check").code == 0
        assert run_ladder("check", "--mend").code == 0
        assert draft.exists()
    assert run_ladder("check").code == 1


def test_a_stage_keeps_what_it_has_written_from_a_sweep_until_it_is_published(
    whole: Path, run_ladder: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`check --mend` comes by after each slide, when its file lies in the lake and no row names it yet."""
    swept: list[int] = []

    def looked_in(*words: Any, **more: Any) -> Iterator[Any]:
        for done in fan_out(*words, **more):
            check(Store(whole), mend=True)
            swept.append(1)
            yield done

    for module in (cells, features):
        monkeypatch.setattr(module, "fan_out", looked_in)
    assert run_ladder("ingest", "cells", slide(tmp_path, "S3"), "--stain", "HE", "--workers", 1).code == 0
    assert run_ladder("check").code == 0
    assert run_ladder("features", "--workers", 1).code == 0
    assert run_ladder("check").code == 0
    assert len(swept) == 2
    assert ask(whole, "SELECT count(DISTINCT slide_id) FROM slide_feature") == [(3,)]


def test_the_past_is_not_mended(whole: Path, run_ladder: Any) -> None:
    before = bytes_of(whole)
    answer = run_ladder("--as-of", "r000001", "check", "--mend")
    assert answer.code == 1
    assert "the past cannot be mended" in answer.err
    assert bytes_of(whole) == before


READ_ONLY = """
import builtins, errno, io, os, sys
import pathlib
root, real_open, real_os_open = sys.argv[1], io.open, os.open
def refuse(path, mode):
    if isinstance(path, (str, os.PathLike)) and os.path.abspath(path).startswith(root) and any(sign in mode for sign in "wax+"):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
def guarded(path, mode="r", *rest, **more):
    refuse(path, mode)
    return real_open(path, mode, *rest, **more)
def guarded_os(path, flags, *rest, **more):
    refuse(path, "w" if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) else "r")
    return real_os_open(path, flags, *rest, **more)
io.open = builtins.open = guarded
os.open = guarded_os
for name in ("mkdir", "unlink", "replace", "rename", "remove", "rmdir"):
    setattr(os, name, lambda *a, **k: (_ for _ in ()).throw(OSError(errno.EROFS, os.strerror(errno.EROFS), str(a[0]))))
sys.argv = ["ladder", "--store", root, *sys.argv[2:]]
from her2ladder.cli.main import main
main()
"""


@pytest.mark.parametrize("has_locks", [True, False])
def test_a_store_on_a_disk_that_cannot_be_written_is_read_and_checked(whole: Path, tmp_path: Path, has_locks: bool) -> None:
    """Root may write anywhere, so the process is denied every open for writing below the store instead."""
    if not has_locks:
        (whole / ".work").unlink()
        (whole / ".lock").unlink()
    before = bytes_of(whole)
    slide = tmp_path / "S3.csv"
    slide.write_text("cell_id,cell_class,x_um,y_um\n1,Tumor,1,0\n")

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", READ_ONLY, str(whole), *words], capture_output=True, text=True, check=False)

    looked = call("check")
    assert (looked.returncode, looked.stderr) == (0, "the store is whole\n")
    assert call("runs").returncode == 0
    for words in (["check", "--mend"], ["ingest", "cells", str(slide), "--stain", "HE", "--workers", "1"], ["features", "--force"]):
        refused = call(*words)
        assert refused.returncode == 1, words
        assert refused.stderr == f"ladder: {whole}: the store cannot be written: {os.strerror(30)}\n"
    assert bytes_of(whole) == before
