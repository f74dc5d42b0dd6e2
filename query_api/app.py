"""The HTTP application: routers, error shapes and middleware put together; no network in here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import Response

from query_api import problems
from query_api.metrics import Metrics
from query_api.middleware import Observe
from query_api.reads import NothingHeld, NotReady
from query_api.routes import devices, operations, service_requests
from query_api.routes.common import Services

TITLE = "Firmware Distribution Tracking"
VERSION = "1"


def create_app(services: Services, on_damage: Callable[[Exception], None]) -> FastAPI:
    """The application over ``services``; ``on_damage`` is told when the view proves damaged."""
    app = FastAPI(
        title=TITLE,
        version=VERSION,
        description="Where is each device of an Update Firmware request now, why, and since when.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    metrics = Metrics(services.reads.progress)
    problems.install(app)
    _install_refusals(app, services.reads.retention_ms)
    app.include_router(service_requests.router(services))
    app.include_router(devices.router(services))
    app.include_router(operations.router(services.reads, metrics))
    app.add_middleware(Observe, metrics=metrics, on_damage=on_damage)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _install_refusals(app: FastAPI, retention_ms: int) -> None:
    """What the reads refuse, as problems."""

    @app.exception_handler(NothingHeld)
    async def _nothing_held(_: Request, __: NothingHeld) -> Response:
        return problems.response(problems.not_found(retention_ms))

    @app.exception_handler(NotReady)
    async def _not_ready(_: Request, error: NotReady) -> Response:
        return problems.response(problems.not_ready(error.remaining))


def _openapi(app: FastAPI) -> dict[str, Any]:
    """FastAPI's document, with the one shape of errors among its schemas."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        app.openapi_schema = _with_our_errors(document)
    return app.openapi_schema


def _with_our_errors(document: dict[str, Any]) -> dict[str, Any]:
    """FastAPI adds a 422 of its own shape wherever none is documented: here none is ever sent."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["ProblemDetails"] = problems.ProblemDetails.model_json_schema()
    for methods in document["paths"].values():
        for operation in methods.values():
            answers = operation["responses"]
            if "422" in answers and problems.MEDIA_TYPE not in answers["422"]["content"]:
                del answers["422"]
    return document
