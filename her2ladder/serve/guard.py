"""What every request passes: the name it calls us by, its token, the size and speed of its body; and what every answer carries."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any

from starlette.responses import JSONResponse

from her2ladder.serve.settings import Settings

MAX_BODY = 1 << 20  # bytes: a question is text
BODY_SECONDS = 10.0
OPEN = ("/api/v1/health",)  # asked by whoever watches the server; says no more than that it lives
HEADERS = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: App, settings: Settings) -> None:
        self._app, self._settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        since, status = time.monotonic(), [500]
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        who = self._settings.who(headers.get("authorization", ""))
        scope["state"] = {**scope.get("state", {}), "asked": ""}

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                status[0] = message["status"]
                message["headers"] = [*message.get("headers", []), *HEADERS, (b"cache-control", b"private, no-cache")]
            await send(message)

        refusal = self._refused(scope, headers, who)
        try:
            if refusal is not None:
                await refusal(scope, receive, answer)
            else:
                await self._app(scope, _bounded(receive), answer)
        except _BodyRefused as error:
            await _says(error.status, str(error))(scope, receive, answer)
        finally:
            self._write_down(scope, who, status[0], time.monotonic() - since)

    def _refused(self, scope: Scope, headers: dict[str, str], who: str | None) -> JSONResponse | None:
        host = _name(headers.get("host", ""))
        if self._settings.hosts and host not in self._settings.hosts:
            return _says(421, f"this server is not called {host[:100]!r}: start it with --host, or ask it by its own name")
        origin = headers.get("origin")
        if origin is not None and _name(origin.rpartition("//")[2]) != host:
            return _says(403, "a page of another site may not ask this server")
        if self._settings.tokens and who is None and scope["path"] not in OPEN:
            said = _says(401, "wanted a token: Authorization: Bearer TOKEN")
            said.headers["www-authenticate"] = "Bearer"
            return said
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > MAX_BODY:
            return _says(413, f"wanted a body of at most {MAX_BODY:,} bytes, found {int(length):,}")
        return None

    def _write_down(self, scope: Scope, who: str | None, status: int, seconds: float) -> None:
        if self._settings.audit is None:
            return
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"), "who": who or "-", "method": scope["method"], "path": scope["path"][:500],
            "asked": scope["state"]["asked"][:2000], "status": status, "seconds": round(seconds, 4),
        }  # fmt: skip
        with self._settings.audit.open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")


class _BodyRefused(Exception):
    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


def _bounded(receive: Receive) -> Receive:
    """Receive that gives up on a body that is too large or too slow."""
    held, until = [0], time.monotonic() + BODY_SECONDS

    async def bounded() -> Message:
        try:
            message = await asyncio.wait_for(receive(), max(0.01, until - time.monotonic())) if held[0] >= 0 else await receive()
        except TimeoutError as error:
            raise _BodyRefused(408, f"wanted the body within {BODY_SECONDS:g} s") from error
        if message["type"] == "http.request":
            held[0] += len(message.get("body", b""))
            if held[0] > MAX_BODY:
                raise _BodyRefused(413, f"wanted a body of at most {MAX_BODY:,} bytes, found more")
            if not message.get("more_body"):
                held[0] = -1
        return message

    return bounded


def _name(host: str) -> str:
    """The name in a Host header, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() and ":" in host else host


def _says(status: int, words: str) -> JSONResponse:
    return JSONResponse({"error": words}, status)
