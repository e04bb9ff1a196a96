"""The process that answers a question: a fork of this one where that is safe, else a new interpreter.

A fork has imported what it needs already, so that a question costs one set of imports and not two. It is safe only where this process has
a single thread: another could hold a lock that the fork would wait for.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from typing import IO, Any, Protocol

ENVIRONMENT = {"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": "/nonexistent", "OPENBLAS_NUM_THREADS": "1"}


class Child(Protocol):
    """A running child: what it says, and its end (a negative code is the signal that ended it)."""

    stderr: IO[bytes]

    def kill(self) -> None: ...

    def wait(self) -> int: ...


def start(order: dict[str, Any]) -> tuple[Child, int]:
    """Start a child on an order; return it and the end of the pipe that its answer comes through."""
    return _forked(order) if _has_one_thread() else _spawned(order)


def _has_one_thread() -> bool:
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False


def _spawned(order: dict[str, Any]) -> tuple[Child, int]:
    read_end, write_end = os.pipe()
    child = subprocess.Popen(
        [sys.executable, "-I", "-m", "her2ladder.queries.sandbox.child", str(write_end)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        pass_fds=(write_end,),
        env=ENVIRONMENT,
    )
    os.close(write_end)
    assert child.stdin is not None
    try:
        child.stdin.write(json.dumps(order).encode())
        child.stdin.close()
    except BrokenPipeError:  # it died at once: its end and its words tell why
        pass
    return child, read_end  # type: ignore[return-value]  # stderr is a pipe


class _Fork:
    """A forked child."""

    def __init__(self, pid: int, stderr: IO[bytes]) -> None:
        self.stderr, self._pid, self._code = stderr, pid, None

    _code: int | None

    def kill(self) -> None:
        """End it, unless it has ended."""
        if self._code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, 9)

    def wait(self) -> int:
        """Return its exit code when it has ended."""
        if self._code is None:
            self._code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        return self._code


def _forked(order: dict[str, Any]) -> tuple[Child, int]:
    (read_end, write_end), (words, said) = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        become_child(order, write_end, said)
    os.close(write_end)
    os.close(said)
    return _Fork(pid, os.fdopen(words, "rb")), read_end


def become_child(order: dict[str, Any], write_end: int, said: int) -> None:
    """Keep nothing of the parent but its code: no file, no environment, no output but the answer and the words; never returns."""
    code = 1
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)
        os.dup2(said, 2)
        os.closerange(3, write_end)
        os.closerange(write_end + 1, os.sysconf("SC_OPEN_MAX") if os.sysconf("SC_OPEN_MAX") < 1 << 16 else 1 << 16)
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115  (the parent's may be anything)
        os.environ.clear()
        os.environ.update(ENVIRONMENT)
        os.chdir("/")
        from her2ladder.queries.sandbox.child import carry_out

        carry_out(order, write_end)
        code = 0
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 1
    except BaseException:
        import traceback

        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)
