"""The HTTP application: routers, error shapes and middleware put together; no network in here."""

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
    """What requests of programs and of people are answered with."""

    screen: Screen | None = None
    """The pages; none where nobody could sign in to them."""
    heard_at: Callable[[], float | None] | None = None
    """Up to when it is known what other read sides ended; none where nothing is shared."""


def create_app(services: ReadSide, on_damage: Callable[[Exception], None]) -> FastAPI:
    """The application over ``services``; ``on_damage`` is told when the view proves damaged."""
    app = document.application()
    metrics = Metrics(services.reads, services.health, services.topics)
    metrics.of_others(services.heard_at)
    app.state.services, app.state.metrics = services, metrics
    respond = _respond(services)
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
