"""``/openapi.json``: FastAPI's document of the routes, with examples and one shape of errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi

from query_api.api import devices, operations, resets, service_requests
from query_api.api.examples import ANSWERS, BODIES, PARAMETERS
from query_api.queries.answers import VOCABULARIES
from query_api.web import problems

TITLE: Final = "Firmware Distribution Tracking"
VERSION: Final = "1"
"""The number in ``/v1``: docs/api-versions.md says what may change under it."""
ROUTERS: Final = (service_requests.router, devices.router, resets.router, operations.router)

_DESCRIPTION: Final = (
    "Where is each device of an Update Firmware request now, why, and since when. HEAD is answered "
    "wherever GET is: the same without a body. Every refusal is an RFC 9457 problem, explained in "
    f"{problems.MANUAL}; what may change under this version, and what a walk through pages "
    "guarantees, stands in docs/api-versions.md."
)


def application(routers: tuple[APIRouter, ...] = ROUTERS) -> FastAPI:
    """The API's routes, without services."""
    app = FastAPI(
        title=TITLE,
        version=VERSION,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    for router in routers:
        app.include_router(router)
    return app


def openapi(app: FastAPI, page_limit: int) -> dict[str, Any]:
    """FastAPI's document of ``app``, completed; made once. ``page_limit`` is the greatest number
    of items on a page."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        _with_page_limit(document, page_limit)
        _with_examples(document)
        _with_our_errors(document)
        app.openapi_schema = _with_named_words(document)
    return app.openapi_schema


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The operation of every path and method."""
    for methods in document["paths"].values():
        yield from methods.values()


def _with_page_limit(document: dict[str, Any], most: int) -> None:
    """Documents the maximum of ``limit``: it is a setting, which the routes do not declare."""
    for operation in _operations(document):
        for parameter in operation.get("parameters", ()):
            if parameter["name"] == "limit":
                parameter["schema"] = {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": most,
                    "default": min(service_requests.DEFAULT_LIMIT, most),
                    "title": parameter["schema"]["title"],
                }


def _with_examples(document: dict[str, Any]) -> None:
    """Adds an example to every parameter, body and successful answer."""
    for operation in _operations(document):
        name = operation["operationId"]
        for parameter in operation.get("parameters", ()):
            if parameter["name"] in PARAMETERS:
                parameter["example"] = PARAMETERS[parameter["name"]]
        for media in operation.get("requestBody", {}).get("content", {}).values():
            media["example"] = BODIES[name]
        for status in ("200", "201"):
            for media in operation["responses"].get(status, {}).get("content", {}).values():
                if name in ANSWERS:
                    media["example"] = ANSWERS[name]


def _with_our_errors(document: dict[str, Any]) -> None:
    """Removes the 422 of FastAPI's own shape, which is never sent here."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["ProblemDetails"] = problems.ProblemDetails.model_json_schema()
    for operation in _operations(document):
        answers = operation["responses"]
        if "422" in answers and problems.MEDIA_TYPE not in answers["422"]["content"]:
            del answers["422"]


def _with_named_words(document: dict[str, Any]) -> dict[str, Any]:
    """Defines each enumeration once and refers to it, so that a generated client has one type each.

    A reference keeps its own description beside it, as JSON Schema 2020-12 allows.
    """
    named = _naming(document)
    assert isinstance(named, dict)
    named["components"]["schemas"] |= {
        name: {"type": "string", "title": name, "enum": words}
        for name, words in VOCABULARIES.items()
    }
    return named


def _naming(node: Any) -> Any:
    """``node`` with references in place of the enumerations."""
    if isinstance(node, list):
        return [_naming(each) for each in node]
    if not isinstance(node, dict):
        return node
    kept = {key: _naming(value) for key, value in node.items()}
    for name, words in VOCABULARIES.items():
        if node.get("enum") == words:
            for key in ("type", "enum", "title"):
                kept.pop(key, None)
            return {"$ref": f"#/components/schemas/{name}", **kept}
    return kept
