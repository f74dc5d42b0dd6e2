"""The HTTP application: routers, error shapes and middleware put together; no network in here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import Response

from query_api.api import devices, operations, resets, service_requests
from query_api.api.common import Services
from query_api.api.metrics import Metrics
from query_api.api.middleware import Observe
from query_api.audit.trail import NoTrail
from query_api.identity.access import Forbidden
from query_api.identity.rate_limit import TooMany
from query_api.queries.reads import NothingHeld, NotReady
from query_api.screen import install as screen_routes
from query_api.screen.context import Screen
from query_api.screen.errors import is_for_people, problem_page
from query_api.web import problems
from query_api.web.content_encoding import Compress, Head
from query_api.web.problems import Problem, Respond

TITLE = "Firmware Distribution Tracking"
VERSION = "1"


@dataclass(frozen=True, slots=True)
class ReadSide(Services):
    """What requests of programs and of people are answered with."""

    screen: Screen | None = None
    """The pages; none where nobody could sign in to them."""


def create_app(services: ReadSide, on_damage: Callable[[Exception], None]) -> FastAPI:
    """The application over ``services``; ``on_damage`` is told when the view proves damaged."""
    app = FastAPI(
        title=TITLE,
        version=VERSION,
        description="Where is each device of an Update Firmware request now, why, and since when. "
        "HEAD is answered wherever GET is: the same without a body.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    metrics = Metrics(services.reads, services.health, services.topics)
    app.state.services, app.state.metrics = services, metrics
    respond = _respond(services)
    problems.install(app, respond)
    _install_refusals(app, respond, services.reads.retention_ms)
    for resource in (service_requests, devices, resets, operations):
        app.include_router(resource.router)
    if services.screen is not None:
        screen_routes.install(app, services.screen)
    app.add_middleware(Compress)
    app.add_middleware(Head)
    app.add_middleware(
        Observe,
        metrics=metrics,
        on_damage=on_damage,
        failed=lambda scope: respond(Request(scope), problems.internal_error(), None),
    )
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _respond(services: ReadSide) -> Respond:
    """Problems as pages for whoever looks at pages, and as problem details for programs."""

    def respond(request: Request, problem: Problem, status: int | None) -> Response:
        if services.screen is not None and is_for_people(request):
            return problem_page(services.screen, request, problem, status)
        return problems.response(problem, status)

    return respond


def _install_refusals(app: FastAPI, respond: Respond, retention_ms: int) -> None:
    """What is refused behind the routes, as problems."""
    kinds: dict[type[Exception], Callable[[Any], Problem]] = {
        NothingHeld: lambda _: problems.not_found(retention_ms),
        NotReady: lambda error: problems.not_ready(error.remaining),
        TooMany: lambda error: problems.too_many(str(error), error.retry_after_s),
        Forbidden: lambda error: Problem("forbidden", str(error)),
        NoTrail: lambda _: problems.no_trail(),
    }

    async def refused(request: Request, error: Exception) -> Response:
        return respond(request, kinds[type(error)](error), None)

    for kind in kinds:
        app.add_exception_handler(kind, refused)


def _openapi(app: FastAPI) -> dict[str, Any]:
    """FastAPI's document, with the one shape of errors among its schemas."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        _with_page_limit(document, app.state.services.page_limit)
        app.openapi_schema = _with_our_errors(document)
    return app.openapi_schema


def _with_page_limit(document: dict[str, Any], most: int) -> None:
    """``limit`` as the setting has it, which the routes learn with the request."""
    for methods in document["paths"].values():
        for operation in methods.values():
            for parameter in operation.get("parameters", ()):
                if parameter["name"] == "limit":
                    parameter["schema"] = {
                        "type": "integer",
                        "minimum": 1,
                        "maximum": most,
                        "default": min(service_requests.DEFAULT_LIMIT, most),
                        "title": parameter["schema"]["title"],
                    }


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
