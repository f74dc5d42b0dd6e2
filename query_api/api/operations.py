"""What operators and orchestrators ask: alive, ready, and how it goes."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from query_api.api.common import Services
from query_api.queries import answers, rendering
from query_api.web import problems
from query_api.web.metrics import Metrics
from query_api.web.problems import documented

METRICS_TYPE = "text/plain; version=1.0.0; charset=utf-8"


def router(services: Services, metrics: Metrics) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["Operations"])
    reads = services.reads

    @routes.get("/healthz", response_model=answers.Health)
    async def healthz() -> answers.Health:
        """The process answers."""
        return answers.Health()

    @routes.get("/readyz", response_model=answers.Readiness, responses=documented(503))
    async def readyz() -> answers.Readiness:
        """Ready once the view has caught up with where the status topic ended at the start, and
        while every part works."""
        fresh, seen = reads.freshness(), reads.processor_seen()
        if troubles := services.health.troubles():
            raise problems.in_trouble(troubles)
        return answers.Readiness(
            broker="away" if fresh.lag_events is None else "answering",
            processor="silent" if reads.silent_partitions() else "reporting",
            processor_seen={
                n: None if at is None else rendering.time(at) for n, at in seen.items()
            },
            waiting_events=fresh.waiting_events,
            freshness=rendering.freshness(fresh),
        )

    @routes.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    def metrics_page() -> Response:
        """Prometheus metrics."""
        return Response(metrics.exposition(), media_type=METRICS_TYPE)

    return routes
