"""The API in OpenAPI 3.1, as it is served."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from her2ladder.serve.answers import MEDIA
from her2ladder.serve.settings import Settings

_ERROR = {"application/json": {"schema": {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}}}
_ROWS = {"schema": {"type": "array", "items": {"type": "object"}}}
_WORDS = {
    "304": "the store is as it was (If-None-Match)",
    "400": "the request is wrong; one line says where",
    "401": "no token, or a wrong one",
    "404": "not there",
    "406": "none of the formats that are accepted",
    "408": "stopped at the time limit",
    "413": "more rows, or a larger body, than the server allows",
    "415": "wanted application/json",
    "500": "the question's process was killed",
    "503": "too many questions at once",
}


def document(settings: Settings) -> dict[str, Any]:
    """Return the OpenAPI document of a server."""
    format_ = {"name": "format", "in": "query", "schema": {"enum": list(MEDIA)}, "description": "instead of Accept"}
    paths = {
        "/api/v1/health": {"get": _operation("health", "Whether the server lives; needs no token.", ())},
        "/api/v1/queries": {"get": _operation("queries", "The named queries: what each answers, takes and gives.", ("304", "401"))},
        "/api/v1/queries/{name}": {
            "get": _operation(
                "query", "Run a named query; its parameters are parameters of the request.",
                ("304", "400", "401", "404", "406", "408", "413", "500", "503"), [_in_path("name"), format_], tables=True,
            )
        },
        "/api/v1/sql": {
            "post": {
                **_operation("sql", "One SELECT over the views, sandboxed.", ("400", "401", "406", "408", "413", "415", "500", "503"), tables=True),
                "requestBody": {"required": True, "content": {"application/json": {"schema": _question()}}},
            }
        },
        "/api/v1/patients": {"get": _operation("patients", "Every patient.", ("304", "400", "401", "406", "413"), [format_], tables=True)},
        "/api/v1/patients/{patient_id}": {
            "get": _operation("patient", "One patient: clinical values, scores, slides, features.", ("304", "401", "404"), [_in_path("patient_id")])
        },
        "/api/v1/slides": {"get": _operation("slides", "Every slide.", ("304", "400", "401", "406", "413"), [format_], tables=True)},
        "/api/v1/slides/{slide_id}/cells": {
            "get": _operation(
                "cells", "The cells of a window: x_um <= x < x_um + w_um.", ("304", "400", "401", "404", "406", "413"),
                [_in_path("slide_id"), *(_micrometres(name) for name in ("x_um", "y_um", "w_um", "h_um")),
                 {"name": "stain", "in": "query", "schema": {"type": "string"}}, format_], tables=True,
            )
        },
    }  # fmt: skip
    told: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "LADDER", "version": version("her2ladder"),
            "description": f"One store, read-only. At most {settings.most_rows:,} rows and {settings.timeout_seconds:g} s a question. Research use only.",
        },
        "paths": paths,
    }  # fmt: skip
    if settings.tokens:
        told["components"] = {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}}
        told["security"] = [{"bearer": []}]
    return told


def _operation(name: str, summary: str, statuses: tuple[str, ...], parameters: Any = (), *, tables: bool = False) -> dict[str, Any]:
    good = (
        {media.partition(";")[0]: _ROWS if word == "json" else {} for word, media in MEDIA.items()} if tables else {"application/json": {}}
    )
    wrong = {status: {"description": _WORDS[status]} | ({} if status == "304" else {"content": _ERROR}) for status in statuses}
    return {
        "operationId": name,
        "summary": summary,
        "parameters": list(parameters),
        "responses": {"200": {"description": "the answer", "content": good}, **wrong},
    }


def _in_path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _micrometres(name: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": True, "schema": {"type": "number"}, "description": "micrometres"}


def _question() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["sql"],
        "additionalProperties": False,
        "properties": {
            "sql": {"type": "string"},
            "format": {"enum": list(MEDIA)},
            "parameters": {"type": "object", "description": "values of $name in the query"},
            "timeout_seconds": {"type": "number", "exclusiveMinimum": 0},
        },
    }
