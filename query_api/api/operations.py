"""Routes for operators and orchestrators: ``/healthz``, ``/readyz`` and ``/metrics``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from query_api.api.common import Serving
from query_api.api.metrics import Metrics
from query_api.queries import answers, rendering
from query_api.web import problems
from query_api.web.problems import documented

METRICS_TYPE = "text/plain; version=1.0.0; charset=utf-8"


router = APIRouter(tags=["Operations"])


async def metrics_of(request: Request) -> Metrics:
    """A dependency: the metrics of this application."""
    metrics: Metrics = request.app.state.metrics
    return metrics


@router.get("/healthz", response_model=answers.Health)
async def healthz() -> answers.Health:
    """The process answers."""
    return answers.Health()


@router.get("/readyz", response_model=answers.Readiness, responses=documented(503))
async def readyz(services: Serving) -> answers.Readiness:
    """Ready once the view has caught up with where the status topic ended at the start, and
    while every part works."""
    reads = services.reads
    fresh, seen = reads.freshness(), reads.processor_seen()
    if troubles := services.health.troubles():
        raise problems.in_trouble(troubles)
    return answers.Readiness(
        broker="away" if fresh.lag_events is None else "answering",
        processor="silent" if reads.silent_partitions() else "reporting",
        processor_seen={n: None if at is None else rendering.time(at) for n, at in seen.items()},
        waiting_events=fresh.waiting_events,
        freshness=rendering.freshness(fresh),
    )


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def metrics_page(metrics: Annotated[Metrics, Depends(metrics_of)]) -> Response:
    """Prometheus metrics."""
    return Response(metrics.exposition(), media_type=METRICS_TYPE)
