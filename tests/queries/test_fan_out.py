"""The same work on many slides: results in the order of the tasks, whatever fails, and nothing that fails stops the others."""

from __future__ import annotations

import operator
import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from her2ladder.errors import InputError, LadderError, StageError
from her2ladder.ingest.tables import read_table
from her2ladder.queries.fan_out import batches, fan_out

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
