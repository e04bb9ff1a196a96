"""The application: routes, the guard around them, and a server that runs it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from her2ladder.serve.api import routes
from her2ladder.serve.guard import Guard
from her2ladder.serve.settings import Settings
from her2ladder.serve.state import ServedStore


def create_app(settings: Settings) -> Starlette:
    """Return the application over one store.

    raises   MissingError where there is no store; InputError where it was made by another version
    """
    served = ServedStore(settings)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        served.close()

    return Starlette(
        routes=routes(served),
        middleware=[Middleware(Guard, settings=settings)],
        exception_handlers={HTTPException: _refused, 500: _failed},
        lifespan=lifespan,
    )


async def _refused(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    words = {404: "nothing at this address: see /openapi.json", 405: "not by this method: see /openapi.json"}
    return JSONResponse({"error": words.get(status, "the request cannot be read")}, status, headers=getattr(error, "headers", None))


async def _failed(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": "the server failed at this question; its log says why"}, 500)


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    import uvicorn

    config = uvicorn.Config(
        create_app(settings), host=host, port=port, log_level="warning", access_log=False, server_header=False, limit_concurrency=256,
        h11_max_incomplete_event_size=16_384, timeout_keep_alive=5, timeout_graceful_shutdown=5, http="h11",
    )  # fmt: skip
    uvicorn.Server(config).run()
