"""The same work on many slides: results in the order of the tasks, whatever fails, and nothing that fails stops the others."""

from __future__ import annotations

import operator
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from her2ladder.errors import InputError, LadderError, StageError
from her2ladder.ingest.tables import read_table
from her2ladder.queries.fan_out import batches, fan_out, part_of

# Workers are fresh processes: tasks are calls of functions that they can import.
NOWHERE = Path("nowhere.csv")


def outcomes(tasks: list[Any], workers: int) -> list[Any]:
    given = list(fan_out(tasks, operator.call, workers=workers))
    assert [task for task, _ in given] == tasks
    return [(type(found), str(found)) if isinstance(found, LadderError) else found for _, found in given]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_task_that_fails_is_given_back_as_its_error_in_its_place(workers: int) -> None:
    tasks = [partial(abs, -1), partial(read_table, NOWHERE), partial(open, NOWHERE), partial(abs, -4), partial(abs, -5)]
    refused, lost = (InputError, "nowhere.csv: no such file"), (StageError, "nowhere.csv: No such file or directory")
    assert outcomes(tasks, workers) == [1, refused, lost, 4, 5]


def test_a_task_that_kills_its_worker_is_named_and_the_others_are_done_once_each() -> None:
    tasks = [*(partial(abs, -at) for at in range(3)), partial(os._exit, 1), *(partial(abs, -at) for at in range(4, 9))]
    found = outcomes(tasks, 2)
    assert found.pop(3) == (StageError, f"{tasks[3]}: its worker process died (killed, or out of memory)")
    assert found == [0, 1, 2, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_fault_of_the_program_is_not_taken_for_a_bad_slide(workers: int) -> None:
    with pytest.raises(ZeroDivisionError):
        list(fan_out([partial(operator.truediv, 1, 0), partial(abs, -1)], operator.call, workers=workers))


@pytest.mark.parametrize(("n", "sizes"), [(0, []), (2, [2]), (3, [3]), (7, [3, 3, 1])])
def test_batches_hold_every_item_once_in_order(n: int, sizes: list[int]) -> None:
    made = list(batches(iter(range(n)), 3, pause=0))
    assert [len(batch) for batch in made] == sizes
    assert [item for batch in made for item in batch] == list(range(n))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A scheduler and two worker processes that speak TCP."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, protocol="tcp://", dashboard_address=None, silence_logs=50
    ) as made:
        yield made


def on_cluster(cluster: Any, tasks: list[Any]) -> list[Any]:
    return [
        str(found) if isinstance(found, LadderError) else found
        for _, found in fan_out(tasks, operator.call, scheduler=cluster.scheduler_address)
    ]


def test_a_task_whose_worker_is_killed_is_done_again_by_another(cluster: Any, tmp_path: Path) -> None:
    kill_once = f"mkdir {tmp_path / 'killed'} 2>/dev/null && kill -9 $PPID; echo done"
    tasks = [partial(abs, -1), partial(subprocess.check_output, ["sh", "-c", kill_once]), partial(read_table, NOWHERE), partial(abs, -4)]
    assert on_cluster(cluster, tasks) == [1, b"done\n", "nowhere.csv: no such file", 4]
    assert (tmp_path / "killed").is_dir()


def test_a_fault_of_the_program_is_not_taken_for_a_bad_slide_on_a_cluster(cluster: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        on_cluster(cluster, [partial(operator.truediv, 1, 0)])


def test_a_scheduler_that_does_not_answer_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("her2ladder.queries.fan_out.ANSWER_SECONDS", 0.2)
    with pytest.raises(InputError, match=r"--scheduler tcp://127.0.0.1:9: does not answer"):
        list(fan_out([partial(abs, -1)], operator.call, scheduler="tcp://127.0.0.1:9"))


@pytest.mark.slow
def test_a_cluster_that_loses_a_worker_writes_what_one_process_writes(cluster: Any, command: Callable[..., Any], tmp_path: Path) -> None:
    assert command("simulate", tmp_path / "study", "--patients", 11, "--cells", 500, "--stain", "HE", "--workers", 1).code == 0
    ways = {"here": ("--workers", 1), "cluster": ("--scheduler", cluster.scheduler_address)}
    for name, how in ways.items():
        store = tmp_path / name
        assert command("init", store).code == 0
        killer = threading.Thread(target=_kill_a_worker_once_it_wrote, args=(cluster, store)) if name == "cluster" else None
        if killer:
            killer.start()
        read = command("--store", store, "ingest", "cells", tmp_path / "study" / "manifest.csv", *how)
        assert (read.code, "11 slides read" in read.err) == (0, True), read.err
        if killer:
            killer.join()
        assert command("--store", store, "features", *how).code == 0
    asked = "SELECT stage, fingerprint, n_rows FROM run ORDER BY run"
    here, there = (command("--store", tmp_path / name, "--json", "sql", asked).rows for name in ways)
    assert here == there
    assert [row["stage"] for row in here] == ["init", "ingest cells", "features"]


def _kill_a_worker_once_it_wrote(cluster: Any, store: Path) -> None:
    victim = next(iter(cluster.workers.values())).process.process.pid
    until = time.monotonic() + 60
    while not list((store / "cells").rglob("*.parquet")) and time.monotonic() < until:
        time.sleep(0.01)
    os.kill(victim, signal.SIGKILL)


@pytest.mark.parametrize("text", ["", "3", "0/2", "3/2", "1/0", "a/b", "1/2/3", "-1/2"])
def test_a_part_that_cannot_be_is_one_line(text: str) -> None:
    with pytest.raises(InputError, match=r"--part: wanted I/N with I from 1 to N"):
        part_of(text)


def test_the_parts_of_a_job_array_do_each_slide_once_and_publish_once(
    run_ladder: Callable[..., Any], store_dir: Path, tmp_path: Path
) -> None:
    for i in range(5):
        (tmp_path / f"S{i}.csv").write_text(f"cell_id,cell_class,x_um,y_um\na,Tumor,{i},2\nb,Lymph,4,6\n")
    (tmp_path / "manifest.csv").write_text("path,slide_id,patient_id,stain\n" + "".join(f"S{i}.csv,S{i},P{i},HE\n" for i in range(5)))
    read = [run_ladder("--json", "ingest", "cells", tmp_path / "manifest.csv", "--workers", 1, "--part", f"{i}/2").rows for i in (2, 1)]
    assert [[row["slide_id"] for row in rows] for rows in read] == [["S1", "S3"], ["S0", "S2", "S4"]]
    done = [run_ladder("--json", "features", "--workers", 1, "--part", f"{i}/2").rows for i in (1, 2, 1)]
    assert [[(row["slide_id"], row["state"]) for row in rows] for rows in done] == [
        [("S0", "computed"), ("S2", "computed"), ("S4", "computed")],
        [("S1", "computed"), ("S3", "computed")],
        [("S0", "unchanged"), ("S2", "unchanged"), ("S4", "unchanged")],
    ]
    assert [row["stage"] for row in run_ladder("--json", "runs").rows] == ["init", "ingest cells", "ingest cells", "features", "features"]
