"""A parent for a server's questions: a process of one thread that has imported everything and opened nothing, and forks a child per question.

A server has threads, so that it may not fork itself, and a new interpreter costs a second. The parent is started before the first question
and gets each order with the pipes for its answer; a keeper between it and the child waits for the child's end and tells it.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from typing import IO, Any

from her2ladder.errors import SandboxError
from her2ladder.queries.sandbox.process import ENVIRONMENT, Child, become_child


class _Question:
    """A child of the parent: its number and its end come through a pipe."""

    def __init__(self, told: IO[bytes], stderr: IO[bytes]) -> None:
        self.stderr, self._told, self._code = stderr, told, None
        self._pid = int(told.readline() or 0)

    _code: int | None

    def kill(self) -> None:
        """End it, unless it has ended."""
        if self._code is None and self._pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, 9)

    def wait(self) -> int:
        """Return its exit code when it has ended."""
        if self._code is None:
            self._code = int(self._told.readline() or -9)
            self._told.close()
        return self._code


class WarmParent:
    """The parent, from the server's side; it is started again where it has died."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None

    def start(self, order: dict[str, Any]) -> tuple[Child, int]:
        """Start a child on an order; return it and the end of the pipe that its answer comes through.

        raises   SandboxError where the parent cannot be started
        """
        pipes = [os.pipe() for _ in range(3)]
        (answer, write_end), (words, said), (told, tell) = pipes
        try:
            with self._lock:
                line = self._running()
                content = json.dumps(order).encode()
                socket.send_fds(line, [len(content).to_bytes(8, "big")], [write_end, said, tell])
                line.sendall(content)
        except OSError as error:
            for end in (answer, words, told):
                os.close(end)
            self.close()
            raise SandboxError("the process that answers questions has died: ask again") from error
        finally:
            for end in (write_end, said, tell):
                os.close(end)
        return _Question(os.fdopen(told, "rb"), os.fdopen(words, "rb")), answer

    def _running(self) -> socket.socket:
        if self._process is None or self._line is None or self._process.poll() is not None:
            ours, theirs = socket.socketpair()
            environment = {**ENVIRONMENT, "JE_ARROW_MALLOC_CONF": "background_thread:false"}
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-m", "her2ladder.queries.sandbox.warm", str(theirs.fileno())],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=(theirs.fileno(),), env=environment,
            )  # fmt: skip
            theirs.close()
            self._line = ours
        return self._line

    def close(self) -> None:
        """End the parent; its running children end with the answer they are at."""
        if self._line is not None:
            self._line.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._line = self._process = None


def main() -> None:
    """Serve orders from the socket until it is closed."""
    import her2ladder.queries.sandbox.child  # noqa: F401  (all that a child needs)

    line = socket.socket(fileno=int(sys.argv[1]))
    while True:
        head, ends, _, _ = socket.recv_fds(line, 8, 3)
        if len(head) < 8 or len(ends) < 3:
            return
        content = b""
        size = int.from_bytes(head, "big")
        while len(content) < size:
            part = line.recv(min(size - len(content), 1 << 16))
            if not part:
                return
            content += part
        if os.fork() == 0:
            line.close()
            _keep(json.loads(content), *ends)
        for end in ends:
            os.close(end)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _keep(order: dict[str, Any], write_end: int, said: int, tell: int) -> None:
    """Fork the child, tell its number, wait, tell its end; never returns."""
    try:
        pid = os.fork()
        if pid == 0:
            become_child(order, write_end, said)
        os.close(write_end)
        os.close(said)
        os.write(tell, f"{pid}\n".encode())
        os.write(tell, f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n".encode())
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
