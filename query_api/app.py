"""The HTTP application: routers, error handlers and middleware. :mod:`query_api.server` runs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response

from query_api.api import document
from query_api.api.common import Services
from query_api.api.metrics import Metrics
from query_api.api.middleware import Observe
from query_api.audit.trail import NoTrail
from query_api.identity.access import Forbidden
from query_api.identity.rate_limit import TooMany
from query_api.queries.instants import NotYet
from query_api.queries.reads import NothingHeld, NotReady
from query_api.screen import install as screen_routes
from query_api.screen.context import Screen
from query_api.screen.errors import is_for_people, problem_page
from query_api.web import problems
from query_api.web.content_encoding import Compress, Head
from query_api.web.problems import Problem, Respond


@dataclass(frozen=True, slots=True)
class ReadSide(Services):
    """The services behind the API and the screen."""

    screen: Screen | None = None
    """The pages; ``None`` where no sign-in is configured."""


def create_app(services: ReadSide, on_damage: Callable[[Exception], None]) -> FastAPI:
    """The application over ``services``; ``on_damage`` is called when a read finds the view
    damaged."""
    app = document.application()
    metrics = Metrics(services.reads, services.health, services.topics, services.collectors)
    app.state.services, app.state.metrics = services, metrics
    respond = _respond(services, metrics)
    problems.install(app, respond)
    _install_refusals(app, respond, services.reads.retention_ms)
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
    app.openapi = lambda: document.openapi(app, services.page_limit)  # type: ignore[method-assign]
    return app


def _respond(services: ReadSide, metrics: Metrics) -> Respond:
    """Answers a problem with a page for a browser, and with problem details for a program."""

    def respond(request: Request, problem: Problem, status: int | None) -> Response:
        metrics.refused(problem.kind)
        if services.screen is not None and is_for_people(request):
            return problem_page(services.screen, request, problem, status)
        return problems.response(problem, status)

    return respond


def _install_refusals(app: FastAPI, respond: Respond, retention_ms: int) -> None:
    """Maps the exceptions that services raise to problems."""
    kinds: dict[type[Exception], Callable[[Any], Problem]] = {
        NothingHeld: lambda _: problems.not_found(retention_ms),
        NotYet: lambda error: problems.not_yet(error.now),
        NotReady: lambda error: problems.not_ready(error.remaining),
        TooMany: lambda error: problems.too_many(str(error), error.retry_after_s),
        Forbidden: lambda error: Problem("forbidden", str(error)),
        NoTrail: lambda _: problems.no_trail(),
    }

    async def refused(request: Request, error: Exception) -> Response:
        return respond(request, kinds[type(error)](error), None)

    for kind in kinds:
        app.add_exception_handler(kind, refused)
