"""The endpoints: parse, call one function, answer. A fault of the request is one line and a status, as `openapi.py` says."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from her2ladder.errors import InputError, LadderError, MissingError, SandboxDied, SandboxError, SandboxTimeout
from her2ladder.queries import formats
from her2ladder.queries.catalog import catalogue, query, values_of
from her2ladder.serve.answers import Refused, respond, taken, wanted_format
from her2ladder.serve.openapi import document
from her2ladder.serve.state import ServedStore

_CELLS = """
SELECT cell_id, source_id, stain, cell_class, class_prob, x_um, y_um, area_um2 FROM cell
WHERE slide_id = $slide AND x_um >= $x0 AND x_um < $x1 AND y_um >= $y0 AND y_um < $y1 AND ($stain = '' OR stain = $stain)
ORDER BY stain, cell_id LIMIT $most
"""


def routes(served: ServedStore) -> list[Route]:
    """Return the routes of the API over one store."""
    made: list[tuple[str, str, Callable[[ServedStore, Request], Any]]] = [
        ("/api/v1/queries", "GET", _queries),
        ("/api/v1/queries/{name:path}", "GET", _query),
        ("/api/v1/patients", "GET", _patients),
        ("/api/v1/patients/{patient_id:path}", "GET", _patient),
        ("/api/v1/slides", "GET", _slides),
        ("/api/v1/slides/{slide_id}/cells", "GET", _cells),
    ]
    return [
        Route("/api/v1/health", partial(_health, served), methods=["GET"]),
        Route("/openapi.json", partial(_openapi, served), methods=["GET"]),
        Route("/api/v1/sql", partial(_sql, served), methods=["POST"]),
        *(Route(path, partial(_answered, served, endpoint), methods=[method]) for path, method, endpoint in made),
    ]


async def _health(served: ServedStore, request: Request) -> Response:
    return JSONResponse({"status": "ok", "her2ladder": version("her2ladder")})


async def _openapi(served: ServedStore, request: Request) -> Response:
    return JSONResponse(document(served.settings))


async def _answered(served: ServedStore, endpoint: Callable[[ServedStore, Request], Response], request: Request) -> Response:
    """Answer from the state as it is, or say that the asker has it already."""
    etag = served.etag()
    request.state.asked = request.url.query
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers={"etag": etag})
    answer = await run_in_threadpool(_tried, partial(endpoint, served, request))
    if answer.status_code == 200:
        answer.headers["etag"] = etag
    return answer


def _tried(work: Callable[[], Response]) -> Response:
    """Do the work; what goes wrong on purpose is one line and its status."""
    try:
        return work()
    except Refused as error:
        return _says(error.status, error)
    except SandboxTimeout as error:
        return _says(408, error)
    except SandboxDied as error:
        return _says(500, error)
    except (SandboxError, InputError) as error:
        return _says(400, error)
    except MissingError as error:
        return _says(404, error)
    except LadderError as error:
        return _says(500, error)


def _says(status: int, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status)


async def _sql(served: ServedStore, request: Request) -> Response:
    try:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Refused(415, "wanted Content-Type: application/json")
        told = _body(await request.body())
        format_ = wanted_format(request, told.get("format"))
    except Refused as error:
        return _says(error.status, error)
    request.state.asked = told["sql"]
    work = partial(served.ask, told["sql"], told.get("parameters") or {}, told.get("timeout_seconds"))
    return await run_in_threadpool(_tried, lambda: respond(work(), format_))


def _body(content: bytes) -> dict[str, Any]:
    """raises   Refused (400)"""
    try:
        told = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(400, f"wanted a JSON object, found: {error}") from error
    if not isinstance(told, dict) or not isinstance(told.get("sql"), str):
        raise Refused(400, 'wanted {"sql": "SELECT …", "format": "json|csv|arrow|parquet"}')
    unknown = sorted(set(told) - {"sql", "format", "parameters", "timeout_seconds"})
    if unknown:
        raise Refused(400, f"wanted sql, format, parameters, timeout_seconds, found {unknown[0][:50]!r}")
    parameters, seconds = told.get("parameters") or {}, told.get("timeout_seconds")
    if not isinstance(parameters, dict) or not all(
        value is None or isinstance(value, str | int | float | bool) for value in parameters.values()
    ):
        raise Refused(400, "parameters: wanted an object of text, numbers, true, false or null")
    if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0):
        raise Refused(400, "timeout_seconds: wanted a number above 0")
    return told


def _queries(served: ServedStore, request: Request) -> Response:
    rows = [
        {"name": one.name, "question": one.question, "parameters": one.parameters, "columns": one.columns} for one in catalogue().values()
    ]
    return JSONResponse(rows)


def _query(served: ServedStore, request: Request) -> Response:
    asked = query(request.path_params["name"])
    given = dict(request.query_params)
    named = given.pop("format", None) if "format" not in asked.parameters else None
    format_ = wanted_format(request, named)
    return respond(served.ask(asked.sql, values_of(asked, given)), format_)


def _patients(served: ServedStore, request: Request) -> Response:
    format_ = wanted_format(request, request.query_params.get("format"))
    table = served.own("SELECT * FROM patient ORDER BY patient_id", {})
    return respond(taken(table.to_reader(), served.settings.most_rows), format_)


def _patient(served: ServedStore, request: Request) -> Response:
    """One patient: clinical values, scores, slides, features."""
    given = {"patient": request.path_params["patient_id"]}

    def rows(sql: str) -> list[dict[str, Any]]:
        return list(formats.rows(served.own(sql, given).to_reader()))

    found = rows("SELECT * FROM patient WHERE patient_id = $patient")
    if not found:
        raise MissingError(f"no patient called {given['patient'][:100]!r}")
    scores = "SELECT score_name, score, band FROM score_current WHERE patient_id = $patient ORDER BY 1"
    slides = "SELECT slide_id, stain, n_cells FROM slide WHERE patient_id = $patient ORDER BY ALL"
    features = "SELECT feature, value FROM feature_value WHERE patient_id = $patient AND feature_set = 'sc-mtop' ORDER BY 1"
    return JSONResponse(
        {
            "patient": found[0],
            "scores": rows(scores),
            "slides": rows(slides),
            "features": {row["feature"]: row["value"] for row in rows(features)},
            "note": "research use only, not for clinical decisions",
        }
    )


def _slides(served: ServedStore, request: Request) -> Response:
    format_ = wanted_format(request, request.query_params.get("format"))
    sql = "SELECT slide_id, patient_id, stain, n_cells, mpp_x, mpp_y, source_format FROM slide ORDER BY slide_id, stain"
    return respond(taken(served.own(sql, {}).to_reader(), served.settings.most_rows), format_)


def _cells(served: ServedStore, request: Request) -> Response:
    """The cells of a window of a slide: x_um <= x < x_um + w_um."""
    told = request.query_params
    unknown = sorted(set(told) - {"x_um", "y_um", "w_um", "h_um", "stain", "format"})
    if unknown:
        raise Refused(400, f"wanted x_um, y_um, w_um, h_um, stain, format, found {unknown[0][:50]!r}")
    format_ = wanted_format(request, told.get("format"))
    x, y, w, h = (_number(told.get(name), name) for name in ("x_um", "y_um", "w_um", "h_um"))
    if not (w > 0 and h > 0):
        raise Refused(400, "w_um, h_um: wanted more than 0 micrometres")
    slide, most = request.path_params["slide_id"], served.settings.most_rows
    given = {"slide": slide, "x0": x, "x1": x + w, "y0": y, "y1": y + h, "stain": told.get("stain", ""), "most": most + 1}
    table = served.own(_CELLS, given, [slide])
    if not table.num_rows and not served.own("SELECT 1 FROM slide WHERE slide_id = $slide", {"slide": slide}).num_rows:
        raise MissingError(f"no slide called {slide[:100]!r}")
    return respond(taken(table.to_reader(), most), format_)


def _number(text: str | None, name: str) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise Refused(400, f"{name}: wanted micrometres, found {(text or 'nothing')[:50]!r}")
    return value
