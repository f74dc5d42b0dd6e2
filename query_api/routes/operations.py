"""What operators and orchestrators ask: alive, ready, and how it goes."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from query_api import answers, render
from query_api.metrics import Metrics
from query_api.problems import documented
from query_api.reads import Reads, freshness_of

METRICS_TYPE = "text/plain; version=1.0.0; charset=utf-8"


def router(reads: Reads, metrics: Metrics) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["Operations"])

    @routes.get("/healthz", response_model=answers.Health)
    async def healthz() -> answers.Health:
        """The process answers."""
        return answers.Health()

    @routes.get("/readyz", response_model=answers.Readiness, responses=documented(503))
    async def readyz() -> answers.Readiness:
        """Ready once the view has caught up with where the status topic ended at the start."""
        view, lag = reads.view(), reads.progress.lag()
        return answers.Readiness(
            broker="away" if lag is None else "answering",
            freshness=render.freshness(freshness_of(view, lag)),
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
