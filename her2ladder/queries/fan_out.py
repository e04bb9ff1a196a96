"""The same work on many slides: in this process, in worker processes, or on a dask cluster; results in the order of the tasks.

A task that fails, or kills its worker, is given back as its error: it never stops the others.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, TypeVar

from her2ladder.errors import InputError, LadderError, StageError

Task = TypeVar("Task")
Result = TypeVar("Result")

BATCH = 16  # slides published at a time, at least
ANSWER_SECONDS = 10.0  # how long a dask scheduler may take to answer
PAUSE = 20.0  # publishing takes at most a twentieth of a command: this many times as long as the last publish took (decision 0020)


def fan_out(
    tasks: Sequence[Task], work: Callable[[Task], Result], *, workers: int = 1, scheduler: str | None = None
) -> Iterator[tuple[Task, Result | LadderError]]:
    """Yield each task with its result, or with the error that it raised on purpose, in the order of `tasks`.

    workers    processes; 1 works in this one
    scheduler  address of a dask scheduler (`tcp://…`) to work on instead
    raises     InputError where dask is not installed or does not answer
    """
    if scheduler is not None:
        yield from _on_cluster(tasks, work, scheduler)
    elif workers <= 1 or len(tasks) <= 1:
        for task in tasks:
            yield task, _tried(work, task)
    else:
        yield from _in_processes(tasks, work, min(workers, len(tasks)))


@dataclass(frozen=True)
class Part:
    """One of several commands that share the same list of slides, as the tasks of a job array do."""

    number: int  # from 1
    of: int

    def has(self, place: int) -> bool:
        """Return whether the slide at a place of the list, from 0, is this part's."""
        return place % self.of == self.number - 1


def part_of(text: str) -> Part:
    """Return the part that `--part` names: 3/40 is the third of forty.

    raises   InputError
    """
    number, slash, of = text.partition("/")
    if not (slash and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise InputError(f"--part: wanted I/N with I from 1 to N, 3/40 say, found {text!r}")
    return Part(int(number), int(of))


def batches(items: Iterator[Result], size: int = BATCH, pause: float = PAUSE) -> Iterator[list[Result]]:
    """Yield lists of at least `size` items (the last may be shorter), in their order.

    Where the work is stopped (Ctrl-C), what is done already is yielded before the stop goes on: no finished slide is lost.
    pause   a list is held back until gathering it took this many times as long as whoever took the last one was busy with it
    """
    batch: list[Result] = []
    since, busy = time.monotonic(), 0.0
    while True:
        try:
            item = next(items)
        except StopIteration:
            break
        except BaseException:
            if batch:
                yield batch
            raise
        batch.append(item)
        if len(batch) >= size and time.monotonic() - since >= pause * busy:
            given = time.monotonic()
            yield batch
            since = time.monotonic()
            batch, busy = [], since - given
    if batch:
        yield batch


def _tried(work: Callable[[Task], Result], task: Task) -> Result | LadderError:
    try:
        return work(task)
    except LadderError as error:
        return error
    except OSError as error:
        return StageError(f"{error.filename or ''}: {error.strerror or error}".removeprefix(": "))


def _in_processes(tasks: Sequence[Task], work: Callable[[Task], Result], workers: int) -> Iterator[tuple[Task, Result | LadderError]]:
    """Keep a few tasks ahead in a pool of fresh processes (not forks: DuckDB and Arrow have threads)."""
    done = 0
    while done < len(tasks):
        with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=_one_thread) as pool:
            ahead: list[Future[Result | LadderError]] = []
            try:
                while done < len(tasks):
                    while len(ahead) < 2 * workers and done + len(ahead) < len(tasks):
                        ahead.append(pool.submit(_tried, work, tasks[done + len(ahead)]))
                    result = ahead[0].result()
                    ahead.pop(0)
                    yield tasks[done], result
                    done += 1
            except BrokenProcessPool:
                for future in ahead:
                    future.cancel()
            except BaseException:  # stopped: nobody waits for what is being done
                for child in multiprocessing.active_children():
                    child.terminate()
                raise
        if done < len(tasks):  # a worker died: which task killed it is found by running the next ones alone
            for task in tasks[done : done + 2 * workers]:
                yield task, _alone(work, task)
                done += 1


def _alone(work: Callable[[Task], Result], task: Task) -> Result | LadderError:
    try:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=_one_thread) as pool:
            return pool.submit(_tried, work, task).result()
    except BrokenProcessPool:
        return StageError(f"{task}: its worker process died (killed, or out of memory)")


def _one_thread() -> None:
    """A worker is one of several: libraries below it must not start threads for every core. Ctrl-C is for whoever started it to answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    import pyarrow as pa

    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)


def _on_cluster(tasks: Sequence[Task], work: Callable[[Task], Result], scheduler: str) -> Iterator[tuple[Task, Result | LadderError]]:
    """Work on a dask cluster; a killed worker's tasks are run again by the others."""
    try:
        from distributed import Client
    except ImportError:
        raise InputError("--scheduler needs dask: pip install 'her2ladder[cluster]'") from None
    try:
        client = Client(scheduler, timeout=ANSWER_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(f"--scheduler {scheduler}: does not answer: {error}") from error
    try:
        futures = [client.submit(_tried, work, task, pure=False, retries=2) for task in tasks]
        while futures:  # a result that was taken is let go of: the scheduler need not keep it
            yield tasks[len(tasks) - len(futures)], _result(futures.pop(0), tasks[len(tasks) - len(futures) - 1], scheduler)
    finally:
        client.close()


def _result(future: Any, task: Task, scheduler: str) -> Any:
    """What a task gave; a task that killed every worker it was given to is a fault of the task, a scheduler that is gone ends the command.

    raises   StageError where the scheduler is gone; what was published before stays
    """
    from distributed import CancelledError, KilledWorker
    from distributed.comm.core import CommClosedError

    try:
        return future.result()
    except KilledWorker as error:
        return StageError(f"{task}: the workers that it was given to died ({error.allowed_failures + 1} of them: killed, or out of memory)")
    except (CancelledError, CommClosedError, TimeoutError) as error:
        raise StageError(
            f"--scheduler {scheduler}: does not answer any more ({type(error).__name__}); what was published stays: run the command again"
        ) from error
